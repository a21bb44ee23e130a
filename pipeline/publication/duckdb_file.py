"""One DuckDB file of a publication: written completely beside its predecessor, opened read-only.

DuckDB replays a log (`NAME.wal`) into whatever file has the name, even if a writer that died left it beside another
version. No reader here replays one, and `put_in_place` removes it before it renames.
"""

import fcntl
import glob
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.complete_file import finish
from pipeline.database import attach, literal_sql, name_sql, query, reused, transaction
from pipeline.errors import PublicationError, StoreBusyError
from pipeline.publication.content_hash import HASHES, OF_NO_RUN, Hashes, content_hash
from pipeline.publication.tables import Table


@contextmanager
def opened(path: Path, encryption_key: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the file attached as `kept`, read-only, and close it afterwards.

    DuckDB's shell opens files for writing by default and so locks them. The file is then copied and the copy read, so
    that no reader can block a run. So is a file with a log beside it, which is no part of a publication.

    Raises
    ------
    PublicationError
        The file is missing: nothing was published yet, or it was lost.
    """
    if not path.exists():
        raise PublicationError(
            f"{path} is missing: restore published.duckdb and restricted.duckdb from a backup, or run again "
            f"(harmspot --home {path.parent} run)"
        )
    with _connected(encryption_key) as connection, ExitStack() as after:

        def copy() -> Path:
            folder = after.enter_context(TemporaryDirectory(prefix="harmspot-"))
            return Path(shutil.copyfile(path, Path(folder) / path.name))

        try:
            attach(connection, copy() if logs_of(path) else path, encryption_key, alias="kept", read_only=True)
        except StoreBusyError:
            attach(connection, copy(), encryption_key, alias="kept", read_only=True)
        yield connection
        connection.execute("DETACH kept")


def version_of(path: Path) -> tuple[int, ...]:
    """Return what differs between any two versions of the file: a publication renames, whoever else writes is dated."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def logs_of(path: Path) -> list[Path]:
    """Return the logs beside the file, which somebody who wrote to it left or is writing."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.wal*"))


def put_in_place(fresh: Path, path: Path) -> None:
    """Rename the complete file `fresh` to `path`; the logs beside `path` are removed first, and none can follow.

    A process that has the old file open for writing does not hold up a publication. Its log is removed, but should it
    go on writing, DuckDB names its next log after the new file: readers here leave it out, others have to.
    """
    with _kept_from_writers(path):
        remove_logs(path)
        finish(fresh, path)


def remove_logs(path: Path) -> list[Path]:
    """Remove and return the logs beside the file."""
    logs = logs_of(path)
    for log in logs:
        log.unlink(missing_ok=True)
    return logs


def remove_stale_logs(path: Path) -> list[Path]:
    """Remove and return the logs beside the file if no process has it open for writing."""
    if not logs_of(path):
        return []
    with _kept_from_writers(path) as is_alone:
        return remove_logs(path) if is_alone else []


@contextmanager
def _kept_from_writers(path: Path) -> Iterator[bool]:
    """Keep every DuckDB from opening the file for writing, by the lock that it takes itself to read.

    Yields False if that is impossible: a process has the file open for writing, or files cannot be locked.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield not path.exists()
        return
    try:
        yield _is_lockable(descriptor)
    finally:
        os.close(descriptor)


def _is_lockable(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_file(
    path: Path,
    tables: Mapping[str, Table],
    rows: Mapping[str, pa.Table],
    *,
    history: Path | None,
    kept_run_ids: Sequence[str],
    encryption_key: str | None,
    forgotten: Sequence[str] = (),
) -> None:
    """Write a new file at `path`: the rows of `kept_run_ids` from `history`, then `rows`, and their hashes.

    A table or column that `history` lacks is empty for the kept runs; one that `tables` lacks is dropped. Projections
    are not copied from `history`, because `rows` holds them completely. Kept runs keep their hashes, so that damage
    of before stays visible.

    Parameters
    ----------
    path : Path
        The new file.
    tables : mapping of str to Table
        Descriptions of the tables, by name.
    rows : mapping of str to pyarrow.Table
        New rows, by table name.
    history : Path or None
        The previous file.
    kept_run_ids : sequence of str
        Runs to copy from `history`.
    encryption_key : str or None
        Key of both files; None if they are not encrypted.
    forgotten : sequence of str
        Ids of erased people, whose rows are left out.
    """
    rows = {name: without_people(table_rows, forgotten) for name, table_rows in rows.items()}
    with opened(history, encryption_key) if history else _connected(encryption_key) as connection:
        attach(connection, path, encryption_key, alias="fresh")
        shared = _shared_columns(connection, tables) if history else {}
        with transaction(connection):
            for name, table in tables.items():
                connection.execute(";\n".join(create_table_sql(table)))
                if name in shared and not table.is_projection:
                    renewed = rows[name][table.kept_by].unique().to_pylist() if name in rows else []
                    copied = {"run_ids": list(kept_run_ids), "renewed": renewed, "forgotten": list(forgotten)}
                    connection.execute(copy_history_sql(table, shared[name]), copied)
                if name in rows:
                    _insert(connection, name, rows[name])
            if history and forgotten:
                _note_hashes(connection, _hashed_without(connection, history, tables, kept_run_ids, forgotten))
            _note_hashes(connection, _hashed_now(connection, tables, rows))
        connection.execute("CHECKPOINT fresh")
        connection.execute("DETACH fresh")


def rewrite_tables(
    path: Path, fresh: Path, tables: Mapping[str, Table], rows: Mapping[str, pa.Table], encryption_key: str | None
) -> None:
    """Write a copy of `path` to `fresh` in which the projections of `rows` hold only those rows."""
    shutil.copyfile(path, fresh)
    with _connected(encryption_key) as connection:
        attach(connection, fresh, encryption_key, alias="fresh")
        with transaction(connection):
            for name, table_rows in rows.items():
                connection.execute(drop_table_sql(name))
                connection.execute(";\n".join(create_table_sql(tables[name])))
                _insert(connection, name, table_rows)
            if connection.execute(query("publication/has_hashes")).fetchone():
                _note_hashes(connection, {(OF_NO_RUN, name): table_rows for name, table_rows in rows.items()})
        connection.execute("CHECKPOINT fresh")
        connection.execute("DETACH fresh")


def rewrite_rows(
    path: Path,
    fresh: Path,
    tables: Mapping[str, Table],
    changed: Mapping[tuple[str, str], pa.Table],
    *,
    without_hashes: Collection[tuple[str, str]] = (),
) -> None:
    """Write all rows of `path`, which is not encrypted, to the new file `fresh`, whose free space holds none of before.

    `changed` has, by run and table, rows that take the place of those kept; projections are of no run. Of those in
    `without_hashes` the hash stays as it was.
    """
    with opened(path, None) as connection:
        attach(connection, fresh, None, alias="fresh")
        shared = _shared_columns(connection, tables)
        with transaction(connection):
            for name, table in tables.items():
                connection.execute(";\n".join(create_table_sql(table)))
                renewed = {run_id: rows for (run_id, table_name), rows in changed.items() if table_name == name}
                if name in shared and OF_NO_RUN not in renewed:
                    copied = copy_others_sql(table, shared[name], is_whole=not renewed)
                    connection.execute(copied, {"renewed": list(renewed)} if renewed else None)
                for rows in renewed.values():
                    _insert(connection, name, rows)
            noted = {place: rows for place, rows in changed.items() if place not in without_hashes}
            _note_hashes(connection, noted if connection.execute(query("publication/has_hashes")).fetchone() else {})
        connection.execute("CHECKPOINT fresh")
        connection.execute("DETACH fresh")


def read_tables_of(path: Path, tables: Mapping[str, Table], encryption_key: str | None) -> dict[str, pa.Table]:
    """Return all rows, sorted by key, of each of `tables` that the file has with exactly the same columns."""
    with opened(path, encryption_key) as connection:
        shared = _shared_columns(connection, tables)
        whole = {name: table for name, table in tables.items() if shared.get(name) == table.column_names}
        return {name: connection.execute(all_rows_sql(table)).to_arrow_table() for name, table in whole.items()}


def without_people(rows: pa.Table, person_ids: Sequence[str]) -> pa.Table:
    """Return the rows without those of `person_ids`; a table without column person_id is returned unchanged."""
    if not person_ids or "person_id" not in rows.column_names:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["person_id"], pa.array(person_ids, pa.string()))))


