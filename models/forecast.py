"""Where next: expected harm and events per cell over the coming days, with their uncertainty, beside a naive count.

Raw harm counts chase single homicides. Here every offence has a rate of its own per cell, made of decayed counts at
several scales of time and space and of what the other offences tell, so that rare offences lean on wide scales and on
frequent ones. How much, is learned from the given past alone, on windows of days that were once ahead. Harm is the sum
of rates times harm days; its uncertainty comes from draws of the counts.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.forecast_fit import Window, fit_excess, fit_mixture, fit_powers, relative_log
from models.forecast_history import History, read_history
from models.forecast_scales import MEAN_LIVES, SCALE_COUNT, Pyramid, build_pyramid, decayed_rates
from models.predictive import central_interval, chances_of_top, draw_harm

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NAIVE_DAYS = 365
TOP_SHARES = (0.01, 0.05)
# Learning looks at windows of the past, the latest first, each longer than the one after it: the latest tell what holds
# now, the long ones hold enough of what is rare. The first has this many days, or the horizon's, unless the past is so
# short that they would reach into its older half.
WINDOW_DAYS = 14
WINDOW_GROWTH = (1, 2, 4)
# Cells without an event teach alike: of more than this many a window keeps an even sample, each standing for several.
QUIET_ROWS = 8000
# What counts deviate by where nothing could be learned: as near repeats and unsure rates usually make them.
DEFAULT_EXCESS = (0.2, 0.3)


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """How far the forecast looks, ahead and back, and how many futures it draws."""

    horizon_days: int
    history_days: int
    draws: int = 400

    def __post_init__(self) -> None:
        for name in ("horizon_days", "history_days", "draws"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name}={value!r}: expected a whole number from one up")


@dataclass(frozen=True, slots=True)
class Learned:
    """What the past taught: per offence a mixture of scales and powers; over all offences, how counts deviate."""

    mixtures: Floats
    powers: Floats
    excess: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected events [cells, offences] over the horizon, and what their uncertainty and value rest on.

    `excess` [cells], by how much the variance of a cell's count exceeds its mean, over that mean; `harm_days`
    [offences]; `naive_count` [cells]; `notes`, in words, what weakens the forecast.
    """

    rates: Floats
    excess: Floats
    harm_days: Floats
    naive_count: Floats
    notes: tuple[str, ...]


def forecast_cells(
    cell_events: pd.DataFrame,
    cells: pd.DataFrame,
    harm_days: pd.Series,
    *,
    horizon_days: int,
    seed: int,
    config: ForecastConfig,
) -> pd.DataFrame:
    """Forecast harm and events of each cell over the coming `horizon_days`.

    Parameters
    ----------
    cell_events : cell_ix, cell_iy, offence_code, age_days (whole days before as_of, ≥ 0), n. Their order decides the
        last bits of sums, so the same answer twice needs the same order twice. Events outside the cells are left out.
    cells : cell_ix, cell_iy; distinct.
    harm_days : weight by offence code. Offences without one above zero are left out.

    Returns
    -------
    DataFrame on cells' index: expected_harm, expected_harm_lo, expected_harm_hi (80% interval), expected_events,
    p_top1, p_top5 (chance of being in the top 1% and 5% by harm, equals at the edge sharing the places), naive_count
    (events of the last 365 days). `attrs["notes"]` lists in words what weakens the forecast.

    Raises
    ------
    ValueError : a cell repeats, a weight, age or count is negative or missing, or horizon_days is below one.
    """
    return draw_forecast(
        predict_cells(cell_events, cells, harm_days, horizon_days=horizon_days, config=config),
        cells.index,
        seed=seed,
        draws=config.draws,
    )


def predict_cells(
    cell_events: pd.DataFrame, cells: pd.DataFrame, harm_days: pd.Series, *, horizon_days: int, config: ForecastConfig
) -> Prediction:
    """Learn from the past and expect what comes; arguments and errors are those of `forecast_cells`."""
    _check(cells, harm_days, horizon_days)
    if not len(cells):
        nothing = np.empty(0)
        return Prediction(np.empty((0, 0)), nothing, nothing, nothing, ("There are no cells to forecast.",))
    pyramid = build_pyramid(cells["cell_ix"], cells["cell_iy"])
    place = pyramid.places(cell_events["cell_ix"], cell_events["cell_iy"])
    weights = harm_days[harm_days > 0].sort_index()
    weights = weights[weights.index.isin(cell_events["offence_code"].unique())]
    history = read_history(cell_events, place, tuple(weights.index), config.history_days)
    days = weights.to_numpy(np.float64)
    rates, excess = forecast_rates(history, pyramid, days, horizon_days)
    recent = (place >= 0) & cell_events["offence_code"].isin(weights.index) & (cell_events["age_days"] < NAIVE_DAYS)
    naive = np.bincount(place[recent], cell_events["n"][recent], len(cells))
    return Prediction(rates, excess, days, naive.astype(np.float64), history.notes)


