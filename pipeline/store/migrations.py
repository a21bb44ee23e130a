"""Numbered SQL migrations that bring a store to the schema of this code, all that it lacks in one transaction.

Opening an older store migrates it. A copy of the old file stays beside it.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from pipeline.database import Progress, attach, connect, log_progress, query, transaction
from pipeline.errors import StoreError
from pipeline.privacy.keys import Key

_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2]); shutil.copystat(sys.argv[1], sys.argv[2])"


def migration_names(folder: str = "migrations") -> list[str]:
    """Return the names of the migrations in a folder of `pipeline/sql` in order, such as `0001_events`."""
    files = (resources.files("pipeline") / "sql" / folder).iterdir()
    return sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))


def purpose_of(name: str, folder: str = "migrations") -> str:
    """Return the purpose of a migration: the comment at the top of its file."""
    comment = takewhile(lambda line: line.startswith("--"), query(f"{folder}/{name}").splitlines())
    return " ".join(line.removeprefix("--").strip() for line in comment)


def migrate(connection: duckdb.DuckDBPyConnection, path: Path | None = None, progress: Progress = log_progress) -> None:
    """Apply the missing migrations to the attached `store`, after copying the file of an older store.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection with the store attached for writing as `store`.
    path : pathlib.Path, optional
        File of the store; None makes no copy.
    progress : callable, optional
        Receives a message that names the migrations and the copy.

    Raises
    ------
    StoreError
        A newer harmspot wrote the store, or its table of migrations does not fit it.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS store.migration (name VARCHAR PRIMARY KEY)")
    missing = missing_migrations(connection)
    if not missing:
        return
    if path is not None and len(missing) < len(migration_names()):
        _keep_aside(connection, path, missing, progress)
    with transaction(connection):
        for name in missing:
            _apply(connection, name)
            connection.execute("INSERT INTO store.migration BY NAME SELECT $name AS name", {"name": name})
        connection.execute(query("store/migrations#mark"), {"version": version("harmspot"), "names": missing})


def _apply(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    try:
        connection.execute(query(f"migrations/{name}"))
    except duckdb.CatalogException as error:
        raise StoreError(
            f"migration {name} does not fit this store ({str(error).splitlines()[0]}): its table of migrations "
            "says that it was not applied. Restore the store from a backup; nothing was changed"
        ) from None


def kept_aside(path: Path, missing: list[str]) -> Path:
    """Return where the file at `path` is kept as it is before the `missing` migrations."""
    return path.with_name(f"{path.name}.before-{missing[0]}")


def copies_of(path: Path) -> list[Path]:
    """Return the copies of the store at `path` that upgrades kept, also unfinished ones, in order of name."""
    return sorted(path.parent.glob(f"{path.name}.before-*"))


def remove_copies(path: Path) -> list[Path]:
    """Delete the copies of the store at `path` that upgrades kept, and return where they were."""
    copies = copies_of(path)
    for copy in copies:
        copy.unlink()
    return copies


def missing_migrations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the migrations that the attached `store` lacks, in order.

    Raises
    ------
    StoreError
        A newer harmspot wrote the store, or something else changed its table of migrations.
    """
    try:
        applied = connection.execute(query("store/migrations#all")).fetchall()
    except duckdb.CatalogException:  # harmspot 0.2.0 was killed while it created the store
        return migration_names()
    return not_applied(migration_names(), applied, "this store")


def not_applied(known: list[str], applied: Sequence[tuple[Any, ...]], store: str) -> list[str]:
    """Return the known migrations that were not applied, in order.

    Parameters
    ----------
    known : list of str
        Names of the migrations of this version, in order.
    applied : sequence of tuple
        Name of each migration that was applied, in order, and the version that applied it, if that was noted.
    store : str
        What errors call the store.

    Raises
    ------
    StoreError
        A newer harmspot wrote the store, or something else changed its table of migrations.
    """
    unknown = [row for row in applied if row[0] not in known]
    if unknown:
        name, *rest = unknown[-1]
        newer = f"harmspot {rest[0]}" if rest and rest[0] else "a newer harmspot"
        raise StoreError(
            f"{newer} wrote {store} (migration {name}), and this is harmspot {version('harmspot')}; "
            "install that version to open it"
        )
    names = [row[0] for row in applied]
    if names != known[: len(names)]:
        lost = next(name for name in known if name not in names)
        raise StoreError(
            f"table migration of {store} was changed: {lost} is missing, and {names[-1]} was applied after it. "
            "Restore the store from a backup"
        )
    return known[len(names) :]


def pending_migrations(path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress) -> list[str]:
    """Return the names of the migrations that the store at `path` lacks, in order; nothing is changed.

    Raises
    ------
    StoreError
        The store is missing or damaged, or a newer harmspot wrote it.
    StoreBusyError
        Another process holds it for longer than `wait_s`.
    """
    connection = connect(path.parent / "spill")
    try:
        attach(connection, path, key.encryption, alias="store", read_only=True, wait_s=wait_s, progress=progress)
        return missing_migrations(connection)
    finally:
        connection.close()


def _keep_aside(connection: duckdb.DuckDBPyConnection, path: Path, missing: list[str], progress: Progress) -> None:
    """Copy the store's file to `kept_aside`; the copy is complete or not there.

    Another process copies: if this one opened and closed the file, it would lose the lock that DuckDB holds on it
    (POSIX releases a process's locks on a file when it closes any descriptor of that file).
    """
    copy = kept_aside(path, missing)
    progress(f"migrating {path}: {', '.join(missing)}; keeping the file as it is in {copy}")
    connection.execute("CHECKPOINT store")
    unfinished = copy.with_name(f"{copy.name}.part")
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COPY, str(path), str(unfinished)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        if unfinished.is_file():
            unfinished.unlink()
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StoreError(
            f"{path} is not migrated, because its copy {copy} cannot be written ({why}); "
            f"make room for {path.stat().st_size / 1e6:,.0f} MB, or make the folder writable"
        )
    unfinished.replace(copy)
