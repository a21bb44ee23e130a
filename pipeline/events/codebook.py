"""The codebook: meaning and harm weight of each offence code, by day of validity."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import MappingError
from pipeline.reference_table import Column, TableFile

COLUMNS = ("valid_from", "offence_code", "label", "category", "axis", "harm_days", "is_visible")
SCORE = "severity_score"  # a further column that a codebook may have
GROUPS = "groups"  # a further column: names of groups that planners ask for, such as burglary, with spaces between them
HIGH_DAYS, MID_DAYS = 365.0, 30.0


def read_codebook(path: Path, as_of: date, axes: Collection[str]) -> pd.DataFrame:
    """Read the weights in force on a day: for each code the row with the latest valid_from on or before that day.

    Parameters
    ----------
    path : pathlib.Path
        CSV file with the columns `COLUMNS`.
    as_of : date
        The day.
    axes : collection of str
        The words that column `axis` may hold.

    Returns
    -------
    pandas.DataFrame
        Index offence_code, sorted; label, category, axis, harm_days (days of
        guideline prison), band (high from 365, mid from 30, low), is_visible.
        From a file with a column severity_score (days of the sentences that
        courts give, for comparison) also that and severity_band. From a
        file with a column groups also that, "" for an offence in none.

    Raises
    ------
    MappingError
        The file cannot be read, lacks a column, has a missing or negative weight, or has a code twice for one day.
    """
    rows = _read(path, axes)
    valid = rows[rows["valid_from"] <= pd.Timestamp(as_of)].sort_values(["offence_code", "valid_from"])
    if valid.empty:
        raise MappingError(
            f"codebook {path}: no row is valid on {as_of}; the first is on {rows['valid_from'].min():%Y-%m-%d}"
        )
    latest = valid.groupby("offence_code").tail(1).set_index("offence_code").sort_index()
    columns = ["label", "category", "axis", "harm_days", "band", "is_visible"]
    latest["band"] = _band(latest["harm_days"])
    if SCORE in latest:
        latest["severity_band"] = _band(latest[SCORE])
        columns += [SCORE, "severity_band"]
    if GROUPS in latest:
        latest[GROUPS] = latest[GROUPS].fillna("")
        columns.append(GROUPS)
    return latest[columns]


def _band(days: pd.Series) -> np.ndarray:
    return np.select([days >= HIGH_DAYS, days >= MID_DAYS], ["high", "mid"], "low")


def _read(path: Path, axes: Collection[str]) -> pd.DataFrame:
    file = TableFile(path, "codebook", MappingError)
    days = Column("days, 0 or more", "number", least=0)
    columns = {
        "valid_from": Column("a day such as 2026-01-31", "day"),
        "offence_code": Column("a code"),
        "label": Column("a label"),
        "category": Column("a category"),
        "axis": Column(f"one of {', '.join(axes)}", one_of=tuple(axes)),
        "harm_days": days,
        "is_visible": Column("true or false", "truth"),
        SCORE: Column("a number, 0 exactly where harm_days is 0", "number", least=0, is_optional=True),
        GROUPS: Column("names of groups", is_optional=True),
    }
    rows = file.read(columns, key=("offence_code", "valid_from"))
    if SCORE in rows:
        is_right = rows[SCORE].notna() & ((rows[SCORE] > 0) == (rows["harm_days"] > 0))
        file.refuse(rows[SCORE], ~is_right, columns[SCORE].expected)
    return rows
