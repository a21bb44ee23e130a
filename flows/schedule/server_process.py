"""The process of a home's Prefect server: `python -m flows.schedule.server_process SOCKET_NUMBER [scheduling]`.

It ends as soon as its standard input does, so it outlives the process that started it in no case.
"""

import os
import signal
import socket
import sys
import threading
import time

STOP_TIMEOUT_S = 15.0


def end_with_parent() -> None:
    """Wait for the end of standard input, then end this process as Ctrl-C would, or at once if that takes too long."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(1)


def serve(socket_number: int, *, is_scheduling: bool) -> None:
    """Serve Prefect's API on an open socket until the process is ended."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    listener = socket.socket(fileno=socket_number)
    host, port = listener.getsockname()
    # Where the web pages look for the API; Prefect reads it when it is imported, and would else take its usual port.
    os.environ.setdefault("PREFECT_UI_API_URL", f"http://{host}:{port}/api")
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=not is_scheduling, final=True)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(int(sys.argv[1]), is_scheduling="scheduling" in sys.argv)
