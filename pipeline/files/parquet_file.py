"""Parquet, read in place by DuckDB: columns keep their types, several files are joined by the names of columns."""

from collections.abc import Sequence

from pipeline.database import Connection, DatabaseError, literal_sql, name_sql
from pipeline.errors import SourceError
from pipeline.files.parsed import RESERVED, Parsed, UnreadableError
from pipeline.files.parts import Part

_ROW_BITS = 40  # bits for the row in a file; the bits above hold the number of the file
# Types whose values stay the same when they stand in one column; any other type keeps to itself.
_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "whole number"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "TIMESTAMP"),
}


def view_parquet(connection: Connection, parts: list[Part]) -> list[tuple[Part, Parsed]]:
    """Create view `raw` of Parquet files.

    Raises
    ------
    SourceError
        When a file is no Parquet, all have no row, or a column has types in two files that do not go together.
    """
    read = [(part, _parsed(connection, part)) for part in parts]
    if not sum(found.rows for _, found in read):
        raise UnreadableError(f"{parts[0].name} holds no row")
    selects = [(part.name, _rows_sql(part, at << _ROW_BITS)) for at, part in enumerate(parts)]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS {united(connection, selects)}")
    return read


def united(connection: Connection, selects: Sequence[tuple[str, str]]) -> str:
    """Return the query for the rows of several files, joined by the names of their columns.

    No value changes its type on the way: of a time without and one with an offset, DuckDB would make one instant, and
    of whole numbers beside fractions, doubles. A column without a value in a file takes the type of the other files.

    Parameters
    ----------
    connection : Connection
        Connection on which the queries can run.
    selects : sequence of (str, str)
        Name of a file, and the query for its rows.

    Raises
    ------
    SourceError
        When a column has types in two files that do not go together.
    """
    if len(selects) == 1:
        return selects[0][1]
    types: dict[str, dict[int, tuple[str, str]]] = {}  # name in lower case → number of the file → name, type
    for at, (_, select) in enumerate(selects):
        for name, kind, *_ in connection.execute(f"DESCRIBE {select}").fetchall():
            types.setdefault(name.lower(), {})[at] = (name, kind)
    left_out: dict[int, list[str]] = {}
    for found in types.values():
        if len({_kind(kind) for _, kind in found.values()}) > 1:
            filled = [at for at, (name, _) in found.items() if _is_filled(connection, selects[at][1], name)]
            kept = filled or list(found)[:1]
            _check_types(kept, found, selects)
            for at in found.keys() - kept:
                left_out.setdefault(at, []).append(name_sql(found[at][0]))
    return " UNION ALL BY NAME ".join(
        f"(SELECT * EXCLUDE ({', '.join(left_out[at])}) FROM ({select}))" if at in left_out else f"({select})"  # noqa: S608
        for at, (_, select) in enumerate(selects)
    )


def _check_types(kept: list[int], found: dict[int, tuple[str, str]], selects: Sequence[tuple[str, str]]) -> None:
    first, (name, kind) = kept[0], found[kept[0]]
    other = next((at for at in kept if _kind(found[at][1]) != _kind(kind)), None)
    if other is not None:
        raise SourceError(
            f"column {name!r} is {kind} in {selects[first][0]} and {found[other][1]} in {selects[other][0]}: read "
            "together, values would change; load the files one by one, or write the column with one type"
        )


def _kind(type_name: str) -> str:
    return "VARCHAR" if type_name.startswith("ENUM") else _KINDS.get(type_name, type_name)


def _is_filled(connection: Connection, select: str, name: str) -> bool:
    [(count,)] = connection.execute(f"SELECT count({name_sql(name)}) FROM ({select})").fetchall()  # noqa: S608
    return bool(count)


def _rows_sql(part: Part, first: int) -> str:
    return (
        f"SELECT * EXCLUDE (file_row_number), {literal_sql(part.name)} AS harmspot_file, "  # noqa: S608
        f"{first} | file_row_number AS harmspot_number, file_row_number + 1 AS harmspot_line FROM {_source(part)}"
    )


def _source(part: Part) -> str:
    return f"read_parquet({literal_sql(str(part.path))}, file_row_number = true, hive_partitioning = false)"


def _parsed(connection: Connection, part: Part) -> Parsed:
    try:
        counted = f"SELECT num_rows FROM parquet_file_metadata({literal_sql(str(part.path))})"  # noqa: S608
        [(rows,)] = connection.execute(counted).fetchall()
        columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {_source(part)}").fetchall()]
    except DatabaseError:
        # DuckDB's own words may quote values.
        raise UnreadableError(
            f"{part.name} cannot be read as Parquet; it may be cut off or damaged: fetch it again"
        ) from None
    own = [name for name in columns if name != "file_row_number"]
    for name in own:
        if name.lower() in RESERVED:
            raise SourceError(f"{part.name} has a column {name!r}, a name that harmspot adds; rename it in the file")
    return Parsed("raw", own, rows, digest=part.digest())
