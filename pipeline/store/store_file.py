"""The file of the store: created complete, attached for its only writer, and migrated to the schema of this code."""

from pathlib import Path
from threading import Event

import duckdb

from pipeline.complete_file import completed
from pipeline.database import Progress, attach, log_progress
from pipeline.privacy.keys import Key
from pipeline.store.migrations import migrate


def attach_store(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    key: Key,
    *,
    wait_s: float,
    progress: Progress = log_progress,
    until: Event | None = None,
) -> None:
    """Attach the file at `path` for writing as `store`; create it if it is missing, migrate it if it is older.

    Raises
    ------
    StoreBusyError
        Another process holds it for longer than `wait_s`, or still holds it when `until` is set.
    KeyFileError
        It was written with another key.
    StoreError
        It cannot be opened, or a newer harmspot wrote it.
    """
    if not path.exists():
        _create(connection, path, key)
    attach(connection, path, key.encryption, alias="store", wait_s=wait_s, progress=progress, until=until)
    try:
        migrate(connection, path, progress)
    except BaseException:
        connection.execute("DETACH store")
        raise


def _create(connection: duckdb.DuckDBPyConnection, path: Path, key: Key) -> None:
    """Create an empty store with all its tables, unless another process is first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with completed(path) as fresh:
        if path.exists():
            return
        attach(connection, fresh, key.encryption, alias="store")
        try:
            migrate(connection)
            connection.execute("CHECKPOINT store")
        finally:
            connection.execute("DETACH store")
