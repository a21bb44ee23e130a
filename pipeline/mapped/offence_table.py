"""The table of offences beside a mapping (CSV): the file's words, the code of each and by whom it is found."""

import unicodedata
from pathlib import Path

import pandas as pd

from pipeline.mapped.beside import read_beside
from pipeline.mapped.mapping import DISCOVERIES, check_one_of

OFFENCE_COLUMNS = ("offence", "offence_detail", "offence_code", "discovery", "check")


def empty_offences() -> pd.DataFrame:
    """Return the table of a mapping without offences."""
    return pd.DataFrame({name: pd.Series(dtype=str) for name in OFFENCE_COLUMNS})


def read_offences(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read the table: offence, offence_detail, offence_code, discovery, check; strings, one row for each pair of words.

    Raises
    ------
    ValueError
        The file cannot be read, lacks a column, or a row is incomplete or repeats another.
    """
    table, notes = read_beside(path, "table of offences")
    where = f"table of offences {path}"
    for name in ("offence", "offence_code"):
        if name not in table.columns:
            raise ValueError(f"{where}: no column {name!r}; it has {list(table.columns)}")
    table = table.reindex(columns=list(OFFENCE_COLUMNS), fill_value="")
    table["discovery"] = table["discovery"].str.lower()
    _check(table, where)
    return table, notes


def _check(table: pd.DataFrame, where: str) -> None:
    is_incomplete = (table["offence"] == "") | ((table["offence_code"] == "") & (table["check"] == ""))
    for row in table[is_incomplete].to_dict("records"):
        missing = "offence_code" if row["offence"] else "offence"
        raise ValueError(f"{where}: the row of {row['offence'] or row['offence_code']!r} has no {missing}")
    folded = pd.DataFrame({name: table[name].map(_folded) for name in ("offence", "offence_detail")})
    for word in table.loc[folded.duplicated(), "offence"]:
        raise ValueError(f"{where}: {word!r} occurs twice; keep one row")
    for word in table.loc[table["discovery"] != "", "discovery"]:
        check_one_of(f"{where}: discovery", word, DISCOVERIES)


def _folded(word: str) -> str:
    """Return a word as sql/mapped/macro.sql folds it."""
    return " ".join(unicodedata.normalize("NFC", word).lower().split())
