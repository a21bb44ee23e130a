"""Rows of the shared store copied to a DuckDB database named `store`, and what changed there put back.

The copy has the tables of the file, so that whatever reads or writes a store runs on it as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import NamedTuple

import duckdb
import pyarrow as pa

from pipeline.database import connect, name_sql
from pipeline.errors import StoreError
from pipeline.shared_store.column_cipher import ENCRYPTED, ColumnCipher
from pipeline.shared_store.server import Server, literal
from pipeline.store.migrations import migrate

# A replay tries dead letters in the order in which they came in.
_ORDER = {"dead_letter": ' ORDER BY batch_id, topic COLLATE "C", source_partition, source_offset, payload_hash'}
_CHUNK = 100_000  # rows copied at a time
# PostgreSQL keeps no character 0 in a text: a private one marks it, and itself.
_MARK, _MARKED, _ZERO = "chr(57344)", "chr(57344) || chr(57345)", "chr(57344) || chr(57346)"
_STRUCTS = "STRUCT("
_ROLES = """'[{"person_id": "VARCHAR", "role": "VARCHAR"}]'"""


class Column(NamedTuple):
    """A column of a table of the store, with its DuckDB type."""

    name: str
    kind: str


class Form(NamedTuple):
    """A table of the store: the statement that creates it, and its columns."""

    create: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> str:
        """The columns as SQL."""
        return ", ".join(name_sql(column.name) for column in self.columns)


@cache
def forms() -> dict[str, Form]:
    """Return the tables of the store as the migrations of the file make them, by name."""
    with connect(is_encrypting=False) as connection:
        connection.execute("ATTACH ':memory:' AS store")
        migrate(connection)
        columns: dict[str, list[Column]] = {}
        for table, name, kind in connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'store' "
            "ORDER BY table_name, column_index"
        ).fetchall():
            columns.setdefault(table, []).append(Column(name, kind))
        made = dict(
            connection.execute(
                "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'store' ORDER BY table_name"
            ).fetchall()
        )
    return {
        table: Form(made[table].replace("CREATE TABLE ", "CREATE TABLE store.", 1), tuple(columns[table]))
        for table in sorted(made)
        if table != "migration"
    }


class Copies:
    """The copy of one operation; `connection` has it attached as `store`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, server: Server, cipher: ColumnCipher) -> None:
        self.connection, self.server = connection, server
        self._cipher = cipher
        self._changed: list[str] = []

    def begin(self) -> None:
        """Attach an empty database without tables."""
        self.connection.execute("ATTACH ':memory:' AS store")
        self._changed = []

    def end(self) -> None:
        """Forget the copy."""
        for table in self._changed:
            self.connection.execute(f"DROP TABLE IF EXISTS temp.before_{table}")
        self.connection.execute("DETACH store")

    def make(self, table: str) -> None:
        """Create a table of the copy, empty, unless it is there."""
        self.connection.execute(forms()[table].create.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))

    def fill(
        self,
        table: str,
        where: str = "",
        *values: str | int | datetime | Sequence[str],
        is_changed: bool = False,
        blank: Sequence[str] = (),
    ) -> None:
        """Copy rows of a table from the server, in the order in which they came in.

        Parameters
        ----------
        table : str
            The table; what the copy held of it is forgotten.
        where : str
            What follows `FROM store.<table>`, with $1, $2 … for the values; blank copies all rows.
        is_changed : bool
            Whether `put_back` looks for what changed.
        blank : sequence of str
            Columns of bytes that are left empty.
        """
        form = forms()[table]
        for number, value in reversed([*enumerate(values, 1)]):
            where = where.replace(f"${number}", literal(value))
        asked = ", ".join(
            f"''::bytea AS {column.name}" if column.name in blank else name_sql(column.name) for column in form.columns
        )
        sql = f"SELECT {asked}, row_id FROM store.{table} {where}{_ORDER.get(table, '')}"  # noqa: S608 - ours
        kept = ", ".join(_from_server(table, column) for column in form.columns)
        self.make(table)
        self.connection.execute(f"DELETE FROM store.{table}")  # noqa: S608
        with self._registered(self._read(table, sql, blank)):
            if not is_changed:
                self.connection.execute(f"INSERT INTO store.{table} SELECT {kept} FROM incoming")  # noqa: S608
                return
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE before_{table} AS SELECT {kept}, row_id FROM incoming"  # noqa: S608
            )
        self.connection.execute(f"INSERT INTO store.{table} SELECT {form.names} FROM temp.before_{table}")  # noqa: S608
        self._changed += [table] if table not in self._changed else []

    def put_back(self, *, is_exact: bool = True) -> None:
        """Write to the server what changed of the tables that may change; raises StoreError as `add`."""
        changed, self._changed = self._changed, []
        for table in changed:
            gone = self.connection.execute(_left_sql(table, f"temp.before_{table}", f"store.{table}", "row_id"))
            self._delete(table, gone.to_arrow_table())
            new = _left_sql(table, f"store.{table}", f"temp.before_{table}", forms()[table].names)
            self.add(table, new, is_exact=is_exact)
            self.connection.execute(f"DROP TABLE temp.before_{table}")

    def add(self, table: str, new_sql: str, *, is_exact: bool = True) -> int:
        """Insert the rows of a query on the copy, and return how many the server did not have.

        Raises
        ------
        StoreError
            The server had some of them, and `is_exact`; nothing may be committed then.
        """
        form = forms()[table]
        [(count,)] = self.connection.execute(f"SELECT count(*) FROM ({new_sql})").fetchall()  # noqa: S608
        if not count:
            return 0
        sent = ", ".join(_to_server(table, column) for column in form.columns)
        new = self.connection.execute(f"SELECT {sent} FROM ({new_sql})")  # noqa: S608
        is_sealed = table in ENCRYPTED
        rows = self._cipher.sealed(table, new.to_arrow_table()) if is_sealed else new.to_arrow_reader(_CHUNK)
        arrived = self.send(f"arrived_{table}", rows, form.names, table)
        [(kept,)] = self.server.rows(
            f"WITH kept AS (INSERT INTO store.{table} ({form.names}) SELECT {form.names} FROM {arrived} "  # noqa: S608
            "ORDER BY ctid ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM kept"
        )
        self.server.run(f"DELETE FROM {arrived}")  # noqa: S608
        if is_exact and kept != count:
            raise StoreError(
                f"{count - kept:,} of {count:,} rows of {table} are in the shared store already, though none "
                "should be; nothing is stored"
            )
        return int(kept)

    def send(self, name: str, rows: pa.Table | pa.RecordBatchReader, columns: str, table: str) -> str:
        """Copy rows to a temporary table with some columns of a table of the store, and return its name."""
        self.server.run(
            f"CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS "  # noqa: S608 - ours
            f"SELECT {columns} FROM store.{table} WITH NO DATA"
        )
        self.server.take_in(name, rows)
        return f"pg_temp.{name}"

    def _delete(self, table: str, row_ids: pa.Table) -> None:
        if len(row_ids):
            gone = self.send(f"gone_{table}", row_ids, "row_id", table)
            self.server.run(f"DELETE FROM store.{table} WHERE row_id IN (SELECT row_id FROM {gone})")  # noqa: S608
            self.server.run(f"DELETE FROM {gone}")  # noqa: S608

    def _read(self, table: str, sql: str, blank: Sequence[str]) -> pa.RecordBatchReader | pa.Table:
        """Return rows of the server with the encrypted columns as they were; versions by and by."""
        rows = self.server.reader(sql)
        return self._cipher.opened(table, rows.read_all(), but=blank) if table in ENCRYPTED else rows

    @contextmanager
    def _registered(self, rows: pa.RecordBatchReader | pa.Table) -> Iterator[None]:
        self.connection.register("incoming", rows)
        try:
            yield
        except duckdb.Error:
            self.server.run("SELECT 1")  # says so if the connection broke while the rows were read
            raise
        finally:
            self.connection.unregister("incoming")


