"""Synthetic control: the mixture of placebos that moved most as a place did before the start, continued past it.

Each place is divided by its mean before, as the hottest one lies above every mixture of others (Ferman and Pinto 2021,
Quantitative Economics 12:1197). The weights are at least zero and sum to one (Abadie, Diamond and Hainmueller 2010,
JASA 105:493); they fit four weeks at a time and pay for the chance of counting that each donor brings in, so that few
donors do not fit noise (a ridge, as in Doudchenko and Imbens 2016, NBER 22791). `scipy.optimize.nnls` finds them, the
sum as a row of great weight.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from models.arrays import Floats
from models.effects.difference_in_differences import BLOCK, DOUBT, blocks_of
from models.effects.series import Series
from models.statistics.placebo_test import chance

FEWEST_DONORS = 20
FEWEST_BLOCKS = 6  # of four weeks before the start
_SUM_TO_ONE = 1e3


def mix_placebos(series: Series) -> Floats:
    """Return each place's level times the shape of its mixture of other placebos since the start (as `Expect`)."""
    return _mixed(series)[0]


def lacking(series: Series) -> str | None:
    """Return why a date cannot be compared by it; None if it can."""
    donors, weeks = int(series.others.sum(axis=1).min()), series.before.shape[1]
    if donors >= FEWEST_DONORS and weeks >= FEWEST_BLOCKS * BLOCK:
        return None
    return f"{donors} donors and {weeks} weeks before, it needs {FEWEST_DONORS} and {FEWEST_BLOCKS * BLOCK}"


def check(series: Series) -> tuple[str, bool]:
    """Return what was checked of row 0 in words, and whether it speaks against the method."""
    fit = fit_before(series)
    return fit.words(), fit.is_doubtful


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the mixture of row 0 fits its weeks before the start."""

    rmspe: float  # root mean squared error of four weeks, as a share of their mean
    p_rmspe: float  # placebos whose own mixture fits as badly
    donors: int
    carrying: float  # donors that carry the weight: 1 / Σ w²

    @property
    def is_doubtful(self) -> bool:
        """Return whether nine placebos of ten are fitted better."""
        return self.p_rmspe <= DOUBT

    def words(self) -> str:
        """Return what was checked, and what came of it."""
        good = "worse than nine placebos of ten are" if self.is_doubtful else "no worse than placebos are"
        return (
            f"{self.donors} donors, their weight spread as over {self.carrying:.0f} equal ones; four weeks before the "
            f"start are missed by {self.rmspe:.0%} on average, fitted {good} (p = {self.p_rmspe:.2f})"
        )


def fit_before(series: Series) -> Fit:
    """Return how well row 0 is fitted before the start, beside the placebos."""
    _, weights, missed = _mixed(series)
    of_placebos = chance(float((missed[1:] >= missed[0]).mean()), len(missed) - 1)
    return Fit(float(missed[0]), of_placebos, int((series.others[0] > 0).sum()), float(1 / (weights[0] ** 2).sum()))


def _mixed(series: Series) -> tuple[Floats, Floats, Floats]:
    """Return what is expected, the weights (places, places), and the errors before as a share of the mean."""
    blocks = blocks_of(series.before)
    level = blocks.mean(axis=1, keepdims=True)
    shape = np.divide(blocks, level, out=np.ones_like(blocks), where=level > 0)
    # A donor's share of chance in one block: the variance of a Poisson count over its squared mean.
    noise = np.sqrt(blocks.shape[1] / np.maximum(level[:, 0], 1.0))
    weights = np.array([_weights(row, shape, noise, others > 0) for row, others in enumerate(series.others)])
    since = np.divide(series.after * BLOCK, level, out=np.ones_like(series.after), where=level > 0)
    missed = np.sqrt(np.square(shape - weights @ shape).mean(axis=1))
    return level / BLOCK * (weights @ since), weights, missed


def _weights(row: int, shape: Floats, noise: Floats, is_donor: Floats) -> Floats:
    donors = np.flatnonzero(is_donor)
    rows = [shape[donors].T, np.diag(noise[donors]), np.full((1, len(donors)), _SUM_TO_ONE)]
    wanted = np.concatenate([shape[row], np.zeros(len(donors)), [_SUM_TO_ONE]])
    weights = np.zeros(len(shape))
    weights[donors] = nnls(np.concatenate(rows), wanted)[0]
    return weights / max(weights.sum(), 1e-12)
