"""Accounts of users: added, given a role, disabled, reset, given tokens; each change is logged.

Whoever changes one is an administrator, or holds the home's key: on a home without users, or to reset a password.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.users.login import WRONG, refused
from models.governance.actors import is_machine, name_of, words_of
from models.users.look_alikes import name_problem
from models.users.roles import ROLES
from pipeline.errors import AccessError
from pipeline.users.credentials import hash_password, is_password, new_token, token_hash
from pipeline.users.session import KEY_HOLDER, Session
from pipeline.users.users import Token, User

LONGEST_TOKEN_DAYS = 366
ADMINISTRATOR = "administrator"
HOLDER = Session("the holder of the key", ADMINISTRATOR, KEY_HOLDER)
WHY = "to administer users"


def add_user(home: Home, name: str, role: str, password: str | None) -> User:
    """Add a user and return it; without a password, one that has tokens alone.

    Raises
    ------
    AccessError
        The name is none, or looks like that of another user or of harmspot, or has the words of another, titles aside;
        the role is unknown; the first user is no administrator, or the access log was cut; or the password is too
        short.
    """
    known = home.users.all()
    if not known and (role != ADMINISTRATOR or password is None):
        raise AccessError("the first user of a home is an administrator with a password")
    if not known:
        _refuse_cut_log(home)
    user_id = " ".join(name.split())
    if problem := name_problem(user_id):
        raise AccessError(f"{name!r} {problem}")
    look = name_of(user_id)
    if is_machine(user_id):
        raise AccessError(f"{name!r} looks like harmspot itself; choose another name")
    if like := next((user.user_id for user in known if user.look == look), None):
        raise AccessError(f"{name!r} looks like {like!r}, who is a user; choose another name")
    if twin := next((other.user_id for other in known if words_of(other.user_id) == words_of(user_id)), None):
        raise AccessError(f"{name!r} has the words of {twin!r}, who is a user, titles aside; add what tells them apart")
    home.refuse_mentions({"name": user_id})
    user = User(user_id, look, _role(role), _hashed(password), datetime.now(UTC))
    home.users.make()  # before the log says that there are users
    _log(home, "add_user", user, role=role)
    if not home.users.add(user):
        raise AccessError(f"{name!r} was added by somebody else meanwhile; harmspot users list prints it")
    return user


def set_role(home: Home, name: str, role: str) -> User:
    """Give a user another role; it counts at once, also in sessions that have begun."""
    user = replace(find_user(home, name), role=_role(role))
    _keep_an_administrator(home, user)
    _log(home, "set_role", user, role=role)
    home.users.set_role(user.user_id, role)
    return user


def disable(home: Home, name: str) -> User:
    """Disable a user for good: sessions and tokens end, and what it reviewed or approved and nobody used is void."""
    now = datetime.now(UTC)
    user = find_user(home, name)
    user = replace(user, disabled_at=user.disabled_at or now)
    _keep_an_administrator(home, user)
    _log(home, "disable_user", user)
    home.users.disable(user.user_id, now)
    home.users.revoke(user.user_id, now)
    return user


def reset_password(home: Home, name: str, password: str) -> User:
    """Give a user a new password; earlier sessions and tokens end, and a lock.

    Raises
    ------
    AccessError
        An administrator resets the own password: another one does it, or whoever holds the home's key. Or the user has
        tokens alone, and stays a service.
    """
    user = find_user(home, name)
    if home.session is not None and home.session.user_id == user.user_id:
        raise AccessError("another administrator resets your password, or you do with the home's key: --with-key")
    if not user.password_hash:
        raise AccessError(f"{user.user_id} has tokens alone and takes no password; add another user")
    password_hash = _hashed(password)
    _log(home, "reset_password", user)
    home.users.set_password(user.user_id, password_hash)
    home.users.revoke(user.user_id, datetime.now(UTC))
    return user


def change_password(home: Home, old: str, new: str) -> User:
    """Give whoever is logged in a new password; all sessions of theirs end.

    Raises
    ------
    AccessError
        The old password is wrong or too many wrong ones were given, or the new one is too short or the old one.
    """
    assert home.session is not None  # the verb needs one
    user = find_user(home, home.session.user_id)
    may_be_checked = home.users.count_guess(user.look, datetime.now(UTC))
    if not (is_password(old, user.password_hash) and may_be_checked):
        raise refused(home, user.user_id, WRONG)
    if old == new:
        raise AccessError("the new password is the old one; choose another")
    password_hash = _hashed(new)
    _log(home, "change_password", user)
    home.users.set_password(user.user_id, password_hash)
    home.users.revoke(user.user_id, datetime.now(UTC))
    return user


def give_token(home: Home, name: str, days: int) -> tuple[str, datetime]:
    """Return a new token of a user, which is kept nowhere, and when it expires.

    Raises
    ------
    AccessError
        The user is disabled or has a password, or the days are none or more than LONGEST_TOKEN_DAYS.
    """
    user = find_user(home, name)
    if user.disabled_at:
        raise AccessError(f"{user.user_id} is disabled, for good; add another user")
    if user.password_hash:
        raise AccessError(
            f"{user.user_id} logs in with a password; a token is of a service: harmspot users add NAME --token-only"
        )
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise AccessError(f"days={days}: a token is valid for 1 to {LONGEST_TOKEN_DAYS} days")
    now, token = datetime.now(UTC), new_token()
    _log(home, "give_token", user, days=days)
    expires_at = now + timedelta(days=days)
    home.users.put_token(Token(token_hash(token), user.user_id, "service", None, now, expires_at))
    return token, expires_at


def revoke_tokens(home: Home, name: str) -> User:
    """Revoke all tokens and sessions of a user."""
    user = find_user(home, name)
    _log(home, "revoke_tokens", user)
    home.users.revoke(user.user_id, datetime.now(UTC))
    return user


def find_user(home: Home, name: str) -> User:
    """Return the user with a name; AccessError if there is none."""
    if user := home.users.by_look(name_of(name)):
        return user
    raise AccessError(f"no user {name!r}; harmspot users list prints them")


def refuse_rehearsal(home: Home) -> None:
    """Raise AccessError for a home for rehearsals, which has no users."""
    if home.is_rehearsal:
        raise AccessError(f"home {home.path} is for rehearsals and has no users; type names with --by and --reader")


def user_rows(home: Home) -> pd.DataFrame:
    """Return user_id, role, made_at, disabled_at, locked_until and has_password of every user."""
    rows = [
        {
            "user_id": user.user_id,
            "role": user.role,
            "made_at": user.made_at,
            "disabled_at": user.disabled_at,
            "locked_until": user.locked_until,
            "has_password": user.password_hash is not None,
        }
        for user in home.users.all()
    ]
    return pd.DataFrame(rows, columns=["user_id", "role", "made_at", "disabled_at", "locked_until", "has_password"])


def _refuse_cut_log(home: Home) -> None:
    """Raise AccessError if the access log, which knows whether there were users, was cut since the store marked it."""
    if not home.store.exists():
        return
    with open_home_store(home) as store:
        problems = home.access_log.verify(store.log_mark())
    if problems:
        raise AccessError(f"the first user is added once the access log is trusted: {problems[0]}")


def _role(role: str) -> str:
    if role not in ROLES:
        raise AccessError(f"role {role!r} is unknown; expected one of {', '.join(ROLES)}")
    return role


def _hashed(password: str | None) -> str | None:
    try:
        return None if password is None else hash_password(password)
    except ValueError as error:
        raise AccessError(str(error)) from None


def _keep_an_administrator(home: Home, changed: User) -> None:
    """Raise AccessError if no administrator with a password would be left."""
    after = [changed if user.user_id == changed.user_id else user for user in home.users.all()]
    if not any(user.role == ADMINISTRATOR and user.password_hash and not user.disabled_at for user in after):
        raise AccessError(f"{changed.user_id} is the last administrator; add another one first")


def _log(home: Home, action: str, user: User, **detail: object) -> None:
    home.session = home.session or HOLDER
    with home.protecting():  # who may act is changed whatever clock the log has seen
        home.log_access(action, {"user": user.user_id, **detail}, reader=home.session.user_id, purpose=WHY)
