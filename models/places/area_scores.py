"""Scores of areas: the part of the force's harm that an area has, axes weighed, and the ranks that follow from it.

A score is linear in harm, so that ten times the violence counts ten times as much; percentiles would make the worst
area the neighbour of the second. The weights of the axes are drawn too: stochastic multicriteria acceptability analysis
(Lahdelma and Salminen 2001, Operations Research 49:444).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.area_rates.bands import Drawn
from models.arrays import Bools, Floats, Ints
from models.places.axes import AXES, Axis, GroupDraws, group_names, is_counted_once
from models.statistics.rank_draws import chance_in_top, total_ranks


@dataclass(frozen=True, slots=True)
class AxisDraws:
    """Draws [areas, draws] per day of every axis and of all harm, and their means [areas, 1].

    The ratio is NaN if hours are unknown.
    """

    axes: Mapping[str, Floats]
    harm: Floats
    mean_axes: Mapping[str, Floats]
    mean_harm: Floats


class AxisTotals:
    """Adds up the draws of bands, and gives those of every axis and of all harm.

    Parameters
    ----------
    hours_per_day : Floats
        [areas] officer hours; zero means unknown.
    draws : int
        number of draws.
    """

    def __init__(self, hours_per_day: Floats, draws: int) -> None:
        self._means, self._draws = (
            GroupDraws({group: np.zeros(shape) for group in group_names()}, np.zeros(shape), hours_per_day)
            for shape in ((len(hours_per_day), 1), (len(hours_per_day), draws))
        )

    def add(self, stream: str, band: Drawn) -> None:
        """Add a band; the order of bands matters to the last bit."""
        group = stream.rsplit(" ", 1)[0]
        for total, crimes, harm in (
            (self._means, band.mean_crimes, band.mean_harm),
            (self._draws, band.crimes, band.harm),
        ):
            total.harm[group][...] += harm
            if is_counted_once(group):
                total.crimes[...] += crimes

    def axes(self) -> AxisDraws:
        """Return every axis and all harm."""
        return AxisDraws(*_axes_of(self._draws), *_axes_of(self._means))


def _axes_of(drawn: GroupDraws) -> tuple[dict[str, Floats], Floats]:
    """Return the values of every axis and of all harm from those of every group."""
    axes = {name: axis.draw(drawn) if axis.draw else drawn.harm[name] for name, axis in AXES.items()}
    return axes, summed(harm for group, harm in drawn.harm.items() if is_counted_once(group))


def shares_of(drawn: AxisDraws, size: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the `axis_shares` of each axis per size [areas, draws], and of its means [areas, 1].

    They are zero for areas without a size, NaN.
    """
    values, is_sized = (drawn.axes, drawn.mean_axes), ~np.isnan(size)[:, None]
    per = {axis: per_size(axis, drawn.mean_axes[axis], size) for axis in AXES}
    parts, means = (
        {a: axis_shares(per_size(a, of[a], size), per[a], AXES[a]) * is_sized for a in AXES} for of in values
    )
    return parts, means


def per_size(axis: str, values: Floats, size: Floats) -> Floats:
    """Return the values of an axis as they are ranked: per unit of size, but for those with another denominator."""
    return values if AXES[axis].draw else values / size[:, None]


def axis_shares(values: Floats, means: Floats, axis: Axis) -> Floats:
    """Return values as shares of the sum of the means over all areas; all zero if no mean is above zero.

    An unknown value takes the mean of the known ones. An area whose mean is more than `axis.most` times that of the
    known areas is scaled down to it.

    Parameters
    ----------
    values : Floats
        [areas, draws], NaN where unknown.
    means : Floats
        [areas, 1] expected values.
    """
    known = ~np.isnan(means)
    total = means[known].sum()
    if not total > 0:
        return np.zeros(values.shape)
    mean = total / known.sum()
    factor = np.minimum(1.0, np.divide(axis.most * mean, means, out=np.ones(means.shape), where=means > 0))
    shares = values * (factor / (mean * len(means)))
    shares[~known[:, 0]] = 1 / len(means)
    return shares


