"""Which characters the bytes of a text file stand for: what the mapping says, what the bytes prove, or a guess."""

import codecs
from typing import NamedTuple

from pipeline.errors import SourceError

# What a guess chooses from: other alphabets can be told from western letters; cp1250 or cp1254 in a few words cannot.
_GUESSES = ["cp1252", "cp1251", "cp1253"]
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENOUGH_TEXT = 0.2  # coherence from which a guess other than cp1252 is believed


class Encoding(NamedTuple):
    """A codec of Python, and what to say about how it was found."""

    codec: str
    note: str | None = None


def encoding_of(begin: bytes, odd_lines: list[bytes], stated: str | None, origin: str) -> Encoding:
    """Return how a text is encoded.

    Parameters
    ----------
    begin : bytes
        First bytes of the file, some thousand.
    odd_lines : list of bytes
        Lines with bytes other than ASCII, for a guess; empty if the whole file is valid UTF-8.
    stated : str or None
        The encoding in the mapping. A byte order mark outweighs it.
    origin : str
        The file, for errors.

    Raises
    ------
    SourceError
        When the mapping states an encoding that does not exist.
    """
    marked = next((codec for bom, codec in _BOMS if begin.startswith(bom)), None)
    if stated is not None:
        _check(stated, origin)
    if marked:
        return Encoding(marked)
    if stated is not None:
        return Encoding(stated)
    if wide := _wide_codec(begin):
        return _guessed(wide)
    return _narrow(odd_lines)


def _check(stated: str, origin: str) -> None:
    try:
        "a".encode(stated)
    except (LookupError, ValueError):
        raise SourceError(
            f"{origin}: encoding={stated!r} in the mapping: expected one such as utf-8, cp1252, latin-1 or utf-16"
        ) from None


def _wide_codec(begin: bytes) -> str | None:
    """Recognise UTF-16 without a mark: every second byte of its ASCII characters is NUL."""
    even, odd = begin[0::2].count(0), begin[1::2].count(0)
    half = len(begin) // 2
    if half and odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if half and even > 0.7 * half and odd < 0.05 * half else None


def _narrow(odd_lines: list[bytes]) -> Encoding:
    valid = sum(_is_utf8(line) for line in odd_lines)
    if 2 * valid >= len(odd_lines):
        return Encoding("utf-8", "some lines are no UTF-8 and are refused" if valid < len(odd_lines) else None)
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(odd_lines), cp_isolation=_GUESSES).best()
    return _guessed(best.encoding if best is not None and best.coherence > _ENOUGH_TEXT else "cp1252")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _guessed(codec: str) -> Encoding:
    return Encoding(codec, f"read as {codec} (guessed); state encoding: in the mapping if letters are wrong")
