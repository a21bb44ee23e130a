"""Raw ids of people in what is about to be published: whole tokens of every text, in whatever case and spelling.

A text and an id are compared by their runs of letters and digits, in Unicode compatibility form, folded in case, with
digits of any script as 0 to 9, and without accents, other marks and characters that are not seen: the id AB-12/7 is in
"2026 ab 12 7 x", P1 is not in P12. Whole numbers, keys of mappings and texts that JSON writes as escapes are texts.

What an id is made of decides where it counts. In a column of ids that sources give (`SOURCE_ID_COLUMNS`): letters and
digits from two characters, letters from four, digits from four unless they are a year. In any other text, which is full
of names and numbers: letters and digits together, from four characters; digits from seven, but not as the fraction of a
number. In words that people type, which they can say otherwise, `pii_scan` refuses digits from five.
"""

import json
import numbers
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PublicationError

SOURCE_ID_COLUMNS = ("incident_id", "evidence_ids", "rule_evidence_ids", "warrant_id", "event_id")
_RUN = re.compile(r"[^\W_]+")
_YEAR = re.compile("(19|20)[0-9]{2}")
_BETWEEN_RUNS = r"[^\p{L}\p{N}]+"  # what _RUN leaves out, as Arrow writes it
_NUMBER_FROM = 7  # digits, in texts that are full of other numbers
_FRACTION = re.compile(r"(?<![^\W_])(?<!\.)([0-9]{1,6})\.[0-9]+(?![^\W_])")  # of degrees, of metres

Runs = tuple[str, ...]


def refuse_raw_ids(tables: Mapping[str, pd.DataFrame], raw_ids: Iterable[str]) -> None:
    """Raise PublicationError, naming the column and the way out, if a value of a table holds one of the raw ids.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Tables by name. Texts are searched, alone and in lists.
    raw_ids : iterable of str
        The ids of people as their source gives them.
    """
    by_anchor = _by_anchor(raw_ids)
    if not by_anchor:
        return
    for name, frame in tables.items():
        for column in frame.columns:
            texts = _texts(frame[column])
            is_of_source = column in SOURCE_ID_COLUMNS
            near = (by_anchor[run] for run in _runs_in(texts) if run in by_anchor)
            is_near = any(_counts(own, is_of_source) for ids in near for own in ids)
            if is_near and any(_holds(text, by_anchor, is_of_source) for text in texts):
                raise PublicationError(_way_out(name, str(column), is_of_source))


def spelled(raw_id: str) -> str:
    """Return an id as it is compared: its runs with a space between."""
    return " ".join(_runs(raw_id))


def pieces_in(tables: Mapping[str, pd.DataFrame], shapes: Collection[tuple[int, int]]) -> set[str]:
    """Return what values of tables hold in one of the shapes (number of runs, size), each as `spelled` returns it."""
    texts = {text for frame in tables.values() for column in frame for text in _texts(frame[column])}
    counts = sorted({count for count, _ in shapes})
    found: set[str] = set()
    for runs in map(_runs, texts):
        pieces = ((n, " ".join(runs[at : at + n])) for n in counts for at in range(len(runs) - n + 1))
        found.update(piece for n, piece in pieces if (n, len(piece)) in shapes)
    return found


def _way_out(table: str, column: str, is_of_source: bool) -> str:
    problem = f"column {table}.{column} holds the id of a person as the source gives it, so nothing is published: "
    if is_of_source:
        return problem + (
            "say `source_ids: keyed` in the mapping of the incidents (and warrants) and load a file through it, or in "
            "section publication of the settings for all sources; keyed short ids then take the place of theirs"
        )
    return problem + (
        "take it out of the text where it comes from (names of areas and places, offences, notes of the settings)"
    )


def _by_anchor(raw_ids: Iterable[str]) -> dict[str, list[Runs]]:
    """Return the ids that count anywhere, as runs, by their longest run."""
    found: dict[str, list[Runs]] = {}
    for raw_id in raw_ids:
        if _counts(runs := _runs(raw_id), is_of_source=True):
            found.setdefault(max(runs, key=len), []).append(runs)
    return found


def _counts(runs: Runs, is_of_source: bool) -> bool:
    """Return whether an id made of these runs can be told from a word or a number in such a column."""
    text = "".join(runs)
    has_letter, has_digit = any(map(str.isalpha, text)), any(map(str.isdigit, text))
    if not is_of_source:
        return len(text) >= (4 if has_letter and has_digit else _NUMBER_FROM) and has_digit
    return len(text) >= (2 if has_letter and has_digit else 4) and not _YEAR.fullmatch(text)


def _runs(text: str) -> Runs:
    return tuple(_RUN.findall(_folded(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(str(unicodedata.decimal(each, each)) for each in apart if not _is_unseen(each))


def _is_unseen(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category == "Cf" or category[0] == "M"


def _texts(values: pd.Series) -> list[str]:
    """Return the distinct texts of a column, those in lists included, in order of appearance."""
    is_number = pd.api.types.is_integer_dtype(values)
    if not (is_number or values.dtype == object or pd.api.types.is_string_dtype(values)):
        return []
    if is_number:
        return [str(value) for value in values.dropna().unique()]
    return list(dict.fromkeys(text for value in values.dropna() for text in _texts_of(value)))


def _texts_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if "\\u" in value:
            with suppress(ValueError):
                yield from _texts_of(json.loads(value))
    elif isinstance(value, numbers.Integral) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for part in pair for text in _texts_of(part))
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, memoryview)):
        yield from (text for part in value for text in _texts_of(part))


def _runs_in(texts: list[str]) -> list[str]:
    """Return the distinct runs of letters and digits of the texts."""
    folded = pa.array(map(_folded, texts), pa.string())
    return list(pc.unique(pc.list_flatten(pc.split_pattern_regex(folded, _BETWEEN_RUNS))).to_pylist())


def _holds(text: str, by_anchor: Mapping[str, list[Runs]], is_of_source: bool) -> bool:
    runs = _runs(text if is_of_source else _FRACTION.sub(r"\1", text))
    ids = (own for run in dict.fromkeys(runs) for own in by_anchor.get(run, ()) if _counts(own, is_of_source))
    return any(own == runs[at : at + len(own)] for own in ids for at in range(len(runs) - len(own) + 1))
