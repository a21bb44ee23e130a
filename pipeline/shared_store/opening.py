"""The store of a home opened wherever it is kept: in a file, or in a database that many consumers write at once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event

import pandas as pd

from pipeline.database import Progress, connect, log_progress
from pipeline.local_time import EARLIEST
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import know_short_ids
from pipeline.shared_store import reading
from pipeline.shared_store.schema import FOLDER, missing_migrations, prepare
from pipeline.shared_store.server import Database, Server
from pipeline.shared_store.store import PostgresStore, open_shared_store
from pipeline.store import migrations, snapshot, store
from pipeline.store.interface import Store
from pipeline.store.session import StoreSession
from pipeline.store.snapshot import Look, Snapshot

Place = Path | Database  # where a store is kept


def open_store(
    place: Place, key: Key, *, wait_s: float, progress: Progress = log_progress, log: AccessLog | None = None
) -> Store:
    """Open the store for everything but a stream; raises the errors of `pipeline.store.store.open_store`."""
    if isinstance(place, Database):
        return open_shared_store(place, key, wait_s=wait_s, progress=progress, log=log)
    return store.open_store(place, key, wait_s=wait_s, progress=progress, log=log)


def open_snapshot(
    place: Place,
    key: Key,
    *,
    as_of: datetime,
    known_at: datetime | None = None,
    since: datetime = EARLIEST,
    wait_s: float,
    progress: Progress = log_progress,
    look: Look | None = None,
) -> Snapshot:
    """Copy what the store knew into memory; parameters and errors as of `pipeline.store.snapshot.open_snapshot`."""
    if isinstance(place, Database):
        return reading.shared_snapshot(
            place, key, as_of=as_of, known_at=known_at, since=since, wait_s=wait_s, progress=progress, look=look
        )
    return snapshot.open_snapshot(
        place, key, as_of=as_of, known_at=known_at, since=since, wait_s=wait_s, progress=progress, look=look
    )


def resolve_known_at(
    place: Place,
    key: Key,
    known_at: datetime | None = None,
    *,
    if_empty: datetime | None = None,
    wait_s: float,
    progress: Progress = log_progress,
) -> datetime:
    """Return `known_at`; if it is None, the time of the last batch that changed the store.

    Nothing that arrives later is known at it. Of a store without events it is `if_empty`; if that is None, StoreError
    is raised.
    """
    if isinstance(place, Database) and known_at is None:
        return reading.shared_known_at(place, key, if_empty, wait_s=wait_s, progress=progress)
    path = place if isinstance(place, Path) else place.folder
    return snapshot.resolve_known_at(path, key, known_at, if_empty=if_empty, wait_s=wait_s, progress=progress)


def touched_runs(
    place: Place, key: Key, run_clocks: pd.DataFrame, *, wait_s: float, progress: Progress = log_progress
) -> pd.Series:
    """Return, on the index of `run_clocks`, whether data about the time before as_of arrived after known_at."""
    if isinstance(place, Database):
        return reading.shared_touched(place, key, run_clocks, wait_s=wait_s, progress=progress)
    return snapshot.touched_runs(place, key, run_clocks, wait_s=wait_s, progress=progress)


def pending_migrations(place: Place, key: Key, *, wait_s: float, progress: Progress = log_progress) -> list[str]:
    """Return the names of the migrations that the store lacks, in order; raises StoreError as those of a file."""
    if isinstance(place, Database):
        with Server(place, wait_s=wait_s, progress=progress) as server:
            return missing_migrations(server)
    return migrations.pending_migrations(place, key, wait_s=wait_s, progress=progress)


def purpose_of(place: Place, name: str) -> str:
    """Return the purpose of a migration: the comment at the top of its file."""
    return migrations.purpose_of(name, FOLDER if isinstance(place, Database) else "migrations")


class SharedSession:
    """As `StoreSession`, of a store in a database: the connection is kept, and sessions run side by side."""

    def __init__(
        self, database: Database, key: Key, *, wait_s: float, progress: Progress, until: Event | None = None
    ) -> None:
        self._key, self._progress = key, progress
        self._server = Server(database, wait_s=wait_s, progress=progress, until=until)
        self._connection = connect(database.folder / "spill", at_most_threads=1)
        know_short_ids(self._connection, key.ids)
        self._store: PostgresStore | None = None

    def __enter__(self) -> "SharedSession":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._connection.close()

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield the store; raises the errors of `open_store`, and StaleOffsetsError if the connection breaks."""
        if self._store is None:
            cipher = prepare(self._server, self._key)
            self._store = PostgresStore(self._connection, self._server, cipher, self._progress)
        yield self._store


Session = StoreSession | SharedSession


def open_session(
    place: Place, key: Key, *, wait_s: float, progress: Progress = log_progress, until: Event | None = None
) -> AbstractContextManager[Session]:
    """Return a session for a store that is opened, committed and closed repeatedly, as a stream does for every batch.

    Once `until` is set, the session no longer waits for a busy store.
    """
    if isinstance(place, Database):
        return SharedSession(place, key, wait_s=wait_s, progress=progress, until=until)
    return StoreSession(place, key, wait_s=wait_s, progress=progress, until=until)
