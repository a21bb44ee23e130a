"""Text as records of a delimited file: one line after the other, so that a broken line never swallows the next.

A quoted field may run over line ends. It is taken for a quote that was never closed, and its first line alone is
refused, if the file ends inside it, if a line inside it is by itself a whole row, or if the record it would give has
another number of fields than the header.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from pipeline.files.parsed import RefusedLine

_LINE_ENDS = "\r\n"
_AT_MOST_LINES = 1_000  # lines inside one quoted field
_UNCLOSED = "The line opens a quote that is not closed."
_BROKEN = "The line has text between a closing quote and the next delimiter; a quote inside quotes is written twice."


class OpenQuoteError(ValueError):
    """The text ends inside a quoted field."""


class BrokenQuoteError(ValueError):
    """A quoted field is followed by something other than a delimiter."""


class Shape(NamedTuple):
    """What makes a record a row: the delimiter, the number of fields, and from which field on the header is blank."""

    delimiter: str
    width: int
    blank_from: int

    def fitted(self, fields: list[str]) -> list[str] | None:
        """Return the fields at the width of the header, if only blank ones are too many or missing; else None."""
        found = len(fields)
        if found == self.width:
            return fields
        if found > self.width and not "".join(fields[self.width :]).strip():
            return fields[: self.width]
        return [*fields, *[""] * (self.width - found)] if self.blank_from <= found < self.width else None


class Lines:
    """Physical lines of a text with their ends, numbered, with a look ahead."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._ahead: deque[str] = deque()
        self.number = 0  # of the line that was taken last; the first is 1

    def peek(self, distance: int) -> str | None:
        """Return the line `distance` after the next, or None after the end."""
        while len(self._ahead) <= distance:
            line = next(self._stream, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[distance]

    def take(self) -> str | None:
        """Return the next line, or None after the end."""
        line = self.peek(0)
        if line is not None:
            self._ahead.popleft()
            self.number += 1
        return line


def split_fields(text: str, delimiter: str) -> list[str]:
    """Return the fields of a record; a quote counts only at the begin of a field, after blanks at most.

    Raises
    ------
    OpenQuoteError
        When the text ends inside a quoted field.
    BrokenQuoteError
        When something other than a delimiter follows a closing quote.
    """
    if '"' not in text:
        return text.split(delimiter)
    fields, at, end = [], 0, len(text)
    while True:
        begin = at
        while text.startswith(" ", begin) and delimiter != " ":
            begin += 1
        if text.startswith('"', begin):
            value, at = _quoted(text, begin + 1)
            while text.startswith(" ", at) and delimiter != " ":
                at += 1
            if at < end and not text.startswith(delimiter, at):
                raise BrokenQuoteError
        else:
            found = text.find(delimiter, at)
            begin, at = at, end if found < 0 else found
            value = text[begin:at]
        fields.append(value)
        if at >= end:
            return fields
        at += len(delimiter)


def _quoted(text: str, begin: int) -> tuple[str, int]:
    """Return the quoted field whose text starts at `begin`, and where it ends, after the closing quote."""
    at = begin
    while (at := text.find('"', at)) >= 0:
        if not text.startswith('""', at):
            return text[begin:at].replace('""', '"'), at + 1
        at += 2
    raise OpenQuoteError


def rows(lines: Lines, shape: Shape, refused: list[RefusedLine], encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line; append the lines that are no rows to `refused`."""
    while (line := lines.take()) is not None:
        number, text = lines.number, line.rstrip(_LINE_ENDS)
        if not text.strip(" "):
            continue
        try:
            fields = split_fields(text, shape.delimiter)
        except OpenQuoteError:
            text, fields = _continued(lines, line, shape)
        except BrokenQuoteError:
            refused.append(RefusedLine(number, _BROKEN, _bytes(text)))
            continue
        row = shape.fitted(fields) if fields else None
        if row is None or not is_clean(text):
            refused.append(RefusedLine(number, _complaint(text, fields, row, shape.width, encoding), _bytes(text)))
        else:
            yield number, row


def is_clean(text: str) -> bool:
    """Return whether the text holds no NUL and no byte that the encoding could not read."""
    return "\0" not in text and (text.isascii() or not _UNREAD.search(text))


_UNREAD = re.compile("[\ud800-\udfff]")


def _continued(lines: Lines, first: str, shape: Shape) -> tuple[str, list[str]]:
    """Return the record that the open quote of line `first` continues over the next; the line alone, if it is none."""
    refusal = first.rstrip(_LINE_ENDS), list[str]()
    joined = first
    for distance in range(_AT_MOST_LINES):
        following = lines.peek(distance)
        if following is None or _is_row(following.rstrip(_LINE_ENDS), shape):
            return refusal
        joined += following
        if '"' not in following:
            continue
        try:
            fields = split_fields(joined.rstrip(_LINE_ENDS), shape.delimiter)
        except OpenQuoteError:
            continue
        except BrokenQuoteError:
            return refusal
        if shape.fitted(fields) is None:
            return refusal
        for _ in range(distance + 1):
            lines.take()
        return joined.rstrip(_LINE_ENDS), fields
    return refusal


def _is_row(line: str, shape: Shape) -> bool:
    """Return whether a line is by itself a whole row, with every quote in its place; its last field may go on."""
    if shape.width < 2 or line.count(shape.delimiter) + 1 < shape.blank_from:
        return False
    text = line + '"' if line.count('"') % 2 else line
    return bool(_well_formed(shape.delimiter).fullmatch(text)) and (
        shape.fitted(split_fields(text, shape.delimiter)) is not None
    )


@cache
def _well_formed(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    field = f'(?: *+"(?:[^"]|"")*+" *+|(?:(?!{mark})[^"])*+)'
    return re.compile(f"{field}(?:{mark}{field})*+", re.DOTALL)


def _complaint(text: str, fields: list[str], row: list[str] | None, width: int, encoding: str) -> str:
    if not fields:
        return _UNCLOSED
    if row is None:
        found = f"{len(fields)} field" + ("" if len(fields) == 1 else "s")
        return f"The line has {found} where {width} are expected."
    if "\0" in text:
        return "The line holds a NUL byte."
    return f"The line holds bytes that are no {encoding}; state the file's encoding in the mapping."


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
