"""A small server for whoever watches: `/metrics` for Prometheus, `/livez` and `/readyz` for a supervisor.

`/livez` says that the process answers; `/readyz` that what it needs is there, else 503 and what is missing.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from flows.home.home import Home
from pipeline.errors import HarmspotError, SettingsError
from pipeline.privacy.keys import load_key

LEAST_FREE_BYTES = 1 << 26
Problem = Callable[[], str | None]


def problem_of(home: Home) -> str | None:
    """Return what a home lacks to be worked with: settings, store, key, a folder to write to and room; None if none."""
    try:
        now = Home(home.path, home.config_file, home.clock, home.progress).require()  # nothing is remembered
        _ = now.settings
        load_key(now.path)
        if not os.access(now.path, os.W_OK):
            return f"{now.path} cannot be written to"
        if (free := shutil.disk_usage(now.path).free) < LEAST_FREE_BYTES:
            return f"the disk of {now.path} is full: {free / 1e6:.0f} MB are free"
    except (HarmspotError, OSError) as error:
        return str(error)
    return None


@contextmanager
def serving(host: str, port: int, registry: CollectorRegistry, *problems: Problem) -> Iterator[str]:
    """Answer on host and port while the block runs; yield the address.

    Raises
    ------
    SettingsError
        The port cannot be listened on.
    """
    try:
        server = make_server(host, port, _application(registry, problems), _Server, _Silent)
    except OSError as error:
        raise SettingsError(
            f"--metrics-port {host}:{port}: nobody can listen there ({error.strerror}); choose another port"
        ) from None
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log no request."""


def _application(registry: CollectorRegistry, problems: Iterable[Problem]) -> Any:
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        status, text = "404 Not Found", "there are /metrics, /livez and /readyz"
        if path == "/livez":
            status, text = "200 OK", "alive"
        elif path == "/readyz":
            found = next((said for problem in problems if (said := problem())), None)
            status, text = ("503 Service Unavailable", found) if found else ("200 OK", "ready")
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
        return [f"{text}\n".encode()]

    return answer
