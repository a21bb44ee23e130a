"""Delimited text: a clean file goes through DuckDB's parser, any other line by line, and both are counted.

DuckDB's result is kept only if the file has as many lines, counted in its bytes, as rows, header and title: then every
line is a row. A file with blank lines, broken lines, line ends inside quotes or another encoding is split in Python.
"""

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.database import Connection, DatabaseError, literal_sql
from pipeline.errors import SourceError
from pipeline.files.encodings import encoding_of
from pipeline.files.header import Header, read_header
from pipeline.files.lines import Lines, rows
from pipeline.files.parsed import LINE, FileFormat, Parsed, RefusedLine, UnreadableError, text_table
from pipeline.files.parts import Part, check_is_text

_BEGIN_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 22
_ODD_LINES = 1_000  # lines with other bytes than ASCII that decide about the encoding
_ODD_LINE = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")


@dataclass(frozen=True, slots=True)
class Scan:
    """What the bytes of a text show without a parser."""

    digest: str
    begin: bytes
    lines: int  # ends of lines, and an unfinished last one
    is_plain: bool  # UTF-8, one kind of line end, no NUL, quotes in pairs and none after a blank
    odd_lines: tuple[bytes, ...]  # lines with bytes beyond ASCII, unless all is UTF-8


def read_texts(
    connection: Connection, parts: list[Part], form: FileFormat
) -> Iterator[tuple[Part, Parsed | UnreadableError]]:
    """Yield the files in order, each with its rows: of a clean file in a table of DuckDB, of another in Arrow."""
    with ThreadPoolExecutor(2) as pool:  # counts while DuckDB parses
        scans = {part: pool.submit(scan, part) for part in parts}
        first = 0
        for header, files in _runs(parts, form):
            yield from _read_run(connection, files, header, form, scans, first)
            first += len(files)


def _read_run(
    connection: Connection,
    files: list[Part],
    header: Header | None,
    form: FileFormat,
    scans: dict[Part, Future[Scan]],
    first: int,
) -> Iterator[tuple[Part, Parsed | UnreadableError]]:
    """Yield files of one header; if DuckDB does not read all of them right, each is tried alone, then with care."""
    read = _read_plain(connection, files, header, form, scans, first) if header else None
    if read is not None:
        yield from zip(files, read, strict=True)
    elif header is not None and len(files) > 1:
        for at, part in enumerate(files):
            yield from _read_run(connection, [part], header, form, scans, first + at)
    else:
        try:
            yield files[0], read_text(files[0], form, scans[files[0]].result())
        except UnreadableError as error:
            yield files[0], error


def _runs(parts: list[Part], form: FileFormat) -> list[tuple[Header | None, list[Part]]]:
    """Group neighbours with one header, because DuckDB reads columns by position; None: not for DuckDB."""
    runs: list[tuple[Header | None, list[Part]]] = []
    for part in parts:
        try:
            header = _plain_header(part, form)
        except UnreadableError:
            header = None  # reading it with care says why
        if runs and header is not None and runs[-1][0] == header:
            runs[-1][1].append(part)
        else:
            runs.append((header, [part]))
    return runs


def _plain_header(part: Part, form: FileFormat) -> Header | None:
    """Return the header of a file that may go through DuckDB; None if the first bytes show that it may not."""
    if part.member is not None or (form.encoding or "utf-8").lower() not in ("utf-8", "utf8"):
        return None
    with part.opened() as stream:
        begin = stream.read(_BEGIN_BYTES)
    check_is_text(part.name, begin[:64])
    if b"\0" in begin:
        return None
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(begin, len(begin) < _BEGIN_BYTES)
    except UnicodeDecodeError:
        return None
    whole = text if len(begin) < _BEGIN_BYTES else text[: text.rfind("\n") + 1]
    header = _header(Lines(io.StringIO(whole, newline="")), part, form, "utf-8") if whole else None
    is_simple = header is not None and header.lines == form.skip_rows + 1 and header.shape.width > 1
    return header if is_simple else None


def _header(lines: Lines, part: Part, form: FileFormat, encoding: str) -> Header:
    return read_header(
        lines,
        suffix=part.suffix,
        delimiter=form.delimiter,
        skip_rows=form.skip_rows,
        encoding=encoding,
        origin=part.name,
    )


