"""Any file, or a folder or zip of files, as one relation of rows, with an account of every row that the files hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.database import Connection, literal_sql, query
from pipeline.errors import SourceError
from pipeline.files.parquet_file import united, view_parquet
from pipeline.files.parsed import LINE, FileFormat, Parsed, UnreadableError
from pipeline.files.parts import Part, PassedOver, find_parts
from pipeline.files.text_file import read_texts
from pipeline.files.vector_file import is_not_for_duckdb, read_geoparquet, read_vector

_NUMBER = "harmspot_number"
_TEXT = ("CSV", "TSV", "text")
_UNREAD = pa.schema([("file", pa.string()), ("line", pa.int64()), ("detail", pa.string()), ("text", pa.binary())])


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read, or a member of a zip (`archive.zip/member.csv`)."""

    name: str
    digest: str  # hash of its content (blake2b, hexadecimal); that of a packed file is the one of the file inside
    rows: int  # that the file holds: in `raw` and in `unread_line`
    crs: str | None  # that the file itself states
    notes: tuple[str, ...]  # what was guessed, for people
    columns: tuple[str, ...]


def read_files(
    connection: Connection, path: Path, form: FileFormat | None = None
) -> tuple[list[ReadFile], list[PassedOver]]:
    """Create temporary view `raw`, the rows of the files, and table `unread_line`, their lines that are no rows.

    `raw` has the files' columns and harmspot_file (name of `ReadFile`), harmspot_number (identifies a row, ascending by
    file, then row) and harmspot_line (line of a text on which the row begins; row of a sheet; else number of the item).
    `unread_line` has file, line, detail, text (bytes).

    Returns
    -------
    list of ReadFile
        The files in the order of their rows.
    list of PassedOver
        The files of a folder or zip that were not read, and why.

    Raises
    ------
    SourceError
        When there is no file with a row, or a file cannot be read; the message names it and the way out.
    """
    form = form or FileFormat()
    parts, passed = find_parts(path, form.files)
    files, unreadable = read_parts(connection, parts, form)
    return files, passed + unreadable


def read_parts(connection: Connection, parts: list[Part], form: FileFormat) -> tuple[list[ReadFile], list[PassedOver]]:
    """Do the same for some of the files that `find_parts` found; return those read, and those that cannot be."""
    passed: list[PassedOver] = []
    if parts[0].family == "Parquet" and not any(is_not_for_duckdb(part) for part in parts):
        read = view_parquet(connection, parts)
    else:
        read, passed = _view_parsed(connection, parts, form)
    files = [
        ReadFile(part.name, found.digest, found.rows, found.crs, found.notes, tuple(found.columns))
        for part, found in read
    ]
    _fill_unread(connection, read)
    _check_account(connection, files)
    return files, passed


def _view_parsed(
    connection: Connection, parts: list[Part], form: FileFormat
) -> tuple[list[tuple[Part, Parsed]], list[PassedOver]]:
    read: list[tuple[Part, Parsed]] = []
    passed: list[PassedOver] = []
    for part, outcome in _outcomes(connection, parts, form):
        found = outcome
        if isinstance(found, Parsed) and not found.rows:
            found = UnreadableError(f"{part.name} holds a header and no row: expected rows below it")
        if isinstance(found, Parsed):
            read.append((part, found))
        elif len(parts) == 1:
            raise found
        else:
            passed.append(PassedOver(part.name, str(found)))
    if not read:
        raise SourceError(f"no file can be read: {passed[0].why}")
    _view_rows(connection, read, parts)
    return read, passed


def _outcomes(
    connection: Connection, parts: list[Part], form: FileFormat
) -> Iterator[tuple[Part, Parsed | UnreadableError]]:
    family = parts[0].family
    if family in _TEXT:
        yield from read_texts(connection, parts, form)
        return
    read = _reader(family)
    for part in parts:
        try:
            yield part, read(part, form)
        except UnreadableError as error:
            yield part, error


