"""A home's Prefect server: it ends with its run, however that ends, and the run never imports it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path

import pytest

from flows.schedule.prefect_server import KEPT_DAYS, PrefectServerError, prefect_server
from flows.schedule.server_process import keep_short
from tests.soak import sample

pytestmark = pytest.mark.integration
PATIENCE_S = 600

RUN = """
import sys
from pathlib import Path

from flows.schedule.prefect_server import prefect_server

with prefect_server(Path(sys.argv[1])) as wait_for_server:
    from prefect import flow

    wait_for_server()
    flow(name="nothing")(lambda: None)()
    print([name for name in sys.modules if name.startswith("prefect.server")], flush=True)
    sys.stdin.read()
"""


RUNS = """
import sys
from pathlib import Path

from flows.schedule.prefect_server import prefect_server

with prefect_server(Path(sys.argv[1])) as wait_for_server:
    from prefect import flow, task
    from prefect.artifacts import create_markdown_artifact

    @flow(name="harmspot-daily")
    def daily():
        for stage in ("read", "rank", "publish"):
            task(name=stage)(lambda: None)()
        create_markdown_artifact(key="run-summary", markdown="# Run" + " and what it counted" * 100)

    wait_for_server()
    for _ in range(int(sys.argv[2])):
        daily()
    print("done", flush=True)
    sys.stdin.read()
"""


def servers(home: Path) -> list[int]:
    """The processes whose Prefect lives in `home`, told by their environment, save those that have ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"server_process" in command and str(home / "prefect").encode() in environment:
            found.append(int(folder.name))
    return found


@pytest.fixture
def environment() -> Iterator[MutableMapping[str, str]]:
    """The environment without Prefect's variables, as it was again afterwards: the server's block sets some."""
    before = os.environ.copy()
    for name in [name for name in before if name.startswith("PREFECT_")]:
        del os.environ[name]
    yield os.environ
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("is_killed", [True, False])
def test_the_server_ends_with_the_run_which_never_imports_it(tmp_path: Path, migrated: Path, is_killed: bool) -> None:
    shutil.copytree(migrated, tmp_path / "prefect")
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdin and run.stdout
        assert run.stdout.readline() == "[]\n"
        assert len(servers(tmp_path)) == 1
        if is_killed:
            run.kill()
        else:
            run.stdin.close()
        run.wait(60)
    deadline = time.monotonic() + 60 * is_killed
    while servers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not servers(tmp_path)
    assert (tmp_path / "prefect" / "prefect.db").exists()


def test_a_server_that_cannot_start_is_reported_at_once_with_its_log(
    tmp_path: Path, environment: MutableMapping[str, str]
) -> None:
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = "sqlite+aiosqlite:////nowhere/at/all.db"
    with (
        prefect_server(tmp_path) as wait_for_server,
        pytest.raises(PrefectServerError, match=r"server\.log says why"),
    ):
        wait_for_server()
    assert "unable to open database file" in (tmp_path / "prefect" / "server.log").read_text()


def test_the_users_own_server_is_used(tmp_path: Path, environment: MutableMapping[str, str]) -> None:
    environment["PREFECT_API_URL"] = "http://prefect.example/api"
    with prefect_server(tmp_path) as wait_for_server:
        assert wait_for_server() == environment["PREFECT_API_URL"] == "http://prefect.example/api"
    assert environment["PREFECT_API_URL"] == "http://prefect.example/api"
    assert not (tmp_path / "prefect").exists()


def test_the_web_pages_are_told_where_the_api_is(
    tmp_path: Path, migrated: Path, environment: MutableMapping[str, str]
) -> None:
    shutil.copytree(migrated, tmp_path / "prefect")
    with prefect_server(tmp_path, is_scheduling=True) as wait_for_server:
        root = wait_for_server()
        with urllib.request.urlopen(f"{root}/ui-settings", timeout=60) as answer:
            assert json.load(answer)["api_url"] == f"{root}/api" == environment["PREFECT_API_URL"]


def rows_of(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("flow_run", "task_run", "artifact")
        }


OLD = {"flow_run": ["end_time"], "events": ["occurred"], "event_resources": ["occurred", "updated"]}


def let_time_pass(database: Path, days: int) -> None:
    """Make everything in the database as much older."""
    with closing(sqlite3.connect(database)) as connection:
        for table, columns in OLD.items():
            for column in columns:
                connection.execute(f"UPDATE {table} SET {column} = datetime({column}, '-{days} days')")
        connection.commit()


@pytest.mark.sampled
def test_what_runs_leave_with_the_server_is_dropped_after_some_days(tmp_path: Path, migrated: Path) -> None:
    shutil.copytree(migrated, tmp_path / "prefect")
    database, count = tmp_path / "prefect" / "prefect.db", sample(3, whole=40)
    sizes, (earlier, kept) = [], ({}, {})
    for _ in range(sample(2, whole=4)):
        with subprocess.Popen(
            [sys.executable, "-c", RUNS, str(tmp_path), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as runs:
            assert runs.stdin and runs.stdout
            assert runs.stdout.readline() == b"done\n"
            deadline = time.monotonic() + PATIENCE_S
            while rows_of(database)["flow_run"] > count and time.monotonic() < deadline:
                time.sleep(0.2)  # the server drops what is old when it starts
            runs.stdin.close()
        kept = rows_of(database)
        assert kept["flow_run"] == count
        assert earlier in ({}, kept)
        earlier = kept
        sizes.append(database.stat().st_size)
        let_time_pass(database, KEPT_DAYS + 1)
    assert sizes[-1] <= 1.3 * sizes[0], sizes


def test_the_log_of_the_server_keeps_its_newest_lines(tmp_path: Path) -> None:
    with (tmp_path / "server.log").open("a+b") as log:
        for number in range(1000):
            log.write(b"line %d\n" % number)
            log.flush()
            keep_short(log.fileno(), 2000)
    lines = (tmp_path / "server.log").read_text().splitlines()
    assert lines == [f"line {number}" for number in range(1000 - len(lines), 1000)]
    assert 1000 <= (tmp_path / "server.log").stat().st_size <= 2010
