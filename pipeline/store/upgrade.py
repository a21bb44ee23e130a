"""Read-only preview of the migrations that an upgrade of a store would apply."""

from pathlib import Path

from pipeline.database import Progress, attach, connect, log_progress
from pipeline.privacy.keys import Key
from pipeline.store.migrations import missing_migrations


def pending_migrations(path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress) -> list[str]:
    """Return the names of the migrations that the store at `path` lacks, in order.

    Raises
    ------
    StoreError
        The store is missing, damaged or empty, or a newer harmspot wrote it.
    StoreBusyError
        Another process holds it for longer than `wait_s`.
    """
    connection = connect(path.parent / "spill")
    try:
        attach(connection, path, key.encryption, alias="store", read_only=True, wait_s=wait_s, progress=progress)
        return missing_migrations(connection)
    finally:
        connection.close()
