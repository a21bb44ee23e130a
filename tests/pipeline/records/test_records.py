"""Exports of people, warrants, stays, shifts and actions come in as events would; an unexplained word waits."""

import json
import tempfile
from contextlib import closing
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import connect
from pipeline.errors import MappingError
from pipeline.events.columns import DEAD_LETTER, SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.events.schema import Role
from pipeline.mapped.mapped_files import read_raw
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.mapping_file import read_mapping
from pipeline.mapped.record_columns import RECORD_KINDS
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.records.records import RecordRows, decode_rows
from tests.soak import sample

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PSEUDONYM = Pseudonymiser(b"k" * 32)
ROLES = get_args(Role)


def mapping_of(folder: Path, kind: str, columns: dict[str, Any], *, unsure: str = "", **keys: Any) -> Mapping:
    table = f"offence,offence_code,check\nRobbery,robbery,\nPWID,drug_supply,\n{unsure}"
    (folder / "words.csv").write_text(table, encoding="utf-8")
    offences = {"offences": "words.csv"} if kind == "warrants" else {}
    head = {"name": kind, "about": "a", "source": "urn:test", "time_zone": "America/New_York"}
    document = {**head, "kind": kind, "columns": columns, **offences, **keys}
    (folder / f"{kind}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_mapping(folder / f"{kind}.yaml")


def decoded(kind: str, columns: dict[str, Any], lines: list[str], **keys: Any) -> RecordRows:
    """The rows of a CSV with the header in the order of the columns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mapping = mapping_of(folder, kind, columns, **keys)
        (folder / "file.csv").write_text("\n".join([",".join(columns.values()), *lines]) + "\n", encoding="utf-8")
        connection = connect(is_encrypting=False)
        read_raw(connection, folder / "file.csv", mapping)
        decoder = Decoder(frozenset({"robbery", "drug_supply"}), PSEUDONYM, NOW, timedelta(minutes=10))
        return decode_rows(connection, mapping, decoder)


def refused(rows: RecordRows) -> list[tuple[str, str]]:
    return [(row["reason"], row["detail"]) for row in rows.dead_letters.to_pylist()]


def values(rows: RecordRows, *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in rows.table.to_pylist()]


PERSONS = {"person_id": "who", "birth_date": "born"}


def test_people_are_pseudonyms_and_raw_ids_stand_in_the_identities_alone() -> None:
    rows = decoded("persons", PERSONS, ["P1,1988-04-17", "P2,"])
    assert values(rows, "person_id", "version", "birth_date", "event_source") == [
        (PSEUDONYM("P1"), 1, date(1988, 4, 17), "urn:test"),
        (PSEUDONYM("P2"), 1, None, "urn:test"),
    ]
    assert dict(zip(*rows.identity.to_pydict().values(), strict=True)) == {PSEUDONYM(p): p for p in ("P1", "P2")}
    assert not any(b"P1" in chunk for chunk in pa_bytes(rows.table))


def pa_bytes(table: pa.Table) -> list[bytes]:
    return [json.dumps(table.to_pylist(), default=str).encode()]


@pytest.mark.parametrize("kind", sorted(RECORD_KINDS))
def test_tables_are_those_that_every_source_yields(kind: str) -> None:
    first = {
        "involvements": ({"incident_id": "i", "person_id": "p", "role": "r"}, "I1,P1,victim"),
        "persons": (PERSONS, "P1,1990-01-01"),
        "same_persons": ({"person_id": "p", "same_as": "q"}, "P1,P2"),
        "warrants": (
            {"warrant_id": "w", "person_id": "p", "issued_at": "t", "offence": "o", "kind": "k", "status": "s"},
            "W1,P1,2025-01-02 10:00,robbery,bench,outstanding",
        ),
        "custody": ({"person_id": "p", "custody_from": "f", "custody_to": "t"}, "P1,2025-01-02 10:00,"),
        "staffing": ({"area_id": "a", "week": "w", "available_hours": "h"}, "A1,2025-10-27,700"),
        "actions": ({"action_id": "n", "at": "t", "kind": "k"}, "N1,2025-01-02 10:00,visit"),
    }[kind]
    rows = decoded(kind, *first[:1], list(first[1:]))
    assert not rows.dead_letters.num_rows, refused(rows)
    assert rows.table.num_rows == 1
    schema = SCHEMAS[rows.entity]
    assert rows.table.select(schema.names).schema == schema
    assert rows.dead_letters.schema == DEAD_LETTER


def test_ids_that_are_one_person_are_joined_unless_the_file_says_otherwise() -> None:
    columns = {"person_id": "p", "same_as": "q", "status": "s"}
    rows = decoded("same_persons", columns, ["P1,P2,", "P4,P3,parted", "P5,P5,", "P6,,"])
    assert sorted(values(rows, "status")) == [("joined",), ("parted",)]
    assert all(one < other for one, other in values(rows, "person_id", "same_person_id"))
    assert rows.identity.num_rows >= 4 and len(refused(rows)) == 2


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1988-04-17", date(1988, 4, 17)),
        ("1988-04-17 00:00:00", date(1988, 4, 17)),
        ("1988-04-17T00:00:00Z", date(1988, 4, 17)),  # a day, whatever the zone
        ("1988-04-17T00:00:00+02:00", None),  # an instant on the day before in UTC: which day is not said
        ("1988-04-16T23:00:00Z", None),
        ("1988-04-17 08:30", None),
        ("17.04.1988", date(1988, 4, 17)),
        ("04/05/1988", None),  # April or May: the file does not tell
        ("1988-04", None),
        ("1900-01-01", None),  # placeholders
        ("0001-01-01", None),
        ("2031-01-01", None),
        ("soon", None),
    ],
)
def test_a_birth_date_is_the_day_that_is_written_or_refused(text: str, day: date | None) -> None:
    rows = decoded("persons", PERSONS, [f"P1,{text}"])
    if day:
        assert values(rows, "birth_date") == [(day,)]
    else:
        assert not rows.table.num_rows
        [(reason, detail)] = refused(rows)
        assert reason in ("bad_value", "impossible_date", "future_date")
        assert "birth_date" in detail
        assert "P1" not in detail


@pytest.mark.sampled
@settings(max_examples=sample(10, whole=100), deadline=None)
@given(
    days=st.lists(st.dates(date(1910, 1, 1), date(2025, 12, 31)), min_size=1, max_size=20),
    zone=st.sampled_from(["Pacific/Apia", "America/New_York", "Africa/Cairo"]),
)
def test_no_zone_moves_a_birth_date(days: list[date], zone: str) -> None:
    lines = [f"P{number},{day:%m/%d/%Y}" for number, day in enumerate(days)]
    rows = decoded("persons", PERSONS, lines, birth_date_format="%m/%d/%Y", time_zone=zone)
    assert values(rows, "birth_date") == [(day,) for day in days]


def test_a_birth_year_of_two_digits_is_never_one_to_come() -> None:
    rows = decoded("persons", PERSONS, ["P1,04/17/45", "P2,04/17/09"], birth_date_format="%m/%d/%y")
    assert values(rows, "birth_date") == [(date(1945, 4, 17),), (date(2009, 4, 17),)]


def test_yes_and_no_of_treatment_are_said_and_nothing_is_guessed() -> None:
    columns = {"person_id": "who", "treatment_consent": "c", "treatment_engaged": "e"}
    rows = decoded("persons", columns, ["P1,Y,n", "P2,,", "P3,maybe,N"])
    assert values(rows, "is_treatment_consented", "is_treatment_engaged") == [(True, False), (None, None)]
    assert refused(rows) == [
        ("bad_value", "`treatment_consent` holds a word that is neither among `true_values` nor a plain no.")
    ]


WARRANTS = {
    **{"warrant_id": "no", "person_id": "who", "issued_at": "issued", "offence": "charge", "kind": "type"},
    "status": "state",
}
WORDS: dict[str, Any] = {
    "kinds": {"FTA": "bench", "": "arrest"},
    "statuses": {"Active": "outstanding", "Served": "executed"},
}


def test_words_of_a_file_become_ours_and_our_own_words_need_no_key() -> None:
    lines = [
        "W1,P1,2025-07-04 09:00,robbery,fta,ACTIVE",
        "W2,P2,2025-01-04 09:00,pwid,,served",
        "W3,P1,2025-01-04T09:00:00Z,PWID,bench,Recalled",
    ]
    rows = decoded("warrants", WARRANTS, lines, **WORDS)
    assert values(rows, "warrant_id", "kind", "status", "underlying_offence_code", "issued_at") == [
        ("W1", "bench", "outstanding", "robbery", datetime(2025, 7, 4, 13, tzinfo=UTC)),
        ("W2", "arrest", "executed", "drug_supply", datetime(2025, 1, 4, 14, tzinfo=UTC)),
        ("W3", "bench", "recalled", "drug_supply", datetime(2025, 1, 4, 9, tzinfo=UTC)),
    ]


def test_a_row_that_cannot_be_read_waits_whole_with_column_line_and_way_out() -> None:
    lines = [
        "W1,P1,2025-07-04 09:00,robbery,fta,active",
        "W2,P2,2025-07-04 09:00,robbery,warrant,active",
        "W3,P3,2025-07-04 09:00,robbery,fta,",
        "W4,P4,2025-07-04 09:00,arson,fta,active",
        ",P5,2025-07-04 09:00,robbery,fta,active",
        "W6,,2025-07-04 09:00,robbery,fta,active",
        "W7,P7,4th July,robbery,fta,active",
        "W8,P8,2026-07-04 09:00,robbery,fta,active",
    ]
    rows = decoded("warrants", WARRANTS, lines, **WORDS)
    assert values(rows, "warrant_id") == [("W1",)]
    assert rows.identity["raw_person_id"].to_pylist() == ["P1"]
    assert [(reason, detail.split()[0]) for reason, detail in refused(rows)] == [
        ("bad_value", "`kind`"),
        ("missing_field", "`status`"),
        ("unknown_offence_code", "`offence`"),
        ("empty_id", "`warrant_id`"),
        ("empty_id", "`person_id`"),
        ("bad_value", "`issued_at`"),
        ("future_date", "`issued_at`"),
    ]
    letters = rows.dead_letters.to_pylist()
    assert [(letter["about"], letter["value"]) for letter in letters] == [
        *(("type", None), ("state", None), ("charge", "arson"), ("no", None), ("who", None), ("issued", "4th July")),
        (None, None),
    ]
    assert "kinds" in letters[0]["detail"]
    assert 'key "" of `statuses`' in letters[1]["detail"]
    assert [letter["source_offset"] - letters[0]["source_offset"] for letter in letters] == list(range(7))
    assert json.loads(letters[0]["payload"]) == dict(zip(WARRANTS.values(), lines[1].split(","), strict=True))


def test_a_time_without_an_offset_needs_a_zone() -> None:
    columns = {"person_id": "who", "custody_from": "a", "custody_to": "b"}
    lines = ["P1,2025-01-02 10:00,", "P1,2025-01-02T10:00:00Z,2025-01-03T10:00:00+01:00"]
    rows = decoded("custody", columns, lines, time_zone=None)
    assert values(rows, "custody_from", "custody_to") == [
        (datetime(2025, 1, 2, 10, tzinfo=UTC), datetime(2025, 1, 3, 9, tzinfo=UTC))
    ]
    assert [reason for reason, _ in refused(rows)] == ["naive_time"]


def test_a_stay_lasts_while_it_has_no_end_and_never_ends_before_it_began() -> None:
    columns = {"person_id": "who", "custody_from": "a", "custody_to": "b", "kind": "k"}
    lines = ["P1,2025-01-02 10:00,,jail", "P2,2025-01-02 10:00,2025-01-01 10:00,", "P3,2025-01-02 10:00,2025-02-02,"]
    rows = decoded("custody", columns, lines, kinds={"jail": "prison"})
    assert values(rows, "person_id", "custody_to", "kind") == [
        (PSEUDONYM("P1"), None, "prison"),
        (PSEUDONYM("P3"), datetime(2025, 2, 2, 5, tzinfo=UTC), "custody"),
    ]
    assert [reason for reason, _ in refused(rows)] == ["bad_value"]


def test_a_shift_has_its_own_hours_and_a_week_is_seven_local_days() -> None:
    shifts = {"area_id": "a", "shift_start": "s", "shift_end": "e", "rostered_hours": "r", "available_hours": "h"}
    rows = decoded("staffing", shifts, ["A1,2025-10-27 06:00,2025-10-27 14:00,80,62.5", "A1,2025-10-28,2025-10-28,8,8"])
    assert values(rows, "shift_start", "rostered_hours", "available_hours") == [
        (datetime(2025, 10, 27, 10, tzinfo=UTC), 80.0, 62.5)
    ]
    weeks = {"area_id": "a", "week": "w", "available_hours": "h"}
    rows = decoded("staffing", weeks, ["A1,2025-10-27,700", "A1,2025-10-27 08:00,700", "A1,,700", "A1,2025-10-27,"])
    assert values(rows, "shift_start", "shift_end", "rostered_hours") == [
        (datetime(2025, 10, 27, 4, tzinfo=UTC), datetime(2025, 11, 3, 5, tzinfo=UTC), 700.0)  # clocks go back within
    ]
    assert [reason for reason, _ in refused(rows)] == ["bad_value", "missing_field", "missing_field"]


def test_an_action_keeps_its_words_and_its_subject_is_a_pseudonym() -> None:
    columns = {"action_id": "n", "at": "t", "kind": "k", "subject": "p", "area": "a", "hours": "h", "detail": "d"}
    lines = ["N1,2025-01-02 10:00,Home visit,P1,A1,1.5,at the door", "N2,2025-01-02 10:00,dance,,,,"]
    rows = decoded("actions", columns, lines, kinds={"home visit": "visit"})
    assert values(rows, "kind", "actor", "subject_person_id", "area_id", "hours", "detail") == [
        ("visit", "unstated", PSEUDONYM("P1"), "A1", 1.5, "at the door")
    ]
    assert refused(rows) == [
        ("bad_value", "`kind` holds a word that is not in `kinds` of the mapping; add it there, then replay.")
    ]


def test_an_action_may_sum_up_many_and_tell_the_days_waited() -> None:
    columns = {"action_id": "n", "at": "t", "kind": "k", "count": "c", "days": "w"}
    lines = ["N1,2025-01-02 10:00,needle_exchange,42,", "N2,2025-01-02 10:00,treatment_wait,,9.5"]
    rows = decoded("actions", columns, [*lines, "N3,2025-01-02 10:00,needle_exchange,0,"])
    assert values(rows, "kind", "count", "days") == [("needle_exchange", 42, None), ("treatment_wait", None, 9.5)]
    assert [reason for reason, _ in refused(rows)] == ["bad_value"]


@pytest.mark.sampled
@settings(max_examples=sample(10, whole=100), deadline=None)
@given(
    words=st.lists(
        st.sampled_from([*ROLES, *map(str.upper, ROLES), "sus", "SUS ", "wit", "other", ""]), min_size=1, max_size=12
    )
)
def test_every_role_is_read_or_waits(words: list[str]) -> None:
    columns = {"incident_id": "i", "person_id": "p", "role": "r"}
    rows = decoded(
        "involvements", columns, [f"I{n},P{n},{word}" for n, word in enumerate(words)], roles={"Sus": "suspect"}
    )
    is_known = [word.strip().lower() in (*ROLES, "sus") for word in words]
    assert values(rows, "person_id") == [(PSEUDONYM(f"P{n}"),) for n, known in enumerate(is_known) if known]
    assert len(refused(rows)) == is_known.count(False)
    assert all("`roles`" in detail for _, detail in refused(rows))


def test_a_version_is_stated_or_the_first() -> None:
    columns = {"person_id": "who", "updated_at": "u"}
    rows = decoded("persons", columns, ["P1,1970-01-01 00:01:05", "P2,later"])
    assert values(rows, "version") == [(5 * 3600 + 65,)]  # New York
    assert [reason for reason, _ in refused(rows)] == ["bad_value"]
    rows = decoded("persons", {"person_id": "who", "version": "v"}, ["P1,3", "P2,", "P3,x"])
    assert values(rows, "version") == [(3,), (1,)]


@pytest.mark.parametrize(
    ("kind", "columns", "keys", "named"),
    [
        ("persons", {"person_id": "who", "born": "b"}, {}, "unknown key 'born' in columns"),
        ("persons", {"birth_date": "b"}, {}, "person_id"),
        ("custody", {"person_id": "p", "custody_from": "f"}, {"kinds": {"jail": "jail"}}, "kinds='jail'"),
        ("persons", {"person_id": "p"}, {"roles": {"sus": "suspect"}}, "roles: a mapping of kind persons"),
        ("staffing", {"area_id": "a", "available_hours": "h"}, {}, "week"),
        ("staffing", {"area_id": "a", "shift_start": "s", "available_hours": "h"}, {}, "shift_end"),
        ("staffing", {"area_id": "a", "week": "w"}, {}, "available_hours"),
        ("warrants", {"warrant_id": "w"}, {}, "person_id"),
        ("warrants", {**WARRANTS, "version": "v", "updated_at": "u"}, {}, "not both"),
        ("suspects", {"person_id": "p"}, {}, "kind='suspects'"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_by_its_key(
    tmp_path: Path, kind: str, columns: dict[str, str], keys: dict[str, Any], named: str
) -> None:
    with pytest.raises(MappingError) as error:
        mapping_of(tmp_path, kind, columns, **keys)
    assert named in str(error.value)


def test_a_charge_that_nobody_has_looked_at_waits() -> None:
    lines = ["W1,P1,2025-07-04 09:00,UNSURE,bench,outstanding"]
    rows = decoded("warrants", WARRANTS, lines, unsure="UNSURE,robbery,yes\n")
    assert [reason for reason, _ in refused(rows)] == ["unchecked_offence"]


def test_numbers_and_blanks_are_read_as_in_files_of_incidents() -> None:
    columns = {"person_id": "who", "birth_date": "born", "birth_year": "year"}
    lines = ["0012345,<Null>,1988.0", "12345.0,-,", "N/A,1988-04-17,"]
    rows = decoded("persons", columns, lines, numeric=["person_id"])
    assert values(rows, "person_id", "birth_year") == [(PSEUDONYM("12345"), 1988), (PSEUDONYM("12345"), None)]
    assert [reason for reason, _ in refused(rows)] == ["empty_id"]


CELL = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "infinity", "-infinity", "epoch", "today", "nan", "1e400", "9" * 30, "290000-01-01", "0", "-1"]
    ),
    st.sampled_from(
        ["2025-01-02 10:00", "2025-01-02", "12/31/2024", "2025-01-02T10:00:00+99:00", "robbery", "bench", "visit"]
    ),
    st.sampled_from(["P1", "p_" + "0" * 32, "x" * 300, 'a"b', "\x00", "\u200b", "🚓", "true", "no", "8.5", "8,5"]),
)


@pytest.mark.sampled
@settings(max_examples=sample(25, whole=600), deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(RECORD_KINDS)))
def test_whatever_stands_in_the_cells_every_row_is_a_record_or_waits(data: st.DataObject, kind: str) -> None:
    columns = RECORD_KINDS[kind].columns
    names = [item.name for item in fields(columns) if item.name not in ("version", "week")]
    rows = data.draw(st.lists(st.tuples(*[CELL] * len(names)), min_size=1, max_size=6))
    with tempfile.TemporaryDirectory() as folder, closing(connect(is_encrypting=False)) as connection:
        mapping = mapping_of(Path(folder), kind, {name: name.upper() for name in names})
        cells = {name.upper(): pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)}
        numbers = pa.array(range(len(rows)), pa.int64())
        place = {"harmspot_file": ["f.csv"] * len(rows), "harmspot_number": numbers, "harmspot_line": numbers}
        connection.register("cells", pa.table(cells | place))
        connection.execute("CREATE TEMP TABLE raw AS FROM cells")
        decoder = Decoder(frozenset({"robbery", "drug_supply"}), PSEUDONYM, NOW, timedelta(minutes=10))
        found = decode_rows(connection, mapping, decoder)
    assert found.table.num_rows + found.dead_letters.num_rows == len(rows)
    assert all(letter["detail"] and "P1" not in letter["detail"] for letter in found.dead_letters.to_pylist())
    payloads = [json.loads(letter["payload"]) for letter in found.dead_letters.to_pylist()]
    given_rows = [dict(zip(cells, row, strict=True)) for row in rows]
    told = {"harmspot_date_order", "harmspot_epochs"}  # what the file tells of its times
    assert all({key: payload[key] for key in payload if key not in told} in given_rows for payload in payloads)


def test_a_local_time_of_change_has_the_zone_of_the_mapping_and_is_of_the_past() -> None:
    columns = {"person_id": "who", "updated_at": "u"}
    lines = ["P1,2023-06-15 10:00:00", "P2,2023-06-15T14:00:00Z", "P3,2203-06-15 10:00:00", "P4,2203-06-15T10:00:00Z"]
    rows = decoded("persons", columns, lines)
    assert values(rows, "version") == [(int(datetime(2023, 6, 15, 14, tzinfo=UTC).timestamp()),)] * 2
    assert [reason for reason, _ in refused(rows)] == ["future_date"] * 2
    assert [reason for reason, _ in refused(decoded("persons", columns, lines[:2], time_zone=None))] == ["naive_time"]


@pytest.mark.parametrize("header", ["Doe-Jane,01/15/1980", "who,Doe-Jane"])
def test_names_of_columns_that_may_be_people_are_not_shown(tmp_path: Path, header: str) -> None:
    (tmp_path / "people.csv").write_text(f"{header}\nRoe-Joan,02/20/2010\n", encoding="utf-8")
    with pytest.raises(MappingError) as refusal:
        read_raw(connect(is_encrypting=False), tmp_path / "people.csv", mapping_of(tmp_path, "persons", PERSONS))
    assert "Doe" not in str(refusal.value)
    assert ("does the file have a header?" if header.startswith("Doe") else "no column 'born'") in str(refusal.value)
