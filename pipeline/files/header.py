"""The header of a delimited text: what separates the fields, what the columns are called, where the rows begin."""

from collections import Counter
from typing import NamedTuple

from pipeline.errors import SourceError
from pipeline.files.lines import BrokenQuoteError, Lines, OpenQuoteError, Shape, is_clean, split_fields
from pipeline.files.parsed import UnreadableError, column_names

_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT = 100  # lines that decide
_AT_MOST_HEADER_LINES = 50


class Header(NamedTuple):
    """Names of the columns, the shape of a row, the lines above the first row, and what to say."""

    names: list[str]
    shape: Shape
    lines: int
    notes: tuple[str, ...]


def read_header(
    lines: Lines, *, suffix: str, delimiter: str | None, skip_rows: int, encoding: str, origin: str
) -> Header:
    """Take the title lines and the header from `lines`.

    Raises
    ------
    SourceError
        When there is none, it is not readable, or it looks like a title above the header.
    """
    for _ in range(skip_rows):
        lines.take()
    while (line := lines.peek(0)) is not None and not line.strip(" \r\n"):
        lines.take()
    if line is None:
        beyond = f" below the {skip_rows} lines that skip_rows leaves out" if skip_rows else ""
        raise UnreadableError(f"{origin} is empty{beyond}: expected a header and rows")
    begin = [line.rstrip("\r\n") for at in range(_LOOKED_AT) if (line := lines.peek(at)) is not None]
    expected = "\t" if suffix in (".tsv", ".tab") else ","
    chosen = delimiter or _delimiter_of([line for line in begin if line.strip(" ")], expected)
    if not begin[0].lstrip().startswith('"'):
        filled = [_filled(line, chosen) for line in begin]
        check_is_header(filled, list(range(lines.number + 1, lines.number + 1 + len(begin))), origin)
    found = _fields_of_header(lines, chosen, encoding, origin)
    _check_delimiter(found, begin, chosen, delimiter, origin)
    blank_from = next((at + 1 for at in reversed(range(len(found))) if found[at].strip()), 0)
    notes = () if delimiter or chosen == expected else (f"read with {_NAMES[chosen]} between the fields (found out)",)
    names = column_names(found, origin=origin)
    return Header(names, Shape(chosen, len(names), blank_from), lines.number, notes)


def _delimiter_of(begin: list[str], expected: str) -> str:
    """Return the delimiter that gives most of the first lines one number of fields: that of the header, if possible."""

    def merit(delimiter: str) -> tuple[bool, float, bool, int]:
        counts = [_count(line, delimiter) for line in begin]
        usual, often = max(Counter(counts).items(), key=lambda item: (item[0] > 1, item[1]))
        return counts[0] == usual > 1, often / len(counts) * (usual > 1), delimiter == expected, usual

    return max(sorted(_DELIMITERS, key=lambda one: one != expected), key=merit)


def _count(line: str, delimiter: str) -> int:
    try:
        return len(split_fields(line, delimiter))
    except (OpenQuoteError, BrokenQuoteError):
        return line.count(delimiter) + 1


def _filled(line: str, delimiter: str) -> int:
    """Return how many fields of a line hold something; of a line with a broken quote, how many it has."""
    try:
        return sum(bool(field.strip()) for field in split_fields(line, delimiter))
    except (OpenQuoteError, BrokenQuoteError):
        return line.count(delimiter) + 1


def check_is_header(filled: list[int], numbers: list[int], origin: str) -> None:
    """Raise SourceError if the first row fills one field at most, and most later ones several: then it is a title.

    Parameters
    ----------
    filled : list of int
        How many fields are filled in the first rows.
    numbers : list of int
        Line or row of a sheet at which each stands.
    origin : str
        The file, for the error.
    """
    usual, _ = max(Counter(filled).items(), key=lambda item: (item[0] > 1, item[1]))
    if filled[0] <= 1 < usual:
        below = numbers[filled.index(usual)]
        raise SourceError(
            f"{origin}: line {numbers[0]} names one column and line {below} fills {usual}: the header is not the first "
            f"line; state skip_rows: {below - 1} in the mapping if it is line {below}"
        )


def _fields_of_header(lines: Lines, delimiter: str, encoding: str, origin: str) -> list[str]:
    """Take the header, whose quoted names may run over line ends."""
    text = ""
    for _ in range(_AT_MOST_HEADER_LINES):
        line = lines.take()
        if line is None:
            break
        text += line
        if not is_clean(text):
            raise SourceError(f"{origin}: the header cannot be read as {encoding}; state encoding: in the mapping")
        try:
            return split_fields(text.rstrip("\r\n"), delimiter)
        except OpenQuoteError:
            continue
        except BrokenQuoteError:
            break
    raise SourceError(f"{origin}: the header cannot be read: it has a quote that is not closed, or not in its place")


def _check_delimiter(found: list[str], begin: list[str], chosen: str, stated: str | None, origin: str) -> None:
    if stated is None or len(found) > 1:
        return
    better = _delimiter_of([line for line in begin if line.strip(" ")], stated)
    if _count(begin[0], better) > 1:
        raise SourceError(
            f"{origin}: the mapping states delimiter: {chosen!r}, which gives one column; the fields "
            f"look separated by {_NAMES[better]}: state delimiter: {better!r}, or leave it out"
        )
