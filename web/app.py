"""The application: who is let in, what is served, and what an error says."""

import logging
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.health.home_metrics import HomeMetrics
from flows.health.metrics_server import problem_of
from flows.home import log
from flows.home.home import Home
from pipeline.database import DatabaseError, explained
from pipeline.errors import AccessError, HarmspotError, StoreBusyError
from pipeline.loopback import LOOPBACK
from web import record, today
from web.acts import embargoes, lists, notices, operations, people, users, visits
from web.acts.act import unwritten_status
from web.base_map import BaseMap
from web.day import Days
from web.entrance import sign_in
from web.entrance.board import COOKIE, MEDIA, NONCE, Board, new_nonce
from web.entrance.security import Bodies, Guard, log_refusal
from web.gis.access import needs_token, token_of
from web.gis.service import PATH as MAP_PATH
from web.gis.service import MapService, is_open

UNTOLD = "It cannot be told who asks: the log of the board says why."
OPEN_PATHS = ("/sign-in", "/static/", "/livez", "/readyz", "/metrics")


def create_app(
    home: Home, *, host_names: tuple[str, ...] = (), is_tls: bool = False, address: str | None = None
) -> ASGIApp:
    """Return the board of a home.

    Parameters
    ----------
    home : Home
        The home.
    host_names : tuple of str
        Names to which it answers beside loopback and the host in `address`.
    is_tls : bool
        It answers by TLS itself. Its cookies are then sent by no other way, as with an `address` by https.
    address : str or None
        Address by which browsers reach it, such as https://board.example.org: every link that leaves it begins so.
    """
    public = urlsplit(address or "")
    is_tls = is_tls or public.scheme == "https"
    host_names = (*host_names, public.hostname) if public.hostname else host_names
    board = Board(home, is_tls=is_tls, address=address.rstrip("/") if address else None)
    days = Days(home)
    board.tables = lambda: days.get().tables  # kept while the file stays as it is
    board.run_warnings = lambda: days.get().warnings()
    base = BaseMap(home.settings.web.base_map)
    board.environment.globals["has_base_map"] = home.settings.web.base_map is not None
    app = FastAPI(title="harmspot board", docs_url=None, redoc_url=None, openapi_url=None)
    _add_errors(app, board)
    _add_files(app, board)
    app.include_router(sign_in.routes(board))
    _add_health(app, board, days)
    app.include_router(today.routes(board, days))
    for each in (notices, lists, operations, embargoes, visits, people, users):
        app.include_router(each.routes(board))
    app.include_router(record.routes(board, days))
    app.include_router(base.routes())
    maps = MapService(home, days.get, board.page, board.address).app()
    for path in (MAP_PATH, MAP_PATH + "/{rest:path}"):  # a mount would send whoever asks without the slash elsewhere
        app.router.routes.append(Route(path, maps))
    return Guard(Door(Bodies(app), board), (*LOOPBACK, *host_names), is_tls=is_tls, tile_origin=base.origin)


class Door:
    """Lets through whoever has signed in, and everybody to the few pages that need nobody."""

    def __init__(self, app: ASGIApp, board: Board) -> None:
        self._app, self._board = app, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who sends a request, and pass it on or send it to the sign-in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        cookies = _cookies(request)
        scope["harmspot.nonce"] = cookies.get(NONCE) or new_nonce()
        token = cookies.get(COOKIE)
        if visitor := self._board.visitors.known(token):
            scope["harmspot.visitor"] = visitor
        try:
            answer = None if visitor else await run_in_threadpool(self._visiting, request, token)
        except (HarmspotError, OSError, DatabaseError) as error:
            log.write_error(error)
            answer = PlainTextResponse(UNTOLD, 503)
        try:
            await (answer or self._app)(scope, receive, send)
        except Exception as error:  # it was answered
            log.write_error(error, is_traced=True)

    def _visiting(self, request: Request, token: str | None) -> Response | None:
        """Note the visitor; return the answer to whoever is none and asks for what needs one."""
        board, address = self._board, request.client.host if request.client else ""
        if request.url.path == MAP_PATH or request.url.path.startswith(f"{MAP_PATH}/"):
            return self._reading(token_of(request.headers.get("authorization", "")) or token, address)
        is_open = request.url.path.startswith(OPEN_PATHS)
        if token is not None and not is_open:
            if self._is_one_guess_too_many(token, address):
                return PlainTextResponse("Too many sessions that nobody knows; wait a minute.", 429)
            request.scope["harmspot.visitor"] = board.visitors.visitor(token)
        if is_open or board.visitor_of(request):
            return None
        log_refusal(request.scope, 401)
        return board.to_sign_in(request)

    def _reading(self, token: str | None, address: str) -> Response | None:
        """Return the answer to whoever may not read the map service."""
        board = self._board
        if is_open(board.home):
            return None
        if self._is_one_guess_too_many(token, address):
            return PlainTextResponse("Too many tokens that nobody knows; wait a minute.", 429)
        return None if board.visitors.may_read(token) else needs_token()

    def _is_one_guess_too_many(self, token: str | None, address: str) -> bool:
        """Count a token that nobody ever held, before it is looked up: many may come at once."""
        return self._board.visitors.is_guess(token) and self._board.attempts.is_too_many(address)


