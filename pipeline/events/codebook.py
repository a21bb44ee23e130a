"""The codebook: meaning and harm weight of each offence code, by day of validity."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import MappingError

COLUMNS = ("valid_from", "offence_code", "label", "category", "axis", "harm_days", "is_visible")
SCORE = "severity_score"  # a further column that a codebook may have
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
        courts give, for comparison) also that and severity_band.

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
    return latest[columns]


def _band(days: pd.Series) -> np.ndarray:
    return np.select([days >= HIGH_DAYS, days >= MID_DAYS], ["high", "mid"], "low")


def _read(path: Path, axes: Collection[str]) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise MappingError(f"codebook {path} cannot be read: {error}") from None
    missing = [name for name in COLUMNS if name not in rows]
    if missing:
        raise MappingError(f"codebook {path}: no column {missing[0]!r}; it has {list(rows.columns)}")
    typed = rows.assign(
        valid_from=pd.to_datetime(rows["valid_from"], format="%Y-%m-%d", errors="coerce"),
        harm_days=pd.to_numeric(rows["harm_days"], errors="coerce"),
        is_visible=rows["is_visible"].str.strip().str.lower().map({"true": True, "false": False}),
    )
    _refuse(path, rows, typed["valid_from"].isna(), "valid_from", "a day such as 2026-01-31")
    _refuse(path, rows, ~(np.isfinite(typed["harm_days"]) & (typed["harm_days"] >= 0)), "harm_days", "days, 0 or more")
    if SCORE in rows:
        typed[SCORE] = pd.to_numeric(rows[SCORE], errors="coerce")
        is_right = np.isfinite(typed[SCORE]) & ((typed[SCORE] > 0) == (typed["harm_days"] > 0)) & (typed[SCORE] >= 0)
        _refuse(path, rows, ~is_right, SCORE, "a number, 0 exactly where harm_days is 0")
    _refuse(path, rows, typed["is_visible"].isna(), "is_visible", "true or false")
    _refuse(path, rows, ~typed["axis"].isin(list(axes)), "axis", f"one of {', '.join(axes)}")
    _refuse(path, rows, typed["offence_code"].str.strip() == "", "offence_code", "a code")
    _refuse(
        path, rows, typed.duplicated(["offence_code", "valid_from"]), "offence_code", "one row per code and valid_from"
    )
    return typed.astype({"is_visible": bool})


def _refuse(path: Path, rows: pd.DataFrame, is_wrong: pd.Series, column: str, expectation: str) -> None:
    if is_wrong.any():
        row = int(np.argmax(is_wrong.to_numpy()))
        line, code, value = row + 2, rows["offence_code"].iloc[row], rows[column].iloc[row]
        raise MappingError(f"codebook {path}, line {line} ({code}): {column}={value!r}: expected {expectation}")
