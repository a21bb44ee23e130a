"""Who is named in free words is found, whatever stands around the id, and whoever only looks alike is not."""

from collections.abc import Iterator

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PersonMentionedError
from pipeline.privacy.pii_scan import may_name_somebody, redact_words, refuse_mentions, without_mentions

PSEUDONYM = "p_" + "0f" * 16
RAW_IDS = ("P000123", "NHS 943-476", "20881", "77", "erased")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS store; CREATE TABLE store.identity (raw_person_id VARCHAR)")
        connection.executemany("INSERT INTO store.identity VALUES ($1)", [[raw] for raw in RAW_IDS])
        yield connection


@pytest.mark.parametrize(
    "text",
    [
        "P000123",
        "he (p000123), again",
        "x/P000123.pdf",
        "id=NHS 943-476!",
        "no. 20881",
        f"on {PSEUDONYM}.",
        "É P000123",
    ],
)
def test_who_is_named_is_refused_and_not_repeated(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(PersonMentionedError, match=r"^reason: holds the id of a person.*Say it without") as refused:
        refuse_mentions(connection, {"actor": "Insp. J. Reyes", "reason": text})
    assert not any(raw.lower() in str(refused.value).lower() for raw in (*RAW_IDS[:3], PSEUDONYM))


@pytest.mark.parametrize(
    "text",
    ["P0001234", "XP000123", "ÉP000123", "208812", "77 hours", "who was erased", "p_0f0f", "NHS 943", "", None],
)
def test_what_only_looks_alike_is_nobody(connection: duckdb.DuckDBPyConnection, text: str | None) -> None:
    refuse_mentions(connection, {"reason": text})


def test_what_cannot_be_an_id_asks_no_store() -> None:
    assert not may_name_somebody({"reader": "Insp. J. Reyes", "purpose": "morning tasking", "by": None})
    assert may_name_somebody({"purpose": "about P000123"})


@given(st.sampled_from(RAW_IDS[:3]), st.text(max_size=8), st.text(max_size=8))
def test_blotted_words_name_nobody(connection: duckdb.DuckDBPyConnection, raw: str, before: str, after: str) -> None:
    text = f"{before} {raw} {after}{PSEUDONYM}"
    clean = without_mentions(connection, [text]).get(text, text)
    refuse_mentions(connection, {"blotted": clean})
    assert clean.startswith(f"{before} ")


def test_a_frame_is_blotted_in_its_words_alone(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame({"signed_by": ["P000123, Sgt.", "A. Bell"], "hours": [20881, 77], "ids": [["P000123"], []]})
    clean = redact_words(connection, frame)
    assert clean["signed_by"].tolist() == ["[person], Sgt.", "A. Bell"]
    pd.testing.assert_frame_equal(clean[["hours", "ids"]], frame[["hours", "ids"]])


def test_a_long_text_is_looked_through_whole(connection: duckdb.DuckDBPyConnection) -> None:
    text = "a1b2 " * 50_000
    assert without_mentions(connection, [text, f"{text}P000123"]) == {f"{text}P000123": f"{text}[person]"}
