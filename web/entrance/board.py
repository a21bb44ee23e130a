"""What all pages share: the home, its visitors, pages from templates, and the admission of every act and read."""

import copy
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import pandas as pd
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from flows.home import log
from flows.home.home import Home
from flows.users.admission import marking_reads, refuse_empty_words, refuse_role
from models.places.axes import AXES
from models.users.roles import may
from pipeline.database import DatabaseError
from pipeline.errors import HarmspotError
from pipeline.local_time import reading_in
from pipeline.pages.base import page_environment, read_asset
from pipeline.pages.report import with_axes
from pipeline.privacy.pii_guard import without_people
from pipeline.publication.publish import PUBLISHED, read_places
from pipeline.wording.catalogue import message
from web.entrance.security import Attempts, Forms
from web.entrance.visitors import Visitor, Visitors, version_of_files

COOKIE, NONCE = "harmspot", "harmspot-form"
SESSION_S = 12 * 60 * 60
LATEST = ("run", "area_ranking", "market", "crackdown_plan", "visit_plan")
MEDIA = {"css": "text/css", "js": "text/javascript"}
PAGES = (  # path, name, and the verb whose roles may see it
    ("/", message("Today"), "show"),
    ("/compare", message("Compare"), "show"),
    ("/notices", message("Notices"), "notices list"),
    ("/visits", message("Visits"), "show"),
    ("/operations", message("Operations"), "show"),
    ("/lists", message("Lists of people"), "lists show"),
    ("/audits", message("Audits"), "audit status"),
    ("/record", message("Record"), "show"),
    ("/users", message("Users"), "users list"),
)


Made = TypeVar("Made")


