"""Who visits the board: sign-in with the users of the home, or in rehearsals as somebody invented.

The session is that of `harmspot login`: its token is the cookie. Sessions of rehearsals live as long as the process.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from flows.home.home import Home
from flows.users.admission import marking_reads, refuse_empty_words
from flows.users.login import log_in, log_out, refused, session_in, session_of, wait_after_guess
from flows.users.vouched import log_in_vouched
from pipeline.errors import AccessError
from pipeline.users.credentials import token_hash
from pipeline.users.oidc import Vouched
from pipeline.users.session import TOKEN, Session
from pipeline.users.users import Accounts

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
    """The sessions of a home. `lock` is held by whoever opens its store or its users: one thread at a time.

    Users and tokens are read once for all requests, and again as soon as their file has changed.
    """

    def __init__(self, home: Home) -> None:
        self._home, self.lock = home, RLock()
        self._invented: dict[str, Session] = {}
        self._read: tuple[tuple[int, ...], Accounts] | None = None  # with the version of the file
        self._told: set[str] = set()  # hashes of tokens that are over, or a service's: logged once

    def sign_in(self, home: Home, name: str, password: str, purpose: str) -> str:
        """Begin a session and return its token; raises as `flows.users.login.log_in`."""
        self.check_purpose(home, purpose)
        if not home.is_rehearsal:
            with self.lock, marking_reads(home, "login"):
                return log_in(home, name, password, purpose)
        if name not in INVENTED:
            raise AccessError("choose one of the invented names")
        token = f"hs_{secrets.token_urlsafe(32)}"
        self._invented[token_hash(token)] = Session(name, INVENTED[name], REHEARSAL, purpose)
        return token

    def sign_in_vouched(self, home: Home, vouched: Vouched, purpose: str) -> str:
        """Begin a session of a user for whom a provider vouches; raises as `flows.users.vouched.log_in_vouched`."""
        with self.lock, marking_reads(home, "login"):
            return log_in_vouched(home, vouched, purpose)

    def check_purpose(self, home: Home, purpose: str) -> None:
        """Raise AccessError for a purpose that is missing, says nothing or names somebody."""
        refuse_empty_words({"purpose": purpose})
        if not purpose.strip():
            raise AccessError("purpose is missing: say in some words what you are going to do")
        if not home.is_rehearsal:
            with self.lock:
                home.refuse_mentions({"purpose": purpose})

    def visitor(self, token: str | None) -> Visitor | None:
        """Return who holds a token, None where nobody does: logged, one that was given out once."""
        session = self._session(token) if token and TOKEN_FORM.fullmatch(token) else None
        if session and token and session.how == TOKEN:
            if token_hash(token) not in self._told:
                with self.lock:
                    refused(self._home, session.user_id, "the board is for people, not for services")
                self._told.add(token_hash(token))
            return None
        return Visitor(session, token) if session and token else None

    def may_read(self, token: str | None) -> bool:
        """Return whether somebody holds a token, a service or whoever has signed in; logged as by `visitor`."""
        return token is not None and TOKEN_FORM.fullmatch(token) is not None and self._session(token) is not None

    def sign_out(self, home: Home, token: str) -> None:
        """End a session."""
        if self._invented.pop(token_hash(token), None) is None and not home.is_rehearsal:
            with self.lock:
                log_out(home, token)

    def known(self, token: str | None) -> Visitor | None:
        """Return who holds a token, as far as that can be told without opening a file; None says nothing."""
        if token is None or not TOKEN_FORM.fullmatch(token):
            return None
        session = self._held(token, self._kept())
        return Visitor(session, token) if session and session.how != TOKEN else None

    def as_now(self, visitor: Visitor) -> Visitor:
        """Return a visitor with the role of this moment; AccessError if the session has ended meanwhile."""
        session = self._held(visitor.secret, self._accounts())
        if session is None:
            raise AccessError("your session has ended meanwhile; sign in again")
        return Visitor(session, visitor.secret)

    def is_guess(self, token: str | None) -> bool:
        """Return whether something looks like a token and never was one; a session that is over is no guess."""
        if token is None or not TOKEN_FORM.fullmatch(token):
            return False
        return token_hash(token) not in (self._invented if self._home.is_rehearsal else self._accounts().tokens)

    def _held(self, token: str, accounts: Accounts | None) -> Session | None:
        """Return the session of a token: an invented one on rehearsal homes, else by the accounts."""
        if self._home.is_rehearsal:
            return self._invented.get(token_hash(token))
        return session_in(accounts, token, datetime.now(UTC)) if accounts else None

    def _session(self, token: str) -> Session | None:
        session = self._held(token, self._accounts())
        if session or self._home.is_rehearsal:
            return session
        if token_hash(token) in self._told:  # a browser goes on to send a session that is over
            return None
        try:
            with self.lock:
                return session_of(self._home, token)
        except AccessError:  # logged
            if token_hash(token) in self._accounts().tokens:  # others are guesses, which are few
                self._told.add(token_hash(token))
            wait_after_guess()
            return None

    def _accounts(self) -> Accounts:
        """Return users and tokens as they are."""
        if kept := self._kept():
            return kept
        with self.lock:
            if kept := self._kept():  # somebody else has read them meanwhile
                return kept
            version = _version_of(self._home)  # before they are read: what is written then is seen by the next request
            accounts = self._home.users.read()
            self._read = version, accounts
            return accounts

    def _kept(self) -> Accounts | None:
        """Return what was read of the file, None once it has changed."""
        read = self._read
        return read[1] if read and read[0] == _version_of(self._home) else None


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
