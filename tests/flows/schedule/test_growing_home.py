"""400 daily runs of a small home: nothing grows without a bound that docs/operating.md states."""

from pathlib import Path
from statistics import median

import pytest

from tests.flows.schedule.growing_home import grow

RUNS, HISTORY_RUNS = 400, 30
BOUNDED = ("published.duckdb", "restricted.duckdb", "layers", "report.html", "brief", "processor_s", "memory_mb")
STORE_MB_A_DAY = 0.05  # of some sixteen events a day, in a file that grows by blocks of 0.26 MB


@pytest.mark.soak
def test_nothing_grows_without_bound(tmp_path: Path) -> None:
    rows = list(grow(tmp_path, RUNS, publication={"history_runs": HISTORY_RUNS}))
    early, late = rows[HISTORY_RUNS : 2 * HISTORY_RUNS], rows[-HISTORY_RUNS:]
    for name in BOUNDED:
        assert median(row[name] for row in late) <= 1.3 * median(row[name] for row in early), name
    assert rows[-1]["store.duckdb"] <= 5 + STORE_MB_A_DAY * RUNS
    assert rows[-1]["access.log"] <= 0.003 * RUNS
    named = {*BOUNDED, "store.duckdb", "access.log", "seconds", "key", "rehearsal", "publication.lock", "last-run.json"}
    assert set().union(*rows) <= named  # no other file came up
