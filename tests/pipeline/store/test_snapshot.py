"""What was known at two clocks: the latest version, no future, and the same whatever the order of arrival."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import frame
from pipeline.errors import StoreError
from pipeline.events.batch import DecodedBatch
from pipeline.events.columns import DEAD_LETTER, ENVELOPE, IDENTITY, SCHEMAS
from pipeline.privacy.keys import derive_key
from pipeline.store.human_events import HumanEvent
from pipeline.store.snapshot import Snapshot, open_snapshot, resolve_known_at
from pipeline.store.store import open_store
from tests.soak import sample

KEY = derive_key(b"k" * 32)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

ENVELOPE_VALUES = {"event_source": "force", "source_partition": 0, "source_offset": 0}
ROWS: dict[str, dict[str, Any]] = {
    "incident": {
        "incident_id": "i1",
        "status": "recorded",
        "occurred_at": NOON - DAY,
        "occurred_precision": "instant",
        "is_ambiguous_hour": False,
        "offence_code": "robbery",
        "discovery": "public",
        "is_weapon": False,
        "is_injury": False,
        "is_domestic": False,
        "is_minor_victim": False,
        "is_minor_used_by_adult": False,
        "is_minor_present": False,
    },
    "person": {"person_id": "p1", "birth_date": date(1990, 1, 1)},
    "same_person": {"person_id": "p1", "same_person_id": "p2", "status": "joined"},
    "custody": {"person_id": "p1", "custody_from": NOON - 5 * DAY, "kind": "prison"},
    "warrant": {
        "warrant_id": "w1",
        "person_id": "p1",
        "kind": "bench",
        "issued_at": NOON - 5 * DAY,
        "status": "outstanding",
        "underlying_offence_code": "robbery",
    },
    "staffing": {
        "area_id": "a1",
        "shift_start": NOON - DAY,
        "shift_end": NOON,
        "rostered_hours": 8.0,
        "available_hours": 6.0,
    },
    "action": {"action_id": "x1", "kind": "visit", "actor": "A", "at": NOON - DAY},
}

Event = tuple[str, dict[str, Any]]


def event(entity: str, event_id: str, version: int = 1, **values: Any) -> Event:
    return entity, {**ENVELOPE_VALUES, **ROWS[entity], "event_id": event_id, "version": version, **values}


def decoded(events: Sequence[Event]) -> DecodedBatch:
    tables = {
        entity: pa.Table.from_pylist([row for kind, row in events if kind == entity], schema=schema)
        for entity, schema in SCHEMAS.items()
    }
    return DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())


def keep(path: Path, *batches: Sequence[Event], at: datetime = NOON, step: timedelta = timedelta()) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        for number, events in enumerate(batches):
            store.commit(decoded(events), source="test", ingested_at=at + number * step, next_offsets={})


def known(path: Path, as_of: datetime = NOON, known_at: datetime | None = None, **options: Any) -> Snapshot:
    return open_snapshot(path, KEY, as_of=as_of, known_at=known_at, wait_s=0, **options)


def rows(view: Snapshot, sql: str) -> list[tuple]:
    return view.connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


def test_the_latest_version_counts_in_whatever_order_they_came(path: Path) -> None:
    keep(path, [event("incident", "e2", 2, offence_code="arson")], [event("incident", "e1")])
    with known(path) as view:
        assert rows(view, "SELECT incident_id, version, offence_code FROM incident_snapshot") == [("i1", 2, "arson")]


def test_a_cancelled_incident_is_gone_and_back_at_the_old_clock(path: Path) -> None:
    keep(path, [event("incident", "e1")], [event("incident", "e2", 2, status="cancelled")], step=DAY)
    with known(path) as view:
        assert rows(view, "FROM incident_snapshot") == []
        assert view.known_at == NOON + DAY
    with known(path, known_at=NOON) as view:
        assert rows(view, "SELECT status FROM incident_snapshot") == [("recorded",)]


def test_what_happens_at_as_of_has_not_happened_yet(path: Path) -> None:
    keep(path, [event("incident", "e1"), event("staffing", "s1"), event("action", "a1")])
    with known(path, as_of=NOON - DAY) as view:
        for table in ("incident_snapshot", "staffing_snapshot", "action_snapshot"):
            assert rows(view, f"FROM {table}") == []
    with known(path, as_of=NOON - DAY + timedelta(microseconds=1)) as view:
        for table in ("incident_snapshot", "staffing_snapshot", "action_snapshot"):
            assert len(rows(view, f"FROM {table}")) == 1


def test_a_correction_can_move_an_incident_past_as_of(path: Path) -> None:
    keep(path, [event("incident", "e1"), event("incident", "e2", 2, occurred_at=NOON + DAY)], at=NOON + 2 * DAY)
    with known(path) as view:
        assert rows(view, "FROM incident_snapshot") == []


def test_incidents_before_since_are_left_out_with_their_people(path: Path) -> None:
    people = [{"person_id": "p1", "role": "charged"}]
    old = event("incident", "e1", incident_id="old", occurred_at=NOON - 9 * DAY, involvements=people)
    keep(path, [old, event("incident", "e2", involvements=people)])
    with known(path, since=NOON - 2 * DAY) as view:
        assert rows(view, "SELECT incident_id FROM incident_snapshot") == [("i1",)]
        assert rows(view, "SELECT incident_id FROM involvement_snapshot") == [("i1",)]


def test_involvements_are_those_of_the_latest_version_each_once(path: Path) -> None:
    charged, victim = {"person_id": "p1", "role": "charged"}, {"person_id": "p2", "role": "victim"}
    first = event("incident", "e1", involvements=[charged])
    second = event("incident", "e2", 2, involvements=[victim, victim, {"person_id": "p1", "role": "no_further_action"}])
    keep(path, [first, second])
    with known(path) as view:
        expected = [("i1", "p1", "no_further_action"), ("i1", "p2", "victim")]
        assert rows(view, "SELECT incident_id, person_id, role FROM involvement_snapshot ORDER BY ALL") == expected
    with known(path, known_at=NOON - DAY) as view:
        assert rows(view, "FROM involvement_snapshot") == []


def test_a_version_dated_after_as_of_is_not_known_then(path: Path) -> None:
    keep(path, [event("warrant", "e1"), event("warrant", "e2", 2, event_time=NOON, kind="arrest")])
    with known(path) as view:
        assert rows(view, "SELECT version, kind FROM warrant_snapshot") == [(1, "bench")]
    with known(path, as_of=NOON + DAY) as view:
        assert rows(view, "SELECT version, kind FROM warrant_snapshot") == [(2, "arrest")]


LATER = {"event_time": NOON + DAY}  # reported after every as_of of these tests
BIRTHS = st.one_of(
    st.just({"birth_date": None}),
    st.integers(1990, 2015).map(lambda year: {"birth_date": None, "birth_year": year}),
    st.integers(1990, 2015).map(lambda year: {"birth_date": date(year, 6, 1)}),
)
PERSONS = st.tuples(
    st.integers(1, 3),
    BIRTHS,
    st.sampled_from([None, NOON - DAY, NOON + DAY]),
    st.booleans(),
    st.sampled_from([None, NOON - DAY, NOON + DAY]),
)


def years_old(birth: dict[str, Any]) -> float | None:
    """At least so old at NOON; None where it may be anything."""
    born = birth["birth_date"] or (date(birth["birth_year"], 12, 31) if "birth_year" in birth else None)
    return born and (NOON.date() - born).days / 365.25


@pytest.mark.sampled
@settings(max_examples=sample(8, whole=25), deadline=None)
@given(drawn=st.lists(PERSONS, min_size=1, max_size=4))
def test_what_protects_a_person_holds_as_soon_as_it_is_known_and_where_one_content_says_so(drawn: list) -> None:
    events = [
        event("person", f"e{i}", version, **birth, deceased_at=died, is_treatment_engaged=engaged, event_time=reported)
        for i, (version, birth, died, engaged, reported) in enumerate(drawn)
    ]
    latest = [content for content in drawn if content[0] == max(version for version, *_ in drawn)]
    ages = [years_old(birth) for _, birth, *_ in latest]
    with TemporaryDirectory() as folder:
        keep(Path(folder) / "store.duckdb", events)
        with known(Path(folder) / "store.duckdb") as view:
            columns = "birth_date, birth_year, deceased_at, is_treatment_engaged"
            ((born_on, born_in, died, engaged),) = rows(view, f"SELECT {columns} FROM person_snapshot")
    age = years_old({"birth_date": born_on} | ({"birth_year": born_in} if born_in else {}))
    is_child, is_unknown = any(a is not None and a < 18 for a in ages), None in ages
    assert age == (min(a for a in ages if a is not None) if is_child or not is_unknown else None)
    assert died == min((content[2] for content in drawn if content[2]), default=None)
    assert engaged >= any(content[3] for content in latest)


def test_treatment_that_ended_after_as_of_still_went_on_and_consent_that_was_taken_back_is_none(path: Path) -> None:
    in_treatment = {"is_treatment_consented": True, "is_treatment_engaged": True}
    over = {"is_treatment_consented": False, "is_treatment_engaged": False}
    keep(path, [event("person", "e1", **in_treatment), event("person", "e2", 2, **over, **LATER)])
    sql = "SELECT is_treatment_consented, is_treatment_engaged FROM person_snapshot"
    with known(path) as view:
        assert rows(view, sql) == [(False, True)]
    with known(path, as_of=NOON + 2 * DAY) as view:
        assert rows(view, sql) == [(False, False)]


def treated(version: int, days: int, engaged: bool | None, consented: bool = True) -> dict[str, Any]:
    fields = {"is_treatment_consented": consented, "is_treatment_engaged": engaged}
    return event("person", f"t{version}", version, event_time=NOON - days * DAY, **fields)


@pytest.mark.parametrize(
    ("reports", "states"),
    [
        ([treated(1, 9, True), treated(2, 5, False)], [(9, True), (5, False)]),
        ([treated(1, 9, True), treated(2, 5, False, consented=False)], []),  # nothing is kept of who takes it back
        ([treated(1, 9, True), treated(2, 5, False, consented=False), treated(3, 2, True)], [(9, True), (2, True)]),
        ([treated(1, 9, True), treated(2, 9, False)], [(9, False)]),  # a mistake that was corrected
        ([treated(1, 5, False), treated(2, 9, True)], [(9, True)]),
        ([treated(1, 9, True), treated(2, 5, None)], [(9, True)]),  # not stated is not left
    ],
)
def test_treatment_is_told_of_those_who_consent_today_and_as_last_corrected(
    path: Path, reports: list[dict[str, Any]], states: list[tuple[int, bool]]
) -> None:
    keep(path, reports)
    with known(path) as view:
        found = rows(view, 'SELECT "at", is_engaged FROM treatment_snapshot ORDER BY "at"')
    assert found == [(NOON - days * DAY, engaged) for days, engaged in states]


@pytest.mark.parametrize("ended", ["executed", "recalled"])
def test_a_warrant_has_ended_as_soon_as_that_is_known_and_not_before(path: Path, ended: str) -> None:
    keep(path, [event("warrant", "e1")], [event("warrant", "e2", 2, status=ended, **LATER)], step=DAY)
    for known_at, status in ((NOON, "outstanding"), (NOON + DAY, ended)):
        with known(path, known_at=known_at) as view:
            assert rows(view, "SELECT version, status FROM warrant_snapshot") == [(1, status)]


@pytest.mark.sampled
@settings(max_examples=sample(8, whole=20), deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["outstanding", "executed", "recalled"]), st.booleans()),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_a_warrant_is_outstanding_only_where_nothing_ended_it(drawn: list[tuple[int, str, bool]]) -> None:
    versions = [
        event("warrant", f"e{i}", version, status=status, event_time=NOON + DAY if is_later else None)
        for i, (version, status, is_later) in enumerate(drawn)
    ]

    def is_live(among: list[tuple[int, str, bool]]) -> bool:
        last = max(version for version, *_ in among)
        return all(status == "outstanding" for version, status, _ in among if version == last)

    past = [content for content in drawn if not content[2]]
    with TemporaryDirectory() as folder:
        keep(Path(folder) / "store.duckdb", versions)
        with known(Path(folder) / "store.duckdb") as view:
            found = rows(view, "SELECT status = 'outstanding' FROM warrant_snapshot")
    assert found == ([(is_live(drawn) and is_live(past),)] if past else [])


@pytest.mark.parametrize("birth", [{"birth_date": date(2010, 1, 1)}, {"birth_date": date(1980, 1, 1)}])
def test_a_corrected_birth_date_holds_at_every_as_of_once_known_and_not_before(path: Path, birth: dict) -> None:
    keep(path, [event("person", "e1")], [event("person", "e2", 2, **birth, **LATER)], step=DAY)
    for as_of in (NOON - 9 * DAY, NOON, NOON + 9 * DAY):
        with known(path, as_of=as_of) as view:
            assert rows(view, "SELECT birth_date FROM person_snapshot") == [(birth["birth_date"],)]
        with known(path, as_of=as_of, known_at=NOON) as view:
            assert rows(view, "SELECT birth_date FROM person_snapshot") == [(date(1990, 1, 1),)]


def test_the_future_of_a_person_is_unknown_but_for_a_death(path: Path) -> None:
    keep(
        path,
        [
            event("person", "e1", deceased_at=NOON),
            event("custody", "e2", custody_to=NOON),
            event("custody", "e3", custody_from=NOON - 9 * DAY, custody_to=NOON - DAY),
            event("custody", "e4", custody_from=NOON),
            event("warrant", "e5", issued_at=NOON),
        ],
    )
    with known(path) as view:
        assert rows(view, "SELECT deceased_at FROM person_snapshot") == [(NOON,)]
        assert rows(view, "SELECT custody_to FROM custody_snapshot ORDER BY custody_from") == [(NOON - DAY,), (None,)]
        assert rows(view, "FROM warrant_snapshot") == []


def test_the_tables_have_the_columns_of_the_contract(path: Path) -> None:
    keep(path, [event(entity, f"{entity}-1") for entity in ROWS])
    left_out = {field.name for field in ENVELOPE} | {"involvements"}
    with known(path) as view:
        for entity, schema in SCHEMAS.items():
            found = view.connection.execute(f"FROM {entity}_snapshot").to_arrow_table().column_names
            recorded = {"action": ["recorded_at", "revised_at"], "same_person": ["recorded_at"]}.get(entity, [])
            assert found == [name for name in schema.names if name not in left_out] + ["event_time", *recorded]
            assert len(frame(view.connection, f"FROM {entity}_snapshot")) == 1


def test_the_store_may_be_written_while_the_known_is_read(path: Path) -> None:
    keep(path, [event("incident", "e1")])
    with known(path) as view:
        keep(path, [event("incident", "e2", incident_id="i2")], at=NOON + DAY)
        assert rows(view, "SELECT incident_id FROM incident_snapshot") == [("i1",)]


def test_known_at_is_when_the_store_last_learnt_something(path: Path) -> None:
    keep(path, [event("incident", "e1")], [event("incident", "e1")], step=DAY)
    assert resolve_known_at(path, KEY, wait_s=0) == NOON
    assert resolve_known_at(path, KEY, NOON - DAY, wait_s=0) == NOON - DAY


def test_an_empty_missing_or_naive_request_names_the_way_out(path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; load or ingest"):
        known(path)
    keep(path)
    with pytest.raises(StoreError, match="holds no events yet"):
        known(path)
    with pytest.raises(StoreError, match="with a zone"):
        known(path, as_of=datetime(2026, 1, 1))


EVENTS = [
    event("incident", "e1", involvements=[{"person_id": "p1", "role": "suspect"}]),
    event("incident", "e2", 2, offence_code="arson"),
    event("incident", "e3", 2, offence_code="rape", involvements=[{"person_id": "p2", "role": "victim"}]),
    event("incident", "e3", 2, offence_code="robbery"),
    event("incident", "e4", incident_id="i2", event_time=NOON - DAY),
    event("incident", "e4", incident_id="i2", event_time=NOON - 2 * DAY),
    event("incident", "e4", incident_id="i2", event_time=None),
    event("incident", "e5", 3, incident_id="i3", status="cancelled"),
    event("incident", "e6", 3, incident_id="i3", status="amended"),
    event("person", "e1", is_treatment_engaged=True),
    event("person", "e2", birth_date=None),
    event("person", "e2", 2, event_time=NOON + DAY),
    event("same_person", "e1", same_person_id="p3"),
    event("same_person", "e2", 2, same_person_id="p3", status="parted"),
    event("same_person", "e3", 2, same_person_id="p3"),
    event("custody", "e1"),
    event("custody", "e2", custody_to=NOON - DAY),
    event("warrant", "e1", status="executed"),
    event("warrant", "e2"),
    event("action", "e1"),
    event("staffing", "e1", available_hours=2.0),
    event("staffing", "e2"),
]
VIEWS = [*(f"{entity}_snapshot" for entity in SCHEMAS), "involvement_snapshot"]


CHOSEN = {"same_person_snapshot": "SELECT * EXCLUDE (recorded_at)"}  # when a pair became known is of its batch


def tables(batches: Sequence[Sequence[Event]]) -> dict[str, list[tuple]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        keep(path, *batches)
        with known(path) as view:
            return {name: rows(view, f"{CHOSEN.get(name, '')} FROM {name} ORDER BY ALL") for name in VIEWS}


EXPECTED = tables([EVENTS])


@pytest.mark.sampled
@settings(max_examples=sample(3, whole=8))
@given(data=st.data())
def test_order_batches_and_repeats_of_events_change_nothing(data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(EVENTS), max_size=6))
    events = data.draw(st.permutations([*EVENTS, *repeats]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    batches = [events[low:high] for low, high in pairwise([0, *cuts, len(events)])]
    assert tables(batches) == EXPECTED


def test_who_was_erased_is_in_no_table_whatever_the_clocks(path: Path) -> None:
    """Each role, stay, warrant, visit and the register; what is left of others stays."""
    involved = [{"person_id": name, "role": role} for name in ("p1", "p2") for role in ("suspect", "victim")]
    people = [("person", 1), ("custody", 2), ("warrant", 3)]
    events = [event(entity, f"{name}{n}", person_id=name) for entity, n in people for name in ("p1", "p2")]
    events = [
        (entity, {**row, "warrant_id": f"w{row['person_id']}"}) if entity == "warrant" else (entity, row)
        for entity, row in events
    ]
    visits = [event("action", f"x{name}", action_id=name, subject_person_id=name) for name in ("p1", "p2")]
    keep(path, [*events, *visits, event("incident", "i1", involvements=involved)])
    with open_store(path, KEY, wait_s=0) as store:
        store.erase_person(HumanEvent("erased", "M. Ito", "person", "p1", NOON, {"reason": "court order seven"}))
    with known(path, known_at=NOON) as view:
        tables = {
            "involvement": "person_id",
            "person": "person_id",
            "custody": "person_id",
            "warrant": "person_id",
            "action": "subject_person_id",
        }
        left = {
            table: set(rows(view, f"SELECT DISTINCT {column} FROM {table}_snapshot"))
            for table, column in tables.items()
        }
    assert left == {key: {("p2",)} for key in tables}
