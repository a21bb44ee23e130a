"""A PostgreSQL database that keeps the store of one home: its address, connection, transactions and locks.

Every value that goes to the server is bound, except in `COPY`, which binds none (`literal`). What the server says about
a failure may quote rows, so that only its kind is passed on.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow as pa
from adbc_driver_manager import Error
from adbc_driver_postgresql import dbapi

from pipeline.database import Progress, literal_sql, log_progress
from pipeline.errors import SettingsError, StaleOffsetsError, StoreBusyError, StoreError
from pipeline.given_secret import secret_of
from pipeline.loopback import LOOPBACK

SCHEMES = ("postgresql", "postgres")
VERIFIED = ("verify-ca", "verify-full")
# Held by whoever opens the store for anything but a stream's batch: what is decided is decided on what is there.
DESK = 72650001
# Shared by the batches on their way; alone, nothing is on its way (store.stamp holds a third, 72650003).
CLOCK = 72650002
_LOST = ("08", "57P01", "57P02", "57P03")  # SQLSTATE: the connection broke, the server stops or starts
_REFUSED = ("does not exist", "authentication failed", "pg_hba.conf", "no password supplied", "certificate", "SSL")
_WAITS = "connect_timeout=10&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=30000"


@dataclass(frozen=True)
class Database:
    """Where the store of a home is kept on a server; `folder` is the home's, for encrypted spills.

    Raises
    ------
    SettingsError
        The address is none, contains a password, or would reach another machine without a verified certificate.
    """

    address: str
    folder: Path
    password_file: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in SCHEMES or not parts.path.strip("/"):
            raise SettingsError(
                f"store.address={self._shown()!r}: expected an address such as postgresql://harmspot@db.example/harmspot"
            )
        if parts.password or "password" in self._options:
            raise SettingsError("store.address contains a password: write it to a file and name it store.password_file")
        mode = self._options.get("sslmode")
        if not self.is_local and mode not in (None, *VERIFIED):
            raise SettingsError(
                f"store.address: sslmode={mode} would trust any server that answers as {self.host}; leave it out, or "
                "name verify-full, with sslrootcert=FILE for a certificate of your own authority"
            )

    def __str__(self) -> str:
        return self._shown()

    @cached_property
    def _options(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.address).query).items()}

    @property
    def host(self) -> str:
        """The host, or the folder of the socket."""
        return self._options.get("host") or urlsplit(self.address).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether no other machine is reached: by loopback or a socket."""
        return self.host in LOOPBACK or self.host.startswith("/") or not self.host

    def exists(self) -> bool:
        """Return whether the database holds a store."""
        if not self.__dict__.get("_is_there"):
            with Server(self) as server:
                [(name,)] = server.rows("SELECT to_regclass('store.home')::text")
            self.__dict__["_is_there"] = name is not None
        return bool(self.__dict__["_is_there"])

    def uri(self) -> str:
        """Return the address with its password and with TLS where another machine is reached; never to be shown."""
        password = secret_of(None, self.password_file, "store.password_file", SettingsError)
        own = [_WAITS, f"application_name={quote(_own_name())}"]
        own += [] if self.is_local or "sslmode" in self._options else ["sslmode=verify-full"]
        own += [f"password={quote(password, safe='')}"] if password else []
        return f"{self.address}{'&' if urlsplit(self.address).query else '?'}{'&'.join(own)}"

    def _shown(self) -> str:
        """Return the address without its options and without what may be a password."""
        parts = urlsplit(self.address)
        at = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or self._options.get('host', '')}{at}{parts.path}"


