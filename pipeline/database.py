"""DuckDB connections as harmspot uses them: UTC, no network, files and spills encrypted, keys never shown.

DuckDB 1.5 writes encrypted files (AES-GCM) only with the OpenSSL of its httpfs extension, which comes signed in the
Python package `duckdb_extension_httpfs`; the file systems of that extension are switched off.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import pyarrow as pa

from pipeline.errors import KeyFileError, StoreBusyError, StoreError, of_a_file

Progress = Callable[[str], None]
# For those who handle a connection or its errors and run no query of their own.
Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error
WRITE_ERRORS = (duckdb.IOException, duckdb.OutOfMemoryException)

# DuckDB type → Arrow type of every column that harmspot stores or publishes.
ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "INTEGER[]": pa.list_(pa.int32()),
    "DOUBLE[]": pa.list_(pa.float64()),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "STRUCT(person_id VARCHAR, role VARCHAR)[]": pa.list_(
        pa.struct([pa.field("person_id", pa.string()), pa.field("role", pa.string())])
    ),
    "BLOB": pa.binary(),
}

_LOG = logging.getLogger(__name__)
_DISK_FULL_SIGNS = ("No space left on device", "File too large", "Disk quota exceeded")
_DAMAGE_SIGNS = ("Could not read enough bytes", "Corrupt database", "AES tag", "checksum", "erializ", "INTERNAL Error")
_LOCK_SIGNS = ("Could not set lock on file", "Unique file handle conflict")
_IDLE: dict[tuple[int, bool], list[duckdb.DuckDBPyConnection]] = {}
_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_file_encryption": "true",  # by default DuckDB encrypts its files but not its spills
}


def log_progress(message: str) -> None:
    """Write progress to the log; the default progress callback."""
    _LOG.info(message)


@cache
def query(name: str) -> str:
    """Return the text of `pipeline/sql/<name>.sql`; of `topic#part`, that below `-- name: part` in `topic.sql`."""
    file, _, part = name.partition("#")
    text = (resources.files("pipeline") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    return named_queries(text)[part] if part else text


@cache
def queries(topic: str) -> dict[str, str]:
    """Return the queries of `pipeline/sql/<topic>.sql` by name."""
    return named_queries(query(topic))


def named_queries(text: str) -> dict[str, str]:
    """Return the queries of a topic by the name in the line `-- name: …` before each; one without names has none."""
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def connect(
    spill: Path | None = None,
    *,
    is_encrypting: bool = True,
    at_most_bytes: int | None = None,
    at_most_threads: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that can attach encrypted files.

    Parameters
    ----------
    spill : Path or None
        Folder for data that does not fit into memory; DuckDB creates, encrypts and removes it. None disables spilling.
    is_encrypting : bool
        False skips loading the httpfs extension; sufficient for files without people.
    at_most_bytes : int or None
        Memory limit of DuckDB in bytes, at most 60 % of the machine's; the rest is for frames in Python.
    at_most_threads : int or None
        Thread limit of DuckDB; None allows all cores.
    """
    limits: dict[str, Any] = {"memory_limit": _memory_limit(at_most_bytes), "temp_directory": str(spill or "")}
    limits |= {"threads": at_most_threads} if at_most_threads else {}
    httpfs = _signed_httpfs() if is_encrypting else None
    limits |= {"allow_unsigned_extensions": "true"} if httpfs else {}
    connection = duckdb.connect(config={**_SETTINGS, **limits})
    # Settings of extensions (time zone, file systems) exist only once a connection does.
    if httpfs:
        connection.execute(f"LOAD {literal_sql(str(httpfs))}")
        connection.execute("SET allow_unsigned_extensions = false")  # no other extension
        connection.execute("SET disabled_filesystems = 'HTTPFileSystem,S3FileSystem,HuggingFaceFileSystem'")
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


