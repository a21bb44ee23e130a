"""Simple and published baselines for every backtest of the forecast.

Each takes the past inside the study area and returns one score per cell; cells with higher scores are patrolled first.
The two look-ahead scores also use the days after the horizon: they are not methods but a ceiling to compare with.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, Ints
from models.evaluation.hawkes import expected_ahead, fit_hawkes
from models.forecast.scales import Pyramid

NAIVE_DAYS = 365
KDE_DAYS = 90
HAWKES_DAYS = 365
# Offences below this share of all events are rare: a single cell's count has almost no information.
RARE_SHARE = 0.025
RARE_PASSES = 6


@dataclass(frozen=True, slots=True)
class CellEvents:
    """Events: `cell` and `code` are positions in the cells and the weights, `age` is in days, `n` is the count."""

    cells: int
    cell: Ints
    code: Ints
    age: Ints
    n: Floats
    harm_days: Floats

    def count(self, weight: npt.ArrayLike = 1.0) -> Floats:
        """Return the sum of n × weight per cell."""
        return np.bincount(self.cell, self.n * np.asarray(weight), self.cells).astype(np.float64, copy=False)


def naive_count(past: CellEvents, days: int = NAIVE_DAYS) -> Floats:
    """Return events in the same cell over the last `days`, the standard baseline."""
    return past.count(past.age < days)


def decayed_harm(past: CellEvents, mean_life_days: float) -> Floats:
    """Return harm in the same cell, with events decayed by exp(−age / mean life)."""
    return past.count(past.harm_days[past.code] * np.exp(-past.age / mean_life_days))


def decayed_density(past: CellEvents, pyramid: Pyramid) -> Floats:
    """Return the kernel density of events: a Gaussian of about one cell, decayed with a mean life of 90 days."""
    return pyramid.around(past.count(np.exp(-past.age / KDE_DAYS)))


def hawkes(past: CellEvents, horizon_days: int, days: int = HAWKES_DAYS) -> Floats:
    """Return expected events of a self-exciting process, fitted to the last `days` or to all since the first event."""
    if not len(past.age):
        return np.zeros(past.cells)
    daily = _by_day(past, min(days, int(past.age.max()) + 1))
    return expected_ahead(fit_hawkes(daily), daily, horizon_days) if daily.any() else np.zeros(past.cells)


def look_ahead_count(both_sides: CellEvents) -> Floats:
    """Return events of all days outside the horizon."""
    return both_sides.count()


def look_ahead_harm(both_sides: CellEvents, pyramid: Pyramid) -> Floats:
    """Return harm of all days outside the horizon, with rare offences smoothed over about a kilometre."""
    n = np.bincount(both_sides.code, both_sides.n, len(both_sides.harm_days))
    is_rare = n < RARE_SHARE * n.sum()
    harm = both_sides.harm_days[both_sides.code]
    spread = both_sides.count(harm * is_rare[both_sides.code])
    for _ in range(RARE_PASSES):
        spread = pyramid.around(spread)
    return both_sides.count(harm * ~is_rare[both_sides.code]) + spread


def _by_day(past: CellEvents, days: int) -> Floats:
    """Return counts [days, cells], oldest day first."""
    recent = past.age < days
    key = (days - 1 - past.age[recent]) * past.cells + past.cell[recent]
    return np.bincount(key, past.n[recent], days * past.cells).astype(np.float64, copy=False).reshape(days, -1)
