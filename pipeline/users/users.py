"""The users of a home and their tokens, in an encrypted file of its own: a store that is held keeps nobody out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.complete_file import completed, finish
from pipeline.database import Connection, attach, connect, copy_database, query, reused, transaction

WAIT_S = 20.0  # for another process that writes to the file
FREE_GUESSES = 5  # wrong passwords until the user is locked
SHORTEST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)  # doubled with each wrong password
KEPT = timedelta(days=366)  # of an expired token: until then it is refused as expired, after that as unknown


@dataclass(frozen=True, slots=True)
class User:
    """A user: id, how it looks (its skeleton), role, and when disabled; one without a password has tokens alone.

    `wrong_count` counts the wrong passwords since the last right one.
    """

    user_id: str
    look: str
    role: str
    password_hash: str | None
    made_at: datetime
    disabled_at: datetime | None = None
    wrong_count: int = 0
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its hash: of a session, which has a purpose, or of an unattended service."""

    token_hash: str
    user_id: str
    kind: str
    purpose: str | None
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """All users by id and all tokens by hash, as they were at one moment."""

    users: Mapping[str, User]
    tokens: Mapping[str, Token]


@dataclass(frozen=True, slots=True)
class Users:
    """The table at `path`, encrypted with the home's key; a missing file has no users."""

    path: Path
    encryption_key: str

    def copy_to(self, path: Path) -> None:
        """Write the users and their tokens to a new file, encrypted with the same key."""
        with connect() as connection:
            attach(connection, self.path, self.encryption_key, alias="users", read_only=True, wait_s=WAIT_S)
            copy_database(connection, "users", path, self.encryption_key)

    def rewrite(self) -> None:
        """Replace the file by a compact copy, under the newest of the keys; nobody writes to the old one meanwhile."""
        with completed(self.path) as fresh, self._attached(read_only=False) as connection:
            connection.execute("CHECKPOINT users")
            copy_database(connection, "users", fresh, self.encryption_key)
            fresh.chmod(0o600)
            finish(fresh, self.path)

    def all(self) -> list[User]:
        """Return all users by id, also those disabled."""
        return list(self.read().users.values())

    def read(self) -> Accounts:
        """Return all users and tokens."""
        if not self.path.exists():
            return Accounts({}, {})
        with self._attached(read_only=True) as connection:
            users = [User(*row) for row in connection.execute(query("users/users#all")).fetchall()]
            tokens = [Token(*row) for row in connection.execute(query("users/users#tokens")).fetchall()]
        return Accounts({user.user_id: user for user in users}, {token.token_hash: token for token in tokens})

    def by_id(self, user_id: str) -> User | None:
        """Return the user with an id."""
        return self.read().users.get(user_id)

    def by_look(self, look: str) -> User | None:
        """Return the user whose name looks like that."""
        return next((user for user in self.all() if user.look == look), None)

    def make(self) -> None:
        """Make the file if it is missing."""
        if not self.path.exists():
            self._create()

    def add(self, user: User) -> bool:
        """Add a user; return whether it was added: not if another one has its id or look."""
        return bool(self._execute("add", asdict(user)))

    def set_role(self, user_id: str, role: str) -> None:
        """Give a user another role."""
        self._execute("set_role", {"user_id": user_id, "role": role})

    def disable(self, user_id: str, at: datetime) -> None:
        """Disable a user, once."""
        self._execute("disable", {"user_id": user_id, "at": at})

    def set_password(self, user_id: str, password_hash: str | None) -> None:
        """Give a user another password, and end a lock."""
        self._execute("set_password", {"user_id": user_id, "password_hash": password_hash})

    def count_guess(self, look: str, now: datetime) -> bool:
        """Count a password that is about to be checked as a wrong one; return whether it may be checked.

        It may not where the user is locked or nobody looks like that. From the fifth on in a row the user is locked,
        each time for twice as long.
        """
        limits = {"free": FREE_GUESSES, "shortest": SHORTEST_LOCK, "longest": LONGEST_LOCK}
        return bool(self._execute("count_guess", {"look": look, "now": now, **limits}))

    def begin_session(self, token: Token, password_hash: str | None) -> bool:
        """Add the token of a user whose password was right, and count its guesses anew; return whether it was added.

        It is not if the user was disabled or given another password while the password was checked.
        """
        return bool(self._execute("begin_session", asdict(token) | {"password_hash": password_hash}, "forgive"))

    def put_token(self, token: Token) -> None:
        """Add a token; those that expired long ago are forgotten."""
        self._execute("forget", {"before": token.made_at - KEPT})
        self._execute("put_token", asdict(token))

    def revoke(self, token_hash_or_user_id: str, at: datetime) -> None:
        """Revoke a token, or all tokens of a user."""
        self._execute("revoke", {"value": token_hash_or_user_id, "at": at})

    def _execute(self, name: str, values: dict[str, object], after: str | None = None) -> list[tuple[Any, ...]]:
        """Execute a query and return its rows; if it returns one, execute `after` for its user, in one transaction."""
        self.make()
        with self._attached(read_only=False) as connection, transaction(connection):
            rows = connection.execute(query(f"users/users#{name}"), values).fetchall()
            if rows and after:
                connection.execute(query(f"users/users#{after}"), {"user_id": values["user_id"]})
            return rows

    def _create(self) -> None:
        with completed(self.path) as fresh:
            if self.path.exists():
                return
            with reused(is_encrypting=True) as connection:
                attach(connection, fresh, self.encryption_key, alias="users")
                connection.execute(query("users/users#user_table"))
                connection.execute(query("users/users#token_table"))
                connection.execute("DETACH users")
            fresh.chmod(0o600)

    @contextmanager
    def _attached(self, *, read_only: bool) -> Iterator[Connection]:
        with reused(is_encrypting=True) as connection:
            attach(connection, self.path, self.encryption_key, alias="users", read_only=read_only, wait_s=WAIT_S)
            try:
                yield connection
            finally:
                connection.execute("DETACH users")
