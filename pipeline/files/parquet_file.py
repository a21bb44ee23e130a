"""Parquet, read in place by DuckDB: columns keep their types, several files are joined by the names of columns."""

from pipeline.database import Connection, DatabaseError, literal_sql
from pipeline.errors import SourceError
from pipeline.files.parsed import RESERVED, Parsed, UnreadableError
from pipeline.files.parts import Part

_ROW_BITS = 40  # bits for the row in a file; the bits above hold the number of the file


def view_parquet(connection: Connection, parts: list[Part]) -> list[tuple[Part, Parsed]]:
    """Create view `raw` of Parquet files.

    Raises
    ------
    SourceError
        When a file is no Parquet, or all have no row.
    """
    paths = ", ".join(literal_sql(str(part.path)) for part in parts)
    names = ", ".join(literal_sql(part.name) for part in parts)
    source = f"read_parquet([{paths}], file_row_number = true, union_by_name = true, hive_partitioning = false)"
    try:
        counted = f"SELECT num_rows FROM parquet_file_metadata([{paths}])"  # noqa: S608
        rows = [row[0] for row in connection.execute(counted).fetchall()]
        columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
        _check_names(columns, parts)
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW raw AS SELECT * EXCLUDE (file_row_number), "  # noqa: S608
            f"([{names}])[file_index::BIGINT + 1] AS harmspot_file, "
            f"file_index::BIGINT << {_ROW_BITS} | file_row_number AS harmspot_number, "
            f"file_row_number + 1 AS harmspot_line FROM {source}"
        )
    except DatabaseError as error:
        origin = parts[0].path if len(parts) == 1 else parts[0].path.parent
        raise SourceError(f"{origin} cannot be read: {str(error).splitlines()[0]}") from None
    if not sum(rows):
        raise UnreadableError(f"{parts[0].name} holds no row")
    own = [name for name in columns if name != "file_row_number"]
    return [(part, Parsed("raw", own, count, digest=part.digest())) for part, count in zip(parts, rows, strict=True)]


def _check_names(columns: list[str], parts: list[Part]) -> None:
    for name in columns:
        if name.lower() in RESERVED:
            raise SourceError(
                f"{parts[0].name} has a column {name!r}, a name that harmspot adds; rename it in the file"
            )
