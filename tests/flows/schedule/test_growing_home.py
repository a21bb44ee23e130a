"""400 daily runs of a small home: nothing grows without a bound that docs/operating.md states."""

from pathlib import Path
from statistics import median

import pytest

from tests.flows.schedule.growing_home import KNOWN_DAYS, grow

RUNS, HISTORY_RUNS = 400, 30
YEAR = 365 - KNOWN_DAYS  # the run from which on a year is on record: figures by day are of the last year
FILES = ("published.duckdb", "restricted.duckdb", "layers", "report.html", "brief")
EFFORT = ("processor_s", "memory_mb")
STORE_MB_A_DAY = 0.05  # of some sixteen events a day, in a file that grows by blocks of 0.26 MB


@pytest.mark.soak
def test_nothing_grows_without_bound(tmp_path: Path) -> None:
    rows = list(grow(tmp_path, RUNS, publication={"history_runs": HISTORY_RUNS}))

    def usual(name: str, first: int) -> float:
        return median(row[name] for row in rows[first : first + HISTORY_RUNS])

    last = RUNS - HISTORY_RUNS
    assert all(usual(name, last) <= 1.1 * usual(name, YEAR) for name in FILES)
    assert all(usual(name, last) <= 1.3 * usual(name, HISTORY_RUNS) for name in EFFORT)
    assert rows[-1]["store.duckdb"] <= 5 + STORE_MB_A_DAY * RUNS
    assert rows[-1]["access.log"] <= 0.003 * RUNS
    named = {*FILES, *EFFORT, "store.duckdb", "access.log", "seconds", "key", "rehearsal", "publication.lock"}
    assert set().union(*rows) <= named | {"last-run.json"}  # no other file came up