class Board:
    """One home on the board; the settings are those of its start. `tables` returns LATEST of the latest run."""

    def __init__(self, home: Home, *, is_tls: bool = False, address: str | None = None) -> None:
        _ = home.settings, home.key, home.is_rehearsal, home.catalogue  # read once, for all requests
        self.home, self.is_tls, self._address = home, is_tls, address
        self.visitors, self.attempts, self.forms = Visitors(home), Attempts(), Forms()
        self._kept: dict[str, tuple[Any, Any]] = {}
        self.run_warnings: Callable[[], list[str]] = list  # of the latest run, to whoever acts on it
        self.tables: Callable[[], Mapping[str, pd.DataFrame]] = lambda: read_places(home.path, LATEST)
        self.assets = {name: (_short_hash(body), body) for name, body in _assets().items()}

    def fresh_home(self) -> Home:
        """Return the home for one request: who acts, and what is said, are its own."""
        home = copy.copy(self.home)
        home.session, home.is_protecting = None, False
        notes: list[str] = []

        def note(text: str) -> None:
            notes.append(text)
            log.write(text)

        home.progress = note
        home.notes = notes  # type: ignore[attr-defined] # shown on the page
        return home

    @cached_property
    def environment(self) -> Environment:
        """The templates of the board, beside those of the pages."""
        found = page_environment(self.home.settings.force.zone, self.home.catalogue)
        found.loader = ChoiceLoader([PackageLoader("web"), PackageLoader("pipeline.pages")])
        found.globals |= {"asset_url": self.asset_url, "axes": AXES}
        found.filters |= {"q": lambda value: quote(str(value), safe="")}
        return found

    def asset_url(self, name: str) -> str:
        """Return the address of a style sheet or script, which changes with its content."""
        return f"/static/{self.assets[name][0]}/{name}"

    def kept(self, key: str, make: Callable[[], Made]) -> Made:
        """Return what is made of store and publication: again once either has changed, and every ten seconds."""
        home, published = self.home, self.home.path / PUBLISHED

        def stamp() -> tuple[Any, ...]:
            # If the store is in a database: who decides writes the publication, and events show within ten seconds.
            store = home.store_file
            version = version_of_files(store, store.with_name(f"{store.name}.wal"), published)
            return version, int(home.now().timestamp()) // 10

        def known() -> tuple[Any, Any] | None:
            found = self._kept.get(key)
            return found if found and found[0] == stamp() else None

        if not (found := known()):
            with self.visitors.lock:  # somebody else may have made it meanwhile
                if not (found := known()):
                    found = self._kept[key] = (stamp(), make())
        made: Made = found[1]
        return made

    @contextmanager
    def acting(self, visitor: Visitor, *verbs: str, **texts: str | None) -> Iterator[Home]:
        """Yield the home to a visitor whose role may do the verbs; what is refused is logged, what is read is marked.

        Parameters
        ----------
        visitor : Visitor
            Who acts.
        *verbs : str
            Rows of `models.users.roles.MAY`, of which the last is asked for.
        **texts : str or None
            Free texts that are recorded, by name: they must say something and name nobody.
        """
        home = self.fresh_home()
        with self.visitors.lock:
            visitor = self.visitors.as_now(visitor)  # who waited for the lock may have another role by now
            refuse_role(home, visitor.session, verbs)
            refuse_empty_words(texts)
            home.refuse_mentions(texts)
            home.session = None if home.is_rehearsal else visitor.session
            home.apart = self._apart
            with reading_in(lambda: home.settings.force.zone), marking_reads(home, verbs[-1]):
                yield home

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Let others at the home while an act talks to other machines."""
        self.visitors.lock.release()
        try:
            yield
        finally:
            self.visitors.lock.acquire()

    def area_names(self) -> dict[str, str | None]:
        """Return the name of each area of the latest run by its id; None of one without a name."""
        areas = self.tables()["area_ranking"]
        return dict(zip(areas["area_id"], areas["area_name"], strict=True))

    def address(self, request: Request) -> str:
        """Return the address by which browsers reach the board, without a path.

        It is the one that was given at the start, whatever a proxy says; else that which was asked for, by a name that
        the board answers to.
        """
        return self._address or f"{request.url.scheme}://{request.headers['host']}"

    def may(self, visitor: Visitor | None, *verbs: str) -> bool:
        """Return whether the role of a visitor may do the verbs."""
        return visitor is not None and may(visitor.session.role, verbs)

    def visitor_of(self, request: Request) -> Visitor | None:
        """Return who sends a request."""
        found = request.scope.get("harmspot.visitor")
        return found if isinstance(found, Visitor) else None

    def render(self, template: str, **values: Any) -> Markup:
        """Return a part of a page."""
        return Markup(self.environment.get_template(template).render(**values))

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page in its frame, with the forms' tokens of whoever sends the request.

        The frame says what every reader of a run is told first: by default of the latest, else of `warnings`.
        """
        visitor = self.visitor_of(request)
        secret = visitor.secret if visitor else request.scope["harmspot.nonce"]
        frame = {
            "visitor": visitor,
            "is_rehearsal": self.home.is_rehearsal,
            "pages": [page for page in PAGES if self.may(visitor, page[2])],
            "here": request.url.path,
            "token": lambda path: self.forms.token(secret, path),
            "may": lambda *verbs: self.may(visitor, *verbs),
            "force": self.home.settings.force.name,
            "warnings": self._warnings() if visitor and "warnings" not in values else [],
        }
        answer = HTMLResponse(self.environment.get_template(template).render({**frame, **values}), status)
        if not visitor and NONCE not in request.cookies:
            self.set_cookie(answer, NONCE, secret)
        return answer

    def _warnings(self) -> list[str]:
        try:
            return self.run_warnings()
        except (
            HarmspotError,
            OSError,
            DatabaseError,
        ):  # there is none, or it cannot be read: whoever asks for it is told
            return []

    def message(self, request: Request, status: int, title: str, said: str) -> HTMLResponse:
        """Return a page that says one thing."""
        return self.page(request, "message.html.jinja", status=status, title=title, said=without_people(said))

    def set_cookie(
        self, answer: Response, name: str, value: str, max_age: int | None = None, *, is_sent_back: bool = False
    ) -> None:
        """Set a cookie that no script reads and no other site sends, unless it links here and `is_sent_back`."""
        samesite: Literal["lax", "strict"] = "lax" if is_sent_back else "strict"
        answer.set_cookie(name, value, max_age=max_age, httponly=True, samesite=samesite, secure=self.is_tls, path="/")

    def to_sign_in(self, request: Request) -> Response:
        """Send whoever has not signed in to do so, and bring a reader back afterwards."""
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        after = "" if request.method != "GET" or target == "/" else f"?then={quote(target, safe='')}"
        answer = RedirectResponse(f"/sign-in{after}", 303)
        if COOKIE in request.cookies:  # a link from another site brings none, and must not end the session
            answer.delete_cookie(COOKIE, path="/")
        return answer


def new_nonce() -> str:
    """Return a secret of a browser in which nobody has signed in."""
    return secrets.token_urlsafe(32)


def _assets() -> dict[str, bytes]:
    scripts = _folder_of("maplibre") / "srcjs"
    own = resources.files("web") / "static"
    sheets = with_axes(read_asset("report.css"), AXES) + read_asset("plots.css")
    return {
        "board.css": f"{sheets}\n{(own / 'board.css').read_text(encoding='utf-8')}".encode(),
        "board.js": (own / "board.js").read_bytes(),
        "map.js": (own / "map.js").read_bytes(),
        "maplibre-gl.css": (scripts / "maplibre-gl.css").read_bytes(),
        "maplibre-gl.js": (scripts / "maplibre-gl.js").read_bytes(),
    }


def _folder_of(package: str) -> Path:
    """Return the folder of an installed package, whose own code takes seconds to import and is not needed."""
    found = find_spec(package)
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def _short_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