def scan(part: Part) -> Scan:
    """Read the bytes once: hash them, count the lines, and look for what a simple parser would stumble over."""
    whole, decoder = hashlib.blake2b(digest_size=16), codecs.getincrementaldecoder("utf-8")()
    begin, last, feeds, returns, pairs, quotes = b"", b"", 0, 0, 0, 0
    is_utf8, has_nul, has_odd_quote = True, False, False
    odd_lines: list[bytes] = []
    with part.opened() as stream:
        for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
            begin = begin or chunk[:_BEGIN_BYTES]
            whole.update(chunk)
            feeds += chunk.count(b"\n")
            if b'"' in chunk:
                quotes += chunk.count(b'"')
                has_odd_quote = has_odd_quote or b' "' in chunk or (last == b" " and chunk.startswith(b'"'))
            if b"\r" in chunk:
                returns += chunk.count(b"\r")
                pairs += chunk.count(b"\r\n")
            pairs += last == b"\r" and chunk.startswith(b"\n")
            has_nul = has_nul or b"\0" in chunk
            if not chunk.isascii() or decoder.getstate()[0]:
                is_utf8 = is_utf8 and _goes_on(decoder, chunk)
                _collect(odd_lines, chunk)
            last = chunk[-1:]
    is_utf8 = is_utf8 and not decoder.getstate()[0]
    lines = feeds + returns - pairs + (last not in (b"\n", b"\r", b""))
    is_plain = (
        is_utf8
        and not has_nul
        and not has_odd_quote
        and quotes % 2 == 0
        and (returns == 0 or returns == pairs == feeds)
    )
    return Scan(whole.hexdigest(), begin, lines, is_plain, () if is_utf8 else tuple(odd_lines))


def _goes_on(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def _collect(odd_lines: list[bytes], chunk: bytes) -> None:
    for found in _ODD_LINE.finditer(chunk):
        if len(odd_lines) >= _ODD_LINES:
            return
        odd_lines.append(found[0][:_BEGIN_BYTES])


def _read_plain(
    connection: Connection,
    files: list[Part],
    header: Header,
    form: FileFormat,
    scans: dict[Part, Future[Scan]],
    first: int,
) -> list[Parsed] | None:
    """Read files of one header with DuckDB; return None unless every line of every file has become a row."""
    table = f"plain_{first}"
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_csv_sql(files, header, first)}")
        counted = f"SELECT harmspot_part, count(*) FROM {table} GROUP BY harmspot_part"  # noqa: S608
        found = dict(connection.execute(counted).fetchall())
    except DatabaseError:
        return None
    seen = [scans[part].result() for part in files]
    counts = [found.get(first + at, 0) for at in range(len(files))]
    if any(not one.is_plain or one.lines != count + header.lines for one, count in zip(seen, counts, strict=True)):
        connection.execute(f"DROP TABLE {table}")
        return None
    return [
        Parsed(table, header.names, count, digest=one.digest, notes=header.notes, lines_above=header.lines)
        for one, count in zip(seen, counts, strict=True)
    ]


def _csv_sql(files: list[Part], header: Header, first: int) -> str:
    paths = ", ".join(literal_sql(str(part.path)) for part in files)
    columns = ", ".join(f"{literal_sql(name)}: 'VARCHAR'" for name in header.names)
    packed = "gzip" if files[0].is_packed else "none"
    # Detection is off: a single odd line could mislead it.
    return (
        f"SELECT *, (file_index + {first})::INTEGER AS harmspot_part, NULL::BIGINT AS {LINE} FROM read_csv([{paths}], "  # noqa: S608
        f"hive_partitioning = false, auto_detect = false, columns = {{{columns}}}, header = true, "
        f"skip = {header.lines - 1}, delim = {literal_sql(header.shape.delimiter)}, quote = '\"', escape = '\"', "
        f"compression = '{packed}')"
    )


def read_text(part: Part, form: FileFormat, scanned: Scan) -> Parsed:
    """Read a text line by line.

    Raises
    ------
    SourceError
        When the file has no header, cannot be decoded, or its lines do not add up.
    """
    check_is_text(part.name, scanned.begin[:64])
    encoding = encoding_of(scanned.begin, list(scanned.odd_lines), form.encoding, part.name)
    refused: list[RefusedLine] = []
    try:
        with part.opened() as stream:
            text = io.TextIOWrapper(stream, encoding.codec, errors="surrogateescape", newline="")
            lines = Lines(text)
            header = _header(lines, part, form, encoding.codec)
            table = text_table(header.names, rows(lines, header.shape, refused, encoding.codec))
    except (UnicodeError, LookupError) as error:
        raise SourceError(
            f"{part.name} cannot be read as {encoding.codec}: {error}; state encoding: in the mapping"
        ) from None
    if _is_like_ascii(encoding.codec) and lines.number != scanned.lines:
        raise SourceError(f"{part.name} has {scanned.lines:,} lines, of which {lines.number:,} were read")
    notes = (*filter(None, [encoding.note]), *header.notes)
    return Parsed(
        table, header.names, table.num_rows + len(refused), tuple(refused), notes=notes, digest=scanned.digest
    )


def _is_like_ascii(codec: str) -> bool:
    return "\r\n".encode(codec) == b"\r\n" or codec == "utf-8-sig"
