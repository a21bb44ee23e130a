"""The environment and the processes of a home's Prefect server, without Prefect."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.home.served import is_served, only_schedule
from flows.schedule import prefect_server as room
from flows.schedule.prefect_server import PrefectServerError, prefect_server
from pipeline.errors import StoreBusyError

# In place of the server: a process that ends when its standard input does.
IDLE = [sys.executable, "-c", "import sys; sys.stdin.read()"]
STARTING = """
import sys
from contextlib import contextmanager
from flows.command import main
from flows.schedule import prefect_server

@contextmanager
def server(*_, **__):
    print([name for name in sys.modules if name.partition(".")[0] == "prefect"])
    raise KeyboardInterrupt
    yield

prefect_server.prefect_server = server
main()
"""
STUBBORN = """
import signal
from flows.schedule import server_process
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server_process.STOP_TIMEOUT_S = 0.1
server_process.end_with_parent()
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """The processes started in place of servers, in an environment without Prefect's variables."""
    for name in [name for name in os.environ if name.startswith("PREFECT_") or name == "DO_NOT_TRACK"]:
        monkeypatch.delenv(name)
    processes: list[subprocess.Popen[bytes]] = []

    def start(*_: object) -> "subprocess.Popen[bytes]":
        processes.append(subprocess.Popen(IDLE, stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(room, "_start", start)
    return processes


def test_a_second_home_in_the_same_process_has_its_own_folder(
    tmp_path: Path, started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "INFO")
    before = os.environ.copy()
    for name in ("a", "b"):
        with prefect_server(tmp_path / name):
            assert os.environ["PREFECT_HOME"] == str(tmp_path / name / "prefect")
            assert os.environ["PREFECT_API_URL"].startswith("http://127.0.0.1:")
            assert os.environ["PREFECT_LOGGING_LEVEL"] == "INFO"
        assert os.environ == before
    assert [server.returncode for server in started] == [0, 0]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[str]:
    """The address, kept in the home, of what answers as a Prefect server does."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "prefect").mkdir()
        (tmp_path / "prefect" / "server.url").write_text(root := f"http://127.0.0.1:{server.server_port}")
        yield root
        server.shutdown()


def test_a_run_uses_the_server_of_a_living_schedule_and_starts_none_beside_it(
    tmp_path: Path, answering: str, started: list["subprocess.Popen[bytes]"]
) -> None:
    before = os.environ.copy()
    with only_schedule(tmp_path), prefect_server(tmp_path) as wait_for_server:
        assert wait_for_server() == f"{answering}/api" == os.environ["PREFECT_API_URL"]
    assert (os.environ, started) == (before, [])
    with prefect_server(tmp_path):  # the schedule has ended, and its server is about to
        assert not os.environ["PREFECT_API_URL"].startswith(answering)
    assert len(started) == 1


def test_a_schedule_waits_for_the_server_of_a_killed_one_to_end(
    tmp_path: Path, answering: str, started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STOP_TIMEOUT_S", 0.2)
    with pytest.raises(PrefectServerError, match="does not end"), prefect_server(tmp_path, is_scheduling=True):
        pass
    (tmp_path / "prefect" / "server.url").write_text("http://127.0.0.1:9")
    with prefect_server(tmp_path, is_scheduling=True):
        assert (tmp_path / "prefect" / "server.url").exists()
    assert not (tmp_path / "prefect" / "server.url").exists()
    assert len(started) == 1


def test_one_schedule_serves_a_home(tmp_path: Path) -> None:
    assert is_served(tmp_path) is None
    with only_schedule(tmp_path):
        assert is_served(tmp_path)
        with pytest.raises(StoreBusyError, match="one is enough"), only_schedule(tmp_path):
            pass
    assert is_served(tmp_path) is False


def test_the_server_is_stopped_even_if_its_last_events_cannot_be_sent(
    tmp_path: Path, started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("not sent")

    monkeypatch.setattr(room, "_send_events", fail)
    before = os.environ.copy()
    with pytest.raises(OSError, match="not sent"), prefect_server(tmp_path):
        pass
    assert os.environ == before
    assert [server.returncode for server in started] == [0]


def test_a_server_that_has_to_be_killed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STOP_TIMEOUT_S", 0.1)
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE)
    room._stop(server)
    assert server.returncode == -9


def test_a_server_whose_shutdown_hangs_does_not_outlive_its_parent() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", STUBBORN], stdin=subprocess.DEVNULL, check=False, timeout=60)
    assert done.returncode == 1
    assert time.monotonic() - began < 30


def test_a_schedule_imports_prefect_only_once_its_address_is_set(
    loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    """Prefect reads its settings when it is imported, and would else start a server of its own."""
    home = loaded_home(tmp_path / "home")
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "schedule"]
    done = subprocess.run([sys.executable, "-c", STARTING, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
