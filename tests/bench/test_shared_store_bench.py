"""Rows a second that 1, 2 and 4 consumers store at once: in the one file, and in PostgreSQL on the same machine.

`python -m pytest tests/bench/test_shared_store_bench.py -m bench -s` prints what docs/scaling.md reports. Nothing is
asserted on time. HARMSPOT_BENCH_ROWS (200000) says how many rows each round stores; batches are of 5,000.
"""

import multiprocessing
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.events.batch import DecodedBatch
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS, UTC_TIME
from pipeline.privacy.keys import derive_key
from pipeline.shared_store.opening import Place, open_session, open_snapshot, open_store
from pipeline.shared_store.server import Database
from tests.postgresql import PostgresServer

ROWS = int(os.environ.get("HARMSPOT_BENCH_ROWS", "200000"))
BATCH = 5_000
KEY = derive_key(b"k" * 32)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_PROCESSES = multiprocessing.get_context("spawn")

pytestmark = pytest.mark.bench


def batch_of(first: int) -> DecodedBatch:
    """Return new incidents of five years."""
    numbers, schema = range(first, first + BATCH), SCHEMAS["incident"]
    made = np.random.default_rng(first)
    minutes = made.integers(0, 5 * 365 * 24 * 60, BATCH)
    columns = {
        "event_source": ["urn:force:records"] * BATCH,
        "event_id": [f"{number:036d}" for number in numbers],
        "incident_id": [f"INC-{number:012d}" for number in numbers],
        "occurred_at": pa.array([NOW - timedelta(minutes=int(each)) for each in minutes], UTC_TIME),
        "lon": made.uniform(-0.3, 0.1, BATCH),
        "lat": made.uniform(51.3, 51.6, BATCH),
        "status": ["recorded"] * BATCH,
        "occurred_precision": ["instant"] * BATCH,
        "offence_code": ["robbery"] * BATCH,
        "discovery": ["public"] * BATCH,
    }

    def column(field: pa.Field) -> pa.Array:
        if field.name in columns:
            return pa.array(columns[field.name], field.type)
        if field.nullable:
            return pa.nulls(BATCH, field.type)
        return pa.array([False if pa.types.is_boolean(field.type) else 1] * BATCH, field.type)

    incidents = pa.table([column(field) for field in schema], schema=schema)
    tables = {entity: each.empty_table() for entity, each in SCHEMAS.items()} | {"incident": incidents}
    return DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())


def consume(place: Place, consumer: int, batches: int, ready, go) -> None:
    decoded = [batch_of((consumer * batches + number) * BATCH) for number in range(batches)]
    held: int | None = None
    with open_session(place, KEY, wait_s=600, progress=lambda text: None) as session:
        with session.opened() as store:
            store.offsets()
        ready.release()
        go.wait()
        for number, each in enumerate(decoded):
            following = (number + 1) * BATCH
            with session.opened() as store:
                store.commit(
                    each,
                    source="kafka:bench",
                    ingested_at=NOW,
                    first_offsets={("incidents", consumer): held},
                    next_offsets={("incidents", consumer): following},
                )
            held = following


def rate(place: Place, consumers: int) -> float:
    with open_store(place, KEY, wait_s=60):
        pass
    ready, go = _PROCESSES.Semaphore(0), _PROCESSES.Event()
    batches = ROWS // BATCH // consumers
    started = [
        _PROCESSES.Process(target=consume, args=(place, number, batches, ready, go)) for number in range(consumers)
    ]
    for process in started:
        process.start()
    for _ in started:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    for process in started:
        process.join()
        assert process.exitcode == 0
    return consumers * batches * BATCH / (time.perf_counter() - began)


def test_rows_a_second_with_1_2_and_4_consumers(postgresql: PostgresServer, tmp_path: Path) -> None:
    print(f"\nload of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for consumers in (1, 2, 4):
        shared = Database(postgresql.database(), tmp_path)
        by_file = rate(tmp_path / f"{consumers}.duckdb", consumers)
        by_database = rate(shared, consumers)
        print(f"{consumers} consumers: one file {by_file:,.0f} rows/s, PostgreSQL {by_database:,.0f} rows/s")
    began = time.perf_counter()
    with open_snapshot(shared, KEY, as_of=NOW + timedelta(days=1), wait_s=60) as snapshot:
        [(count,)] = snapshot.connection.execute("SELECT count(*) FROM incident_snapshot").fetchall()
    seconds = time.perf_counter() - began
    size = int(
        postgresql.psql(shared.address.rpartition("/")[2], "SELECT pg_total_relation_size('store.incident_version')")
    )
    print(f"read by a run: {1e6 * seconds / count:.1f} s a million; {size / count:.0f} bytes a row with indexes")
