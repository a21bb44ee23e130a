"""DuckDB as harmspot opens it: UTC, no network, spills and files encrypted with keys that no message shows.

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

from pipeline.errors import KeyFileError, StoreBusyError, StoreError

Progress = Callable[[str], None]

_LOG = logging.getLogger(__name__)
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")
_DAMAGED = ("Could not read enough bytes", "Corrupt database", "AES tag", "checksum", "erializ", "INTERNAL Error")
_HELD = ("Could not set lock on file", "Unique file handle conflict")
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_file_encryption": "true",  # DuckDB encrypts its files, but not its spills, unless told
}


def log_progress(message: str) -> None:
    """Announce to the log: what a caller gets who passes no `announce`."""
    _LOG.info(message)


@cache
def query(name: str) -> str:
    """Text of `pipeline/sql/<name>.sql`."""
    return (resources.files("pipeline") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


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
    spill
        Folder for what does not fit into memory; DuckDB makes and removes it, and encrypts what it puts there.
        None spills nothing.
    is_encrypting
        False leaves the httpfs extension alone, which takes most of the time: enough for files without people.
    at_most_bytes
        Memory that DuckDB may use, six tenths of the machine's at most: what is left is for the frames beside it.
    at_most_threads
        Threads that DuckDB may use; None leaves it all cores.
    """
    limits: dict[str, Any] = {"memory_limit": _memory_limit(at_most_bytes), "temp_directory": str(spill or "")}
    limits |= {"threads": at_most_threads} if at_most_threads else {}
    connection = duckdb.connect(config={**_SETTINGS, **limits})
    # Settings of extensions (time zone, file systems) exist only once a connection does.
    if is_encrypting:
        connection.execute(f"LOAD {literal_sql(str(_httpfs()))}")
        connection.execute("SET disabled_filesystems = 'HTTPFileSystem,S3FileSystem,HuggingFaceFileSystem'")
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


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
    """Attach the file at `path` as `alias`; a file held by another process is tried again for `wait_s` seconds.

    Once `until` is set nothing is waited for.

    Raises
    ------
    StoreBusyError
        When the file is still held after `wait_s`; names the process where DuckDB does.
    KeyFileError
        When the file was written with another key, or without one.
    StoreError
        When the file is missing (`read_only`), no DuckDB file, or cannot be read.
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
    """Rows of a query as a frame: times datetime64[us, UTC], dates objects, text str.

    By way of Arrow: DuckDB 1.5's own conversion to pandas uses what pandas 3.1 deprecates.
    """
    return connection.execute(sql, parameters).to_arrow_table().to_pandas()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


@contextmanager
def unordered(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let what the block inserts lie in any order: rows that deletions left gaps between go in twice as fast."""
    connection.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        connection.execute("RESET preserve_insertion_order")


def explain_duckdb_error(error: duckdb.Error) -> StoreError | None:
    """Return what a full disk or a damaged file means for the user, and the way out; None for any other error."""
    found = re.search(r'file "([^"]+)"', str(error))
    place = found[1] if found else "a file of the home"
    if any(sign in str(error) for sign in _FULL):
        return StoreError(
            f"{place} cannot be written: the disk is full. What was committed stays, the batch at hand whole or not "
            "at all. Free some space, then run the same again: it goes on where the store left off."
        )
    if any(sign in str(error) for sign in _DAMAGED):
        return _damaged(place)
    return None


def _damaged(place: str | Path) -> StoreError:
    return StoreError(
        f"{place} is damaged: cut short or changed on the disk. Restore it from the backup; without one, move it away "
        "and load the sources again, or for a publication run again. docs/operating.md says how."
    )


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Roll back, also where DuckDB has already done so by itself."""
    try:
        connection.execute("ROLLBACK")
    except (duckdb.TransactionException, duckdb.FatalException):
        _LOG.debug("the transaction was rolled back already")


def literal_sql(text: str) -> str:
    """Text as an SQL string literal, for the few statements that bind no parameters."""
    return "'" + text.replace("'", "''") + "'"


def name_sql(name: str) -> str:
    """A column's name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _memory_limit(at_most_bytes: int | None) -> str:
    share = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 6 // 10
    return f"{min(share, at_most_bytes or share)}B"


def _httpfs() -> Path:
    found = sorted(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    if not found:
        raise StoreError("duckdb_extension_httpfs holds no extension; reinstall the locked dependencies: make setup")
    return found[-1]


def _attach_once(
    connection: duckdb.DuckDBPyConnection, path: Path, encryption_key: str | None, alias: str, read_only: bool
) -> str | None:
    """Attach, or say who holds the file."""
    options = ["ENCRYPTION_KEY getvariable('encryption_key')"] if encryption_key else []
    options += ["READ_ONLY"] if read_only else []
    # A variable keeps the key out of the statement, and so out of every message and log that quotes it.
    connection.execute("SET VARIABLE encryption_key = $key", {"key": encryption_key})
    try:
        options_text = f" ({', '.join(options)})" if options else ""
        connection.execute(f"ATTACH {literal_sql(str(path))} AS {name_sql(alias)}{options_text}")
    except duckdb.Error as error:
        if any(held in str(error) for held in _HELD):
            return _holder(str(error))
        raise _explained(error, path) from None
    finally:
        connection.execute("RESET VARIABLE encryption_key")
    return None


def _holder(message: str) -> str:
    found = re.search(r"PID (\d+)", message)
    if found:
        return f"process {found[1]}"
    return "this very process" if "Unique file handle" in message else "another process"


def _explained(error: duckdb.Error, path: Path) -> StoreError:
    message = str(error)
    if "Wrong encryption key" in message:
        return KeyFileError(
            f"{path} was written with another key; put back the key file (or HARMSPOT_KEY) it was made with."
        )
    if "without a key" in message:
        return KeyFileError(f"{path} is encrypted and no key was given; set HARMSPOT_KEY or put the key file back.")
    if "is not encrypted" in message:
        return StoreError(f"{path} is not encrypted, so harmspot did not write it; move it away.")
    if "does not exist" in message:
        return StoreError(f"{path} does not exist; load or ingest something first (harmspot load, harmspot ingest).")
    if "not a valid DuckDB" in message:
        return StoreError(f"{path} is not a DuckDB file; move it away or restore it from a backup.")
    if any(sign in message for sign in _DAMAGED):
        return _damaged(path)
    return explain_duckdb_error(error) or StoreError(f"{path} cannot be opened: {message.splitlines()[0]}")
