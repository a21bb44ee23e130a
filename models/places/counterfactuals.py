"""Counterfactual explanations: the change that would remove an area from the list, by its share of the harm."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.places.axes import AXES

PARTS = {
    0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 1 / 3: "a third", 0.4: "two fifths", 0.5: "half",
    0.6: "three fifths", 2 / 3: "two thirds", 0.75: "three quarters", 0.8: "four fifths", 0.9: "nine tenths",
}  # fmt: skip


def moves_out_if(
    table: pd.DataFrame, shares: Mapping[str, Floats], weights: Sequence[float], *, top_k: int, list_enter: float
) -> list[str | None]:
    """Return the change that would bring each listed area's score below that of the first area outside the top K.

    The list goes by P(in the top K). Where the mean score is not what lists an area, the sentence says what does.

    Parameters
    ----------
    table : pd.DataFrame
        one row per area: rank, p_top_k, is_listed and the rate of each axis.
    shares : Mapping[str, Floats]
        axis → mean share of each area, in the order of the table; axes in the order of `weights`.
    weights : Sequence[float]
        mean weight of each axis.
    top_k : int
        number of areas on the list.
    list_enter : float
        P(in the top K) from which an area is listed that was not listed before.

    Returns
    -------
    list[str | None]
        One sentence per row of `table`; None if the area is not listed.
    """
    rank, p_top_k = table["rank"].to_numpy(dtype=int), table["p_top_k"].to_numpy(dtype=float)
    sentences: list[str | None] = [None] * len(table)
    for area in np.flatnonzero(table["is_listed"]).tolist():  # each sentence needs its own search
        if rank[area] <= top_k:
            sentences[area] = _fall_needed(table, area, int(np.flatnonzero(rank == top_k + 1)[0]), shares, weights)
        elif p_top_k[area] < list_enter:
            sentences[area] = (
                "It is still on the list because it was on it before; one more run as low as this, or lower, may end that."
            )
        else:
            sentences[area] = (
                f"It is on the list because of its chance of being among the {top_k} worst, {p_top_k[area]:.0%}, although "
                f"its rank is {rank[area]}."
            )
    return sentences


def _fall_needed(
    table: pd.DataFrame, area: int, outside: int, shares: Mapping[str, Floats], weights: Sequence[float]
) -> str:
    top_k = int(table["rank"].iloc[outside]) - 1
    apart = {
        axis: weight * float(shares[axis][area] - shares[axis][outside])
        for axis, weight in zip(shares, weights, strict=True)
    }
    gap = sum(apart.values())
    if gap <= 0:
        return (
            f"It is on the list because of its chance of being among the {top_k} worst: on average over the days ahead "
            f"it is no worse than the area ranked {top_k + 1}."
        )
    now = {axis: float(table[AXES[axis].rate].iloc[area]) for axis in shares}
    known = [axis for axis in shares if not np.isnan(now[axis])]
    factors = {
        axis: _factor(shares[axis], area, outside, gap, weight)
        for axis, weight in zip(shares, weights, strict=True)
        if axis in known
    }
    best = max(factors, key=factors.__getitem__, default=None)
    if best is None or not factors[best] > 0:
        left = gap - sum(max(apart[axis], 0.0) for axis in known)
        return _falls_together(top_k, {axis: shares[axis] for axis in known if apart[axis] > 0}, area, outside, left)
    fall = part_in_words(1 - factors[best])
    return f"It would leave the {top_k} worst if {AXES[best].noun} fell by {fall} and nothing else changed."


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


def _falls_together(
    top_k: int, shares: Mapping[str, Floats], area: int, outside: int, left: float
) -> str:
    """Return the falls to the other area's level on the axes where the area is above it.

    `left` is what remains of the gap then: above zero, only an axis on which the area has no figure keeps it above.
    """
    if left > 1e-12:
        return (
            "No fall of its own crime would take it off the list: it has no officer hours, and an area without them "
            "counts with the mean of the others in crimes per officer-hour."
        )
    falls = [f"{AXES[axis].noun} by {part_in_words(1 - of[outside] / of[area])}" for axis, of in shares.items()]
    *others, last = falls
    return (
        f"No fall of one measure alone would be enough. It would leave the {top_k} worst if {', '.join(others)} "
        f"{'and ' if others else ''}{last} fell together."
    )


def part_in_words(share: float) -> str:
    """Return a part of a whole as a rough fraction: nobody plans by its second digit.

    >>> [part_in_words(share) for share in (0.004, 0.03, 0.31, 0.52, 0.97)]
    ['less than 1%', 'about 3%', 'about a third', 'about half', 'almost all of it']
    """
    if share < 0.01:
        return "less than 1%"
    if share < 0.075:
        return f"about {share:.0%}"
    return "almost all of it" if share > 0.95 else f"about {PARTS[min(PARTS, key=lambda part: abs(part - share))]}"
