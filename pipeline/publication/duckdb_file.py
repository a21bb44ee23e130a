"""One DuckDB file of a publication: written completely beside its predecessor, opened read-only."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.database import attach, connect, literal_sql, name_sql, query, transaction
from pipeline.errors import StoreBusyError
from pipeline.publication.tables import Table


@contextmanager
def opened(path: Path, encryption_key: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the file attached as `kept`, read-only, and close it afterwards.

    DuckDB's shell opens files for writing by default and so locks them. The file is then copied and the copy read, so
    that no reader can block a run.
    """
    with TemporaryDirectory(prefix="harmspot-") as folder, closing(_connect(encryption_key)) as connection:
        try:
            attach(connection, path, encryption_key, alias="kept", read_only=True)
        except StoreBusyError:
            copy = Path(shutil.copyfile(path, Path(folder) / path.name))
            attach(connection, copy, encryption_key, alias="kept", read_only=True)
        yield connection


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
    """Write a new file at `path`: the rows of `kept_run_ids` from `history`, then `rows`.

    A table or column that `history` lacks is empty for the kept runs; one that `tables` lacks is dropped. Projections
    are not copied from `history`, because `rows` holds them completely.

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
    with opened(history, encryption_key) if history else closing(_connect(encryption_key)) as connection:
        attach(connection, path, encryption_key, alias="fresh")
        shared = _shared_columns(connection, tables) if history else {}
        with transaction(connection):
            for name, table in tables.items():
                connection.execute(";\n".join(create_table_sql(table)))
                if name in shared and not table.is_projection:
                    copied = {"run_ids": list(kept_run_ids), "forgotten": list(forgotten)}
                    connection.execute(copy_history_sql(name, shared[name]), copied)
                _insert(connection, name, without_people(rows[name], forgotten))
        connection.execute("CHECKPOINT fresh")
        connection.execute("DETACH fresh")


def rewrite_tables(
    path: Path, fresh: Path, tables: Mapping[str, Table], rows: Mapping[str, pa.Table], encryption_key: str | None
) -> None:
    """Write a copy of `path` to `fresh` in which the tables of `rows` hold only those rows."""
    shutil.copyfile(path, fresh)
    with closing(_connect(encryption_key)) as connection:
        attach(connection, fresh, encryption_key, alias="fresh")
        with transaction(connection):
            for name, table_rows in rows.items():
                connection.execute(drop_table_sql(name))
                connection.execute(";\n".join(create_table_sql(tables[name])))
                _insert(connection, name, table_rows)
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
    order = "is_usable IS DISTINCT FROM FALSE DESC, as_of DESC, known_at DESC, rowid DESC"
    latest = f"(SELECT run_id FROM run ORDER BY {order} LIMIT 1)"  # noqa: S608 - a literal
    only = "" if table.is_projection else f" WHERE run_id = {latest}"
    view, name = name_sql(f"latest_{table.name}"), name_sql(table.name)
    return f"CREATE VIEW fresh.{view} AS SELECT * FROM {name}{only}"  # noqa: S608 - from tables.yml


def copy_history_sql(table_name: str, columns: Sequence[str]) -> str:
    """Return the statement that copies the rows of runs `$run_ids`, except people in `$forgotten`, in order."""
    table, listed = name_sql(table_name), ", ".join(name_sql(name) for name in columns)
    person = "person_id" if "person_id" in columns else "''"
    return (
        f"INSERT INTO fresh.{table} BY NAME "  # noqa: S608 - names come from tables.yml
        f"SELECT {listed} FROM kept.{table} WHERE run_id IN (SELECT unnest($run_ids)) "
        f"AND {person} NOT IN (SELECT unnest($forgotten::VARCHAR[])) "
        "ORDER BY rowid"  # DuckDB's joins do not preserve order
    )


def people_sql(table_name: str) -> str:
    """Return the query for one row of any of `$person_ids`."""
    table = name_sql(table_name)
    return f"SELECT 1 FROM kept.{table} WHERE person_id IN (SELECT unnest($person_ids)) LIMIT 1"  # noqa: S608 - tables.yml


def insert_sql(table_name: str) -> str:
    """Return the statement that adds the rows registered as `rows_of_this_run`."""
    return f"INSERT INTO fresh.{name_sql(table_name)} BY NAME SELECT * FROM rows_of_this_run"  # noqa: S608 - tables.yml


def all_rows_sql(table: Table) -> str:
    """Return the query for every row, sorted by key."""
    key = ", ".join(name_sql(name) for name in table.key)
    return f"SELECT * FROM kept.{name_sql(table.name)} ORDER BY {key}"  # noqa: S608 - tables.yml


def rows_of_run_sql(table: Table) -> str:
    """Return the query for the rows of run `$run_id`, sorted by key."""
    key = ", ".join(name_sql(name) for name in table.key)
    return f"SELECT * FROM kept.{name_sql(table.name)} WHERE run_id = $run_id ORDER BY {key}"  # noqa: S608 - tables.yml


def counts_sql(table_names: Sequence[str]) -> str:
    """Return the query for name and row count of run `$run_id`, one row per table in the given order."""
    return " UNION ALL ".join(
        f"SELECT {literal_sql(name)}, count(*) FROM kept.{name_sql(name)} WHERE run_id = $run_id"  # noqa: S608 - tables.yml
        for name in table_names
    )


def _connect(encryption_key: str | None) -> duckdb.DuckDBPyConnection:
    return connect(is_encrypting=encryption_key is not None)


def _shared_columns(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> dict[str, list[str]]:
    """Return, by table, the columns that both the kept file and this version of harmspot have."""
    kept = connection.execute(query("publication/kept_columns")).fetchall()
    both = [(name, column) for name, column in kept if name in tables and column in tables[name].column_names]
    return {name: [column for table_name, column in both if table_name == name] for name, _ in both}


def _insert(connection: duckdb.DuckDBPyConnection, table_name: str, rows: pa.Table) -> None:
    connection.register("rows_of_this_run", rows)
    connection.execute(insert_sql(table_name))
    connection.unregister("rows_of_this_run")
