"""What a stream's micro-batch of 500 new incidents costs in a store of a million incidents, and of four times as many.

`python -m pytest tests/bench/test_commit_bench.py -m bench -s` prints what docs/streaming.md reports.
"""

import json
import time
from pathlib import Path
from statistics import median

import pytest

from flows.home.home import Home
from flows.ingest.ingest import new_decoder
from pipeline.events.batch import DecodedBatch, Record
from pipeline.store.session import StoreSession
from tests.bench.large_city import write_city
from tests.bench.test_scale_bench import harmspot

ROWS, BATCHES = 500, 20

pytestmark = pytest.mark.bench


def batch(home: Home, number: int) -> DecodedBatch:
    return new_decoder(home).decode([incident(number * ROWS + row) for row in range(ROWS)])


def incident(number: int) -> Record:
    data = {"incident_id": f"n{number}", "version": 1, "status": "recorded", "occurred_at": "2025-12-30T11:00:00Z"}
    data |= {"offence_code": "robbery", "discovery": "public"}
    place = {"location": {"lon": -75.1, "lat": 40.0}}
    kind = {"specversion": "1.0", "type": "harmspot.incident.recorded.v1", "source": "bench", "id": f"n{number}@1"}
    return Record("incidents", 0, number, json.dumps({**kind, "data": data | place}).encode())


def kept_s(home: Home, session: StoreSession, decoded: DecodedBatch) -> float:
    """Seconds from opening the store to having closed it."""
    began = time.perf_counter()
    with session.opened() as store:
        counts = store.commit(decoded, source="bench", ingested_at=home.now(), next_offsets={})
    assert counts.stored + counts.duplicates == ROWS
    return time.perf_counter() - began


@pytest.mark.parametrize("incidents", [1_000_000, 4_000_000])
def test_a_batch_into_a_store_of(incidents: int, tmp_path: Path) -> None:
    write_city(tmp_path, incidents, people=1000)
    harmspot(tmp_path, "load", str(tmp_path / "incidents.parquet"))
    home = Home(tmp_path / "home", tmp_path / "config.yaml", progress=lambda text: None)
    with StoreSession(home.store, home.key, wait_s=5) as session:
        first, *later = (kept_s(home, session, batch(home, number)) for number in range(BATCHES))
        again = [kept_s(home, session, batch(home, number)) for number in range(BATCHES // 4)]
    print(
        f"\n{incidents:,} incidents: the first batch {first:.2f} s, each of {len(later)} more {median(later):.3f} s, "
        f"each of {len(again)} sent again {median(again):.3f} s"
    )
