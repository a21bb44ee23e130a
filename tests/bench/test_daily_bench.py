"""Loading and running Philadelphia: a ratio to DuckDB's own copy, and seconds and memory of the daily run.

`make bench` prints what docs/benchmarks.md reports. Nothing is asserted on time: machines differ.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.database import attach, connect

ROOT = Path(__file__).resolve().parents[2]
INCIDENTS = ROOT.parent / "shared" / "data" / "philadelphia_2017_2019.parquet"
HARMSPOT = Path(sys.executable).parent / "harmspot"
REPETITIONS = 3

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


def harmspot(home: Path, *arguments: str) -> str:
    command = [HARMSPOT, "--home", home, "--config", ROOT / "configs" / "philadelphia.yaml", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


def copy_seconds(folder: Path) -> float:
    """Seconds of DuckDB's own CREATE TABLE AS of the file into an encrypted file, from opening to closing it."""
    began = time.perf_counter()
    connection = connect(folder / "spill")
    attach(connection, folder / "copy.duckdb", "a key", alias="copy")
    connection.execute("CREATE TABLE copy.incident AS SELECT * FROM read_parquet($path)", {"path": str(INCIDENTS)})
    connection.close()
    return time.perf_counter() - began


def load_seconds(folder: Path) -> float:
    """Seconds of loading the file through its mapping, from opening the store to closing it."""
    from flows.home.home import Home
    from flows.ingest.ingest import load_file

    home = Home(folder / "home", ROOT / "configs" / "philadelphia.yaml", progress=lambda text: None).ensure()
    mapping = home.settings.ingest.mapping
    began = time.perf_counter()
    counts = load_file(home, INCIDENTS, mapping)
    seconds = time.perf_counter() - began
    assert counts.rows_in == counts.stored + counts.duplicates + counts.merged + counts.dead == 475_019
    return seconds


def test_load_beside_a_plain_copy(tmp_path: Path) -> None:
    pairs = []
    for number in range(REPETITIONS):
        folder = tmp_path / str(number)
        folder.mkdir()
        pairs.append((copy_seconds(folder), load_seconds(folder)))
    copied, loaded = (sorted(times)[REPETITIONS // 2] for times in zip(*pairs, strict=True))
    print(f"\nload: copy {copied:.2f} s, load {loaded:.2f} s, load takes {loaded / copied:.1f} times the copy")


def test_daily_run(tmp_path: Path) -> None:
    harmspot(tmp_path, "load", str(INCIDENTS))
    began = time.perf_counter()
    summary = json.loads(harmspot(tmp_path, "run", "--as-of", "2019-12-01", "--without-prefect", "--json"))
    whole = time.perf_counter() - began
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"\nrun: {summary['seconds']:.1f} s ({whole:.1f} s with start), peak of load and run {peak_gb:.2f} GB")
