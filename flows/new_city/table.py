"""The file that is looked at: a sample of its rows as text, and counts over all of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pipeline.database import Connection, connect, literal_sql, name_sql
from pipeline.errors import SourceError
from pipeline.files.parts import PassedOver
from pipeline.files.table import FileFormat, ReadFile, read_files

SAMPLE_ROWS = 20_000
_TITLE_LINES = 10  # that may stand above a header
BLANKS = ("<null>", "null", "none", "n/a", "na", "nan", "-", "--", "(null)", "unknown")
_ADDED = ("harmspot_file", "harmspot_number", "harmspot_line")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows: view `raw` of a connection, and a sample spread over the file."""

    connection: Connection = field(repr=False)
    types: dict[str, str]  # DuckDB's types by column, in the file's order
    rows: int
    sample: pd.DataFrame = field(repr=False)  # text, trimmed; missing where blank
    crs: str | None = None  # that the file itself states
    skip_rows: int = 0  # lines above the header
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
    """Open a file, or a folder of files, as a table.

    Raises
    ------
    SourceError
        The file is missing, cannot be read or holds no row.
    """
    with closing(connect(is_encrypting=False)) as connection:
        read, passed, skip_rows = _read(connection, path)
        notes = [f"{file.name}: {note}" for file in read for note in file.notes]
        notes += [f"{file.name} was not read: {file.why}" for file in passed]
        systems = {file.crs for file in read}
        table = table_of(connection, systems.pop() if len(systems) == 1 else None)
        yield replace(table, skip_rows=skip_rows, notes=tuple(notes))


def _read(connection: Connection, path: Path) -> tuple[list[ReadFile], list[PassedOver], int]:
    """Fill `raw`; a file that cannot be read is tried without its first lines, which may be a title."""
    try:
        return *read_files(connection, path), 0
    except SourceError as error:
        for skip_rows in range(1, _TITLE_LINES + 1):
            with suppress(SourceError):
                return *read_files(connection, path, FileFormat(skip_rows=skip_rows)), skip_rows
        raise error from None


def table_of(connection: Connection, crs: str | None = None) -> Table:
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
    return Table(connection, types, int(rows), sample.astype("object"), crs)
