"""Counts beside the negative binomial distribution that a forecast states for them.

Mean and excess (variance over mean, minus one) parametrise it; without excess it is a Poisson distribution. The
randomised probability integral transform is that of Czado, Gneiting and Held 2009, Biometrics 65:1254.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln, pdtr

from models.arrays import Floats

# Below this excess a distribution is taken as Poisson's; below this mean an event would be impossible.
LEAST_EXCESS = 1e-6
LEAST_MEAN = 1e-9


def log_chance_of_none(mean: npt.ArrayLike, excess: npt.ArrayLike) -> Floats:
    """Return the logarithm of the probability of no event."""
    mean, excess = np.asarray(mean, np.float64), np.maximum(np.asarray(excess, np.float64), LEAST_EXCESS)
    return np.asarray(-mean * np.log1p(excess) / excess, dtype=np.float64)


def log_chance(count: npt.ArrayLike, mean: npt.ArrayLike, excess: npt.ArrayLike) -> Floats:
    """Return the logarithm of the probability of each count."""
    count = np.asarray(count, np.float64)
    mean = np.broadcast_to(np.maximum(np.asarray(mean, np.float64), LEAST_MEAN), count.shape)
    excess = np.broadcast_to(np.maximum(np.asarray(excess, np.float64), LEAST_EXCESS), count.shape)
    logs = log_chance_of_none(mean, excess).copy()
    some = count > 0
    n, size, e = count[some], mean[some] / excess[some], excess[some]
    logs[some] += gammaln(n + size) - gammaln(size) - gammaln(n + 1) + n * (np.log(e) - np.log1p(e))
    return logs


def transform(count: npt.ArrayLike, mean: npt.ArrayLike, excess: npt.ArrayLike, uniform: npt.ArrayLike) -> Floats:
    """Return the randomised probability integral transform; even on [0, 1] if the distribution is right.

    Parameters
    ----------
    count, mean, excess : npt.ArrayLike
        [rows], what happened, and what was stated.
    uniform : npt.ArrayLike
        [rows], random numbers on [0, 1), independent of the counts.
    """
    count = np.asarray(count, np.float64)
    upto = _chance_of_at_most(count, mean, excess)
    below = np.where(count > 0, _chance_of_at_most(np.maximum(count - 1, 0), mean, excess), 0.0)
    return np.asarray(below + np.asarray(uniform) * (upto - below), dtype=np.float64)


def _chance_of_at_most(count: Floats, mean: npt.ArrayLike, excess: npt.ArrayLike) -> Floats:
    mean, excess = np.maximum(np.asarray(mean, np.float64), LEAST_MEAN), np.asarray(excess, np.float64)
    size = mean / np.maximum(excess, LEAST_EXCESS)
    return np.where(excess > LEAST_EXCESS, betainc(size, count + 1, 1 / (1 + excess)), pdtr(count, mean))
