"""What every reader of this room is told, and what it yields: the rows of a file, and the lines that are no rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from pipeline.errors import SourceError

LINE = "harmspot_line"
# Names that harmspot adds to the rows of a file; a column of that name is called by its position instead.
RESERVED = ("harmspot_file", "harmspot_number", LINE, "harmspot_part", "harmspot_row", "harmspot_incident_id")
_AT_MOST_COLUMNS = 5_000
_CHUNK = 50_000  # rows that are Python objects at a time


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What a mapping says about how its files are written; None is found out, and said."""

    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0  # lines above the header
    sheet: str | None = None  # of a workbook; layer of a GeoPackage
    files: str = "*"  # which files of a folder or zip are read


class UnreadableError(SourceError):
    """A file that cannot be opened or holds no row: refused alone, passed over aloud in a folder."""


class RefusedLine(NamedTuple):
    """A line of a file that is no row: where it is, what is wrong, and its bytes (UTF-8 where they can be)."""

    line: int
    detail: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of one file, and what was found out about it.

    `table` has the file's columns and harmspot_line, or is the name of a table of DuckDB that has harmspot_part, too.
    """

    table: pa.Table | str
    columns: list[str]
    rows: int  # that the file holds: read and refused
    refused: tuple[RefusedLine, ...] = ()
    crs: str | None = None
    notes: tuple[str, ...] = ()
    digest: str = ""
    lines_above: int = 0  # the first row, where harmspot_line is null because every line is a row


def column_names(found: Sequence[str], *, origin: str) -> list[str]:
    """Return the names of a header; a blank, repeated (in any case) or reserved one becomes `column<position>`."""
    if len(found) > _AT_MOST_COLUMNS:
        raise SourceError(f"{origin} has {len(found):,} columns; harmspot reads tables of {_AT_MOST_COLUMNS:,} at most")
    names: list[str] = []
    taken = set(RESERVED)
    for position, name in enumerate(found):
        chosen = name if name.strip() and name.lower() not in taken else f"column{position}"
        while chosen.lower() in taken:
            chosen += "_"
        taken.add(chosen.lower())
        names.append(chosen)
    return names


def text_table(names: Sequence[str], rows: Iterable[tuple[int, Sequence[str | None]]]) -> pa.Table:
    """Return rows (line, texts) as a table of text columns and harmspot_line; an empty text is null."""
    schema = pa.schema([*((name, pa.string()) for name in names), (LINE, pa.int64())])
    return pa.Table.from_batches(_batches(schema, rows), schema)


def _batches(schema: pa.Schema, rows: Iterable[tuple[int, Sequence[str | None]]]) -> Iterator[pa.RecordBatch]:
    stream = iter(rows)
    while chunk := list(islice(stream, _CHUNK)):
        lines = [line for line, _ in chunk]
        columns = zip(*(texts for _, texts in chunk), strict=True)
        texts = [pa.array([text or None for text in column], pa.string()) for column in columns]
        yield pa.record_batch([*texts, pa.array(lines, pa.int64())], schema=schema)
