"""A large city: bulk load beside DuckDB's own copy, and seconds and memory of the daily run, at a size and at its half.

`make bench` prints what docs/benchmarks.md reports; `HARMSPOT_BENCH_INCIDENTS` names another size than ten million.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.database import attach, connect
from tests.bench.large_city import AS_OF, write_city

INCIDENTS = int(os.environ.get("HARMSPOT_BENCH_INCIDENTS", 10_000_000))
HARMSPOT = Path(sys.executable).parent / "harmspot"

pytestmark = pytest.mark.bench


class Cost(NamedTuple):
    """What a child process took: seconds by the wall clock, of processor time, and its peak of memory."""

    wall_s: float
    cpu_s: float
    peak_gb: float
    output: str

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s ({self.cpu_s:.1f} s of processor time, peak {self.peak_gb:.2f} GB)"


def harmspot(folder: Path, *arguments: str) -> Cost:
    """Run a command in a child of its own, so that nobody else's memory is counted."""
    command = [str(HARMSPOT), "--home", str(folder / "home"), "--config", str(folder / "config.yaml"), *arguments]
    began = time.perf_counter()
    with (folder / "output").open("w+") as output, (folder / "said").open("w+") as said:
        child = subprocess.Popen(command, stdout=output, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, (folder / "said").read_text()[-2000:]
    text = (folder / "output").read_text()
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6, text)


def copy_seconds(folder: Path) -> float:
    """Seconds of DuckDB's own CREATE TABLE AS of the file into an encrypted file, from opening to closing it."""
    began = time.perf_counter()
    connection = connect(folder / "spill")
    attach(connection, folder / "copy.duckdb", "a key", alias="copy")
    source = {"path": str(folder / "incidents.parquet")}
    connection.execute("CREATE TABLE copy.incident AS SELECT * FROM read_parquet($path)", source)
    connection.close()
    seconds = time.perf_counter() - began
    (folder / "copy.duckdb").unlink()
    return seconds


def measure(folder: Path, incidents: int) -> Cost:
    """Write a city, load it, do its daily run; print what each took, and return the run's cost."""
    write_city(folder, incidents)
    copied_s = min(copy_seconds(folder) for _ in range(2))
    loaded = harmspot(folder, "load", str(folder / "incidents.parquet"))
    print(f"\n{incidents:,} incidents: copy {copied_s:.2f} s, load {loaded}: {loaded.wall_s / copied_s:.2f} times")
    print(f"events of people and staffing: {harmspot(folder, 'load', str(folder / 'events'))}")
    ran = harmspot(folder, "run", "--as-of", str(AS_OF), "--without-prefect", "--json")
    summary = json.loads(ran.output)
    print(f"run: {summary['seconds']:.1f} s inside, {ran}")
    return ran


def test_a_large_city_and_one_of_half_its_size(tmp_path: Path) -> None:
    half, whole = (measure(tmp_path / str(n), n) for n in (INCIDENTS // 2, INCIDENTS))
    print(f"twice the data: {whole.wall_s / half.wall_s:.2f} times the seconds, {whole.cpu_s / half.cpu_s:.2f} of CPU")