def _reader(family: str) -> Callable[[Part, FileFormat], Parsed]:
    """Return the reader of a family; each brings a library that no other needs."""
    if family == "JSON":
        from pipeline.files.json_file import read_json

        return read_json
    if family == "workbook":
        from pipeline.files.workbook import read_workbook

        return read_workbook
    return read_vector if family == "vector" else read_geoparquet


def _view_rows(connection: Connection, read: list[tuple[Part, Parsed]], parts: list[Part]) -> None:
    """Create view `raw` of the rows: of one table that DuckDB has read, or of a copy of all tables."""
    if not any(found.columns for _, found in read):
        whys = [refused.detail for _, found in read for refused in found.refused[:1]]
        raise UnreadableError(f"{read[0][0].name} has no column with a value: {whys[0] if whys else 'rows are empty'}")
    relation, number = _numbered(connection, _only_table(read) or _copy(connection, read, parts), read)
    begins = dict.fromkeys(parts, 0)
    rows_before = 0
    for part, found in read:
        begins[part] = rows_before - found.lines_above - 1
        rows_before += found.rows - len(found.refused)
    names = ", ".join(literal_sql(part.name) for part in parts)
    firsts = ", ".join(str(begins[part]) for part in parts)
    own = f"COLUMNS(lambda name: name NOT IN ('harmspot_part', '{LINE}', '{_NUMBER}'))"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {own}, "  # noqa: S608
        f"([{names}])[harmspot_part + 1] AS harmspot_file, {number} AS {_NUMBER}, "
        f"coalesce({LINE}, {number} - ([{firsts}])[harmspot_part + 1])::BIGINT AS {LINE} FROM {relation}"
    )


def _numbered(connection: Connection, relation: str, read: list[tuple[Part, Parsed]]) -> tuple[str, str]:
    """Return a table of the rows and its column that numbers them; a column called RowID hides DuckDB's own."""
    if all(name.lower() != "rowid" for _, found in read for name in found.columns):
        return relation, "rowid"
    rows = f"SELECT *, row_number() OVER () - 1 AS {_NUMBER} FROM {relation}"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE numbered_row AS {rows}")
    return "numbered_row", _NUMBER


def _only_table(read: list[tuple[Part, Parsed]]) -> str | None:
    tables = {found.table if isinstance(found.table, str) else None for _, found in read}
    return tables.pop() if len(tables) == 1 else None


def _copy(connection: Connection, read: list[tuple[Part, Parsed]], parts: list[Part]) -> str:
    selects: dict[str, str] = {}  # query → name of its first file
    for part, found in read:
        at = parts.index(part)
        if isinstance(found.table, str):
            selects.setdefault(f"SELECT * FROM {found.table}", part.name)  # noqa: S608
        else:
            connection.register(f"parsed_{at}", found.table)
            selects[f"SELECT *, {at}::INTEGER AS harmspot_part FROM parsed_{at}"] = part.name  # noqa: S608
    together = united(connection, [(name, select) for select, name in selects.items()])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE file_row AS {together}")
    for part, found in read:
        if isinstance(found.table, str):
            connection.execute(f"DROP TABLE IF EXISTS {found.table}")
        else:
            connection.unregister(f"parsed_{parts.index(part)}")
    return "file_row"


def _fill_unread(connection: Connection, read: list[tuple[Part, Parsed]]) -> None:
    rows = [
        {"file": part.name, "line": line, "detail": detail, "text": text}
        for part, found in read
        for line, detail, text in found.refused
    ]
    connection.register("filling", pa.Table.from_pylist(rows, _UNREAD))
    connection.execute(query("files/unread_line"))
    connection.unregister("filling")


def _check_account(connection: Connection, files: list[ReadFile]) -> None:
    """Raise if a row was lost or doubled between the files and the tables."""
    [(in_tables,)] = connection.execute(query("files/rows_in_tables")).fetchall()
    in_files = sum(file.rows for file in files)
    if in_files != in_tables:
        named = ", ".join(file.name for file in files)
        raise SourceError(f"{named}: {in_files:,} rows, of which {in_tables:,} were read; nothing is kept")
