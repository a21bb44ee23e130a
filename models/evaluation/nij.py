"""Choose and score cells by the rules of the Real-Time Crime Forecasting Challenge.

National Institute of Justice (2016), Real-Time Crime Forecasting Challenge Posting: a forecast is 0.25 to 0.75 square
miles; PAI = (n/N) / (a/A) with n of N crimes in forecast area a of the total area A (Chainey, Tompson and Uhlig 2008,
Security Journal 21:4); PEI* = n/n*, where n* is the most crimes that the same area could have had (Hunt 2016).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.statistics.rank_draws import total_order

SQUARE_MILE_FT2 = 5280.0**2
LEAST_FORECAST_FT2, MOST_FORECAST_FT2 = 0.25 * SQUARE_MILE_FT2, 0.75 * SQUARE_MILE_FT2


def choose_cells(
    expected: npt.ArrayLike, area_ft2: npt.ArrayLike, tie: npt.ArrayLike, *, target_ft2: float
) -> npt.NDArray[np.bool_]:
    """Return which cells are forecast: the fewest top cells that reach `target_ft2`, up to 0.75 square miles.

    Parameters
    ----------
    expected : npt.ArrayLike
        crimes expected in each cell; the highest come first.
    area_ft2 : npt.ArrayLike
        area of each cell, square feet.
    tie : npt.ArrayLike
        order of cells with equal expected crimes; the lowest comes first.

    Raises
    ------
    ValueError
        The target is outside the rules, or the cells are too small for it.
    """
    if not LEAST_FORECAST_FT2 <= target_ft2 <= MOST_FORECAST_FT2:
        raise ValueError(f"target_ft2={target_ft2!r}: the challenge expects 0.25 to 0.75 square miles, in square feet")
    order = total_order(expected, ids=tie)
    ground = np.cumsum(np.asarray(area_ft2, dtype=np.float64)[order])
    count = int(np.searchsorted(ground, target_ft2)) + 1
    if count > len(order):
        raise ValueError(f"{ground[-1]:,.0f} square feet of cells; too few for a forecast of {target_ft2:,.0f}")
    if ground[count - 1] > MOST_FORECAST_FT2:
        count -= 1
    chosen = np.zeros(len(order), dtype=np.bool_)
    chosen[order[:count]] = True
    return chosen


def score_cells(count: npt.ArrayLike, area_ft2: npt.ArrayLike, is_hotspot: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return the scores of a forecast as one row.

    Parameters
    ----------
    count : npt.ArrayLike
        crimes in each cell over the horizon.
    area_ft2 : npt.ArrayLike
        area of each cell, square feet.
    is_hotspot : npt.NDArray[np.bool_]
        the forecast cells.

    Returns
    -------
    pd.DataFrame
        cells, square_miles (forecast), n (crimes in them), n_all (crimes in all cells), n_best (crimes in the same
        number of cells with the most crimes; an upper bound, as the boundary may trim those cells less), n_by_chance
        (crimes in an equal area if spread evenly), pai, pei (PEI*); the last two are missing without crimes.
    """
    crimes, ground = np.asarray(count, dtype=np.int64), np.asarray(area_ft2, dtype=np.float64)
    cells = int(is_hotspot.sum())
    row = pd.DataFrame(
        {
            "cells": [cells],
            "square_miles": ground[is_hotspot].sum() / SQUARE_MILE_FT2,
            "n": crimes[is_hotspot].sum(),
            "n_all": crimes.sum(),
            "n_best": np.sort(crimes)[::-1][:cells].sum(),
            "n_by_chance": crimes.sum() * ground[is_hotspot].sum() / ground.sum(),
        }
    )
    return row.assign(**_indices(row))


def pool_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return several rows of `score_cells` as one row: crimes are summed, areas averaged."""
    sums = scores[["n", "n_all", "n_best", "n_by_chance"]].sum().to_frame().T
    counts = sums.astype({"n": "int64", "n_all": "int64", "n_best": "int64"})
    averages = {"cells": round(scores["cells"].mean()), "square_miles": scores["square_miles"].mean()}
    return counts.assign(**averages, **_indices(counts))[list(scores.columns)]


def _indices(scores: pd.DataFrame) -> dict[str, pd.Series]:
    chance, best = (scores[name].where(scores[name] > 0) for name in ("n_by_chance", "n_best"))
    return {"pai": scores["n"] / chance, "pei": scores["n"] / best}
