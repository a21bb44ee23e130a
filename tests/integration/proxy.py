"""A TCP proxy on loopback that can cut every connection through it, or hold them without a word."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 1 << 16


class Proxy:
    """Passes connections to `port` on to `target_port`; `cut` ends those there are, `is_open` decides over new ones."""

    def __init__(self, port: int, target_port: int) -> None:
        self.is_open = True
        self._target_port = target_port
        self._sockets: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """End every connection as a pulled cable would; return how many there were."""
        cut = list(self._sockets)
        for end in cut:
            _end(end)
        return len(cut) // 2

    def hold(self) -> None:
        """Pass nothing on, and say nothing."""
        self._flows.clear()

    def let_go(self) -> None:
        self._flows.set()

    def close(self) -> None:
        _end(self._listener)
        self.let_go()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        try:
            if not self.is_open:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self._target_port), timeout=60)
        except OSError:
            _end(client)
            return
        server.settimeout(None)
        self._sockets |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            self._sockets.discard(end)
            _end(end)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def running_proxy(port: int, target_port: int) -> Iterator[Proxy]:
    proxy = Proxy(port, target_port)
    try:
        yield proxy
    finally:
        proxy.close()