def _from_server(table: str, column: Column) -> str:
    """Return the SQL of a column of the copy, of what the server has of it."""
    name = name_sql(column.name)
    if column.kind == "UHUGEINT":
        return f"CAST(CAST({name} AS BIT) AS UHUGEINT) AS {name}"
    if column.kind.startswith(_STRUCTS):
        return f"from_json({name}, {_ROLES}) AS {name}"
    if column.kind == "VARCHAR":
        if column.name in ENCRYPTED.get(table, ()):
            return f"decode({name}) AS {name}"
        zeros = f"replace(replace({name}, {_ZERO}, chr(0)), {_MARKED}, {_MARK})"
        return f"CASE WHEN contains({name}, {_MARK}) THEN {zeros} ELSE {name} END AS {name}"
    return name


def _to_server(table: str, column: Column) -> str:
    """Return the SQL of what the server keeps of a column of the copy."""
    name = name_sql(column.name)
    if column.kind == "UHUGEINT":
        return f"CAST(CAST({name} AS BIT) AS BLOB) AS {name}"
    if column.kind.startswith(_STRUCTS):
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    if column.kind == "VARCHAR" and column.name not in ENCRYPTED.get(table, ()):
        marked = f"replace(replace({name}, {_MARK}, {_MARKED}), chr(0), {_ZERO})"
        return (
            f"CASE WHEN contains({name}, chr(0)) OR contains({name}, {_MARK}) THEN {marked} ELSE {name} END AS {name}"
        )
    return name


def _left_sql(table: str, one: str, other: str, columns: str) -> str:
    """Return the query of the rows of one table that another does not hold as often."""
    names = [name_sql(column.name) for column in forms()[table].columns]
    alike = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in [*names, "nth"])
    counted = f"SELECT *, row_number() OVER (PARTITION BY {', '.join(names)}) AS nth FROM"
    return f"SELECT {columns} FROM ({counted} {one}) AS a ANTI JOIN ({counted} {other}) AS b ON {alike}"  # noqa: S608
