"""Short ids: one function in Python and in SQL."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.privacy.short_ids import know_short_ids, short_id

KEY = b"i" * 32


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    know_short_ids(opened, KEY)
    return opened


@given(source_id=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=70))
def test_sql_and_python_give_the_same_short_id(connection: duckdb.DuckDBPyConnection, source_id: str) -> None:
    [(found,)] = connection.execute("SELECT short_id($id)", {"id": source_id}).fetchall()
    assert found == short_id(source_id, KEY)
    assert short_id(found, KEY) == found, "a short id stays as it is"


def test_a_short_id_depends_on_the_key_and_not_on_how_an_accent_is_encoded() -> None:
    assert short_id("José-7", KEY) == short_id("José-7", KEY)
    assert short_id("José-7", KEY) != short_id("José-7", b"o" * 32)
    assert short_id("José-7", KEY) != short_id("José-8", KEY)
