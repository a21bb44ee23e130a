"""PII scan of free text: pseudonyms are found by their form, raw ids by the store's identities and hashes of erased.

A raw id is matched regardless of case if no letter or digit precedes or follows it: P1 is not in P12. Ids without a
digit, with fewer than four characters, or of fewer than five digits alone are not searched: they cannot be
distinguished from a word, a count or a year.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import query
from pipeline.errors import PersonMentionedError
from pipeline.privacy.erased_ids import erased_among, longest_erased
from pipeline.privacy.pii_guard import PSEUDONYM, without_people

BLOT = "[person]"
_SHORTEST_ID, _LONGEST_ID = 4, 256  # the latter as in pipeline.events.schema.Id
_BEGIN, _END = re.compile(r"(?<![^\W_])(?=\S)"), re.compile(r"(?<=\S)(?![^\W_])")


def refuse_pseudonyms(words: Mapping[str, str | None]) -> None:
    """Raise PersonMentionedError, naming the fields, if any field of `words` contains a pseudonym."""
    _refuse(name for name, text in words.items() if text and re.search(PSEUDONYM, text, re.IGNORECASE))


def may_name_somebody(words: Mapping[str, str | None]) -> bool:
    """Return whether any text of `words` could contain a raw id, so that the store must be queried."""
    return any(True for text in words.values() if text for _ in _candidates(text))


def refuse_mentions(connection: duckdb.DuckDBPyConnection, words: Mapping[str, str | None]) -> None:
    """Raise PersonMentionedError, naming the fields, if any of `words` contains a pseudonym or a raw id."""
    refuse_pseudonyms(words)
    given = {name: text for name, text in words.items() if text}
    _refuse(name for name, text in given.items() if _named_in(connection, [text]))


def without_mentions(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> dict[str, str]:
    """Return the texts that name a person, each with its copy in which pseudonyms and raw ids are redacted."""
    distinct = sorted(set(texts))
    named = sorted(_named_in(connection, distinct), key=lambda raw: (-len(raw), raw))
    named_id = (
        re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, named))})(?![^\W_])", re.IGNORECASE) if named else None
    )
    redacted = {text: without_people(named_id.sub(BLOT, text) if named_id else text) for text in distinct}
    return {text: clean for text, clean in redacted.items() if clean != text}


def redact_words(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with pseudonyms and raw ids redacted in its text columns."""
    texts = [name for name in frame if pd.api.types.is_string_dtype(frame[name]) or frame[name].dtype == object]
    clean = without_mentions(connection, (text for name in texts for text in frame[name] if isinstance(text, str)))
    return frame.replace(dict.fromkeys(texts, clean)) if clean else frame


def _refuse(fields: Iterable[str]) -> None:
    if named := ", ".join(fields):
        raise PersonMentionedError(
            f"{named}: holds the id of a person, and this text is stored where nobody may be named. Say it without the "
            "id, such as 'the person'; write a number that happens to equal a person's id in words"
        )


def _candidates(text: str, longest: int = _LONGEST_ID) -> Iterator[str]:
    """Yield every piece of `text` that could be a raw id, in lower case."""
    begins, ends = ([found.start() for found in edge.finditer(text)] for edge in (_BEGIN, _END))
    for begin in begins:
        for end in ends[bisect_left(ends, begin + _SHORTEST_ID) : bisect_right(ends, begin + longest)]:
            if _is_searchable(piece := text[begin:end]):
                yield piece.lower()


def _is_searchable(piece: str) -> bool:
    return any(map(str.isdigit, piece)) and not (piece.isdigit() and len(piece) < 5)


def _named_in(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> set[str]:
    """Return the raw ids, in lower case, that occur in the texts."""
    row = connection.execute("SELECT max(length(raw_person_id)) FROM store.identity").fetchone()
    of_erased = longest_erased(connection)
    longest = max((row[0] if row else None) or 0, of_erased)
    pieces = sorted({piece for text in texts for piece in _candidates(text, longest)})
    if not pieces:
        return set()
    connection.register("piece", pa.table({"piece": pa.array(pieces, pa.string())}))
    named = connection.execute(query("store/identities#named")).fetchall()
    connection.unregister("piece")
    edged = (piece for piece in pieces if piece[0].isalnum() and piece[-1].isalnum())
    return {raw_id for (raw_id,) in named} | (erased_among(connection, edged) if of_erased else set())