def draw_forecast(prediction: Prediction, index: pd.Index, *, seed: int, draws: int) -> pd.DataFrame:
    """Draw futures of a prediction and return the table that `forecast_cells` describes, on `index`."""
    rates, days = prediction.rates, prediction.harm_days
    columns = np.empty((len(rates), 6))
    if len(rates):
        drawn = draw_harm(rates, days, prediction.excess, draws=draws, seed=seed)
        lo, hi = central_interval(drawn)
        top1, top5 = chances_of_top(drawn, TOP_SHARES)
        columns = np.column_stack([rates @ days, lo, hi, rates.sum(axis=1), top1, top5])
    names = ["expected_harm", "expected_harm_lo", "expected_harm_hi", "expected_events", "p_top1", "p_top5"]
    forecast = pd.DataFrame(columns, index=index, columns=names)
    forecast["naive_count"] = prediction.naive_count.astype(np.int64)
    forecast.attrs["notes"] = list(prediction.notes)
    return forecast


def forecast_rates(history: History, pyramid: Pyramid, harm_days: Floats, horizon_days: int) -> tuple[Floats, Floats]:
    """Expected events [cells, offences] over the horizon, and by how much each cell's variance exceeds its mean."""
    if not len(history.age):
        return np.zeros((pyramid.cells, len(history.codes))), np.zeros(pyramid.cells)
    is_grave = _grave(history, harm_days)
    *windows, now = _windows(history, pyramid, horizon_days)
    learned = _learn(windows, now, is_grave, 0.5 / (history.span_days * pyramid.cells))
    rates = _expected(now, learned, is_grave)
    clustering, doubt = learned.excess
    return rates, clustering + doubt * rates.sum(axis=1)


def _grave(history: History, harm_days: Floats) -> Bools:
    """Which offences weigh more than the average event does."""
    n = np.bincount(history.code, history.n, len(harm_days))
    return harm_days > (n @ harm_days) / n.sum()


def _windows(history: History, pyramid: Pyramid, horizon_days: int) -> list[Window]:
    """Windows of the past, oldest first, and last the present, of which nothing has come yet."""
    first = min(max(horizon_days, WINDOW_DAYS), int(history.span_days / 2 / sum(WINDOW_GROWTH)))
    starts = first * np.cumsum(WINDOW_GROWTH)[::-1] if first else ()
    ages = [*(int(start) for start in starts), 0]
    known = decayed_rates(history, pyramid.cells, ages)
    windows = [_window(history, pyramid, next(known), age, upto, horizon_days) for age, upto in pairwise(ages)]
    every, nothing = np.arange(pyramid.cells), np.empty((pyramid.cells, 0))
    present = _rates(pyramid, next(known), every)
    return [*windows, Window(present, nothing, nothing, np.ones(pyramid.cells), float(horizon_days))]


