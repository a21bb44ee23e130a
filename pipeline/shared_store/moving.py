"""A store moved from its file to a database or back: every table is copied, read again and hashed on both sides.

Where a store was moved to a database, its file is a line that names it: whoever still reads the file is told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd

from pipeline.complete_file import completed, write_complete
from pipeline.database import Progress, attach, connect
from pipeline.errors import StoreError
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import know_short_ids
from pipeline.shared_store.copies import Copies, forms
from pipeline.shared_store.schema import prepare
from pipeline.shared_store.server import CLOCK, DESK, Database, Server
from pipeline.store.migrations import migrate
from pipeline.store.store_file import MOVED, attach_store

_GO_ON_AFTER = (
    "SELECT setval('store.batch_number', greatest(max(batch_id), 1), max(batch_id) IS NOT NULL) FROM store.ingest_batch"
)
_GO_ON_LATER = (
    "SELECT setval('store.last_stamp', (extract(epoch FROM coalesce(max(ingested_at), 'epoch')) * 1000000)::bigint) "
    "FROM store.ingest_batch"
)
BEFORE = "before-move"  # the file of before, kept like those of upgrades: erasures and retention delete it


def leave_address(path: Path, database: Database) -> None:
    """Write into the place of the store's file where the store is."""
    write_complete(path, f"{MOVED}{database.address}\n".encode(), 0o600)


def move_to_database(path: Path, database: Database, key: Key, *, wait_s: float, progress: Progress) -> pd.DataFrame:
    """Move the store in the file at `path` to a database, and return what `_compared` does; streams must be stopped.

    Whoever is killed repeats it. The file of before stays beside its place.

    Raises
    ------
    StoreError
        The database holds other rows, or has others after the copy; the store stays in its file.
    """
    with _opened(database, key, wait_s, progress) as (server, copies), connect(path.parent / "spill") as connection:
        know_short_ids(connection, key.ids)
        attach_store(connection, path, key, wait_s=wait_s, progress=progress)
        source = Copies(connection, server, prepare(server, key))
        if _is_empty(server):
            for table in forms():
                progress(f"moving {table}")
                _put(source, table)
            server.run(_GO_ON_AFTER)
            server.run(_GO_ON_LATER)
        else:  # a move that was killed before its last step: since then, only reads were marked
            _put(source, "log_mark")
        compared = _compared(_hashes(connection), _hashes_of(copies), database)
        connection.execute("CHECKPOINT store")
        server.run("COMMIT")
        connection.execute("DETACH store")
        before = path.with_name(f"{path.name}.{BEFORE}")
        before.unlink(missing_ok=True)
        before.hardlink_to(path)
        leave_address(path, database)
    return compared


def move_to_file(path: Path, database: Database, key: Key, *, wait_s: float, progress: Progress) -> pd.DataFrame:
    """Move the store in a database to the file at `path`, and return what `_compared` does; streams must be stopped.

    The database is emptied once the file is in its place.

    Raises
    ------
    StoreError
        The file has other rows than the database; the store stays in the database.
    """
    with _opened(database, key, wait_s, progress) as (server, copies):
        with completed(path) as fresh, connect(path.parent / "spill") as connection:
            attach(connection, fresh, key.encryption, alias="store")
            migrate(connection)
            target = Copies(connection, server, prepare(server, key))
            for table in forms():
                progress(f"moving {table}")
                target.fill(table)
            compared = _compared(_hashes_of(copies), _hashes(connection), database)
            connection.execute("CHECKPOINT store; DETACH store")
        server.run("DROP SCHEMA store CASCADE")
        server.run("COMMIT")
    return compared


@contextmanager
def _opened(database: Database, key: Key, wait_s: float, progress: Progress) -> Iterator[tuple[Server, Copies]]:
    """Yield a transaction of the server that nobody writes beside, and a copy to read it with; the block commits it."""
    with Server(database, wait_s=wait_s, progress=progress) as server, connect(database.folder / "spill") as connection:
        cipher = prepare(server, key)
        server.lock(DESK)
        server.run("BEGIN")
        server.run("SELECT pg_advisory_xact_lock($1)", [CLOCK])
        yield server, Copies(connection, server, cipher)


def _put(source: Copies, table: str) -> None:
    source.server.run(f"DELETE FROM store.{table}")  # noqa: S608 - ours; some are made with a first row
    source.add(table, f"FROM store.{table}")


def _is_empty(server: Server) -> bool:
    """Return whether no table has a row, but for those that are made with one."""
    tables = [table for table in forms() if table not in ("log_mark", "keyed_until")]
    held = " UNION ALL ".join(f"(SELECT 1 FROM store.{table} LIMIT 1)" for table in tables)  # noqa: S608 - ours
    return not server.rows(held)


def _hashes(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, str]]:
    """Return the number of rows of each table of the attached `store`, and a hash of them in any order."""
    return {table: _hash(connection, table) for table in forms()}


def _hashes_of(copies: Copies) -> dict[str, tuple[int, str]]:
    """Return the same of the server, each table read from it anew."""
    found = {}
    for table in forms():
        copies.begin()
        copies.fill(table)
        found[table] = _hash(copies.connection, table)
        copies.end()
    return found


def _hash(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, str]:
    columns = forms()[table].names
    [(count, total)] = connection.execute(
        f"SELECT count(*), coalesce(sum(md5_number_lower(CAST(held AS VARCHAR))), 0) "  # noqa: S608
        f"FROM (SELECT {columns} FROM store.{table}) AS held"
    ).fetchall()
    return int(count), f"{int(total) % (1 << 64):016x}"


def _compared(
    before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]], database: Database
) -> pd.DataFrame:
    """Return table, rows and hash, rows_after and hash_after; raise StoreError where the two sides differ."""
    if other := [table for table in before if before[table] != after[table]]:
        raise StoreError(
            f"{', '.join(other)} {'differ' if other[1:] else 'differs'} between the file and {database}: nothing was "
            "moved. Name an empty database, or empty this one (DROP SCHEMA store CASCADE)"
        )
    rows = [(table, *before[table], *after[table]) for table in before]
    return pd.DataFrame(rows, columns=["table", "rows", "hash", "rows_after", "hash_after"])