def holds_people(
    path: Path, tables: Mapping[str, Table], encryption_key: str | None, person_ids: Sequence[str]
) -> bool:
    """Return whether the file has a row of any of `person_ids`."""
    if not person_ids:
        return False
    with opened(path, encryption_key) as connection:
        shared = _shared_columns(connection, tables)
        asked = [people_sql(name) for name, columns in shared.items() if "person_id" in columns]
        return any(connection.execute(sql, {"person_ids": list(person_ids)}).fetchone() for sql in asked)


def create_table_sql(table: Table) -> Iterator[str]:
    """Yield the statements that create an empty table in `fresh`, its comments, and its view of the latest run."""
    columns = ", ".join(f"{name_sql(column.name)} {column.duckdb_type}" for column in table.columns)
    yield f"CREATE TABLE fresh.{name_sql(table.name)} ({columns})"
    yield f"COMMENT ON TABLE fresh.{name_sql(table.name)} IS {literal_sql(table.about)}"
    for column in table.columns:
        place = f"fresh.{name_sql(table.name)}.{name_sql(column.name)}"
        yield f"COMMENT ON COLUMN {place} IS {literal_sql(column.comment)}"
    yield latest_view_sql(table)


def drop_table_sql(table_name: str) -> str:
    """Return the statements that drop a table of `fresh` and its view, if they exist."""
    view, table = name_sql(f"latest_{table_name}"), name_sql(table_name)
    return f"DROP VIEW IF EXISTS fresh.{view}; DROP TABLE IF EXISTS fresh.{table}"


