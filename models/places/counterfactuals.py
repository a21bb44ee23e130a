"""Counterfactual explanations: the change that would remove an area from the list, by its share of the harm."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.places.axes import AXES


def moves_out_if(
    table: pd.DataFrame, shares: Mapping[str, Floats], weights: Sequence[float], *, top_k: int
) -> list[str | None]:
    """Return the change that would bring each listed area's score below that of the first area outside the top K.

    Parameters
    ----------
    table : pd.DataFrame
        one row per area: rank, is_listed and the rate of each axis.
    shares : Mapping[str, Floats]
        axis → mean share of each area, in the order of the table; axes in the order of `weights`.
    weights : Sequence[float]
        mean weight of each axis.
    top_k : int
        number of areas on the list.

    Returns
    -------
    list[str | None]
        One sentence per row of `table`; None if the area is not listed.
    """
    rank = table["rank"].to_numpy(dtype=int)
    sentences: list[str | None] = [None] * len(table)
    for area in np.flatnonzero(table["is_listed"]).tolist():  # each sentence needs its own search
        if rank[area] > top_k:
            sentences[area] = (
                "It stays only because it was listed before: one more run as low as this, or lower, may end it."
            )
        else:
            sentences[area] = _fall_needed(table, area, int(np.flatnonzero(rank == top_k + 1)[0]), shares, weights)
    return sentences


def _fall_needed(
    table: pd.DataFrame, area: int, outside: int, shares: Mapping[str, Floats], weights: Sequence[float]
) -> str:
    gap = sum(
        weight * (shares[axis][area] - shares[axis][outside]) for axis, weight in zip(shares, weights, strict=True)
    )
    factors = [_factor(shares[axis], area, outside, gap, weight) for axis, weight in zip(shares, weights, strict=True)]
    best = int(np.argmax(factors))
    axis = AXES[list(shares)[best]]
    now = float(table[axis.rate].to_numpy(dtype=float)[area])
    if not factors[best] > 0 or np.isnan(now):
        return _falls_together(table, area, outside)
    wanted = factors[best] * now
    return (
        f"If {axis.noun} fell by {_figure(now - wanted)} {axis.unit} (from {_figure(now)} now to {_figure(wanted)}), "
        "other areas unchanged, its score would be below that of the first area off the list."
    )


def _factor(shares: Floats, area: int, outside: int, gap: float, weight: float) -> float:
    """Return the factor on an area's rate on one axis that closes the gap; zero if no decrease suffices.

    A fall by d takes d from the axis's sum, too, so that the others' shares grow: with w·s and w·t the two parts in the
    scores, and s and t of one sum, w(s - d - t) / (1 - d) is to be -g, what the other axes leave of the gap.
    """
    own, other = shares[area], shares[outside]
    if not (weight > 0 and own > 0):
        return 0.0
    rest = (gap - weight * (own - other)) / weight
    fall = (own - other + rest) / (1 + rest) if rest > -1 else np.inf
    return float(np.clip(1 - fall / own, 0.0, 1.0))


def _falls_together(table: pd.DataFrame, area: int, outside: int) -> str:
    falls = []
    for axis in AXES.values():
        value = table[axis.rate].to_numpy(dtype=float)
        if value[area] > value[outside]:
            falls.append(f"{axis.noun} by {_figure(value[area] - value[outside])} {axis.unit}")
    return f"No fall on one axis alone would. All of these together would: {'; '.join(falls)}."


def _figure(value: float) -> str:
    """Format with three significant digits, without exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else "less than 0.001"
