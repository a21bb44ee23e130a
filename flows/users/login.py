"""Login with a password, and the session of whoever has a token. What is refused is logged.

Times are of the system clock, whatever clock the home was given: a session must not outlive its hours.
"""

import time
from datetime import UTC, datetime, timedelta

from flows.home.home import Home
from models.governance.actors import name_of
from pipeline.errors import AccessError
from pipeline.users.credentials import is_password, new_token, token_hash
from pipeline.users.session import PASSWORD, TOKEN, Session
from pipeline.users.users import Accounts, Token, User

SESSION = timedelta(hours=12)
GUESS_S = 0.5  # wait of whoever gives a wrong token
UNKNOWN = "unknown user"
WRONG = (
    "the name or the password is wrong, or too many wrong ones were given: then wait up to an hour, or have an "
    "administrator set a new password"
)  # one text, so that it tells nobody who is a user, nor whether a guess during a lock was right
LOG_IN = "log in with: harmspot login NAME"


def log_in(home: Home, name: str, password: str, purpose: str, now: datetime | None = None) -> str:
    """Begin a session and return its token; logged.

    Raises
    ------
    AccessError
        Name or password is wrong or the user is locked, which are told alike; or the user is disabled.
    PurposeError
        The purpose says too little.
    """
    now, look = now or datetime.now(UTC), name_of(name)
    may_be_checked = home.users.count_guess(look, now)  # before it is checked: others may be guessing, too
    user = home.users.by_look(look)
    is_right = is_password(password, user.password_hash if user else None)
    if user is None or not (is_right and may_be_checked):
        raise refused(home, user.user_id if user else UNKNOWN, WRONG)
    return begin_session(home, user, purpose, now)


def begin_session(home: Home, user: User, purpose: str, now: datetime) -> str:
    """Begin a session of a user who is known to be there, and return its token; logged.

    Raises
    ------
    AccessError
        The user is disabled, or was given another password meanwhile.
    PurposeError
        The purpose says too little.
    """
    refuse_disabled(home, user)
    home.session = Session(user.user_id, user.role, PASSWORD, purpose)
    with home.protecting():  # whoever revokes or erases logs in first
        home.log_access("login", {"role": user.role}, reader=user.user_id, purpose=purpose)
    token = new_token()
    session = Token(token_hash(token), user.user_id, "session", purpose, now, now + SESSION)
    if not home.users.begin_session(session, user.password_hash):
        raise refused(home, user.user_id, f"{user.user_id} was disabled or given another password; {LOG_IN}")
    return token


def refuse_disabled(home: Home, user: User) -> None:
    """Raise AccessError, logged, for a user who is disabled."""
    if user.disabled_at:
        raise refused(home, user.user_id, f"{user.user_id} is disabled; ask an administrator")


def log_out(home: Home, token: str, now: datetime | None = None) -> None:
    """End the session of a token."""
    home.users.revoke(token_hash(token), now or datetime.now(UTC))


def session_in(accounts: Accounts, token: str, now: datetime) -> Session | None:
    """Return the session of whoever has a token; None where nobody is let in with it."""
    held = accounts.tokens.get(token_hash(token))
    user = accounts.users.get(held.user_id) if held else None
    if held is None or user is None or user.disabled_at or held.revoked_at or now >= held.expires_at:
        return None
    return Session(user.user_id, user.role, PASSWORD if held.kind == "session" else TOKEN, held.purpose)


def session_of(home: Home, token: str, now: datetime | None = None) -> Session:
    """Return the session of whoever has a token.

    Raises
    ------
    AccessError
        No such token was given out, or it has expired or was revoked, or its user is disabled; logged. Call
        `wait_after_guess` then, with nothing open for which others wait.
    """
    now, accounts = now or datetime.now(UTC), home.users.read()
    if session := session_in(accounts, token, now):
        return session
    held = accounts.tokens.get(token_hash(token))
    if held is None:
        raise refused(home, UNKNOWN, f"no such token; {LOG_IN}")
    user = accounts.users.get(held.user_id)
    if user is None or user.disabled_at:
        raise refused(home, held.user_id, f"{held.user_id} is disabled; ask an administrator")
    if held.revoked_at:
        raise refused(home, held.user_id, f"the token of {held.user_id} was revoked; {LOG_IN}")
    ended = home.local_text(held.expires_at)
    raise refused(home, held.user_id, f"the token of {held.user_id} expired at {ended}; {LOG_IN}")


def wait_after_guess() -> None:
    """Let whoever gave a wrong token wait, so that guessing is slow."""
    time.sleep(GUESS_S)


def refused(home: Home, user_id: str, why: str) -> AccessError:
    """Log that a user was refused, and return the error to raise."""
    with home.protecting():  # a log that is ahead of the clock must not hide it
        home.log_access("refused", {"why": why}, reader=user_id, purpose="to be let in")
    return AccessError(why)
