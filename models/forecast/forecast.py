"""Forecast of harm and events per cell over the coming days, with uncertainty and a naive count for comparison.

Raw harm counts overreact to single homicides. Here every offence has its own rate per cell, from decayed counts at
several scales of time and space and from the rates of the other offences, so that rare offences rely on wide scales
and on frequent offences. The weights are learned from past windows of the given events only. Harm is the sum of rates
times harm days, blended with simple sums of the past as far as those ranked harm better in the city's own past; its
uncertainty comes from draws of the counts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Bools, Floats
from models.checks import expect
from models.forecast.blend import learn_blend, with_harm
from models.forecast.history import History, read_history
from models.forecast.learn import expected_events, learn
from models.forecast.long_memory import remember
from models.forecast.predictive import central_interval, chances_of_top, draw_harm
from models.forecast.scales import Pyramid, build_pyramid
from models.forecast.windows import past_and_present
from models.statistics.intervals import hold_points
from models.statistics.level import level_factor

NAIVE_DAYS = 365
TOP_SHARES = (0.01, 0.05)
# Offences below this share of all events are rare: a single cell's count has almost no information.
RARE_SHARE = 0.025


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """Horizon, length of the history, and number of predictive draws."""

    horizon_days: int
    history_days: int
    draws: int = 256

    def __post_init__(self) -> None:
        for name in ("horizon_days", "history_days", "draws"):
            value = getattr(self, name)
            expect(isinstance(value, int) and value >= 1, "", self, name, "a whole number ≥ 1")


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected events over the horizon, with the inputs of their uncertainty and harm.

    Attributes
    ----------
    rates : Floats
        [cells, offences], expected events.
    excess : Floats
        [cells], variance of the count over its mean, minus one.
    harm_days : Floats
        [offences], weight per event.
    naive_count : Floats
        [cells], events of the last 365 days.
    notes : tuple[str, ...]
        limitations of the forecast, as text.
    basis : tuple[tuple[str, float], ...]
        what the harm rests on and its part: the learned rates, and experts (`models.forecast.experts`).
    """

    rates: Floats
    excess: Floats
    harm_days: Floats
    naive_count: Floats
    notes: tuple[str, ...]
    basis: tuple[tuple[str, float], ...] = ()


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
    cell_events : pd.DataFrame
        cell_ix, cell_iy, offence_code, age_days (whole days before as_of, ≥ 0), n. Sums depend on the order in their
        last bits, so identical output needs identical order. Events outside the cells are left out.
    cells : pd.DataFrame
        cell_ix, cell_iy; distinct.
    harm_days : pd.Series
        weight by offence code. Offences without a weight above zero are left out.

    Returns
    -------
    pd.DataFrame
        On cells' index: expected_harm, expected_harm_lo, expected_harm_hi (80% interval, widened where it does not hold
        expected_harm), expected_events, p_top1, p_top5 (probability of being in the top 1% and 5% by harm; ties at the
        edge share the ranks), events_dispersion (variance of the count over its mean), harm_sd (standard deviation of
        the harm), naive_count (events of the last 365 days). `attrs["notes"]` lists limitations of the forecast as
        text, `attrs["basis"]` what its harm rests on.

    Raises
    ------
    ValueError
        A cell repeats, a weight, age or count is negative or missing, or horizon_days is below one.
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
    """Fit the model on the past and return expected events; arguments and errors are those of `forecast_cells`."""
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
    rates, excess, basis = forecast_rates(history, pyramid, days, horizon_days)
    recent = (place >= 0) & cell_events["offence_code"].isin(weights.index) & (cell_events["age_days"] < NAIVE_DAYS)
    naive = np.bincount(place[recent], cell_events["n"][recent], len(cells))
    return Prediction(rates, excess, days, naive.astype(np.float64), history.notes, basis)


