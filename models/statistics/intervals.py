"""Intervals that hold their own point, and the interval of a share."""

import math

import numpy as np
import pandas as pd

Z_80 = 1.2815515655446004  # half width of an 80% interval, in standard deviations
LOWER, UPPER = "_lo", "_hi"


def hold_points(table: pd.DataFrame) -> pd.DataFrame:
    """Widen each interval of a table so that it holds its point.

    A point that is no quantile of the draws may lie outside their central interval: the mean of a skewed distribution
    (of most cells, in which grave harm is rare and none is likeliest), or the place in an order that follows another
    key. The interval then reaches to the point, and covers no less than before.

    Parameters
    ----------
    table : pandas.DataFrame
        Points `x` and their intervals `x_lo`, `x_hi`, in the same unit; other columns stay. A missing value widens
        nothing.

    Returns
    -------
    pandas.DataFrame
        The same columns, with x_lo <= x <= x_hi.
    """
    held = {}
    for name in table.columns:
        point = str(name)[: -len(LOWER)]
        if str(name).endswith(LOWER) and point in table:
            held[name] = table[name].mask(table[point] < table[name], table[point])
        elif str(name).endswith(UPPER) and point in table:
            held[name] = table[name].mask(table[point] > table[name], table[point])
    return table.assign(**held)


def wilson(share: float, cases: int) -> tuple[float, float]:
    """Return the 95% interval of a share of independent cases (Wilson 1927)."""
    z2 = 1.96**2 / cases
    centre, half = (share + z2 / 2) / (1 + z2), math.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    return centre - half, centre + half


def shares(name: str, hits: pd.Series, cases: pd.Series) -> dict[str, pd.Series]:
    """Return shares as `name`, with their 80% intervals as `name_lo`, `name_hi` (Wilson 1927); missing without cases.

    Parameters
    ----------
    name : str
        Name of the share.
    hits, cases : Series
        Independent cases, and those of them that count; on one index, missing where unknown.
    """
    of = cases.astype(float).mask(lambda n: n <= 0)
    share = hits.astype(float) / of
    centre = (share + Z_80**2 / (2 * of)) / (1 + Z_80**2 / of)
    half = Z_80 * np.sqrt(share * (1 - share) / of + (Z_80 / (2 * of)) ** 2) / (1 + Z_80**2 / of)
    ends = {name + LOWER: (centre - half).clip(lower=0), name + UPPER: (centre + half).clip(upper=1)}
    held = hold_points(pd.DataFrame({name: share, **ends}))
    return {column: held[column] for column in (name, *ends)}
