"""The process of a home's Prefect server: `python -m flows.schedule.server_process SOCKET_NUMBER [scheduling]`.

It ends as soon as its standard input does, so it outlives the process that started it in no case.
"""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

STOP_TIMEOUT_S = 15.0
MOST_BYTES = 1_000_000  # of the log
LOOK_S = 60.0
VACUUM = "prefect.server.services.db_vacuum"


def end_with_parent() -> None:
    """Wait for the end of standard input, then end this process as Ctrl-C would, or at once if that takes too long."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(1)


def keep_short(descriptor: int, most_bytes: int) -> None:
    """Leave the newest half of a log that has grown beyond a size; it is open for reading and appending."""
    if (size := os.fstat(descriptor).st_size) > most_bytes:
        newest = os.pread(descriptor, most_bytes // 2, size - most_bytes // 2)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, newest[newest.find(b"\n") + 1 :])


def _keep_log_short() -> None:
    with suppress(OSError):  # standard output is no file
        while True:
            keep_short(1, MOST_BYTES)
            time.sleep(LOOK_S)


def _drop_old_runs_in_any_server() -> None:
    """Let a server that lives for one run drop old flow runs as well: Prefect does so in lasting ones alone."""
    from prefect.server.services.perpetual_services import get_perpetual_services

    for service in get_perpetual_services():
        if service.function.__module__ == VACUUM:
            service.run_in_ephemeral = True


def serve(socket_number: int, *, is_scheduling: bool) -> None:
    """Serve Prefect's API on an open socket until the process is ended."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    threading.Thread(target=_keep_log_short, daemon=True).start()
    listener = socket.socket(fileno=socket_number)
    host, port = listener.getsockname()
    # Where the web pages look for the API; Prefect reads it when it is imported, and would else take its usual port.
    os.environ.setdefault("PREFECT_UI_API_URL", f"http://{host}:{port}/api")
    import uvicorn
    from prefect.server.api.server import create_app

    _drop_old_runs_in_any_server()
    app = create_app(ephemeral=not is_scheduling, final=True)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(int(sys.argv[1]), is_scheduling="scheduling" in sys.argv)
