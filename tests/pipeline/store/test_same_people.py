"""Ids that are one person: in every table of a snapshot, at its clocks, in any order of arrival, and undone."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.people_scores.exposure import away_at
from models.people_scores.person_status import make_register
from pipeline.database import query
from pipeline.events.batch import DecodedBatch
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS, UTC_TIME
from pipeline.privacy.keys import derive_key
from pipeline.store.human_events import HumanEvent
from pipeline.store.same_people import SamePeople
from pipeline.store.snapshot import Snapshot, open_snapshot, snapshot_of, touched_runs
from pipeline.store.store import open_store
from tests.soak import sample

KEY = derive_key(b"k" * 32)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENVELOPE = {"event_source": "force", "source_partition": 0, "source_offset": 0}
BOTH = {"event_time": None, **ENVELOPE}
FLAGS = ("is_ambiguous_hour", "is_weapon", "is_injury", "is_domestic")
MINORS = ("is_minor_victim", "is_minor_used_by_adult", "is_minor_present")
IDS = ("p_a", "p_b", "p_c", "p_d")
TABLES = ("involvement", "person", "custody", "warrant", "action")

Row = tuple[str, dict[str, Any]]


def pair(one: str, other: str, version: int = 1, status: str = "joined") -> Row:
    least, greater = sorted((one, other))
    row = {"person_id": least, "same_person_id": greater, "version": version, "status": status}
    return "same_person", {**BOTH, "event_id": f"{least}{greater}{version}{status}", **row}


def person(who: str, **facts: Any) -> Row:
    return "person", {**BOTH, "event_id": f"{who}.1", "person_id": who, "version": 1, **facts}


def incident(number: int, *roles: tuple[str, str]) -> Row:
    involvements = [{"person_id": who, "role": role} for who, role in roles]
    told = {"status": "recorded", "occurred_at": NOON - DAY, "occurred_precision": "instant", "discovery": "public"}
    row = {"incident_id": f"i{number}", "version": 1, "offence_code": "robbery", "involvements": involvements, **told}
    return "incident", {**BOTH, "event_id": f"i{number}", **dict.fromkeys((*FLAGS, *MINORS), False), **row}


def held_by(number: int, who: str) -> list[Row]:
    """A stay, a warrant and an offer."""
    stay = {"person_id": who, "custody_from": NOON - (9 + number) * DAY, "kind": "prison"}
    owed = {"warrant_id": f"w{number}", "person_id": who, "kind": "bench", "issued_at": NOON - 5 * DAY}
    offer = {"action_id": f"x{number}", "kind": "referral_offered", "actor": "A", "subject_person_id": who}
    rows = {
        "custody": stay,
        "warrant": {**owed, "status": "outstanding", "underlying_offence_code": "robbery"},
        "action": {**offer, "at": NOON - DAY},
    }
    return [(name, {**BOTH, "event_id": f"{name}{number}", "version": 1, **row}) for name, row in rows.items()]


def keep(path: Path, *batches: Sequence[Row], at: datetime = NOON) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        for number, rows in enumerate(batches):
            tables = {
                entity: pa.Table.from_pylist([row for kind, row in rows if kind == entity], schema=schema)
                for entity, schema in SCHEMAS.items()
            }
            batch = DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())
            store.commit(batch, source="test", ingested_at=at + number * HOUR, next_offsets={})


def known(path: Path, known_at: datetime | None = None, as_of: datetime = NOON) -> dict[str, list[tuple]]:
    with open_snapshot(path, KEY, as_of=as_of, known_at=known_at, wait_s=0) as view:
        return tables(view)


def tables(view: Snapshot) -> dict[str, list[tuple]]:
    read = view.connection.execute
    return {name: read(f"SELECT * FROM {name}_snapshot ORDER BY ALL").fetchall() for name in TABLES}


def of(rows: Sequence[Row], read: Any = None) -> dict[str, Any]:
    """Return the tables as `known` does, without a store on disk."""
    arrived = {
        f"{entity}_version": pa.Table.from_pylist(
            [
                {**row, "content_hash": number, "ingested_at": NOON}
                for number, (kind, row) in enumerate(rows)
                if kind == entity
            ],
            schema=pa.schema([*schema, pa.field("content_hash", pa.int64()), pa.field("ingested_at", UTC_TIME)]),
        )
        for entity, schema in SCHEMAS.items()
    }
    with snapshot_of({**arrived, "identity": IDENTITY.empty_table()}, as_of=NOON, known_at=NOON) as view:
        return (read or tables)(view)


def as_frames(view: Snapshot) -> dict[str, pd.DataFrame]:
    return {name: view.connection.execute(f"FROM {name}_snapshot").to_arrow_table().to_pandas() for name in TABLES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


def test_joined_ids_are_one_person_in_every_table() -> None:
    mine = [
        incident(1, ("p_a", "suspect"), ("p_b", "suspect"), ("p_b", "victim")),
        *held_by(1, "p_a"),
        *held_by(2, "p_b"),
    ]
    found = of([*mine, person("p_a"), person("p_b", birth_date=date(1990, 5, 5)), pair("p_b", "p_a")])
    assert found["involvement"] == [("i1", "p_a", "suspect"), ("i1", "p_a", "victim")]
    for name in ("custody", "warrant", "action"):
        assert len(found[name]) == 2
        assert "p_b" not in str(found[name]) and "p_a" in str(found[name][0]) and "p_a" in str(found[name][1])
    [(who, _, born, *_)] = found["person"]
    assert (who, born) == ("p_a", date(1990, 5, 5))


@pytest.mark.parametrize("name", ["one_person", "without_erased"])
def test_no_table_of_a_snapshot_that_names_people_is_left_out(name: str) -> None:
    found = of([], lambda view: view.connection.execute(_NAMING_PEOPLE).fetchall())
    assert {f"{table}_snapshot" for table in TABLES} <= {table for (table,) in found}
    assert [table for (table,) in found if table not in query(f"snapshot/{name}")] == []


_NAMING_PEOPLE = """
SELECT DISTINCT table_name FROM duckdb_columns()
WHERE column_name LIKE '%person_id' AND table_name LIKE '%snapshot' AND table_name <> 'same_person_snapshot'
ORDER BY table_name
"""


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ([{"birth_date": date(1980, 1, 1)}, {"birth_date": date(2010, 5, 5)}], {"birth_date": date(2010, 5, 5)}),
        ([{"birth_date": date(1980, 1, 1)}, {"birth_year": 1980}], {"birth_year": 1980}),
        ([{"birth_date": date(1980, 1, 1)}, {}], {"birth_date": date(1980, 1, 1)}),
        ([{"deceased_at": NOON}, {"birth_year": 1980}], {"birth_year": 1980, "deceased_at": NOON}),
        (
            [{"is_treatment_consented": True}, {"is_treatment_engaged": True, "is_treatment_consented": False}],
            {"is_treatment_consented": True, "is_treatment_engaged": True},
        ),
    ],
)
@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_ids_the_protecting_fact_of_either_holds(facts: list[dict], kept: dict, turn: int) -> None:
    [row] = of([person(who, **each) for who, each in zip("ab", facts[::turn], strict=True)] + [pair("a", "b")])[
        "person"
    ]
    names = ("birth_date", "birth_year", "deceased_at", "is_treatment_consented", "is_treatment_engaged")
    assert {name: value for name, value in zip(names, row[2:], strict=False) if value not in (None, False)} == kept


def test_a_join_counts_from_when_it_was_known_and_a_parting_undoes_it(path: Path) -> None:
    first = [incident(1, ("p_a", "suspect")), incident(2, ("p_b", "suspect"))]
    keep(path, first, [pair("p_a", "p_b")], [pair("p_b", "p_a", 2, "parted")])
    people = [{who for _, who, _ in known(path, NOON + hours * HOUR)["involvement"]} for hours in range(3)]
    assert people == [{"p_a", "p_b"}, {"p_a"}, {"p_a", "p_b"}]


def test_a_join_affects_every_run_before_it(path: Path) -> None:
    keep(path, [incident(1, ("p_a", "suspect"))], [pair("p_a", "p_b")])
    clocks = pd.DataFrame({"as_of": NOON - 400 * DAY, "known_at": [NOON, NOON + HOUR]})
    assert touched_runs(path, KEY, clocks, wait_s=0).tolist() == [True, False]


def test_where_one_version_says_both_the_two_are_one_person() -> None:
    rows = [incident(1, ("p_b", "suspect")), pair("p_a", "p_b"), pair("p_a", "p_b", 1, "parted")]
    assert of(rows)["involvement"] == [("i1", "p_a", "suspect")]


def test_since_when_two_ids_are_joined_stays_as_the_source_says_it_again(path: Path) -> None:
    again = [[pair("p_a", "p_b", version)] for version in (1, 2)]
    keep(path, *again, [pair("p_b", "p_c")], [pair("p_b", "p_c", 2, "parted")], [pair("p_a", "p_b", 3, "parted")])
    keep(path, [pair("p_a", "p_b", 4)], at=NOON + 9 * HOUR)
    with open_store(path, KEY, wait_s=0) as store:
        since = [store.same_people(NOON + hours * HOUR).since for hours in (1, 2, 3, 4, 9)]
    assert since == [{"p_a": NOON}, {"p_a": NOON + 2 * HOUR}, {"p_a": NOON}, {}, {"p_a": NOON + 9 * HOUR}]


@settings(max_examples=50)
@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda two: two[0] != two[1])))
def test_whatever_hangs_together_is_one_person_in_any_order(pairs: list[tuple[int, int]]) -> None:
    same = SamePeople.of((str(one), str(other), NOON) for one, other in pairs)
    group = {str(number): {str(number)} for number in range(10)}
    for one, other in pairs:  # the plain way: all of the one's are all of the other's
        together = group[str(one)] | group[str(other)]
        group |= dict.fromkeys(together, together)
    assert {number: set(same.ids(number)) for number in group} == group
    assert all(same.one_id(number) == min(ids) for number, ids in group.items())
    assert SamePeople.of((str(other), str(one), NOON) for one, other in reversed(pairs)) == same
    assert set(same.since) == {min(ids) for ids in group.values() if len(ids) > 1}


PAIR_SETS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda two: two[0] != two[1]), max_size=6)


@settings(max_examples=50)
@given(before=PAIR_SETS, now=PAIR_SETS)
def test_who_lost_an_id_that_counted_as_theirs_is_parted_and_nobody_else(before: list, now: list) -> None:
    then, same = (SamePeople.of((str(one), str(other), NOON) for one, other in pairs) for pairs in (before, now))
    lost = {each for each in map(str, range(7)) if not {*then.ids(each)} <= {*same.ids(each)}}
    assert same.parted_since(then) == {same.one_id(each) for each in lost}


PAIRS = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda two: two[0] != two[1]), max_size=4)
ROLES = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(["suspect", "victim"])), max_size=4)


@pytest.mark.sampled
@settings(max_examples=sample(5, whole=100))
@given(data=st.data())
def test_joined_ids_are_as_one_id_all_along_in_any_order_and_parted_as_never_joined(data: st.DataObject) -> None:
    pairs = data.draw(PAIRS)
    roles = data.draw(st.lists(ROLES, min_size=1, max_size=3))
    one = SamePeople.of((one, other, NOON) for one, other in pairs).one_id
    ids, joins = [*IDS], [pair(*two) for two in dict.fromkeys(tuple(sorted(two)) for two in pairs)]

    def told(name: Any) -> list[Row]:
        own = [incident(n, *{(name(who), role): 0 for who, role in each}) for n, each in enumerate(roles)]
        return [*own, *(row for n, who in enumerate(ids) for row in held_by(n, name(who)))]

    everything = data.draw(st.permutations([*told(str), *joins]))
    assert of(everything) == of(told(one))
    parted = [
        (kind, {**row, "version": 2, "status": "parted", "event_id": row["event_id"] + "p"}) for kind, row in joins
    ]
    assert of(data.draw(st.permutations([*everything, *parted]))) == of(told(str))


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "birth_date": st.dates(date(2007, 1, 1), date(2009, 12, 31)),
        "deceased_at": st.just(NOON),
        "is_treatment_consented": st.booleans(),
        "is_treatment_engaged": st.booleans(),
    },
)
PROTECTS = ["is_under_18", "is_deceased", "is_treatment_consented", "is_treatment_engaged"]


@pytest.mark.sampled
@settings(max_examples=sample(5, whole=200))
@given(pairs=PAIRS, facts=st.lists(FACTS, min_size=4, max_size=4), away=st.sets(st.sampled_from(range(4))))
def test_a_join_takes_away_no_protection_but_an_unknown_age_that_another_id_has(
    pairs: list, facts: list[dict[str, Any]], away: set[int]
) -> None:
    people = [person(who, **each) for who, each in zip(IDS, facts, strict=True)]
    rows = [*people, *(row for n in away for row in held_by(n, IDS[n]) if row[0] == "custody")]
    one = SamePeople.of((*two, NOON) for two in pairs).one_id

    def protected(rows: list[Row]) -> dict[str, dict[str, bool]]:
        found = of(rows, as_frames)
        status = make_register(found["person"], pd.Timestamp(NOON))
        is_away = status.index.isin(away_at(found["custody"], pd.Timestamp(NOON)))
        kept = status[[*PROTECTS, "is_age_unknown"]].assign(is_away=is_away)
        return {str(who): each for who, each in kept.to_dict("index").items()}

    alone = protected(rows)
    together = protected([*rows, *(pair(*two) for two in dict.fromkeys(tuple(sorted(two)) for two in pairs))])
    for who, facts_alone in alone.items():
        of_person, unknown = (
            together[one(who)],
            [alone[each]["is_age_unknown"] for each in IDS if one(each) == one(who)],
        )
        assert all(of_person[name] for name in (*PROTECTS, "is_away") if facts_alone[name]), (who, pairs)
        assert of_person["is_age_unknown"] == all(unknown), "the youngest known date is the age, so under 18 protects"


def test_who_was_erased_is_erased_under_every_id_also_one_joined_later(path: Path) -> None:
    rows = [incident(1, ("p_a", "suspect"), ("p_b", "suspect"), ("p_c", "victim")), *held_by(1, "p_b"), person("p_b")]
    keep(path, rows)
    with open_store(path, KEY, wait_s=0) as store:
        store.erase_person(HumanEvent("erased", "M. Ito", "person", "p_a", NOON, {"reason": "court order seven"}))
    assert {who for _, who, _ in known(path)["involvement"]} == {"p_b", "p_c"}
    keep(path, [pair("p_b", "p_a")], at=NOON + HOUR)
    for at in (NOON, None):  # whatever the clocks
        assert known(path, at) == {name: [("i1", "p_c", "victim")] * (name == "involvement") for name in TABLES}
