"""The records that could not be used and wait: which, why, and what would let them in."""

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.errors import StoreError

COLUMNS = ("file", "line", "reason", "column", "value", "detail", "mapping", "ingested_at")
UNKNOWN_WORD = "unknown_offence_code"
UNCHECKED_WORD = "unchecked_offence"


def waiting_letters(home: Home) -> pd.DataFrame:
    """Return the waiting dead letters: `COLUMNS`, in order of arrival.

    `file` is a topic for events from a broker; `line` is then the offset. `column` and `value` are empty where a reason
    is not about one column, or the column could name somebody.

    Raises
    ------
    StoreError
        The home has no store.
    """
    if not home.store.exists():
        raise StoreError(f"{home.store} does not exist; load something first (harmspot load)")
    with open_home_store(home) as store:
        return listed(store.redact_words(store.dead_letters()))


def listed(letters: pd.DataFrame) -> pd.DataFrame:
    """Return dead letters as the store has them with `COLUMNS`."""
    is_row = letters["mapping"].notna()
    return letters.assign(
        file=letters["topic"],
        line=letters["source_offset"] + is_row.astype(int),
        column=letters["about"].fillna(""),
        value=letters["value"].fillna(""),
        mapping=letters["mapping"].fillna(""),
    )[list(COLUMNS)]


def by_reason(letters: pd.DataFrame) -> pd.DataFrame:
    """Return one row per reason and column: letters, example (the first, with its line), detail; most letters first."""
    grouped = letters.groupby(["reason", "column", "detail"], sort=False)
    firsts = {name: (name, "first") for name in ("file", "line", "value", "mapping")}
    found = grouped.agg(letters=("line", "size"), **firsts)
    rows = found.reset_index().sort_values(["letters", "reason", "column"], ascending=[False, True, True])
    return rows.assign(example=_examples(rows)).reset_index(drop=True)[["reason", "letters", "example", "detail"]]


def unknown_words(letters: pd.DataFrame) -> pd.DataFrame:
    """Return the offence words that no table of offences knows: word, rows, mapping, todo; most rows first."""
    words = letters[letters["reason"].isin([UNKNOWN_WORD, UNCHECKED_WORD]) & letters["value"].ne("")]
    counted = words.groupby(["value", "reason", "mapping"]).size().rename("rows").reset_index()
    ordered = counted.sort_values(["rows", "value", "mapping"], ascending=[False, True, True], ignore_index=True)
    is_new = ordered["reason"].eq(UNKNOWN_WORD)
    todo = [f"add the line  {_quoted(word)},CODE,public" for word in ordered["value"]]
    return pd.DataFrame(
        {
            "word": ordered["value"],
            "rows": ordered["rows"],
            "mapping": ordered["mapping"],
            "todo": pd.Series(todo, dtype=str).where(is_new, "remove its mark in column check"),
        }
    )


def _examples(rows: pd.DataFrame) -> list[str]:
    shown = rows[["file", "mapping", "line", "column", "value"]].itertuples(index=False)
    return [
        f"{file}, {'line' if mapping else 'offset'} {line}" + (f": {column} is {value!r}" if value else "")
        for file, mapping, line, column, value in shown
    ]


def _quoted(word: str) -> str:
    """Return the word as a CSV field."""
    return '"' + word.replace('"', '""') + '"' if any(mark in word for mark in ',"\n') else word
