"""Sign-in with a password, as somebody invented, or through an identity provider; and sign-out."""

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from flows.home.home import Home
from flows.users.login import UNKNOWN, refused
from pipeline.errors import AccessError, HarmspotError
from pipeline.users import oidc
from pipeline.wording.catalogue import message
from web.entrance.board import COOKIE, NONCE, SESSION_S, Board
from web.entrance.visitors import INVENTED

PROVIDER, BACK = "/sign-in/provider", "/sign-in/back"
ATTEMPT = "harmspot-attempt"  # cookie of the browser that went to the provider, which must be the one that comes back
ATTEMPT_S = 600.0
MOST_ATTEMPTS = 1000
OLD, MANY = message("This form is too old: try again."), message("Too many attempts; wait a minute.")
NO_ATTEMPT = "the identity provider answers no attempt of this browser, or answers it again: sign in again"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sign-in that waits for the provider."""

    attempt: oidc.Attempt
    secret: str
    purpose: str
    then: str
    ends: float


class Pending:
    """Sign-ins that wait for the provider; each is taken once."""

    def __init__(self) -> None:
        self._lock, self._waiting = Lock(), OrderedDict[str, Waiting]()

    def keep(self, waiting: Waiting) -> None:
        """Keep one, and forget the oldest of too many."""
        with self._lock:
            self._waiting[waiting.attempt.state] = waiting
            while len(self._waiting) > MOST_ATTEMPTS:
                self._waiting.popitem(last=False)

    def take(self, state: str, secret: str) -> Waiting | None:
        """Return the one of a state and a browser, the first time and in time; else None."""
        with self._lock:
            found = self._waiting.pop(state, None)
        is_good = found and secrets.compare_digest(found.secret.encode(), secret.encode())
        return found if found and is_good and time.monotonic() < found.ends else None


def routes(board: Board) -> APIRouter:
    """Return the routes of sign-in and sign-out."""
    router, pending = APIRouter(), Pending()
    settings = board.home.settings.web.oidc
    has_provider = settings.issuer is not None and not board.home.is_rehearsal

    def form(request: Request, status: int = 200, why: str = "", then: str = "/") -> Response:
        names = list(INVENTED.items()) if board.home.is_rehearsal else []
        return board.page(
            request,
            "sign_in.html.jinja",
            status=status,
            why=why,
            then=_inside(then),
            names=names,
            provider=settings.issuer if has_provider else None,
        )

    def refusal(request: Request, home: Home, given: dict[str, str], path: str, then: str) -> Response | None:
        """Return the answer to a form that is not of this browser, or one of too many."""
        if not board.forms.is_genuine(given.get("token"), request.scope["harmspot.nonce"], path):
            return form(request, 403, home.catalogue.text(OLD), then)
        if board.attempts.is_too_many(request.client.host if request.client else ""):
            return form(request, 429, home.catalogue.text(MANY), then)
        return None

    @router.get("/sign-in")
    def ask(request: Request, then: str = "/") -> Response:
        return form(request, then=then)

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        return await run_in_threadpool(enter, request, await _fields(request))

    def enter(request: Request, given: dict[str, str]) -> Response:
        then, home = _inside(given.get("then", "/")), board.fresh_home()
        if answer := refusal(request, home, given, "/sign-in", then):
            return answer
        try:
            token = board.visitors.sign_in(
                home, given.get("name", ""), given.get("password", ""), given.get("purpose", "")
            )
        except HarmspotError as error:
            return form(request, 403, str(error), then)
        answer = RedirectResponse(then, 303)
        board.set_cookie(answer, COOKIE, token, SESSION_S)
        answer.delete_cookie(NONCE, path="/")
        return answer

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        given = await _fields(request)
        visitor = board.visitor_of(request)
        if visitor is None or not board.forms.is_genuine(given.get("token"), visitor.secret, "/sign-out"):
            return board.message(request, 403, "Refused", "This form is not of your session: load the page again.")
        await run_in_threadpool(board.visitors.sign_out, board.fresh_home(), visitor.secret)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    def go_on(request: Request, said: str, address: str) -> Response:
        return board.page(request, "go_on.html.jinja", said=board.home.catalogue.text(said), address=address)

    def to_provider(request: Request, given: dict[str, str]) -> Response:
        then, home, purpose = _inside(given.get("then", "/")), board.fresh_home(), given.get("purpose", "")
        if answer := refusal(request, home, given, PROVIDER, then):
            return answer
        try:
            board.visitors.check_purpose(home, purpose)
            attempt, address = oidc.begin(settings, f"{board.address(request)}{BACK}")
        except HarmspotError as error:
            return form(request, 403, str(error), then)
        secret = secrets.token_urlsafe(32)
        pending.keep(Waiting(attempt, secret, purpose, then, time.monotonic() + ATTEMPT_S))
        # Not a redirect: the policy of content lets forms go to the board alone.
        answer = go_on(request, message("On to the identity provider."), address)
        board.set_cookie(answer, ATTEMPT, secret, int(ATTEMPT_S), is_sent_back=True)
        return answer

    def come_back(request: Request) -> Response:
        home, given = board.fresh_home(), request.query_params
        if board.attempts.is_too_many(request.client.host if request.client else ""):
            return form(request, 429, home.catalogue.text(MANY))
        waiting = pending.take(given.get("state", ""), request.cookies.get(ATTEMPT, ""))
        try:
            if waiting is None or given.get("iss", settings.issuer) != settings.issuer:
                raise refused(home, UNKNOWN, NO_ATTEMPT)
            try:
                vouched = oidc.finish(settings, waiting.attempt, given.get("code", ""))
            except AccessError as error:
                raise refused(home, UNKNOWN, str(error)) from None
            token = board.visitors.sign_in_vouched(home, vouched, waiting.purpose)
        except HarmspotError as error:
            return form(request, 403, str(error))
        # Not a redirect: this answer is to another site, and what a redirect asks for would come without the cookie.
        answer = go_on(request, message("You have signed in."), waiting.then)
        board.set_cookie(answer, COOKIE, token, SESSION_S)
        for name in (NONCE, ATTEMPT):
            answer.delete_cookie(name, path="/")
        return answer

    if has_provider:

        @router.post(PROVIDER)
        async def provider(request: Request) -> Response:
            return await run_in_threadpool(to_provider, request, await _fields(request))

        @router.get(BACK)
        def back(request: Request) -> Response:
            return come_back(request)

    return router


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a short form; none of one that is no such form."""
    try:
        pairs = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:  # too many
        return {}
    return {name: values[-1] for name, values in pairs.items()}


def _inside(target: str) -> str:
    """Return an address of this board, else its first page: a form must not send anybody elsewhere."""
    is_inside = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_inside and "\\" not in target else "/"
