"""Nothing that must stay goes, and nothing that must go stays: of generated stores, by rules written twice."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import connect, query
from pipeline.events.batch import DecodedBatch
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS
from pipeline.privacy.short_ids import know_short_ids
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import TOMBSTONE
from pipeline.store.migrations import migrate
from pipeline.store.retention import Edges, Kept
from pipeline.store.store import DuckDBStore, open_store
from tests.pipeline.store.test_same_people import BOTH, DAY, FLAGS, KEY, MINORS, NOON, Row, keep, pair, person
from tests.soak import sample

EDGE = NOON - 100 * DAY
EDGES = Edges(people=EDGE, incidents=NOON - 150 * DAY, shifts=EDGE, messages=EDGE, dead_letters=EDGE)
PEOPLE = st.sampled_from(["p_a", "p_b", "p_c", "p_d", "p_e", "p_f"])
AGES = st.sampled_from([1, 99, 101, 149, 151, 400])  # days, on both sides of the edges
ENTITIES = ("incident", "person", "custody", "warrant", "action", "staffing", "same_person")


def when(age: int) -> datetime:
    return NOON - age * DAY


def incident(number: int, version: int, age: int, who: list[str]) -> Row:
    told = {"status": "recorded", "occurred_at": when(age), "occurred_precision": "instant", "discovery": "public"}
    roles = [{"person_id": each, "role": "suspect"} for each in who]
    row = {"incident_id": f"i{number}", "version": version, "offence_code": "robbery", "involvements": roles, **told}
    return "incident", {
        **BOTH,
        "event_id": f"i{number}.{version}",
        **dict.fromkeys((*FLAGS, *MINORS), False),
        **row,
    }


def stay(number: int, who: str, age: int, days: int | None) -> Row:
    ends = None if days is None else when(age) + days * DAY
    row = {"person_id": who, "version": 1, "custody_from": when(age), "custody_to": ends, "kind": "prison"}
    return "custody", {**BOTH, "event_id": f"c{number}", **row}


def warrant(number: int, version: int, who: str, age: int, status: str) -> Row:
    row = {"warrant_id": f"w{number}", "version": version, "person_id": who, "kind": "bench", "issued_at": when(age)}
    owed = {"status": status, "underlying_offence_code": "robbery"}
    return "warrant", {**BOTH, "event_id": f"w{number}.{version}", **row, **owed}


def action(number: int, kind: str, age: int, who: str | None = None) -> Row:
    row = {
        "action_id": f"x{number}",
        "version": 1,
        "kind": kind,
        "actor": "A",
        "subject_person_id": who,
        "at": when(age),
    }
    return "action", {**BOTH, "event_id": f"x{number}", **row}


def shift(number: int, age: int) -> Row:
    times = {"shift_start": when(age), "shift_end": when(age) + timedelta(hours=8)}
    row = {"area_id": f"a{number}", "version": 1, **times, "rostered_hours": 8.0, "available_hours": 8.0}
    return "staffing", {**BOTH, "event_id": f"s{number}", **row}


@st.composite
def stores(draw: st.DrawFn) -> list[tuple[int, list[Row]]]:
    """Rows by how long ago they came in, oldest first."""
    told = st.sampled_from([{}, {"deceased_at": when(500)}, {"is_treatment_engaged": True}])
    rows: list[Row] = [person(who, birth_year=1990, **draw(told)) for who in sorted(draw(st.sets(PEOPLE)))]
    for number in range(draw(st.integers(0, 8))):
        ages, who = draw(st.lists(AGES, min_size=1, max_size=3)), draw(st.lists(PEOPLE, max_size=2, unique=True))
        rows += [incident(number, version, age, who) for version, age in enumerate(ages, 1)]
    for number in range(draw(st.integers(0, 4))):
        rows.append(stay(number, draw(PEOPLE), draw(AGES), draw(st.sampled_from([None, 1, 60]))))
        statuses = draw(st.lists(st.sampled_from(["outstanding", "executed"]), min_size=1, max_size=2))
        who, age = draw(PEOPLE), draw(AGES)
        rows += [warrant(number, version, who, age, status) for version, status in enumerate(statuses, 1)]
        rows.append(action(number, draw(st.sampled_from(["visit", "registration"])), draw(AGES)))
        rows.append(action(number + 10, "arrest", draw(AGES), draw(PEOPLE)))
        rows.append(shift(number, draw(AGES)))
    joined = draw(st.sets(st.frozensets(PEOPLE, min_size=2, max_size=2), max_size=2))
    rows += [pair(*ids) for ids in sorted(map(sorted, joined))]  # each once: a repeat is no news
    is_old = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    batches = {400: [row for row, old in zip(rows, is_old, strict=True) if old]}
    batches[1] = [row for row, old in zip(rows, is_old, strict=True) if not old]
    return sorted(batches.items(), reverse=True)


def expected(batches: list[tuple[int, list[Row]]], kept: Kept) -> dict[str, set[Any]]:
    """The rules of docs/operating.md, in Python: what stays, and which incidents and actions still name somebody."""
    of = defaultdict(list)
    for came, rows in batches:
        for entity, row in rows:
            of[entity].append({**row, "came": when(came)})
    incidents, latest = defaultdict(list), {}
    for row in of["incident"]:
        incidents[row["incident_id"]].append(row)
    newest = {name: max(row["occurred_at"] for row in rows) for name, rows in incidents.items()}
    stays = {name for name, at in newest.items() if at >= EDGES.incidents or name in kept.incidents}
    naming = {name for name in stays if newest[name] >= EDGE or name in kept.incidents}
    custody = {
        (row["person_id"], row["custody_from"])
        for row in of["custody"]
        if row["custody_to"] is None or row["custody_to"] >= EDGE or row["person_id"] in kept.people
    }
    for row in sorted(of["warrant"], key=lambda row: row["version"]):
        latest[row["warrant_id"]] = row
    warrants = {
        name
        for name, row in latest.items()
        if row["status"] == "outstanding" or row["issued_at"] >= EDGE or row["person_id"] in kept.people
    }
    subjects = {
        row["action_id"]
        for row in of["action"]
        if row["subject_person_id"] and (row["at"] >= EDGE or row["subject_person_id"] in kept.people)
    }
    actions = {row["action_id"] for row in of["action"] if row["kind"] != "visit" or row["at"] >= EDGE}
    named = {role["person_id"] for name in naming for row in incidents[name] for role in row["involvements"]}
    named |= {who for who, _ in custody} | {latest[name]["person_id"] for name in warrants} | set(kept.people)
    named |= {row["subject_person_id"] for row in of["action"] if row["action_id"] in subjects}
    named |= {row["person_id"] for row in of["person"] if row["came"] >= EDGE}
    named |= {row["person_id"] for row in of["person"] if row.get("deceased_at") or row.get("is_treatment_engaged")}
    for row in of["same_person"]:
        named |= {row["person_id"], row["same_person_id"]} if row["came"] >= EDGE else set()
    for _ in range(9):  # joined ids are one person
        for row in of["same_person"]:
            named |= (
                {row["person_id"], row["same_person_id"]}
                if {row["person_id"], row["same_person_id"]} & named
                else set()
            )
    people = {row["person_id"] for row in of["person"] if row["person_id"] in named}
    shifts = {row["area_id"] for row in of["staffing"] if row["shift_end"] >= EDGE}
    return {
        "incident": stays,
        "naming": {name for name in naming if any(row["involvements"] for row in incidents[name])},
        "custody": custody,
        "warrant": warrants,
        "subject": subjects,
        "action": actions,
        "person": people,
        "staffing": shifts,
    }


HELD = {
    "incident": "SELECT DISTINCT incident_id FROM store.incident_version",
    "naming": "SELECT DISTINCT incident_id FROM store.incident_version WHERE len(involvements) > 0",
    "custody": "SELECT DISTINCT person_id, custody_from FROM store.custody_version",
    "warrant": "SELECT DISTINCT warrant_id FROM store.warrant_version",
    "subject": "SELECT DISTINCT action_id FROM store.action_version WHERE subject_person_id IS NOT NULL",
    "action": "SELECT DISTINCT action_id FROM store.action_version",
    "person": "SELECT DISTINCT person_id FROM store.person_version",
    "staffing": "SELECT DISTINCT area_id FROM store.staffing_version",
}


def held(store: DuckDBStore) -> dict[str, set[Any]]:
    rows = {name: store._connection.execute(sql).fetchall() for name, sql in HELD.items()}
    return {name: {row[0] if len(row) == 1 else row for row in found} for name, found in rows.items()}


def everything(store: DuckDBStore) -> dict[str, list[Any]]:
    names = [f"{entity}_version" for entity in ENTITIES] + ["identity", "human_event", "dead_letter", "outbox"]
    return {name: store._connection.execute(f"FROM store.{name} ORDER BY ALL").fetchall() for name in names}


def in_front(store: DuckDBStore) -> list[list[Any]]:
    """Return what a run reads whose window begins at the edge."""
    connection, clocks = store._connection, {"known_at": NOON, "as_of": NOON, "since": EDGE}
    connection.execute(query("snapshot/superseded_incident"), {"known_at": NOON})
    found = []
    for name in ("incident_snapshot", "involvement_snapshot"):
        connection.execute(query(f"snapshot/{name}"), clocks)
        found.append(connection.execute(f"FROM {name} ORDER BY ALL").fetchall())
        connection.execute(f"DROP TABLE {name}")
    connection.execute("DROP TABLE superseded_incident")
    return found


@contextmanager
def store_in_memory(batches: list[tuple[int, list[Row]]]) -> Iterator[DuckDBStore]:
    connection = connect(is_encrypting=False)
    connection.execute("ATTACH ':memory:' AS store")
    know_short_ids(connection, KEY.ids)
    migrate(connection)
    with DuckDBStore(connection) as store:
        for came, rows in batches:
            tables = {
                entity: pa.Table.from_pylist([row for kind, row in rows if kind == entity], schema=schema)
                for entity, schema in SCHEMAS.items()
            }
            batch = DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())
            store.commit(batch, source="test", ingested_at=when(came), next_offsets={})
        yield store


def event_of(gone: Any) -> HumanEvent:
    detail = {"edges": EDGES.known(), "gone": gone.to_dict()}
    return HumanEvent("retained", "A. Archivist", "store", "store", NOON, detail)


@pytest.mark.sampled
@settings(max_examples=sample(10, whole=300))
@given(batches=stores(), people=st.sets(PEOPLE, max_size=2), incidents=st.sets(st.sampled_from(["i0", "i1", "i2"])))
def test_what_must_stay_stays_and_what_must_go_goes(
    batches: list[tuple[int, list[Row]]], people: set[str], incidents: set[str]
) -> None:
    kept = Kept(incidents, people)
    with store_in_memory(batches) as store:
        whole, before = everything(store), in_front(store)
        tried = store.retain(EDGES, kept, NOON)
        assert everything(store) == whole  # a dry run changes nothing
        done = store.retain(EDGES, kept, NOON, event_of)
        assert done.equals(tried)
        assert held(store) == expected(batches, kept)
        assert store.retain(EDGES, kept, NOON)["gone"].sum() == 0  # once is enough
        assert in_front(store) == before


def test_the_tombstone_of_an_erased_person_stays(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    keep(path, [incident(1, 1, 400, ["p_a"])], at=when(400))
    with open_store(path, KEY, wait_s=0) as store:
        store.erase_person(HumanEvent("erased", "A. Bell", "person", "p_a", NOON, {"reason": "court order 7, sealed"}))
        assert store.retain(EDGES, Kept(), NOON, event_of)["gone"]["incidents"] == 1
        assert store.resolve_pseudonym("p_a") == TOMBSTONE
        assert [event.kind for event in store.ledger()] == ["erased", "retained"]


def test_without_an_edge_nothing_goes(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    keep(path, [incident(1, 1, 4000, ["p_a"]), stay(1, "p_a", 4000, 1), shift(1, 4000)], at=when(4000))
    with open_store(path, KEY, wait_s=0) as store:
        whole = everything(store)
        assert store.retain(Edges(), Kept(), NOON, event_of)["gone"].sum() == 0
        assert {name: rows for name, rows in everything(store).items() if name != "human_event"} == {
            name: rows for name, rows in whole.items() if name != "human_event"
        }


def test_what_could_not_be_used_and_what_was_delivered_is_emptied_when_it_is_old_and_its_count_stays() -> None:
    """A message that still waits keeps its content, however old it is."""
    with store_in_memory([]) as store:
        for number, age in enumerate((400, 1)):
            row = {"topic": "incidents", "source_partition": 0, "source_offset": number, "reason": "bad_value"}
            row |= {"detail": "an offence nobody knows", "payload": b"names P. Example, %d" % number, "value": "x"}
            letters = pa.Table.from_pylist([row], schema=DEAD_LETTER)
            none = {entity: schema.empty_table() for entity, schema in SCHEMAS.items()}
            batch = DecodedBatch(none, IDENTITY.empty_table(), letters)
            store.commit(batch, source="test", ingested_at=when(age), next_offsets={})
        for number, (age, delivered) in enumerate(((400, when(399)), (400, None), (1, when(1)))):
            told = [f"m{number}", "notices", "k", b"names P. Example", when(age), number + 1, delivered]
            store._connection.execute("INSERT INTO store.outbox VALUES (?, ?, ?, ?, ?, ?, ?)", told)
        gone = store.retain(EDGES, Kept(), NOON, event_of)["gone"]
        assert (gone["dead letters"], gone["messages"]) == (1, 1)
        left = "SELECT source_offset, octet_length(payload) > 0, value FROM store.dead_letter ORDER BY source_offset"
        assert store._connection.execute(left).fetchall() == [(0, False, None), (1, True, "x")]
        kept = "SELECT message_id, octet_length(payload) > 0 FROM store.outbox ORDER BY message_id"
        assert store._connection.execute(kept).fetchall() == [("m0", False), ("m1", True), ("m2", True)]
        assert store.health().dead_letters == {"bad_value": 1}  # that wait