def latest_view_sql(table: Table) -> str:
    """Return the statement that creates view `latest_<table>`, for users of DuckDB's shell.

    The latest run is defined as in `pipeline.publication.publish.runs`.
    """
    by = name_sql(table.kept_by)
    order = "is_usable IS DISTINCT FROM FALSE DESC, as_of DESC, known_at DESC, rowid DESC"
    latest = f"(SELECT {by} FROM run ORDER BY {order} LIMIT 1)"  # noqa: S608 - tables.yml
    only = "" if table.is_projection else f" WHERE {by} = {latest}"
    view, name = name_sql(f"latest_{table.name}"), name_sql(table.name)
    return f"CREATE VIEW fresh.{view} AS SELECT * FROM {name}{only}"  # noqa: S608 - from tables.yml


def copy_history_sql(table: Table, columns: Sequence[str]) -> str:
    """Return the statement that copies the rows of runs `$run_ids`, in order.

    Left out are people in `$forgotten` and the rows of `$renewed`, which are written anew.
    """
    name, listed, by = name_sql(table.name), ", ".join(name_sql(column) for column in columns), name_sql(table.kept_by)
    person = "person_id" if "person_id" in columns else "''"
    return (
        f"INSERT INTO fresh.{name} BY NAME "  # noqa: S608 - names come from tables.yml
        f"SELECT {listed} FROM kept.{name} "
        f"WHERE {by} IN (SELECT {by} FROM kept.run WHERE run_id IN (SELECT unnest($run_ids::VARCHAR[]))) "
        f"AND {by} NOT IN (SELECT unnest($renewed::VARCHAR[])) "
        f"AND {person} NOT IN (SELECT unnest($forgotten::VARCHAR[])) "
        "ORDER BY rowid"  # DuckDB's joins do not preserve order
    )


def copy_others_sql(table: Table, columns: Sequence[str], *, is_whole: bool) -> str:
    """Return the statement that copies all rows, in order; unless `is_whole`, less those of the runs `$renewed`."""
    name, listed = name_sql(table.name), ", ".join(name_sql(column) for column in columns)
    where = "" if is_whole else " WHERE run_id NOT IN (SELECT unnest($renewed::VARCHAR[]))"
    return f"INSERT INTO fresh.{name} BY NAME SELECT {listed} FROM kept.{name}{where} ORDER BY rowid"  # noqa: S608


def people_sql(table_name: str) -> str:
    """Return the query for one row of any of `$person_ids`."""
    table = name_sql(table_name)
    return f"SELECT 1 FROM kept.{table} WHERE person_id IN (SELECT unnest($person_ids)) LIMIT 1"  # noqa: S608 - tables.yml


def runs_with_people_sql(table_name: str) -> str:
    """Return the query for those of runs `$run_ids` with a row of any of `$person_ids`."""
    return (
        f"SELECT DISTINCT run_id FROM kept.{name_sql(table_name)} "  # noqa: S608 - tables.yml
        "WHERE person_id IN (SELECT unnest($person_ids)) AND run_id IN (SELECT unnest($run_ids)) ORDER BY run_id"
    )


def insert_sql(table_name: str) -> str:
    """Return the statement that adds the rows registered as `rows_of_this_run`."""
    return f"INSERT INTO fresh.{name_sql(table_name)} BY NAME SELECT * FROM rows_of_this_run"  # noqa: S608 - tables.yml


def all_rows_sql(table: Table) -> str:
    """Return the query for every row, sorted by key."""
    key = ", ".join(name_sql(name) for name in table.key)
    return f"SELECT * FROM kept.{name_sql(table.name)} ORDER BY {key}"  # noqa: S608 - tables.yml


def rows_of_run_sql(table: Table) -> str:
    """Return the query for the rows of run `$run_id`, sorted by key."""
    key, by = ", ".join(name_sql(name) for name in table.key), name_sql(table.kept_by)
    shared = f"(SELECT {by} FROM kept.run WHERE run_id = $run_id)"  # noqa: S608 - tables.yml
    of_run = shared if table.shared_by else "$run_id"
    return f"SELECT * FROM kept.{name_sql(table.name)} WHERE {by} = {of_run} ORDER BY {key}"  # noqa: S608 - tables.yml


