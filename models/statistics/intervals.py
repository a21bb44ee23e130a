"""Intervals that hold their own point."""

import pandas as pd

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
