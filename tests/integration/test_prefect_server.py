"""A home's Prefect server: it ends with its run, however that ends, and the run never imports it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import pytest

from flows.schedule.prefect_server import PrefectServerError, prefect_server

pytestmark = pytest.mark.integration

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