class Server:
    """A connection to a database, opened when it is needed and again after it broke; used from one thread at a time.

    Parameters
    ----------
    database : Database
        Where the store is kept.
    wait_s : float
        Longest wait for a server that does not answer, or for a lock, in seconds.
    progress : callable
        Receives messages while waiting.
    until : threading.Event, optional
        Once set, nothing is waited for.
    """

    def __init__(
        self,
        database: Database,
        *,
        wait_s: float = 0.0,
        progress: Progress = log_progress,
        until: Event | None = None,
    ) -> None:
        self.database = database
        self._wait_s, self._progress, self._until = wait_s, progress, until or Event()
        self._connection: dbapi.Connection | None = None
        self._cursor: dbapi.Cursor | None = None

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and with it every lock and what was not committed."""
        for part in (self._cursor, self._connection):
            with suppress(Error):
                if part is not None:
                    part.close()
        self._connection = self._cursor = None

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement without a result."""
        self.rows(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple]:
        """Return the rows of a statement; its values are $1, $2 and so on."""
        cursor = self._opened()
        with self._explained():
            cursor.execute(sql, tuple(values) or None)
            return cursor.fetchall() if cursor.description is not None else []

    def reader(self, sql: str) -> pa.RecordBatchReader:
        """Return the rows of a query by and by, as Arrow; read them to their end before anything else is asked."""
        cursor = self._opened()
        with self._explained():
            cursor.execute(sql)
            return cursor.fetch_record_batch()

    def take_in(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Copy rows to a temporary table of this connection."""
        cursor = self._opened()
        with self._explained():
            cursor.adbc_ingest(table, rows, mode="append", temporary=True)

    @contextmanager
    def transaction(self, how: str = "") -> Iterator[None]:
        """Run the block in a transaction: commit at its end, roll back on any exception.

        Raises
        ------
        StaleOffsetsError
            The connection broke: all of it is stored or nothing, and only the store says which.
        """
        self.run(f"BEGIN {how}")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(StoreError):
                if self._connection is not None:
                    self.run("ROLLBACK")
            raise

    def lock(self, number: int) -> None:
        """Take an advisory lock of the session; raise StoreBusyError, which names its holder, after `wait_s`."""

        def attempt() -> str | None:
            [(is_taken,)] = self.rows("SELECT pg_try_advisory_lock($1)", [number])
            return None if is_taken else f"the store in {self.database} is held by {self._holder(number)}"

        self._repeat(attempt, "Stop that process")

    def unlock(self, number: int) -> None:
        """Release a lock of the session."""
        self.run("SELECT pg_advisory_unlock($1)", [number])

    @contextmanager
    def still(self) -> Iterator[None]:
        """Hold the clock lock for the block: no batch is on its way, and none begins."""
        self.run("SELECT pg_advisory_lock($1)", [CLOCK])
        try:
            yield
        finally:
            if self._connection is not None:
                self.unlock(CLOCK)

    def _holder(self, number: int) -> str:
        names = self.rows(
            "SELECT activity.application_name FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid) "
            "WHERE held.locktype = 'advisory' AND held.objid::bigint = $1 AND held.granted",
            [number],
        )
        return str(names[0][0]) if names and names[0][0] else "another process"

    def _opened(self) -> dbapi.Cursor:
        if self._cursor is None:
            self._connection = self._connected()
            self._cursor = self._connection.cursor()
        return self._cursor

    def _connected(self) -> dbapi.Connection:
        """Connect, and wait for a server that does not answer."""
        uri, made = self.database.uri(), []

        def attempt() -> str | None:
            try:
                made.append(dbapi.connect(uri, autocommit=True))
            except Error as error:
                why = _reason(error)
                if any(sign in why for sign in _REFUSED):
                    raise StoreError(f"{self.database} refuses the connection: {why}") from None
                return f"{self.database} does not answer ({why})"
            return None

        self._repeat(attempt, "Start the server")
        return made[0]

    def _repeat(self, attempt: Callable[[], str | None], way_out: str) -> None:
        """Repeat an attempt while it returns why it failed; raise StoreBusyError, which says so, after `wait_s`."""
        deadline, is_announced, pause_s = time.monotonic() + self._wait_s, False, 0.02
        while (why := attempt()) is not None:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or self._until.is_set():
                raise StoreBusyError(
                    f"{why}; waited {self._wait_s:g} s. {way_out}, or allow more time with store.wait_s."
                )
            if not is_announced:
                self._progress(f"{why}; waiting up to {self._wait_s:g} s.")
                is_announced = True
            self._until.wait(min(pause_s, left_s))
            pause_s = min(2 * pause_s, 1.0)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Pass on of an error of the server its kind alone."""
        try:
            yield
        except Error as error:
            state = error.sqlstate or ""
            if state.startswith(_LOST) or not (state or self._is_alive()):
                self.close()
                raise StaleOffsetsError(
                    f"the connection to {self.database} broke: what was on its way is stored whole or not at all; "
                    "the store says which, so run the same command again"
                ) from None
            if state == "42501":
                raise StoreError(
                    f"the role of store.address may not do this in {self.database} (SQLSTATE 42501): use the owner's "
                    "role; deploy/postgresql-roles.sql says what each may"
                ) from None
            what = (
                f"failed with SQLSTATE {state}; its log says more"
                if state
                else f"refuses a value ({type(error).__name__})"
            )
            raise StoreError(f"{self.database} {what}; nothing of it is stored") from None

    def _is_alive(self) -> bool:
        """Return whether the server answers, be it that the transaction has failed."""
        try:
            assert self._cursor is not None
            self._cursor.execute("SELECT 1")
            self._cursor.fetchall()
        except Error as error:
            return bool(error.sqlstate) and not str(error.sqlstate).startswith(_LOST)
        return True


def literal(value: str | int | datetime | Sequence[str]) -> str:
    """Return a value as SQL, for `COPY`, which binds none."""
    if isinstance(value, str):
        return literal_sql(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"{literal_sql(value.isoformat())}::timestamptz"
    return f"ARRAY[{', '.join(map(literal_sql, value))}]::text[]"


def _reason(error: Error) -> str:
    """Return why a connection failed, on one line; libpq names host, port, role and database, and no password."""
    text = str(error).partition("failed: ")[2] or str(error)
    return " ".join(text.split())[:200]


def _own_name() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