@contextmanager
def reused(*, is_encrypting: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection without a spill folder, and keep it for the next block: to open and close one takes 15 ms.

    The block detaches what it attaches. A connection whose block fails is closed.
    """
    idle = _IDLE.setdefault((os.getpid(), is_encrypting), [])  # a process that was forked has none of its parent's
    try:
        connection = idle.pop()  # another thread may have taken the last one
    except IndexError:
        connection = connect(is_encrypting=is_encrypting)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    idle.append(connection)


def attach(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    encryption_key: str | None,
    *,
    alias: str,
    read_only: bool = False,
    wait_s: float = 0.0,
    progress: Progress = log_progress,
    until: Event | None = None,
) -> None:
    """Attach the file at `path` as `alias`; retry for `wait_s` seconds, or until `until` is set, if it is locked.

    Raises
    ------
    StoreBusyError
        When the file is still locked after `wait_s`; the message names the process if DuckDB does.
    KeyFileError
        When the file was written with another key, or without one.
    StoreError
        When the file is missing (`read_only`), not a DuckDB file, or unreadable.
    """
    deadline, until = time.monotonic() + wait_s, until or Event()
    pause_s, is_announced = 0.05, False
    while (holder := _attach_once(connection, path, encryption_key, alias, read_only)) is not None:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or until.is_set():
            raise StoreBusyError(
                f"{path} is held by {holder}; waited {wait_s:g} s. "
                "Stop that process, or allow more time with store.wait_s."
            )
        if not is_announced:
            progress(f"{path.name} is held by {holder}; waiting up to {wait_s:g} s.")
            is_announced = True
        until.wait(min(pause_s, left_s))
        pause_s = min(2 * pause_s, 1.0)


def frame(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the rows of a query as a frame: times datetime64[us, UTC], dates objects, text str.

    The conversion uses Arrow, because DuckDB 1.5's own conversion to pandas uses features that pandas 3.1 deprecates.
    """
    return connection.execute(sql, parameters).to_arrow_table().to_pandas()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in a transaction: commit at its end, roll back on any exception."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


@contextmanager
def unordered(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Disable insertion-order preservation inside the block; doubles insert speed into tables with deleted rows."""
    connection.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        connection.execute("RESET preserve_insertion_order")


def copy_database(connection: duckdb.DuckDBPyConnection, alias: str, path: Path, encryption_key: str | None) -> None:
    """Write what an attached database holds to a new file, compact: without what was deleted."""
    attach(connection, path, encryption_key, alias="fresh")
    try:
        connection.execute(f"COPY FROM DATABASE {name_sql(alias)} TO fresh")
        connection.execute("CHECKPOINT fresh")
    finally:
        connection.execute("DETACH fresh")


def explain_duckdb_error(error: duckdb.Error) -> StoreError | None:
    """Return a StoreError with the remedy for a full disk or a damaged file; None for any other error."""
    found = re.search(r'file "([^"]+)"', str(error))
    place = found[1] if found else "a file of the home"
    if any(sign in str(error) for sign in _DISK_FULL_SIGNS):
        return StoreError(
            f"{place} cannot be written: the disk is full. Committed data is kept; the current batch is stored "
            "entirely or not at all. Free some space and run the same command again: it resumes from the store."
        )
    if "Failed to read file" in str(error):  # of a user: its pages are read only as they are used
        return StoreError(f"{place} cannot be read: it is cut off or damaged; fetch it again. Nothing of it is kept.")
    if any(sign in str(error) for sign in _DAMAGE_SIGNS):
        return _damage_error(place)
    return None


def explained(error: Exception) -> Exception:
    """Return an error of DuckDB or of a file with its remedy, if it has one; any other error unchanged."""
    if isinstance(error, OSError):
        return of_a_file(error)
    return (explain_duckdb_error(error) if isinstance(error, duckdb.Error) else None) or error


def _damage_error(place: str | Path) -> StoreError:
    return StoreError(
        f"{place} is damaged: truncated or changed on the disk. Restore it from the backup; without one, move it away "
        "and load the sources again, or for a publication run again; see docs/operating.md."
    )


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Roll back; does nothing if DuckDB has already rolled back."""
    try:
        connection.execute("ROLLBACK")
    except (duckdb.TransactionException, duckdb.FatalException):
        _LOG.debug("the transaction was rolled back already")


def literal_sql(text: str) -> str:
    """Return the text as an SQL string literal, for the few statements that cannot bind parameters."""
    return "'" + text.replace("'", "''") + "'"


def name_sql(name: str) -> str:
    """Return the name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _memory_limit(at_most_bytes: int | None) -> str:
    share = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 6 // 10
    return f"{min(share, at_most_bytes or share)}B"


@cache
def _signed_httpfs() -> Path:
    """Return the path of the extension, loaded into this process by a DuckDB that has checked its signature.

    To check it takes 75 ms of processor time, as DuckDB hashes all 21 MB. Once it has been loaded, the operating system
    gives every later connection of the process the library that was checked, so they need not check it again.
    """
    found = sorted(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    if not found:
        raise StoreError("duckdb_extension_httpfs contains no extension; reinstall the locked dependencies: make setup")
    with duckdb.connect(config=_SETTINGS) as connection:
        connection.execute(f"LOAD {literal_sql(str(found[-1]))}")
    return found[-1]


def _attach_once(
    connection: duckdb.DuckDBPyConnection, path: Path, encryption_key: str | None, alias: str, read_only: bool
) -> str | None:
    """Attach the file, with the first of the keys that fits; return the holder of its lock if it is locked."""
    first, *others = (encryption_key or "").split(" ")
    if others:  # of a rotation that is not finished
        try:
            return _attach_once(connection, path, first, alias, read_only)
        except KeyFileError:
            return _attach_once(connection, path, " ".join(others), alias, read_only)
    options = ["ENCRYPTION_KEY getvariable('encryption_key')"] if encryption_key else []
    options += ["READ_ONLY"] if read_only else []
    # A variable keeps the key out of the statement, and so out of messages and logs that quote the statement.
    connection.execute("SET VARIABLE encryption_key = $key", {"key": encryption_key})
    try:
        options_text = f" ({', '.join(options)})" if options else ""
        connection.execute(f"ATTACH {literal_sql(str(path))} AS {name_sql(alias)}{options_text}")
    except duckdb.Error as error:
        if any(held in str(error) for held in _LOCK_SIGNS):
            return _lock_holder(str(error))
        raise _attach_error(error, path) from None
    finally:
        connection.execute("RESET VARIABLE encryption_key")
    return None


def _lock_holder(message: str) -> str:
    found = re.search(r"PID (\d+)", message)
    if found:
        return f"process {found[1]}"
    return "this process" if "Unique file handle" in message else "another process"


def _attach_error(error: duckdb.Error, path: Path) -> StoreError:
    message = str(error)
    if "Wrong encryption key" in message:
        return KeyFileError(f"{path} was written with another key; restore the original key file or HARMSPOT_KEY.")
    if "without a key" in message:
        return KeyFileError(f"{path} is encrypted and no key was given; set HARMSPOT_KEY or restore the key file.")
    if "is not encrypted" in message:
        return StoreError(f"{path} is not encrypted, so harmspot did not write it; move it away.")
    if "does not exist" in message:
        return StoreError(f"{path} does not exist; load or ingest something first (harmspot load, harmspot ingest).")
    if "not a valid DuckDB" in message:
        return StoreError(f"{path} is not a DuckDB file; move it away or restore it from a backup.")
    if "WAL" in message and "does not match" in message:
        return StoreError(
            f"{path}.wal is the log of another copy of {path.name}, as when a backup was restored beside it: move the "
            "log away, or restore the backup's own log with it."
        )
    if any(sign in message for sign in _DAMAGE_SIGNS):
        return _damage_error(path)
    return explain_duckdb_error(error) or StoreError(f"{path} cannot be opened: {message.splitlines()[0]}")
