"""Self-exciting point process on the grid in discrete days, after Mohler et al. 2015 (JASA 110:1399).

Expected events of a cell on day t are μ + θ Σ_{s<t} n_s (1 − r) r^(t−s−1), r = exp(−ω): events excite the days after
theirs, and the kernel sums to one over the days 1, 2, …, so θ is the number of events that one event triggers. θ and ω
are shared by all cells. A background μ of its own for every cell would bias θ towards zero, because each is estimated
from few events (Neyman and Scott 1948, Econometrica 16:1). So μ comes from a distribution with CLASSES support points,
which is fitted too (Laird 1978, JASA 73:805).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from models.arrays import Floats, Ints

CLASSES = 10
STEPS = 100
# The fit ends where a step adds less than this to the log likelihood per event.
TOLERANCE = 2e-6
# Upper bound of the events triggered per event: at one, the process would not be stationary.
MOST_TRIGGERED = 0.9
# Bounds of the decay per day: a mean delay of half a day, and one that a year does not tell from the background.
DECAYS = (0.02, 2.0)


@dataclass(frozen=True, slots=True)
class Hawkes:
    """Fitted process.

    Attributes
    ----------
    steady : Floats
        [cells], posterior mean of the background, events per day.
    triggered, decay : float
        θ, events triggered per event, and ω per day; the mean delay is 1 / (1 − exp(−ω)) days.
    likelihoods : tuple[float, ...]
        log likelihood before each step; it never falls.
    """

    steady: Floats
    triggered: float
    decay: float
    likelihoods: tuple[float, ...]


def fit_hawkes(daily: Floats) -> Hawkes:
    """Fit the process by expectation–maximisation to counts [days, cells], oldest day first, with some event."""
    days, cells = daily.shape
    cell, day = np.nonzero(daily.T)
    n = daily.T[cell, day]
    rounds = _rounds(cell, day)
    background = _start(np.bincount(cell, n, cells) / days)
    share, triggered, decay = np.full(CLASSES, 1 / CLASSES), 0.3, 0.1
    # Events by the days that remain to the end of the window: what they trigger later is not seen.
    remaining = np.bincount(days - 1 - day, n, days).astype(np.float64, copy=False)
    likelihoods: list[float] = []
    while True:
        pressure, delay = _pressure(n, rounds, np.exp(-decay))
        kernel = triggered * -np.expm1(-decay)
        rate = background + kernel * pressure[:, None]
        by_class = _sum_by_cell(n[:, None] * np.log(rate), cell, cells)
        by_class += np.log(np.maximum(share, 1e-300)) - background * days
        top = by_class.max(axis=1, keepdims=True)
        member = np.exp(by_class - top)
        total = member.sum(axis=1, keepdims=True)
        member /= total
        likelihoods.append(float((top + np.log(total)).sum() - triggered * _seen(remaining, decay)))
        if _is_done(likelihoods, n.sum()):
            return Hawkes(member @ background, triggered, decay, tuple(likelihoods))
        blame = n[:, None] * member[cell] / rate
        own, members = background * blame.sum(axis=0), member.sum(axis=0)
        of_kernel = blame.sum(axis=1) * kernel
        caused, waited = float(of_kernel @ pressure), float(of_kernel @ delay)
        share = members / cells
        background = np.where(members > 0, own / np.maximum(members * days, 1e-12), background)
        decay = _decay(caused, waited, remaining)
        triggered = min(caused / max(_seen(remaining, decay), 1e-12), MOST_TRIGGERED)


def expected_ahead(fitted: Hawkes, daily: Floats, horizon_days: int) -> Floats:
    """Return expected events [cells] of the days after `daily`; excitation decays, without new events."""
    pressure = np.zeros_like(fitted.steady)
    for today in daily:
        pressure = pressure * np.exp(-fitted.decay) + today
    return fitted.steady * horizon_days + fitted.triggered * pressure * -np.expm1(-fitted.decay * horizon_days)


def _start(rate: Floats) -> Floats:
    return np.geomspace(0.5 * rate[rate > 0].min(), rate.max(), CLASSES)


def _is_done(likelihoods: list[float], events: float) -> bool:
    if len(likelihoods) < 2:
        return False
    return len(likelihoods) > STEPS or likelihoods[-1] - likelihoods[-2] < TOLERANCE * events


def _seen(remaining: Floats, decay: float) -> float:
    """Return the sum over events of the part of the kernel that lies inside the window."""
    return float(remaining @ -np.expm1(-decay * np.arange(len(remaining))))


def _decay(caused: float, waited: float, remaining: Floats) -> float:
    """Return the decay with the greatest expected log likelihood; θ is at its best value for each decay."""

    def loss(decay: float) -> float:
        logs = np.log(-np.expm1(-decay)) - np.log(max(_seen(remaining, decay), 1e-300))
        return -(caused * logs - decay * (waited - caused))

    return float(minimize_scalar(loss, bounds=DECAYS, method="bounded", options={"xatol": 1e-7}).x)


def _sum_by_cell(values: Floats, cell: Ints, cells: int) -> Floats:
    return np.column_stack([np.bincount(cell, column, cells) for column in values.T])


Round = tuple[Ints, Ints, Ints]


def _rounds(cell: Ints, day: Ints) -> list[Round]:
    """Return, for the 2nd, 3rd, … day with events of each cell: its rows, the rows before them, and the days between.

    Rows are sorted by cell, then day.
    """
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    place = np.arange(len(cell)) - starts[np.cumsum(np.diff(cell, prepend=-1) != 0) - 1]
    order = np.argsort(place, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(place))[:-1])
    return [(rows, rows - 1, day[rows] - day[rows - 1]) for rows in parts[1:]]


def _pressure(n: Floats, rounds: list[Round], fade: float) -> tuple[Floats, Floats]:
    """Return per row the sums over earlier events of r^(d−1) and of d r^(d−1), d days ago."""
    pressure, delay = np.zeros_like(n), np.zeros_like(n)
    for rows, before, gap in rounds:
        faded = fade ** (gap - 1)
        upto = pressure[before] * fade + n[before]
        pressure[rows] = upto * faded
        delay[rows] = (delay[before] * fade + gap * upto) * faded
    return pressure, delay
