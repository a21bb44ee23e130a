"""Who visits the board: sign-in with the users of the home, or in rehearsals as somebody invented.

The session is that of `harmspot login`: its token is the cookie. Sessions of rehearsals live as long as the process.
"""

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from flows.home.home import Home
from flows.users.admission import marking_reads, refuse_empty_words
from flows.users.login import log_in, log_out, refused, session_of, wait_after_guess
from flows.users.vouched import log_in_vouched
from pipeline.errors import AccessError
from pipeline.users.credentials import token_hash
from pipeline.users.oidc import Vouched
from pipeline.users.session import TOKEN, Session

REHEARSAL = "rehearsal"
# Names that may be chosen on a rehearsal home, with their role there.
INVENTED = {
    "Sgt. A. Bell": "planner",
    "Insp. J. Reyes": "supervisor",
    "Supt. A. Lee": "supervisor",
    "Analyst, M. Ito": "auditor",
    "Clerk, R. Wood": "reader",
}
TOKEN_FORM = re.compile(r"hs_[\w-]{43}")
KEPT_S = 60.0  # for so long the answer about a session is used again, while the file of users stays as it is


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has signed in: the session, and the secret by which the browser is known."""

    session: Session
    secret: str

    @property
    def name(self) -> str:
        """The name under which the visitor acts and reads."""
        return self.session.user_id

    @property
    def purpose(self) -> str:
        """What the visitor said at sign-in to be going to do."""
        return self.session.purpose or ""


class Visitors:
    """The sessions of a home. `lock` is held by whoever opens its store or its users: one thread at a time."""

    def __init__(self, home: Home) -> None:
        self._home, self.lock = home, RLock()
        self._invented: dict[str, Session] = {}
        self._known: dict[str, tuple[tuple[int, ...], float, Session]] = {}

    def sign_in(self, home: Home, name: str, password: str, purpose: str) -> str:
        """Begin a session and return its token; raises as `flows.users.login.log_in`."""
        self.check_purpose(home, purpose)
        if not home.is_rehearsal:
            with self.lock, marking_reads(home, "login"):
                token = log_in(home, name, password, purpose)
            return self._remembered(token, home)
        if name not in INVENTED:
            raise AccessError("choose one of the invented names")
        token = f"hs_{secrets.token_urlsafe(32)}"
        self._invented[token_hash(token)] = Session(name, INVENTED[name], REHEARSAL, purpose)
        return token

    def sign_in_vouched(self, home: Home, vouched: Vouched, purpose: str) -> str:
        """Begin a session of a user for whom a provider vouches; raises as `flows.users.vouched.log_in_vouched`."""
        with self.lock, marking_reads(home, "login"):
            token = log_in_vouched(home, vouched, purpose)
        return self._remembered(token, home)

    def check_purpose(self, home: Home, purpose: str) -> None:
        """Raise AccessError for a purpose that is missing, says nothing or names somebody."""
        refuse_empty_words({"purpose": purpose})
        if not purpose.strip():
            raise AccessError("purpose is missing: say in some words what you are going to do")
        if not home.is_rehearsal:
            with self.lock:
                home.refuse_mentions({"purpose": purpose})

    def visitor(self, token: str | None) -> Visitor | None:
        """Return who holds a token, None where nobody does; an unknown one is logged."""
        session = self._session(token) if token and TOKEN_FORM.fullmatch(token) else None
        if session and session.how == TOKEN:
            with self.lock:
                refused(self._home, session.user_id, "the board is for people, not for services")
            self._known.pop(token_hash(token or ""), None)
            return None
        return Visitor(session, token) if session and token else None

    def may_read(self, token: str | None) -> bool:
        """Return whether somebody holds a token, a service or whoever has signed in; an unknown one is logged."""
        return token is not None and TOKEN_FORM.fullmatch(token) is not None and self._session(token) is not None

    def sign_out(self, home: Home, token: str) -> None:
        """End a session."""
        self._known.pop(token_hash(token), None)
        if self._invented.pop(token_hash(token), None) is None and not home.is_rehearsal:
            with self.lock:
                log_out(home, token)

    def known(self, token: str | None) -> Visitor | None:
        """Return who holds a token, where that was asked a moment ago; None says nothing."""
        session = self._known_session(token_hash(token)) if token and TOKEN_FORM.fullmatch(token) else None
        return Visitor(session, token) if session and token and session.how != TOKEN else None

    def is_remembered(self, token: str) -> bool:
        """Return whether a token was known when it was looked up last: it is no guess, though it may be over."""
        return token_hash(token) in self._known

    def _remembered(self, token: str, home: Home) -> str:
        """Remember a session that has just begun, and return its token; the first request looks it up."""
        assert home.session is not None
        self._known[token_hash(token)] = ((), 0.0, home.session)
        return token

    def _known_session(self, hashed: str) -> Session | None:
        if self._home.is_rehearsal:
            return self._invented.get(hashed)
        known = self._known.get(hashed)
        return known[2] if known and known[:1] == (_version_of(self._home),) and time.monotonic() < known[1] else None

    def _session(self, token: str) -> Session | None:
        hashed, home = token_hash(token), self._home
        if (known := self._known_session(hashed)) or home.is_rehearsal:
            return known
        version, now = _version_of(home), time.monotonic()
        self._known.pop(hashed, None)
        try:
            with self.lock:
                session = session_of(home, token)
        except AccessError:
            wait_after_guess()
            return None
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[hashed] = (version, now + KEPT_S, session)
        return session


def _version_of(home: Home) -> tuple[int, ...]:
    """Return what changes whenever the file of users does."""
    return version_of_files(home.path / "users.duckdb", home.path / "users.duckdb.wal")


def version_of_files(*paths: Path) -> tuple[int, ...]:
    """Return what changes whenever one of the files does."""
    found: list[int] = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            found += [0, 0, 0]
        else:
            found += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
    return tuple(found)
