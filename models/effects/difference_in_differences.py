"""Difference in differences: a place's level before the start, moved as placebos moved since.

Expected is the mean of the place's weeks before times the ratio of the placebos' weeks since to theirs before: the two
differences are taken on the logarithm, on which counts of busy and quiet places move alike (Angrist and Pischke 2009,
*Mostly Harmless Econometrics*, ch. 5). It holds if the place would have moved as they did: weeks before that moved
apart speak against it.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Floats
from models.effects.series import Series
from models.statistics.placebo_test import chance

LEVEL_WEEKS = 52  # before the start; older levels say less
BLOCK = 4  # weeks that are counted together where movements before are compared
DOUBT = 0.1


def move_as_placebos(series: Series) -> Floats:
    """Return each place's level before, moved as the other placebos moved (as `Expect`)."""
    before = series.before[:, -LEVEL_WEEKS:].mean(axis=1)
    then, since = before[series.is_placebo].sum(), series.after[series.is_placebo].sum(axis=0)
    return np.outer(before, since / max(then, 1e-12))


def lacking(series: Series) -> str | None:
    """Return why a date cannot be compared by it; None if it can."""
    return None if series.is_placebo.any() else "no place to compare with"


def check(series: Series) -> tuple[str, bool]:
    """Return what was checked of row 0 in words, and whether it speaks against the method."""
    drift = drift_before(series)
    return (drift.words(), drift.is_doubtful) if drift else ("too few weeks before to check", True)


@dataclass(frozen=True, slots=True)
class Before:
    """Whether a place moved apart from its placebos before the start."""

    drift: float  # standardised slope of what it had beside what its share of the placebos let expect
    p_drift: float  # placebos that drifted as far, up or down

    @property
    def is_doubtful(self) -> bool:
        """Return whether it drifted further than nine placebos of ten."""
        return self.p_drift <= DOUBT

    def words(self) -> str:
        """Return what was checked, and what came of it."""
        way = "up" if self.drift > 0 else "down"
        if self.is_doubtful:
            return f"before the start it drifted {way} from its placebos, further than chance (p = {self.p_drift:.2f})"
        return f"before the start it moved as its placebos did (drift {way}, p = {self.p_drift:.2f})"


def drift_before(series: Series) -> Before | None:
    """Return how row 0 drifted from the placebos before the start; None where too little is on record."""
    blocks = blocks_of(series.before)
    if blocks.shape[1] < 3:
        return None
    beside = series.others @ blocks
    total = beside.sum(axis=1, keepdims=True)
    expected = np.divide(beside, total, out=np.zeros_like(beside), where=total > 0) * blocks.sum(axis=1, keepdims=True)
    time = np.arange(blocks.shape[1]) - (blocks.shape[1] - 1) / 2
    drifts = ((blocks - expected) @ time) / np.sqrt(np.maximum(expected @ time**2, 1.0))
    of_placebos = np.abs(drifts[1:])
    return Before(float(drifts[0]), chance(float((of_placebos >= abs(drifts[0])).mean()), len(of_placebos)))


def blocks_of(weeks: Floats) -> Floats:
    """Return the sums of BLOCK weeks each, the latest whole ones."""
    count = weeks.shape[1] // BLOCK
    return weeks[:, weeks.shape[1] - count * BLOCK :].reshape(len(weeks), count, BLOCK).sum(axis=2)