def _window(history: History, pyramid: Pyramid, per_cell: Floats, age: int, upto: int, horizon_days: int) -> Window:
    codes, days = len(history.codes), age - upto
    parts = max(1, days // horizon_days)
    came = (history.age < age) & (history.age >= upto)
    cell, n = history.cell[came], history.n[came]
    events = _counted(cell, history.code[came], n, (pyramid.cells, codes))
    part = (history.age[came] - upto) * parts // days
    by_part = _counted(cell, part, n, (pyramid.cells, parts))
    rows, weight = _sample(events.sum(axis=1) > 0)
    return Window(_rates(pyramid, per_cell, rows), events[rows], by_part[rows], weight, float(days))


def _counted(row: Ints, column: Ints, n: Floats, shape: tuple[int, int]) -> Floats:
    return np.bincount(row * shape[1] + column, n, shape[0] * shape[1]).reshape(shape).astype(np.float64, copy=False)


def _sample(is_busy: Bools) -> tuple[Ints, Floats]:
    """Rows of all busy cells and of an even sample of the quiet ones, and how many cells each row stands for."""
    quiet = np.flatnonzero(~is_busy)
    # Multiples of the golden ratio spread over the cells without keeping step with the rows of the grid.
    sampled = quiet[(np.arange(len(quiet)) * 0.6180339887498949) % 1.0 < QUIET_ROWS / max(len(quiet), 1)]
    busy = np.flatnonzero(is_busy)
    stands_for = len(quiet) / max(len(sampled), 1)
    return np.concatenate([busy, sampled]), np.repeat([1.0, stands_for], [len(busy), len(sampled)])


def _rates(pyramid: Pyramid, per_cell: Floats, rows: Ints) -> Floats:
    """Rates [offences, rows, mean lives × scales]."""
    rates = pyramid.rates(per_cell, rows).reshape(-1, len(MEAN_LIVES), len(rows), SCALE_COUNT)
    return np.ascontiguousarray(rates.transpose(0, 2, 1, 3)).reshape(len(rates), len(rows), -1)


def _learn(windows: list[Window], now: Window, is_grave: Bools, least: float) -> Learned:
    """Learn from the windows; `least` is the rate per day and cell at which any offence is expected anyway."""
    offences = range(len(is_grave))
    mixtures = np.stack([fit_mixture(windows, offence, now.rates.shape[2]) for offence in offences])
    columns = [_columns(window, mixtures, is_grave) for window in windows]
    weight = _joined([window.weight for window in windows])
    days = np.repeat([window.days for window in windows], [len(window.weight) for window in windows])
    powers = np.zeros((len(offences), 4 + 2 * (SCALE_COUNT - 1)))
    for k in offences:
        # Without evidence: the own rate as it is.
        powers[k, :2] = np.log(max((now.rates[k] @ mixtures[k]).mean(), least)), 1.0
        if windows:
            x = np.concatenate([_of_offence(shared, own, k) for shared, own in columns])
            powers[k] = fit_powers(x, _joined([window.events[:, k] for window in windows]), weight, days, powers[k])
    learned = Learned(mixtures, powers, DEFAULT_EXCESS)
    return replace(learned, excess=_excess(learned, windows, is_grave)) if windows else learned


def _excess(learned: Learned, windows: list[Window], is_grave: Bools) -> tuple[float, float]:
    parts = [window.parts.shape[1] for window in windows]
    expected = [_expected(window, learned, is_grave).sum(axis=1) / n for window, n in zip(windows, parts, strict=True)]
    return fit_excess(
        _joined([np.repeat(mean, n) for mean, n in zip(expected, parts, strict=True)]),
        _joined([window.parts.ravel() for window in windows]),
        _joined([np.repeat(window.weight, n) for window, n in zip(windows, parts, strict=True)]),
    )


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([np.empty(0), *parts])


def _expected(window: Window, learned: Learned, is_grave: Bools) -> Floats:
    """Expected events [cells, offences] over a window's days."""
    shared, own = _columns(window, learned.mixtures, is_grave)
    logs = [_of_offence(shared, own, k) @ powers for k, powers in enumerate(learned.powers)]
    return np.exp(np.clip(np.column_stack(logs), -40, 20)) * window.days


def _columns(window: Window, mixtures: Floats, is_grave: Bools) -> tuple[Floats, Floats]:
    """Columns that all offences share, and each offence's own [cells, offences]; both are relative logarithms."""
    own = np.einsum("kcs,ks->ck", window.rates, mixtures)
    usual = window.rates[:, :, -SCALE_COUNT:-1]  # longest mean life, every scale but the city
    grave, every = usual[is_grave].sum(axis=0), usual.sum(axis=0)
    groups = [own[:, is_grave].sum(axis=1), own[:, ~is_grave].sum(axis=1), *grave.T, *every.T]
    shared = np.column_stack([_relative(group, window.weight) for group in groups])
    return shared, np.column_stack([_relative(rate, window.weight) for rate in own.T])


def _of_offence(shared: Floats, own: Floats, offence: int) -> Floats:
    return np.column_stack([np.ones(len(shared)), own[:, offence], shared])


def _relative(rate: Floats, weight: Floats) -> Floats:
    return relative_log(rate, float(weight @ rate / weight.sum()))


def _check(cells: pd.DataFrame, harm_days: pd.Series, horizon_days: int) -> None:
    if horizon_days < 1:
        raise ValueError(f"horizon_days={horizon_days!r}: expected a whole number from one up")
    if cells.duplicated(["cell_ix", "cell_iy"]).any():
        raise ValueError("cells repeat: expected each (cell_ix, cell_iy) once")
    if not (np.isfinite(harm_days).all() and (harm_days >= 0).all() and harm_days.index.is_unique):
        raise ValueError(
            "harm_days holds a negative or missing weight or repeats a code: expected one from zero up each"
        )
