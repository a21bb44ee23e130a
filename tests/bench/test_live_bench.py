"""What live figures add to a batch of 200 and of 1,000 events, beside 50,000 known incidents and beside millions.

`python -m pytest tests/bench/test_live_bench.py -m bench -s` prints what docs/benchmarks.md reports;
HARMSPOT_BENCH_KNOWN names another number than five million. Nine events in ten are new; the tenth amends or cancels an
incident that is known.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import new_decoder
from flows.ingest.live import start_live, write_live
from pipeline.events.batch import DecodedBatch, Record
from pipeline.messages.outbox import OutboxMessage
from pipeline.store.interface import Store
from pipeline.store.session import StoreSession
from tests.bench.large_city import AS_OF, OFFENCES, write_city
from tests.bench.test_scale_bench import harmspot

KNOWN = int(os.environ.get("HARMSPOT_BENCH_KNOWN", 5_000_000))
SMALL, BATCHES = 50_000, 7
CLOCK = datetime(2026, 1, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.bench


def city_with_a_run(folder: Path) -> Home:
    """Return the home of a city of 50,000 incidents and 500 areas with a daily run."""
    write_city(folder, SMALL, people=1000)
    harmspot(folder, "load", str(folder / "incidents.parquet"))
    harmspot(folder, "load", str(folder / "events"))
    harmspot(folder, "run", "--as-of", str(AS_OF), "--without-prefect", "--json")
    return open_city(folder)


def open_city(folder: Path) -> Home:
    """Return the home an hour after the run's clock."""
    return Home(folder / "home", folder / "config.yaml", clock=CLOCK, progress=lambda text: None)


def enlarge(home: Home, known: int) -> None:
    """Store the loaded incidents again and again under other ids, as of the same batch, until so many are known."""
    with open_home_store(home) as store:
        for copy in range(1, known // SMALL):
            store._connection.execute(
                """INSERT INTO store.incident_version
                SELECT * REPLACE (
                    incident_id || 'x' || $copy AS incident_id,
                    event_id || 'x' || $copy AS event_id,
                    occurred_at - to_minutes(CAST($copy AS INTEGER)) AS occurred_at
                )
                FROM store.incident_version WHERE event_source = 'large-city' AND incident_id NOT LIKE '%x%'""",
                {"copy": copy},
            )


def batches(home: Home, known: pd.DataFrame, rows: int, seed: int) -> Iterator[DecodedBatch]:
    """Yield batches of new incidents and of corrections at the city's own points."""
    rng, decoder = np.random.default_rng([rows, seed]), new_decoder(home)
    codes, chance = list(OFFENCES), np.array(list(OFFENCES.values()))
    for batch in range(BATCHES):
        at = known.iloc[rng.integers(0, len(known), rows)]
        offences = rng.choice(codes, rows, p=chance / chance.sum())
        yield decoder.decode(
            [
                record(f"n{seed}-{rows}-{batch}-{i}" if i % 10 else row.event_id, row, offence, i)
                for i, (row, offence) in enumerate(zip(at.itertuples(), offences, strict=True))
            ]
        )


def record(incident_id: str, row: Any, offence: str, number: int) -> Record:
    data = {"incident_id": incident_id, "version": 1 + time.time_ns(), "occurred_at": "2026-01-01T11:00:00Z"}
    data |= {"status": "cancelled" if number % 20 == 0 else "recorded", "offence_code": offence, "discovery": "public"}
    data |= {"location": {"lon": row.lon, "lat": row.lat}}
    kind = {"specversion": "1.0", "type": "harmspot.incident.recorded.v1", "source": "bench"}
    return Record(
        "incidents", 0, number, json.dumps({**kind, "id": f"{incident_id}@{data['version']}", "data": data}).encode()
    )


class Watch:
    """Milliseconds by the wall clock and of processor time: the second is what a busy machine changes little."""

    def __init__(self) -> None:
        self.spent: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def over(self, step: str) -> Iterator[None]:
        began = time.perf_counter(), time.process_time()
        yield
        self.spent.setdefault(step, []).append(
            (1000 * (time.perf_counter() - began[0]), 1000 * (time.process_time() - began[1]))
        )

    def __str__(self) -> str:
        """Return the medians, without the first batch."""
        medians = {step: np.median(spent[1:], axis=0) for step, spent in self.spent.items()}
        return ", ".join(f"{step} {wall:.0f} ms ({cpu:.0f} of CPU)" for step, (wall, cpu) in medians.items())


def measure(home: Home, points: pd.DataFrame, known: int, seed: int) -> None:
    """Print what live figures, the rest of a commit and writing the file take, medians."""
    began = time.perf_counter()
    live = start_live(home)
    assert live is not None
    print(f"\n{known:,} known incidents: live figures start in {time.perf_counter() - began:.1f} s")
    with closing(live), StoreSession(home.store, home.key, wait_s=5) as session:
        for rows in (200, 1_000):
            watch = Watch()

            def tell(store: Store, watch: Watch = watch) -> list[OutboxMessage]:
                with watch.over("live"):
                    return live.tell(store)

            for decoded in batches(home, points, rows, seed):
                with watch.over("all"), session.opened() as store:
                    store.commit(decoded, source="bench", ingested_at=home.now(), next_offsets={}, tell=tell)
                    with watch.over("file"):
                        write_live(home, live)
            for decoded in batches(home, points, rows, seed + 1):
                with watch.over("without live"), session.opened() as store:
                    store.commit(decoded, source="bench", ingested_at=home.now(), next_offsets={})
            print(f"  batches of {rows:,}: {watch}; load {os.getloadavg()[0]:.1f}")


def test_a_live_batch_beside_few_and_many_known_incidents(tmp_path: Path) -> None:
    home = city_with_a_run(tmp_path)
    points = pd.read_parquet(tmp_path / "incidents.parquet", columns=["event_id", "lon", "lat"])
    measure(home, points, SMALL, 1)
    enlarge(home, KNOWN)
    measure(home, points, KNOWN, 2)
