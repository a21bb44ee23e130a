"""What would move an area out of the target list, in words and with a figure, by replaying the drawn percentiles."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

# Draws enough for a figure in words; the ranking itself uses all of them.
DRAWS_FOR_WORDS = 200

# Axis → column of its rate, what it is called, and its unit.
AXIS_WORDS = {
    "violence": ("violence_per_day", "violence", "harm-days a day"),
    "disorder": ("disorder_per_day", "disorder", "harm-days a day"),
    "minors": ("minors_per_day", "use of minors", "harm-days a day"),
    "ratio": ("crimes_per_officer_hour", "reported crime", "crimes per officer-hour"),
}


def moves_out_if(
    table: pd.DataFrame,
    drawn: Mapping[str, tuple[Floats, Floats]],
    weights: Sequence[float],
    *,
    top_k: int,
    list_leave: float,
) -> list[str | None]:
    """Say what would bring each listed area's score below that of the first area outside the top K.

    Parameters
    ----------
    table : one row per area: rank, score, is_listed, p_top_k and the four rates.
    drawn : axis → (values, percentiles), both [areas, draws] in the table's order; in the order of `weights`.
    weights : mean weight of each axis.

    Returns
    -------
    One sentence per row of `table`; None where the area is not listed.
    """
    rank = table["rank"].to_numpy(dtype=int)
    words: list[str | None] = [None] * len(table)
    for area in np.flatnonzero(
        table["is_listed"]
    ).tolist():  # as long as the list, and each sentence needs a search of its own
        if len(table) <= top_k:
            words[area] = f"Only a shorter list would: it has room for {top_k} and there are {len(table)} areas."
        elif rank[area] > top_k:
            words[area] = (
                "It stays only because it was listed before: one more run as low as this, or lower, may end it."
            )
        else:
            words[area] = _fall_needed(table, area, int(np.flatnonzero(rank == top_k + 1)[0]), drawn, weights)
    return words


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
    column, noun, unit = AXIS_WORDS[list(drawn)[best]]
    now = float(table[column].to_numpy(dtype=float)[area])
    if not factors[best] > 0:
        return _falls_together(table, area, outside)
    wanted = factors[best] * now
    return (
        f"If {noun} fell by {_figure(now - wanted)} {unit} (from {_figure(now)} to {_figure(wanted)}), "
        "other areas unchanged, its score would be below that of the first area off the list."
    )


def _factor(values: Floats, parts: Floats, area: int, gap: float, weight: float) -> float:
    """Factor on an area's rate on one axis that lowers its score by `gap`; zero where no fall on it suffices.

    The expected percentile at a factor f follows from the share of ratios other / own, over draws, that lie below f.
    """
    if not weight > 0:
        return 0.0
    known = ~np.isnan(values[:, 0])
    count = int(known.sum())
    below = ((parts[area].mean() - gap / weight) * count - 0.5) / max(count - 1, 1)
    own = values[area, :DRAWS_FOR_WORDS]
    known[area] = False
    if not (below > 0 and known.any() and (own > 0).all()):
        return 0.0
    return float(min(np.quantile(values[known, :DRAWS_FOR_WORDS] / own, below, method="lower"), 1.0))


def _falls_together(table: pd.DataFrame, area: int, outside: int) -> str:
    falls = []
    for column, noun, unit in AXIS_WORDS.values():
        value = table[column].to_numpy(dtype=float)
        if value[area] > value[outside]:
            falls.append(f"{noun} by {_figure(value[area] - value[outside])} {unit}")
    return f"No fall on one axis alone would. All of these together would: {'; '.join(falls)}."


def _figure(value: float) -> str:
    """Three leading digits, never in powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else "less than 0.001"
