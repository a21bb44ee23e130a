"""The Prefect server of a home: a process of its own, used if the user sets no PREFECT_API_URL.

It starts first of all, beside everything that a command does before its first flow. Without an address Prefect would
import its whole server into the process of the run, and start a second one.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from flows.home.served import is_served
from pipeline.errors import HarmspotError

ADDRESS = "PREFECT_API_URL"
START_TIMEOUT = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
STOP_TIMEOUT_S = 15.0
KEPT_DAYS = 30  # flow runs, with their tasks, logs and artifacts; events are kept a week
ROOT_LEVEL = "PREFECT_LOGGING_ROOT_LEVEL"
ANSWER_S = 5.0
URL_FILE = "server.url"


class PrefectServerError(HarmspotError):
    """The Prefect server did not start."""


@contextmanager
def prefect_server(home: Path, *, is_scheduling: bool = False) -> Iterator[Callable[[], str]]:
    """Start the home's Prefect server, yield a function that waits until it answers, and stop it after the block.

    The server listens on loopback, keeps its state and its log in the home, and ends with this process, however that
    ends. The function returns its address. With PREFECT_API_URL set, that server is used and none is started;
    nor beside a `harmspot schedule` that serves the home, whose server is used: two must not share a database.
    Variables that the user has set are kept; the others are unset after the block.

    Parameters
    ----------
    home : Path
        Folder of the home, whose folder `prefect` holds the server's database.
    is_scheduling : bool
        Whether the server runs the scheduler and the web pages, too, which single runs do not need.

    Raises
    ------
    PrefectServerError
        By the yielded function: the server ended, or did not answer in time. At once: that of a schedule that was
        killed does not end.
    """
    folder = (home / "prefect").resolve()
    log = folder / "server.log"
    with ExitStack() as after:  # in reverse order, each step even if another fails
        after.enter_context(_environment(_settings(folder)))
        adopted = None if is_scheduling or not is_served(home) else _answering(folder / URL_FILE)
        if adopted:
            after.enter_context(_environment({ADDRESS: f"{adopted}/api"}))
        if ADDRESS in os.environ:
            yield lambda: os.environ[ADDRESS]
            return
        if is_scheduling:
            _wait_until_it_is_gone(folder / URL_FILE)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            root = f"http://127.0.0.1:{listener.getsockname()[1]}"
            after.callback(_stop, _start(listener, log, is_scheduling))
        if is_scheduling:
            (folder / URL_FILE).write_text(root, encoding="utf-8")
            after.callback((folder / URL_FILE).unlink, missing_ok=True)
        after.enter_context(_environment({ADDRESS: f"{root}/api"}))
        after.callback(_send_events)
        yield partial(_wait_until_it_answers, root, log)


def _answering(url_file: Path) -> str | None:
    """Return the address in a file if a server answers there."""
    if not url_file.exists():
        return None
    root = url_file.read_text(encoding="utf-8")
    try:
        urllib.request.urlopen(f"{root}/api/health", timeout=ANSWER_S).close()
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return root


def _wait_until_it_is_gone(url_file: Path) -> None:
    """Wait for the server of a schedule that was killed: it ends by itself within `STOP_TIMEOUT_S`."""
    deadline = time.monotonic() + 2 * STOP_TIMEOUT_S
    while root := _answering(url_file):
        if time.monotonic() > deadline:
            raise PrefectServerError(
                f"a Prefect server of this home answers on {root} and does not end; end it, then start the schedule"
            )
        time.sleep(0.2)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set those variables that are not set, for the block: another home in this process has its own."""
    absent = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(absent)
    try:
        yield
    finally:
        for name in absent:
            os.environ.pop(name, None)


def _settings(folder: Path) -> dict[str, str]:
    """Return the environment of Prefect, client and server; Prefect reads it when it is imported."""
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        START_TIMEOUT: "90",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEPT_DAYS * 86_400),
        # The command reports an error once; Prefect would add a traceback for every layer.
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        ROOT_LEVEL: "CRITICAL",  # what libraries say through Prefect's handlers, as when a signal ends a run
    }


def _start(listener: socket.socket, log: Path, is_scheduling: bool) -> "subprocess.Popen[bytes]":
    """Start the server on the socket; the other end of its standard input shows it that this process lives."""
    number = listener.fileno()
    command = [sys.executable, "-m", "flows.schedule.server_process", str(number), *["scheduling"][:is_scheduling]]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+b") as output:  # which the server itself keeps short
        # In a session of its own, so that Ctrl-C reaches the run alone, which then stops the server.
        return subprocess.Popen(
            command,
            env={name: value for name, value in os.environ.items() if name != ROOT_LEVEL},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[number],
            start_new_session=True,
        )


def _wait_until_it_answers(root: str, log: Path) -> str:
    """Wait for the answer: the socket is open already, and closes if the server ends."""
    timeout_s = float(os.environ[START_TIMEOUT])
    try:
        urllib.request.urlopen(f"{root}/api/health", timeout=timeout_s).close()
    except (urllib.error.URLError, OSError):
        raise PrefectServerError(
            f"no Prefect server on {root} within {timeout_s:g} s; {log} says why. "
            f"Raise {START_TIMEOUT}, or set {ADDRESS} to a running server"
        ) from None
    return root


def problem_of_server() -> str | None:
    """Return that the Prefect server does not answer, None if it does."""
    try:
        urllib.request.urlopen(f"{os.environ[ADDRESS]}/health", timeout=ANSWER_S).close()
    except (urllib.error.URLError, OSError):
        return f"no Prefect server answers on {os.environ[ADDRESS]}"
    return None


def _send_events() -> None:
    """Wait until Prefect's client has sent what it knows of the tasks."""
    if "prefect.events.worker" in sys.modules:
        from prefect.events.worker import EventsWorker

        EventsWorker.drain_all(timeout=STOP_TIMEOUT_S)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """End the server by closing its standard input."""
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
