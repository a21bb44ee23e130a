"""The store is a pure function of the set of events: any order, any batches, any repeats, any reader that was stale."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StaleOffsetsError
from pipeline.events.batch import BatchCounts, DecodedBatch
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS
from pipeline.privacy.keys import derive_key
from pipeline.store.session import StoreSession
from pipeline.store.snapshot import open_snapshot
from pipeline.store.store import open_store
from tests.soak import sample

KEY = derive_key(b"k" * 32)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = ("incidents", 0)


def event(incident_id: str, version: int, status: str, offence_code: str) -> dict[str, Any]:
    """An event named after all it says, but for the offence: two that differ in it contradict each other."""
    happened = datetime(2026, 2, 1, tzinfo=UTC) if version < 3 else datetime(2019, 2, 1, tzinfo=UTC)
    return {
        "event_source": "force",
        "event_id": f"{incident_id}@{version}",
        "event_time": None,
        "source_partition": 0,
        "source_offset": 0,
        "incident_id": incident_id,
        "version": version,
        "status": status,
        "occurred_at": happened,
        "occurred_precision": "instant",
        "is_ambiguous_hour": False,
        "offence_code": offence_code,
        "discovery": "public",
        "lon": 1.0,
        "lat": 2.0,
        **dict.fromkeys([field.name for field in SCHEMAS["incident"] if pa.types.is_boolean(field.type)], False),
        "involvements": [{"person_id": f"p_{version}", "role": "suspect"}],
    }


EVENTS = [
    event(incident_id, version, status, offence_code)
    for incident_id in ("a", "b")
    for version, status in ((1, "recorded"), (2, "amended"), (3, "cancelled"))
    for offence_code in ("robbery", "arson")
]


def decoded(rows: list[dict[str, Any]]) -> DecodedBatch:
    tables = {entity: schema.empty_table() for entity, schema in SCHEMAS.items()}
    tables["incident"] = pa.Table.from_pylist(rows, schema=SCHEMAS["incident"])
    return DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())


def keep(door: StoreSession, rows: list[dict[str, Any]], first: int | None, following: int) -> None:
    with door.opened() as store:
        store.commit(
            decoded(rows),
            source="test",
            ingested_at=NOON + timedelta(seconds=following),
            first_offsets={PLACE: first},
            next_offsets={PLACE: following},
        )


def contents(path: Path) -> tuple[list[tuple], list[tuple]]:
    """Every version, and what holds in the end."""
    with open_snapshot(path, KEY, as_of=NOON, wait_s=0) as known:
        latest = known.connection.execute(
            "SELECT incident_id, version, offence_code FROM incident_snapshot ORDER BY ALL"
        )
        held = latest.fetchall()
    with StoreSession(path, KEY, wait_s=0) as door, door.opened() as store:
        rows = store._connection.execute(
            "SELECT event_id, status, occurred_at, offence_code, content_hash FROM store.incident_version ORDER BY ALL"
        ).fetchall()
    return rows, held


@pytest.mark.sampled
@settings(max_examples=sample(4, whole=15))
@given(data=st.data())
def test_any_delivery_of_the_same_events_gives_the_same_store(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8), label="events, some twice")
    order = data.draw(st.permutations(chosen), label="order of delivery")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order))), label="ends of batches") | {len(order)})
    redelivered = data.draw(st.sets(st.sampled_from(cuts)), label="batches that a stale reader brings again")
    with tempfile.TemporaryDirectory() as name:
        delivered, plain = Path(name) / "delivered.duckdb", Path(name) / "plain.duckdb"
        with StoreSession(plain, KEY, wait_s=0) as door:
            keep(door, [row for row in EVENTS if row in chosen], None, 1)
        with StoreSession(delivered, KEY, wait_s=0) as door:
            begun = 0
            for end in cuts:
                rows = order[begun:end]
                keep(door, rows, begun or None, end)
                if end in redelivered:  # a reader that was taken for dead comes back with a batch it read long ago
                    with pytest.raises(StaleOffsetsError, match=r"incidents\[0\]"):
                        keep(door, rows, begun or None, begun + 1)
                begun = end
            with door.opened() as store:
                assert store.offsets() == {PLACE: len(order)}
        assert contents(delivered) == contents(plain)


@pytest.mark.sampled
@settings(max_examples=sample(4, whole=15))
@given(
    batches=st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=5)), min_size=1, max_size=6
    )
)
def test_doors_that_remember_what_they_saw_count_as_one_that_looks_through_the_store(
    batches: list[tuple[int, list[dict[str, Any]]]],
) -> None:
    """Two processes take turns; each remembers its own batches and has to hear of the other's."""
    with tempfile.TemporaryDirectory() as name:
        shared, looked_through = Path(name) / "shared.duckdb", Path(name) / "looked through.duckdb"
        with StoreSession(shared, KEY, wait_s=0) as one, StoreSession(shared, KEY, wait_s=0) as other:
            for which, rows in batches:
                with open_store(looked_through, KEY, wait_s=0) as store:
                    expected = store.commit(decoded(rows), source="test", ingested_at=NOON, next_offsets={})
                assert count((one, other)[which], rows) == expected
        assert contents(shared) == contents(looked_through)


def test_a_door_is_not_fooled_by_a_store_that_came_back_from_a_backup(tmp_path: Path) -> None:
    path, backup = tmp_path / "store.duckdb", tmp_path / "backup"
    with StoreSession(path, KEY, wait_s=0) as door:
        count(door, EVENTS[:2])
        shutil.copy(path, backup)
        count(door, EVENTS[2:4])
        count(door, EVENTS[2:4])  # only now it has taken up its own
        shutil.copy(backup, path)
        with StoreSession(path, KEY, wait_s=0) as another:  # as many rows, and the same number of the batch
            count(another, EVENTS[4:6], NOON + timedelta(seconds=1))
        assert count(door, EVENTS[4:6]).duplicates == 2
        assert count(door, EVENTS[2:4]).stored == 2


def count(door: StoreSession, rows: list[dict[str, Any]], at: datetime = NOON) -> BatchCounts:
    with door.opened() as store:
        return store.commit(decoded(rows), source="test", ingested_at=at, next_offsets={})


def test_a_stale_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with StoreSession(path, KEY, wait_s=0) as door:
        keep(door, EVENTS[:1], None, 1)
        with pytest.raises(StaleOffsetsError, match="read it again"):
            keep(door, EVENTS[1:2], None, 2)
        with door.opened() as store:
            assert len(store.batches()) == 1
            assert store.offsets() == {PLACE: 1}
    assert not path.with_name("store.duckdb.wal").exists()  # whole and closed, though the door's connection lived on