def spread_weights(weights: Floats, parts: Mapping[str, Floats]) -> Floats:
    """Return weights [draws, axes] in which an axis without data has none and the others still sum to one.

    Parts of a Dirichlet that are rescaled to sum to one are Dirichlet around the rescaled centres, with the
    concentration that is left: an axis without data makes nobody surer of the others. Without data on any axis all
    weights are zero.

    Parameters
    ----------
    weights : Floats
        [draws, axes] weights in the order of `AXES`, each row with sum one.
    parts : Mapping[str, Floats]
        `axis_shares` of each axis, all zero where it has no data.
    """
    kept = weights * np.array([bool(parts[axis].any()) for axis in AXES])
    total = kept.sum(axis=1, keepdims=True)
    return np.divide(kept, total, out=np.zeros(kept.shape), where=total > 0)


def weigh(parts: Mapping[str, Floats], weights: Floats) -> list[Floats]:
    """Return the part of each axis in the score [areas, draws]; `weights` [draws, axes]: see `spread_weights`."""
    return [weights[:, i] * parts[axis] for i, axis in enumerate(AXES)]


def summed(parts: Iterable[Floats]) -> Floats:
    """Return the sum, added up in the order of the parts."""
    first, *others = parts
    total = 0.0 + first
    for part in others:
        total += part
    return total


def rank_scores(
    scores: Floats,
    score: Floats,
    area_ids: pd.Index,
    *,
    top_k: int,
    list_enter: float,
    list_leave: float,
    previously_listed: frozenset[str] = frozenset(),
    has_harm: Bools | bool = True,
) -> pd.DataFrame:
    """Return area_id, rank, p_top_k, score and is_listed from score draws [areas, draws] and their means.

    No area is listed without harm of its own (`has_harm`: it has a counted incident with a weight above zero), and none
    if the list has room for all of them: it would choose nothing.
    """
    p_top_k = chance(scores, top_k)
    stays = area_ids.isin(previously_listed) & (p_top_k >= list_leave)
    may_be_listed = np.asarray(has_harm) & (top_k < len(area_ids))
    return pd.DataFrame(
        {
            "area_id": area_ids,
            "rank": in_rank_order(p_top_k, score, area_ids),
            "p_top_k": p_top_k,
            "score": score,
            "is_listed": ((p_top_k >= list_enter) | stays) & may_be_listed,
        }
    )


def in_rank_order(p_top_k: Floats, score: Floats, area_ids: pd.Index) -> Ints:
    """Return ranks by P(in the top K), then by mean score: chances that agree to a hundredth are equal.

    A couple of thousand draws tell them no further apart; below the first few areas their order would be noise.
    """
    return total_ranks(np.round(p_top_k, 2), score, ids=area_ids)


def chance(scores: Floats, top_k: int) -> Floats:
    """Return P(in the top K); zero for an area whose score is zero because no axis has data."""
    return chance_in_top(scores, top_k) * (scores > 0).any(axis=1)


def shares_of_score(weighed: Sequence[Floats]) -> dict[str, Floats]:
    """Return shares of the score from the means [areas, 1] of its parts; all zero if no axis has data."""
    means = np.concatenate(weighed, axis=1)
    totals = means.sum(axis=1, keepdims=True)
    shares = np.divide(means, totals, out=np.zeros(means.shape), where=totals > 0)
    return {f"{axis}_share": share for axis, share in zip(AXES, shares.T, strict=True)}


def ranks_without(weighed: Sequence[Floats], weights: Floats, area_ids: pd.Index, top_k: int) -> dict[str, Ints]:
    """Return ranks without each axis; the other drawn weights, rescaled to sum to one, are Dirichlet again."""
    ranks = {}
    for left_out, axis in enumerate(AXES):
        others = [part for i, part in enumerate(weighed) if i != left_out]
        scores = summed(others) / np.maximum(1 - weights[:, left_out], np.finfo(float).tiny)
        ranks[f"rank_without_{axis}"] = in_rank_order(chance(scores, top_k), scores.mean(axis=1), area_ids)
    return ranks
