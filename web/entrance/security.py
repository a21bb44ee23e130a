"""The defence of every request: hosts, sizes, slow bodies, rates, forged forms, and the headers of every answer."""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from threading import Lock

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.home import log

HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)  # nothing else, which a link would lead to
MOST_BYTES = 8 * 2**20  # of a body: a report that is signed; a form has a few hundred
MOST_OPEN_BYTES = 2**14  # of a body of whoever has not signed in
MOST_URL_BYTES = 4096
BODY_S = 10.0  # for a whole body to come in
ATTEMPTS, PER_S = 20, 60.0  # sign-ins and unknown sessions of one address
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src blob:; child-src blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none, a browser would say that a form comes from nowhere
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def log_refusal(scope: Scope, status: int) -> None:
    """Log that a request was refused, but for what a rule said: which address sent it, and nothing that it named."""
    if 400 <= status < 500 and status not in (409, 422):
        address = (scope.get("client") or ("an unknown address",))[0]
        level = logging.INFO if status in (401, 404) else logging.WARNING  # a first visit, an old link
        log.write(f"refused with {status}: a {scope['method']} from {address}", level)


class Guard:
    """Refuses hosts and addresses that no route should see; adds the headers, and `no-store` unless a route differs."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, is_tls: bool, tile_origin: str | None = None) -> None:
        self._app, self._hosts = app, frozenset(hosts)
        more = {"strict-transport-security": "max-age=31536000"} if is_tls else {}
        if tile_origin:
            policy = POLICY.replace("connect-src 'self'", f"connect-src 'self' {tile_origin}")
            more["content-security-policy"] = policy.replace("img-src 'self'", f"img-src 'self' {tile_origin}")
        self._headers = [(name.encode(), value.encode()) for name, value in {**HEADERS, **more}.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0] != b"server"]
                is_said = any(name == b"cache-control" for name, _ in kept)
                stored = [] if is_said else [(b"cache-control", b"no-store")]
                log_refusal(scope, message["status"])
                message = {**message, "headers": [*kept, *self._headers, *stored]}
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        given = HOST.fullmatch(dict(scope["headers"]).get(b"host", b"").decode("latin-1"))
        if not given or given[1].strip("[]").lower() not in self._hosts:
            return PlainTextResponse("This board does not answer to that host name.", 400)
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MOST_URL_BYTES:
            return PlainTextResponse("The address is too long.", 414)
        return None


class Bodies:
    """Reads a whole body before anything else does: a small one of whoever has not signed in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body, or refuse a body that is too large or comes too slowly."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_BYTES if scope.get("harmspot.visitor") else MOST_OPEN_BYTES
        too_large = PlainTextResponse(f"The form is too large: {most:,} bytes at most.", 413)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            await too_large(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(_whole(receive, most), BODY_S)
        except TimeoutError:
            await PlainTextResponse("The form came too slowly.", 408)(scope, receive, send)
            return
        if body is None:
            await too_large(scope, receive, send)
            return
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replay() -> Message:
            return next(messages, None) or await receive()

        await self._app(scope, replay, send)


async def _whole(receive: Receive, most: int) -> bytes | None:
    """Return the body; None where it is too large."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return body


class Attempts:
    """Counts attempts by address; too many within a minute are refused before anything is looked up."""

    def __init__(self) -> None:
        self._lock, self._seen = Lock(), defaultdict[str, deque[float]](deque)

    def is_too_many(self, address: str) -> bool:
        """Count an attempt, and return whether it is one too many."""
        now = time.monotonic()
        with self._lock:
            if len(self._seen) > 10_000:
                self._seen.clear()
            seen = self._seen[address]
            while seen and seen[0] < now - PER_S:
                seen.popleft()
            if len(seen) >= ATTEMPTS:
                return True
            seen.append(now)
            return False


class Forms:
    """Tokens of forms: each is of one session and one act, and none outlives the process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def token(self, secret: str, path: str) -> str:
        """Return the token of a form of whoever holds `secret` that is sent to `path`."""
        return hmac.new(self._key, f"{secret}\n{path}".encode(), hashlib.sha256).hexdigest()

    def is_genuine(self, given: object, secret: str, path: str) -> bool:
        """Return whether a token is that of the form."""
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self.token(secret, path).encode())
