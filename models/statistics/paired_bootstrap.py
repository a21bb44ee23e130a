"""Measures of a risk score on weighted people, and the paired bootstrap that gives them intervals.

A resample is an integer weight for each person (Efron 1979). All scores are measured on the same resamples, so their
differences are paired. People with equal scores are treated alike: they share the remaining flags.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Ranking:
    """A score as dense ranks: `level` is 0 for the people with the highest score, 1 for the next, and so on."""

    level: Ints
    levels: int

    def by_level(self, weights: Floats) -> Floats:
        """Return the sum of weights on each level."""
        return np.bincount(self.level, weights, self.levels).astype(np.float64)

    def auc(self, weights: Floats, came: Floats) -> float:
        """Return P(a person with the outcome ranks above one without); ties count half (Bamber 1975)."""
        positive, negative = self.by_level(weights * came), self.by_level(weights * (1 - came))
        below = negative.sum() - np.cumsum(negative)
        pairs = positive.sum() * negative.sum()
        return float((positive * (below + negative / 2)).sum() / pairs) if pairs else np.nan

    def flags(self, weights: Floats, share: float) -> Floats:
        """Return the part of a flag [0, 1] per person if the `share` of weight with the highest scores is flagged."""
        total = self.by_level(weights)
        above = np.cumsum(total) - total
        flagged = np.clip(share * total.sum() - above, 0, total)
        return np.divide(flagged, total, out=np.zeros_like(total), where=total > 0)[self.level]


def rank_score(score: npt.ArrayLike) -> Ranking:
    """Return the ranking by a score, highest first.

    Raises
    ------
    ValueError
        A score is missing or not finite.
    """
    values = np.asarray(score, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a score is missing or not finite: leave those people out first")
    unique, level = np.unique(-values, return_inverse=True)
    return Ranking(level.astype(np.int64), len(unique))


def resamples(people: int, count: int, seed: int) -> Iterator[Floats]:
    """Yield unit weights once, then the weights of `count` bootstrap resamples of all people."""
    random = np.random.default_rng(seed)
    yield np.ones(people)
    for _ in range(count):
        yield np.bincount(random.integers(people, size=people), minlength=people).astype(np.float64)


def interval(drawn: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return lower and upper ends over the first axis; NaN draws are ignored."""
    drawn = np.asarray(drawn, dtype=np.float64)
    ends = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]