def _cookies(request: Request) -> dict[str, str]:
    """Return the cookies; none where they cannot be read."""
    try:
        jar = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _add_files(app: FastAPI, board: Board) -> None:
    """Add the static files."""

    @app.get("/static/{version}/{name}")
    def static(version: str, name: str) -> Response:
        known = board.assets.get(name)
        if known is None or known[0] != version:
            return PlainTextResponse("There is no such file.", 404)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(known[1], media_type=MEDIA[name.rsplit(".", 1)[1]], headers=headers)


def _add_health(app: FastAPI, board: Board, days: Days) -> None:
    """Add what a supervisor of processes asks: alive, and ready to show a run; to this machine alone, metrics and why.

    A stranger, who comes through a proxy or from elsewhere, learns only whether the board is ready.
    """
    registry = CollectorRegistry()
    registry.register(HomeMetrics(board.home))

    @app.get("/livez")
    def livez() -> Response:
        return PlainTextResponse("alive\n")

    @app.get("/readyz")
    def readyz(request: Request) -> Response:
        why = problem_of(board.home)
        try:
            days.get()
        except (HarmspotError, OSError) as error:
            why = why or str(error)
        if why is None:
            return PlainTextResponse("ready\n")
        log.write(f"not ready: {why}", logging.WARNING)
        return PlainTextResponse(f"{why if _is_here(request) else 'no run can be shown'}\n", 503)

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        if not _is_here(request):
            return PlainTextResponse("Metrics are for this machine alone.\n", 403)
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def _is_here(request: Request) -> bool:
    """Return whether a request comes from this machine, and through no proxy."""
    is_forwarded = any(name.startswith("x-forwarded-") or name == "forwarded" for name in request.headers)
    return request.client is not None and request.client.host in LOOPBACK and not is_forwarded


def _add_errors(app: FastAPI, board: Board) -> None:
    """Say errors in words; none names a person or shows code."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        said = {404: "There is nothing at this address.", 405: "This address takes a form alone: go back to its page."}
        return board.message(
            request,
            error.status_code,
            "Not found" if error.status_code == 404 else "Refused",
            said.get(error.status_code, str(error.detail)),
        )

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        del error
        return board.message(request, 422, "Refused", "The address has a parameter that cannot be read.")

    @app.exception_handler(HarmspotError)
    async def expected(request: Request, error: HarmspotError) -> Response:
        status = 503 if isinstance(error, StoreBusyError) else 403 if isinstance(error, AccessError) else 404
        return board.message(request, status, "Refused" if status == 403 else "This cannot be shown", str(error))

    @app.exception_handler(OSError)
    @app.exception_handler(DatabaseError)
    async def unwritten(request: Request, error: Exception) -> Response:
        log.write_error(error)
        why = str(explained(error)) if board.visitor_of(request) else "a file of the board cannot be read or written"
        return board.message(request, unwritten_status(error), "This cannot be shown", why)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        del error  # the door logs it
        return board.message(request, 500, "Something failed", "The log of the board says what.")
