"""The file that is looked at: a sample of its rows as text, and counts over all of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from pipeline.database import connect, literal_sql, name_sql

SAMPLE_ROWS = 20_000
BLANKS = ("<null>", "null", "none", "n/a", "na", "nan", "-", "--", "(null)", "unknown")
_ADDED = ("harmspot_file", "harmspot_number", "harmspot_line")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows: view `raw` of a connection, and a sample spread over the file."""

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    types: dict[str, str]  # DuckDB's types by column, in the file's order
    rows: int
    sample: pd.DataFrame = field(repr=False)  # text, trimmed; missing where blank
    crs: str | None = None  # that the file itself states
    notes: tuple[str, ...] = ()

    def words(self, columns: list[str]) -> pd.DataFrame:
        """Return the distinct texts of columns, upper-case, with column `count`, the commonest first; blanks are ''."""
        folded = [f"upper({text_sql(name)}) AS {name_sql(name)}" for name in columns]
        order = ", ".join(name_sql(name) for name in columns)
        return self.connection.execute(
            f"SELECT {', '.join(folded)}, count(*) AS count FROM raw GROUP BY ALL ORDER BY count DESC, {order}"  # noqa: S608
        ).df()

    def repeats(self, column: str) -> tuple[int, int, int]:
        """Return rows without an id, rows that repeat one, and those of them whose other content differs."""
        whole = ", ".join(text_sql(name) for name in self.types)
        [found] = self.connection.execute(
            f"WITH row AS (SELECT {text_sql(column)} AS id, md5(concat_ws(chr(31), {whole})) AS content FROM raw) "  # noqa: S608
            "SELECT count(*) FILTER (id = ''), count(*) FILTER (id <> '') - count(DISTINCT id) FILTER (id <> ''), "
            "count(DISTINCT id || content) FILTER (id <> '') - count(DISTINCT id) FILTER (id <> '') FROM row"
        ).fetchall()
        return int(found[0]), int(found[1]), int(found[2])


def text_sql(column: str) -> str:
    """Return SQL of a column as trimmed text, '' where it is blank or a word for nothing."""
    text = f"trim(CAST({name_sql(column)} AS VARCHAR))"
    return f"CASE WHEN lower({text}) IN ({', '.join(map(literal_sql, BLANKS))}) THEN '' ELSE coalesce({text}, '') END"


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a file as a table.

    Raises
    ------
    SourceError
        The file is missing, cannot be read or holds no row.
    """
    with closing(connect(is_encrypting=False)) as connection:
        source = f"read_parquet({literal_sql(str(path))})"
        if path.suffix.lower() != ".parquet":
            source = f"read_csv({literal_sql(str(path))}, all_varchar = true, header = true)"
        connection.execute(
            f"CREATE TEMP TABLE raw AS SELECT *, row_number() OVER () AS harmspot_number FROM {source}"  # noqa: S608
        )
        yield table_of(connection)


def table_of(connection: duckdb.DuckDBPyConnection, crs: str | None = None, notes: tuple[str, ...] = ()) -> Table:
    """Return the table whose rows are view `raw`."""
    described = connection.execute("DESCRIBE raw").fetchall()
    types = {row[0]: row[1] for row in described if row[0] not in _ADDED}
    [(rows,)] = connection.execute("SELECT count(*) FROM raw").fetchall()
    texts = [f"nullif({text_sql(name)}, '') AS {name_sql(name)}" for name in types]
    step = max(1, rows // SAMPLE_ROWS)
    sample = connection.execute(
        f"WITH picked AS (SELECT *, row_number() OVER (ORDER BY harmspot_number) AS harmspot_pick FROM raw) "  # noqa: S608
        f"SELECT {', '.join(texts)} FROM picked WHERE harmspot_pick % {step} = 0 ORDER BY harmspot_number"
    ).df()
    return Table(connection, types, int(rows), sample.astype("object"), crs, notes)
