"""How far counts fall from what was expected: learned from earlier origins, at each of which the days after are known.

At each origin the rate of every area is estimated from the days before, and compared with the days after. Two things
spread what comes beyond Poisson counts of an uncertain rate: the level of the whole force moves, and areas drift apart.
Each is a gamma factor with mean one. The counts are then nearly negative binomial, and the two variances maximise its
likelihood, with a log-normal prior around the default, which decides alone where nothing is known of the past.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from models.area_rates.decay import AHEAD, Decay
from models.arrays import Floats, Ints
from models.statistics.empirical_bayes import GammaPrior

ORIGINS = 13  # a year of 28 days and more
SPREADS = np.geomspace(1e-5, 3.0, 64)
KNOWN_SHARE = 0.5
RECORDED_SHARE, WHOLE_SHARE, MANY = 0.99, 0.9, 200
STEP = 6  # of the coarse search
PRIOR_SD = 1.0  # of the logarithm of a variance


@dataclass(frozen=True, slots=True)
class Spread:
    """Variances of the gamma factors, mean one, on what an area and the whole force have in the days ahead."""

    area: float
    force: float


# Median over groups and bands of Philadelphia's districts (2017–2019) and Houston's beats (2010), 30 days.
DEFAULT = Spread(area=0.01, force=0.01)


def days_on_record(age_days: Ints, n: Ints, window_days: int) -> int:
    """Return over how many days the incidents of the window are recorded.

    A record younger than the window has its exposure: counts over the whole window would halve the rates of a force
    that has sent half a year. The oldest hundredth of the incidents may be strays from before it began. A record of
    nearly the whole window, or of few incidents, counts as whole.

    Parameters
    ----------
    age_days, n : Ints
        ages in whole days, and incidents of each.
    """
    inside = age_days < window_days
    per_day = np.bincount(np.maximum(age_days[inside], 0), n[inside], minlength=1)
    days = days_known(per_day)
    return window_days if per_day.sum() < MANY or days > WHOLE_SHARE * window_days else days


def origins_known(per_day: Floats, decay: Decay, horizon_days: int) -> int:
    """Return the number of earlier origins, `horizon_days` apart, whose whole window is known; at most `ORIGINS`.

    A record that begins within the first days of such a window would be taken for a rise. It reaches back as long as
    each `horizon_days` days hold half of what as many days of the latest window do.

    Parameters
    ----------
    per_day : Floats
        [days] incidents by age, from day 0 on.
    """
    usual = per_day[: decay.window_days].sum() / decay.window_days * horizon_days
    for origin in range(ORIGINS):
        last = decay.window_days + horizon_days * (origin + 1)
        if last > len(per_day) or not per_day[last - horizon_days : last].sum() > KNOWN_SHARE * usual:
            return origin
    return ORIGINS


def days_known(per_day: Floats | Ints) -> int:
    """Return over how many days incidents [days] by age are recorded, without the oldest hundredth."""
    return int(np.searchsorted(per_day.cumsum(), RECORDED_SHARE * per_day.sum())) + 1


def learn_spread(
    counts: Floats, prior: GammaPrior, size: Floats, decay: Decay, horizon_days: int, origins: int
) -> Spread:
    """Learn both variances for one kind of incident.

    Days are set against the decayed level before them, without a drift: where the level of the force drifts, the spread
    of the force holds that lag too and intervals are wider than need be. `prior` is fitted on the latest window, whose
    days are among the judged ones, which favours it slightly.

    Parameters
    ----------
    counts : Floats
        [areas, days] whole incidents by age from -1 day on, at least `window_days + origins * horizon_days` ages.
    prior : GammaPrior
        of the rate per day and unit of size.
    size : Floats
        [areas] sizes.
    origins : int
        result of `origins_known`; without any the result is `DEFAULT`.
    """
    if not origins:
        return DEFAULT
    expected, shape, came = np.empty((3, origins, len(counts)))
    factors, scale, days = decay.factors()[AHEAD:], decay.scale, decay.days
    for origin in range(origins):
        first = AHEAD + horizon_days * (origin + 1)
        seen = np.einsum("ad,d->a", counts[:, first : first + decay.window_days], factors)
        shape[origin] = prior.shape + scale * seen
        expected[origin] = horizon_days * shape[origin] / (prior.rate / size + scale * days)
        came[origin] = counts[:, first - horizon_days : first].sum(axis=1)
    in_all, in_all_expected = came.sum(axis=1), expected.sum(axis=1)
    force = _most_likely(in_all, in_all_expected, np.full(origins, np.inf), DEFAULT.force)
    level = (in_all + 1 / force) / (in_all_expected + 1 / force)
    area = _most_likely(came.ravel(), (expected * level[:, None]).ravel(), shape.ravel(), DEFAULT.area)
    return Spread(area, force)


def _most_likely(count: Floats, mean: Floats, shape: Floats, default: float) -> float:
    """Return the variance of a factor on gamma means of given shape under which the counts are most likely."""
    spreads = SPREADS[::STEP]
    for _ in range(2):  # coarse, then fine around the best
        size = 1 / ((1 + 1 / shape) * (1 + spreads[:, None]) - 1)
        likelihood = gammaln(size + count) - gammaln(size) - size * np.log1p(mean / size) - count * np.log(size + mean)
        posterior = likelihood.sum(axis=1) - 0.5 * (np.log(spreads / default) / PRIOR_SD) ** 2
        best = int(np.searchsorted(SPREADS, spreads[np.argmax(posterior)]))
        spreads = SPREADS[max(best - STEP + 1, 0) : best + STEP]
    return float(SPREADS[best])
