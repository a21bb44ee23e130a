"""Measures of a risk score on weighted people, and the paired bootstrap that gives them intervals.

A resample is a whole weight for each person (Efron 1979). All scores are measured on the same resamples, so that their
differences are paired. People with equal scores are never told apart: they share what is left of the flags.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """A score as places: `level` is 0 for the people with the greatest score, 1 for those with the next, and so on."""

    level: Ints
    levels: int

    def by_level(self, weights: Floats) -> Floats:
        return np.bincount(self.level, weights, self.levels).astype(np.float64)

    def auc(self, weights: Floats, came: Floats) -> float:
        """Chance that somebody with the outcome stands above somebody without, equals counted half (Bamber 1975)."""
        positive, negative = self.by_level(weights * came), self.by_level(weights * (1 - came))
        below = negative.sum() - np.cumsum(negative)
        pairs = positive.sum() * negative.sum()
        return float((positive * (below + negative / 2)).sum() / pairs) if pairs else np.nan

    def flags(self, weights: Floats, share: float) -> Floats:
        """How much of a flag each person gets where the `share` of the weight with the greatest scores is flagged."""
        held = self.by_level(weights)
        above = np.cumsum(held) - held
        room = np.clip(share * held.sum() - above, 0, held)
        return np.divide(room, held, out=np.zeros_like(held), where=held > 0)[self.level]


def rank_score(score: npt.ArrayLike) -> Ranking:
    """Return the places that a score gives, greatest first.

    Raises
    ------
    ValueError : a score is missing or not finite.
    """
    values = np.asarray(score, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a score is missing or not finite: leave such people out first")
    unique, level = np.unique(-values, return_inverse=True)
    return Ranking(level.astype(np.int64), len(unique))


def resamples(people: int, count: int, seed: int) -> Iterator[Floats]:
    """Yield the weights of everybody once, then of `count` draws of as many people with replacement."""
    random = np.random.default_rng(seed)
    yield np.ones(people)
    for _ in range(count):
        yield np.bincount(random.integers(people, size=people), minlength=people).astype(np.float64)


def interval(drawn: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return lower and upper ends over the first axis; draws without a value are passed over."""
    drawn = np.asarray(drawn, dtype=np.float64)
    ends = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]
