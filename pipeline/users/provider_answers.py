"""Answers of an identity provider, with limits: a provider that fails or is held by somebody else must not hold us.

An answer is refused that sends elsewhere, is too large, is no JSON, or takes too long from the first byte of the
connection on: a limit to each read alone would let one byte at a time go on for ever.
"""

import socket
import time
from contextlib import suppress
from io import BytesIO
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as BrokenOffError
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from pipeline.errors import AccessError

LONGEST_S = 10.0  # of one connection, in all
MOST_BYTES = 2**20


class _Ending(HTTPConnection):
    """A connection that ends by itself LONGEST_S after it began."""

    _end: Timer | None = None
    _open: Any = None

    def connect(self) -> None:
        if self._end:
            self._end.cancel()  # of what it was connected to before
        self._end = Timer(LONGEST_S, self._shut)
        self._end.daemon = True
        self._end.start()
        ends = time.monotonic() + LONGEST_S
        super().connect()
        self._open = self.sock  # an answer that ends the connection takes the socket over
        if time.monotonic() >= ends:  # there was nothing to shut when the time was over
            self._shut()

    def _shut(self) -> None:
        if found := self.sock or self._open:
            with suppress(OSError):  # it has ended
                found.shutdown(socket.SHUT_RDWR)


class _EndingTls(_Ending, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Ending


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _EndingTls


POOLS = {"http": _Pool, "https": _TlsPool}


class LimitedAnswers(HTTPAdapter):
    """Sends requests, and returns no answer beyond the limits; AccessError names the address and the way out."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pools, of connections that end by themselves."""
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        """Return the pools to a proxy, of connections that end by themselves."""
        manager = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        """Send a request and return its whole answer."""
        ends = time.monotonic() + LONGEST_S
        more["stream"] = True
        request.headers["connection"] = "close"  # the limit is that of one connection
        try:
            answer = super().send(request, *args, **more)
            answer.raw = BytesIO(_body(answer))
        except (RequestException, HTTPError, OSError) as error:
            if time.monotonic() < ends:
                raise error if isinstance(error, RequestException) else BrokenOffError(error) from error
        if time.monotonic() >= ends:  # what came may be a part
            raise _refused(request, f"takes longer than {LONGEST_S:g} s: see whether it is overloaded, and try again")
        if why := _problem(answer):
            raise _refused(request, why)
        return answer


def _body(answer: Response) -> bytes:
    """Return the body of an answer, at most a byte more than MOST_BYTES, and let go of the connection."""
    body: bytes = answer.raw.read(MOST_BYTES + 1, decode_content=True)
    answer.raw.close()
    return body


def _problem(answer: Response) -> str | None:
    """Return what is wrong with an answer, and the way out."""
    if 300 <= answer.status_code < 400:
        return "sends elsewhere, where harmspot does not follow: correct web.oidc.issuer to where it answers"
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.ok and kind != "application/json" and not kind.endswith("+json"):
        return "answers no JSON: see whether web.oidc.issuer is the provider, and no page before it"
    if len(answer.content) > MOST_BYTES:
        return f"answers more than {MOST_BYTES:,} bytes: see whether web.oidc.issuer is the provider"
    return None


def _refused(request: PreparedRequest, why: str) -> AccessError:
    address = urlsplit(str(request.url))
    return AccessError(
        f"the identity provider of web.oidc, at {address.scheme}://{address.netloc}{address.path}, {why}"
    )
