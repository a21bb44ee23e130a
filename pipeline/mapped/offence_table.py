"""The table of offences beside a mapping (CSV): the file's words, the code of each and by whom it is found."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from pipeline.mapped.beside import folded, read_beside
from pipeline.mapped.mapping import DISCOVERIES, check_one_of

OFFENCE_COLUMNS = ("offence", "offence_detail", "offence_code", "discovery", "check")


def empty_offences() -> pd.DataFrame:
    """Return the table of a mapping without offences."""
    return pd.DataFrame({name: pd.Series(dtype=str) for name in OFFENCE_COLUMNS})


def read_offences(path: Path, numeric: Collection[str] = ()) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read the table: offence, offence_detail, offence_code, discovery, check; strings, one row for each pair of words.

    Parameters
    ----------
    path : Path
        The file.
    numeric : collection of str
        Columns of the mapping whose text is a number: of `0110` and `110` the table has one.

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
    _check(table, where, numeric)
    return table.reset_index(drop=True), notes


def _check(table: pd.DataFrame, where: str, numeric: Collection[str]) -> None:
    is_incomplete = (table["offence"] == "") | ((table["offence_code"] == "") & (table["check"] == ""))
    for number, row in table[is_incomplete].iterrows():
        missing = "offence_code" if row["offence"] else "offence"
        named = row["offence"] or row["offence_code"]
        raise ValueError(f"{where}, row {number}: the row of {named!r} has no {missing}; fill the cell")
    words = folded(table, {"offence": "offence_fold", "offence_detail": "detail_fold"}, numeric)
    for number, word in table.loc[words.duplicated(), "offence"].items():
        raise ValueError(f"{where}, row {number}, column offence: {word!r} occurs twice; keep one row")
    for number, word in table.loc[table["discovery"] != "", "discovery"].items():
        check_one_of(f"{where}, row {number}: discovery", word, DISCOVERIES)
