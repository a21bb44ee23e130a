"""Who is named in free words: pseudonyms by their form, raw ids by the store's identity table.

A raw id is found where no letter or digit goes on before or after it, whatever its capitals: P1 is not in P12. One that
has no digit, fewer than four characters, or digits alone and fewer than five of them is not looked for: it cannot be
told from a word, a count or a year.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import query
from pipeline.errors import PersonMentionedError
from pipeline.privacy.pii_guard import PSEUDONYM, without_people

BLOT = "[person]"
_SHORTEST_ID, _LONGEST_ID = 4, 256  # the latter as in pipeline.events.schema.Id
_BEGIN, _END = re.compile(r"(?<![^\W_])(?=\S)"), re.compile(r"(?<=\S)(?![^\W_])")


def refuse_pseudonyms(words: Mapping[str, str | None]) -> None:
    """Raise PersonMentionedError naming the field of `words` that holds a pseudonym."""
    _refuse(name for name, text in words.items() if text and re.search(PSEUDONYM, text, re.IGNORECASE))


def may_name_somebody(words: Mapping[str, str | None]) -> bool:
    """Return whether any of the words could be a raw id, so that the store has to be asked."""
    return any(True for text in words.values() if text for _ in _candidates(text))


def refuse_mentions(connection: duckdb.DuckDBPyConnection, words: Mapping[str, str | None]) -> None:
    """Raise PersonMentionedError naming the field of `words` that holds a pseudonym or a raw id of the store."""
    refuse_pseudonyms(words)
    given = {name: text for name, text in words.items() if text}
    _refuse(name for name, text in given.items() if _named_in(connection, [text]))


def without_mentions(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> dict[str, str]:
    """Return, by text, those of `texts` that name somebody, with pseudonyms and raw ids blotted out."""
    distinct = sorted(set(texts))
    named = sorted(_named_in(connection, distinct), key=lambda raw: (-len(raw), raw))
    held = re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, named))})(?![^\W_])", re.IGNORECASE) if named else None
    blotted = {text: without_people(held.sub(BLOT, text) if held else text) for text in distinct}
    return {text: clean for text, clean in blotted.items() if clean != text}


def redact_words(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with everybody blotted out of its columns of text."""
    texts = [name for name in frame if pd.api.types.is_string_dtype(frame[name]) or frame[name].dtype == object]
    clean = without_mentions(connection, (text for name in texts for text in frame[name] if isinstance(text, str)))
    return frame.replace(dict.fromkeys(texts, clean)) if clean else frame


def _refuse(fields: Iterable[str]) -> None:
    if named := ", ".join(fields):
        raise PersonMentionedError(
            f"{named}: holds the id of a person, and words are kept where nobody may be named. Say it without the id, "
            "such as 'the person'; a number that happens to be somebody's id can be written in words"
        )


def _candidates(text: str, longest: int = _LONGEST_ID) -> Iterator[str]:
    """Yield whatever in `text` could be a raw id, in small letters."""
    begins, ends = ([found.start() for found in edge.finditer(text)] for edge in (_BEGIN, _END))
    for begin in begins:
        for end in ends[bisect_left(ends, begin + _SHORTEST_ID) : bisect_right(ends, begin + longest)]:
            if _is_telling(piece := text[begin:end]):
                yield piece.lower()


def _is_telling(piece: str) -> bool:
    return any(map(str.isdigit, piece)) and not (piece.isdigit() and len(piece) < 5)


def _named_in(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> set[str]:
    """Return the raw ids, in small letters, that stand in the texts."""
    row = connection.execute("SELECT max(length(raw_person_id)) FROM store.identity").fetchone()
    longest = (row[0] if row else None) or 0
    pieces = sorted({piece for text in texts for piece in _candidates(text, longest)})
    if not pieces:
        return set()
    connection.register("piece", pa.table({"piece": pa.array(pieces, pa.string())}))
    named = connection.execute(query("store/named_raw_id")).fetchall()
    connection.unregister("piece")
    return {raw_id for (raw_id,) in named}