def runs_with_rows_sql(table_name: str) -> str:
    """Return the query for the ids of the runs that have rows in the table."""
    return f"SELECT DISTINCT run_id FROM kept.{name_sql(table_name)} ORDER BY run_id"  # noqa: S608 - tables.yml


def counts_sql(table_names: Sequence[str]) -> str:
    """Return the query for name and row count of run `$run_id`, one row per table in the given order."""
    return " UNION ALL ".join(
        f"SELECT {literal_sql(name)}, count(*) FROM kept.{name_sql(name)} WHERE run_id = $run_id"  # noqa: S608 - tables.yml
        for name in table_names
    )


def hashes_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Hashes:
    """Return the hashes in the file attached as `kept`, none if a harmspot wrote it that had none; `path` names it.

    Every harmspot that writes hashes also notes in `run` with which shapes a run is drawn.
    """
    of_run = connection.execute("SELECT column_name FROM (DESCRIBE kept.run)").fetchall()
    hashed: frozenset[str] = frozenset()
    if ("shapes_id",) in of_run:
        ids = connection.execute("SELECT run_id FROM kept.run WHERE shapes_id IS NOT NULL").fetchall()
        hashed = frozenset(run_id for (run_id,) in ids)
    if HASHES not in table_names(connection):
        return Hashes(path, {}, hashed)
    found = connection.execute(f"SELECT run_id, table_name, row_count, sha256 FROM kept.{HASHES}").fetchall()  # noqa: S608
    by_run: dict[str, dict[str, tuple[int, str]]] = {}
    for run_id, name, count, sha256 in found:
        by_run.setdefault(run_id, {})[name] = (count, sha256)
    return Hashes(path, by_run, hashed)


def table_names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the tables of the file attached as `kept`."""
    return {name for (name,) in connection.execute(query("publication/kept_tables")).fetchall()}


def _hashed_now(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table], rows: Mapping[str, pa.Table]
) -> dict[tuple[str, str], pa.Table]:
    """Return the rows to hash by run and table: those of the new run, if there is one, table run, the projections."""
    new_run = rows["run"]["run_id"].to_pylist()
    all_runs = connection.execute("SELECT * FROM fresh.run ORDER BY rowid").to_arrow_table()
    projections = {(OF_NO_RUN, name): rows[name] for name in rows if tables[name].is_projection}
    of_run = [name for name in rows if name != "run" and not tables[name].is_projection]
    new = {(run_id, name): rows[name] for run_id in new_run for name in of_run}
    return {(OF_NO_RUN, "run"): all_runs, **projections, **new}


def _hashed_without(
    connection: duckdb.DuckDBPyConnection,
    history: Path,
    tables: Mapping[str, Table],
    run_ids: Sequence[str],
    forgotten: Sequence[str],
) -> dict[tuple[str, str], pa.Table]:
    """Return the kept rows, without the `forgotten`, of tables and runs that held some of them and were undamaged."""
    hashes, left = hashes_of(connection, history), {}
    hashed = {"run_ids": [run_id for run_id in run_ids if hashes.knows(run_id)], "person_ids": list(forgotten)}
    for name, columns in _shared_columns(connection, tables).items():
        if "person_id" in columns and not tables[name].is_projection:
            for (run_id,) in connection.execute(runs_with_people_sql(name), hashed).fetchall():
                rows = connection.execute(rows_of_run_sql(tables[name]), {"run_id": run_id}).to_arrow_table()
                if hashes.is_as_published(name, run_id, rows):
                    left[run_id, name] = without_people(rows, forgotten)
    return left


def _note_hashes(connection: duckdb.DuckDBPyConnection, hashed: Mapping[tuple[str, str], pa.Table]) -> None:
    """Write the hashes of rows into `fresh`, in place of earlier ones of the same run and table."""
    if not hashed:
        return
    found = [
        {"run_id": run_id, "table_name": name, "row_count": len(rows), "sha256": content_hash(rows)}
        for (run_id, name), rows in sorted(hashed.items())
    ]
    connection.register("rows_of_this_run", pa.Table.from_pylist(found))
    connection.execute(query("publication/note_hashes"))
    connection.unregister("rows_of_this_run")


def _connected(encryption_key: str | None) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return reused(is_encrypting=encryption_key is not None)


def _shared_columns(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> dict[str, list[str]]:
    """Return, by table, the columns that both the kept file and this version of harmspot have."""
    kept = connection.execute(query("publication/kept_columns")).fetchall()
    both = [(name, column) for name, column in kept if name in tables and column in tables[name].column_names]
    return {name: [column for table_name, column in both if table_name == name] for name, _ in both}


def _insert(connection: duckdb.DuckDBPyConnection, table_name: str, rows: pa.Table) -> None:
    connection.register("rows_of_this_run", rows)
    connection.execute(insert_sql(table_name))
    connection.unregister("rows_of_this_run")
