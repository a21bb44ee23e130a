"""A local Prefect server for `harmspot schedule`, on loopback, used if the user sets no PREFECT_API_URL.

The ephemeral server that a single run starts runs no scheduler, so cron schedules would never fire on it.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.home.home import Home
from pipeline.errors import HarmspotError

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 15.0


class PrefectServerError(HarmspotError):
    """The Prefect server did not start."""


@contextmanager
def prefect_server(home: Home) -> Iterator[str]:
    """Yield the address of a Prefect API: the user's PREFECT_API_URL, or a server that runs until the block ends."""
    if "PREFECT_API_URL" in os.environ:
        yield os.environ["PREFECT_API_URL"]
        return
    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    home.progress(f"starting a Prefect server on http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = home.path / "prefect" / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_healthy(address, server, log)
        os.environ["PREFECT_API_URL"] = address
        yield address
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise PrefectServerError(
        f"no Prefect server on {address} within {START_TIMEOUT_S:g} s; {log} says why. "
        "Or set PREFECT_API_URL to a running server"
    )
