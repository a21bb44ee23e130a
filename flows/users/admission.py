"""Who is let in and what must be said: the checks that the command and the board share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.home.home import Home
from flows.home.store_access import mark_reads
from flows.users.login import refused, session_of, wait_after_guess
from models.governance.actors import is_machine, is_thin
from models.users.look_alikes import name_problem
from models.users.roles import MAY, may, need_a_person
from pipeline.database import DatabaseError, explained
from pipeline.errors import AccessError, HalfDoneError, HarmspotError, StoreError
from pipeline.users.session import TOKEN, Session

SAYS = ("purpose", "reason", "outcome", "comparison", "found", "breach")  # texts that must say something


def refuse_empty_words(texts: Mapping[str, object], form: str = "{}") -> None:
    """Raise AccessError for a text of SAYS that says nothing; `form` writes its name as the asker knows it."""
    for name in SAYS:
        text = texts.get(name)
        if isinstance(text, str) and text and is_thin(text):
            raise AccessError(f"{form.format(name)} {text!r} says too little: give at least two different words")


def refuse_odd_name(name: str, form: str) -> None:
    """Raise AccessError for a typed name that is none, or looks like harmspot itself."""
    if problem := name_problem(name):
        raise AccessError(f"{form} {problem}")
    if is_machine(name):
        raise AccessError(f"{form} {name!r} looks like harmspot itself; name a person")


def let_in(home: Home, token: str, verbs: Sequence[str]) -> Session:
    """Return the session of a token whose user may do all of the verbs, rows of `models.users.roles.MAY`.

    Raises
    ------
    AccessError
        As `session_of`, or the role may not, or a service would have to be a person; logged.
    """
    try:
        session = session_of(home, token)
    except AccessError:
        wait_after_guess()
        raise
    refuse_role(home, session, verbs)
    if session.how == TOKEN and (decided := need_a_person(verbs)):
        home.session = session
        why = f"`{decided[-1]}` needs a person who logs in with a password; {session.user_id} has come with a token"
        raise refused(home, session.user_id, why)
    return session


def refuse_role(home: Home, session: Session, verbs: Sequence[str]) -> None:
    """Raise AccessError, logged, if the role of a session may not do all of the verbs."""
    if not may(session.role, verbs):
        roles = [role for role in MAY[verbs[-1]] if role and may(role, verbs)]
        why = f"{session.user_id} is {session.role}; `{verbs[-1]}` is for {', '.join(roles)}"
        home.session = session
        raise refused(home, session.user_id, why)


@contextmanager
def marking_reads(home: Home, verb: str) -> Iterator[None]:
    """Log that a rule refused what a user does in the block, and mark in the store what it adds to the access log."""
    log = home.path / "access.log"
    before, had_store = _size_of(log), home.store.exists()  # a restored log is marked in the store it came with
    try:
        yield
    except HarmspotError as error:
        if home.session is not None and not isinstance(error, AccessError | HalfDoneError):  # logged; and done
            _log_refusal(home, verb, home.session.user_id, error)
        raise
    finally:
        if had_store and _size_of(log) != before and home.store.exists():
            try:
                mark_reads(home)
            except (StoreError, OSError, DatabaseError) as error:
                home.warn(f"the access log is not marked in the store yet, the next read marks it: {explained(error)}")


def _log_refusal(home: Home, verb: str, user_id: str, error: Exception) -> None:
    """Log which verb was refused by which kind of rule; the message itself may tell too much."""
    detail = {"verb": verb, "why": type(error).__name__}
    with home.protecting(), suppress(HarmspotError):
        home.log_access("refused", detail, reader=user_id, purpose="a rule refused it")


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
