"""The file of the store: created complete, attached for its only writer, and migrated to the schema of this code."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from threading import Event

import duckdb

from pipeline.complete_file import completed
from pipeline.database import Progress, attach, copy_database, log_progress
from pipeline.errors import StoreError
from pipeline.privacy.keys import Key
from pipeline.store.migrations import migrate

# What stands in the place of the file of a store that was moved to a database, before the address of that.
MOVED = "the store of this home is in "


def moved_to(path: Path) -> str | None:
    """Return the address of the database to which the store at `path` was moved; None if it is a file, or none."""
    try:
        with path.open("rb") as file:
            if file.read(len(MOVED)) != MOVED.encode():
                return None
            return file.read().decode().strip()
    except FileNotFoundError:
        return None


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
    if moved_to(path):
        raise StoreError(f"the store was moved from {path} to a database; run the same command again")
    if not path.exists():
        _create(connection, path, key)
    attach(connection, path, key.encryption, alias="store", wait_s=wait_s, progress=progress, until=until)
    try:
        migrate(connection, path, progress)
    except BaseException:
        connection.execute("DETACH store")
        raise


def rewrite(
    connection: duckdb.DuckDBPyConnection, path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress
) -> None:
    """Replace the file of the attached `store` by a compact copy: DuckDB leaves what was deleted in free blocks.

    A process that is killed leaves the old file or the new one, each complete. The old file stays locked until the new
    one has its name, so that nobody writes to the old one meanwhile.

    Raises
    ------
    StoreBusyError
        The new file is in place, and another process held it for longer than `wait_s`; no `store` is attached then.
    """
    connection.execute("CHECKPOINT store")  # leaves no log that could be replayed into the new file
    with completed(path) as fresh:
        copy_database(connection, "store", fresh, key.encryption)
        _make_like(path, fresh)
    connection.execute("DETACH store")
    attach(connection, path, key.encryption, alias="store", wait_s=wait_s, progress=progress)


def _make_like(path: Path, fresh: Path) -> None:
    """Give a new file the mode and, where this is permitted, the owner of the old one."""
    shutil.copymode(path, fresh)
    old = path.stat()
    with suppress(PermissionError):
        os.chown(fresh, old.st_uid, old.st_gid)


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
