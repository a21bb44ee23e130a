"""Counterfactual explanations: the change that would remove an area from the list, by the drawn percentiles."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.places.axes import AXES

# Number of draws for the figure in an explanation; the ranking itself uses all draws.
COUNTERFACTUAL_DRAWS = 200


def moves_out_if(
    table: pd.DataFrame,
    drawn: Mapping[str, tuple[Floats, Floats]],
    weights: Sequence[float],
    *,
    top_k: int,
) -> list[str | None]:
    """Return the change that would bring each listed area's score below that of the first area outside the top K.

    Parameters
    ----------
    table : pd.DataFrame
        one row per area: rank, score, is_listed and the rate of each axis.
    drawn : Mapping[str, tuple[Floats, Floats]]
        axis → (values, percentiles), both [areas, draws] in the order of the table; axes in the order of `weights`.
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
            sentences[area] = _fall_needed(table, area, int(np.flatnonzero(rank == top_k + 1)[0]), drawn, weights)
    return sentences


def _fall_needed(
    table: pd.DataFrame,
    area: int,
    outside: int,
    drawn: Mapping[str, tuple[Floats, Floats]],
    weights: Sequence[float],
) -> str:
    score = table["score"].to_numpy(dtype=float)
    gap = max(score[area] - score[outside], 0.0)
    factors = [_factor(*drawn[axis], area, gap, weight) for axis, weight in zip(drawn, weights, strict=True)]
    best = int(np.argmax(factors))
    axis = AXES[list(drawn)[best]]
    now = float(table[axis.rate].to_numpy(dtype=float)[area])
    if not factors[best] > 0:
        return _falls_together(table, area, outside)
    wanted = factors[best] * now
    return (
        f"If {axis.noun} fell by {_figure(now - wanted)} {axis.unit} (from {_figure(now)} to {_figure(wanted)}), "
        "other areas unchanged, its score would be below that of the first area off the list."
    )


def _factor(values: Floats, parts: Floats, area: int, gap: float, weight: float) -> float:
    """Return the factor on an area's rate on one axis that lowers its score by `gap`; zero if no decrease suffices.

    The expected percentile at a factor f is given by the share of ratios other / own, over draws, below f.
    """
    if not weight > 0:
        return 0.0
    known = ~np.isnan(values[:, 0])
    count = int(known.sum())
    below = ((parts[area].mean() - gap / weight) * count - 0.5) / max(count - 1, 1)
    own = values[area, :COUNTERFACTUAL_DRAWS]
    known[area] = False
    if not (below > 0 and known.any() and (own > 0).all()):
        return 0.0
    return float(min(np.quantile(values[known, :COUNTERFACTUAL_DRAWS] / own, below, method="lower"), 1.0))


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
