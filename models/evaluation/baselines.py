"""Simple and published baselines for every backtest of the forecast.

Each takes the past inside the study area and returns one score per cell; cells with higher scores are patrolled first.
The two look-ahead scores also use the days after the horizon: they are not methods but a ceiling to compare with.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, Ints
from models.forecast.scales import Pyramid

NAIVE_DAYS = 365
KDE_DAYS = 90
HAWKES_DAYS = 365
HAWKES_STEPS = 20
# Upper bound of the branching ratio (events triggered per event): at one, the process would not be stationary.
HAWKES_MOST_TRIGGERED = 0.9
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
    """Return expected events of a self-exciting process on the grid.

    The intensity of a cell is μ + Σ θ ω exp(−ω Δt) over its earlier events. θ and ω are shared by all cells and fitted
    by expectation–maximisation (Mohler et al. 2015, Journal of the American Statistical Association 110:1399).
    """
    everywhere = _by_day(past, days)
    active = np.flatnonzero(everywhere.any(axis=0))
    scores = np.zeros(past.cells)
    if len(active):
        scores[active] = _hawkes(everywhere[:, active], horizon_days)
    return scores


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


def _hawkes(daily: Floats, horizon_days: int) -> Floats:
    """Fit on counts [days, cells], oldest day first, and return expected events over the horizon."""
    days, total = len(daily), daily.sum()
    steady, triggered, decay = daily.sum(axis=0) / days, 0.3, 0.1
    for _ in range(HAWKES_STEPS):
        own, caused, waited = _attribute(daily, steady, triggered, decay)
        steady = own / days
        triggered = min(caused / total, HAWKES_MOST_TRIGGERED)
        decay = min(max(caused / max(waited, 1e-9), 1e-3), 2.0)
    pressure = np.zeros_like(steady)
    for today in daily:
        pressure = (pressure + today) * np.exp(-decay)
    # Over the horizon the excitation decays day by day, without new events.
    days_of_pressure = np.expm1(-decay * horizon_days) / np.expm1(-decay)
    return steady * horizon_days + triggered * decay * pressure * days_of_pressure


def _by_day(past: CellEvents, days: int) -> Floats:
    """Return counts [days, cells], oldest day first."""
    recent = past.age < days
    key = (days - 1 - past.age[recent]) * past.cells + past.cell[recent]
    return np.bincount(key, past.n[recent], days * past.cells).astype(np.float64, copy=False).reshape(days, -1)


def _attribute(daily: Floats, steady: Floats, triggered: float, decay: float) -> tuple[Floats, float, float]:
    """Return background events per cell, the number of triggered events, and their total delay in days."""
    own, caused, waited = np.zeros_like(steady), 0.0, 0.0
    pressure, delay = np.zeros_like(steady), np.zeros_like(steady)
    fade = float(np.exp(-decay))
    for today in daily:
        # Sums over earlier events of exp(−ω Δt) and of Δt exp(−ω Δt).
        delay, pressure = (delay + pressure) * fade, pressure * fade
        cause = triggered * decay * pressure
        intensity = steady + cause
        share = np.divide(today, intensity, out=np.zeros_like(today), where=intensity > 0)
        own += share * steady
        caused += float(share @ cause)
        waited += float(share @ delay) * triggered * decay
        # Events of one day excite those of the days after.
        pressure = pressure + today
    return own, caused, waited