def draw_forecast(prediction: Prediction, index: pd.Index, *, seed: int, draws: int) -> pd.DataFrame:
    """Draw from the predictive distribution and return the table of `forecast_cells` on `index`."""
    rates, days = prediction.rates, prediction.harm_days
    columns = np.empty((len(rates), 8))
    if len(rates):
        drawn = draw_harm(rates, days, prediction.excess, draws=draws, seed=seed)
        lo, hi = central_interval(drawn)
        top1, top5 = chances_of_top(drawn, TOP_SHARES)
        spread = 1 + prediction.excess, harm_deviation(prediction)
        columns = np.column_stack([rates @ days, lo, hi, rates.sum(axis=1), top1, top5, *spread])
    names = ["expected_harm", "expected_harm_lo", "expected_harm_hi", "expected_events", "p_top1", "p_top5"]
    forecast = hold_points(pd.DataFrame(columns, index=index, columns=[*names, "events_dispersion", "harm_sd"]))
    forecast["naive_count"] = prediction.naive_count.astype(np.int64)
    forecast.attrs["notes"] = list(prediction.notes)
    forecast.attrs["basis"] = list(prediction.basis)
    return forecast


def harm_deviation(prediction: Prediction) -> Floats:
    """Return the standard deviation of each cell's harm: clusters of events, each event of an offence by chance."""
    rates, days = prediction.rates, prediction.harm_days
    mean, harm = rates.sum(axis=1), rates @ days
    of_count = np.divide(prediction.excess * harm**2, mean, out=np.zeros_like(mean), where=mean > 0)
    return np.sqrt(rates @ days**2 + of_count)


def forecast_rates(
    history: History, pyramid: Pyramid, harm_days: Floats, horizon_days: int
) -> tuple[Floats, Floats, tuple[tuple[str, float], ...]]:
    """Return expected events [cells, offences] over the horizon, each cell's excess variance, and their basis."""
    if not len(history.age):
        return np.zeros((pyramid.cells, len(history.codes))), np.zeros(pyramid.cells), ()
    windows, now = past_and_present(history, pyramid, horizon_days)
    # The minimum rate of an offence is half an event in the whole history.
    least = 0.5 / (history.span_days * pyramid.cells)
    is_high_harm, is_rare = _kinds(history, harm_days)
    learned = learn(windows, now, is_high_harm, least)
    is_spread = is_high_harm & is_rare
    rates = remember(expected_events(now, learned), history, pyramid, is_spread, horizon_days)
    blend = learn_blend(history, pyramid, learned, harm_days, is_spread, horizon_days)
    rates = with_harm(rates, harm_days, is_high_harm, blend.target(rates @ harm_days))
    rates = rates * _drift(history, rates, is_high_harm, horizon_days)
    clustering, doubt = learned.excess
    return rates, clustering + doubt * rates.sum(axis=1), blend.basis()


def _drift(history: History, rates: Floats, is_high_harm: Bools, horizon_days: int) -> Floats:
    """Return the factor [offences] by which trend and season change the level; high-harm offences share one."""
    daily = np.zeros((2, max(int(history.span_days), 1)))
    inside = history.age < daily.shape[1]
    np.add.at(daily, (is_high_harm[history.code[inside]].astype(np.int64), history.age[inside]), history.n[inside])
    stated = np.array([rates[:, ~is_high_harm].sum(), rates[:, is_high_harm].sum()])
    return level_factor(daily, horizon_days, stated)[is_high_harm.astype(np.int64)]


def _kinds(history: History, harm_days: Floats) -> tuple[Bools, Bools]:
    """Return which offences are high-harm (weight above that of the average event), and which are rare."""
    n = np.bincount(history.code, history.n, len(harm_days))
    return harm_days > (n @ harm_days) / n.sum(), n < RARE_SHARE * n.sum()


def _check(cells: pd.DataFrame, harm_days: pd.Series, horizon_days: int) -> None:
    if horizon_days < 1:
        raise ValueError(f"horizon_days={horizon_days!r}: expected a whole number ≥ 1")
    if cells.duplicated(["cell_ix", "cell_iy"]).any():
        raise ValueError("cells repeat: expected each (cell_ix, cell_iy) once")
    if not (np.isfinite(harm_days).all() and (harm_days >= 0).all() and harm_days.index.is_unique):
        raise ValueError(
            "harm_days holds a negative or missing weight or repeats a code: expected one weight ≥ 0 per code"
        )
