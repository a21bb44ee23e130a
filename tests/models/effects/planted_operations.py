"""Planted operations: weekly reports around one market and its placebos, with trend, season, drift and selection.

No town and no geometry: counts alone, so that thousands of operations take minutes. Each place has a level, a trend and
a season near those of all, and a level that drifts from week to week and hangs together (AR(1)); reports are Poisson
around it, and so overdispersed and autocorrelated. The market and its placebos are the places with most reports in the
last weeks before the start, as in `models.places.placebos`, so that all fall back afterwards.
"""

from dataclasses import dataclass

import numpy as np

from models.effects.series import Series

YEAR_WEEKS = 365.25 / 7
RECENT = 12


@dataclass(frozen=True)
class Scenario:
    """What an operation does: the share of the market's reports that stay away, and of these the share that move."""

    effect: float = 0.0
    displaced: float = 0.0
    places: int = 32  # market and placebos, chosen among twice as many
    weeks_before: int = 104
    weeks_after: int = 8
    per_week: float = 9.0  # reports at a middling place
    drift: float = 0.2  # standard deviation of the level on the logarithm
    together: float = 0.6  # of drift from week to week


@dataclass(frozen=True)
class Planted:
    """The series of the market, row 0, and of market and rings together, with the reports that the operation took."""

    market: Series
    around: Series
    averted: int
    moved: int


SCENARIOS = {
    "nothing": Scenario(),
    "a fall": Scenario(effect=0.3),
    "a fall, half moved": Scenario(effect=0.3, displaced=0.5),
    "all moved": Scenario(effect=0.3, displaced=1.0),
}


def planted(scenario: Scenario, seed: int) -> Planted:
    draw = np.random.default_rng([seed, 20])
    pool, weeks = 2 * scenario.places, scenario.weeks_before + scenario.weeks_after
    market, ring = (_reports(draw, scenario, pool, weeks, level) for level in (1.0, 1.5))
    recent = market[:, scenario.weeks_before - RECENT : scenario.weeks_before].sum(axis=1)
    chosen = np.argsort(-recent, kind="stable")[: scenario.places]
    chosen = draw.permutation(chosen)  # any of the hottest has the operation
    market, ring = market[chosen], ring[chosen]
    since = slice(scenario.weeks_before, None)
    averted = draw.binomial(market[0, since], scenario.effect)
    moved = draw.binomial(averted, scenario.displaced)
    market[0, since] -= averted
    ring[0, since] += moved
    is_placebo, is_apart = np.arange(scenario.places) > 0, np.ones((scenario.places, scenario.places), dtype=bool)
    series = [
        Series(counts[:, : scenario.weeks_before].astype(float), counts[:, since].astype(float), is_placebo, is_apart)
        for counts in (market, market + ring)
    ]
    return Planted(*series, int(averted.sum()), int(moved.sum()))


def _reports(draw: np.random.Generator, scenario: Scenario, places: int, weeks: int, level: float) -> np.ndarray:
    week = np.arange(weeks)
    levels = scenario.per_week * level * draw.gamma(4, 1 / 4, places)
    trend = draw.normal(-0.05, 0.1, places)[:, None] * week / YEAR_WEEKS
    height, peak = draw.normal(0.25, 0.08, places)[:, None], draw.normal(0, 3, places)[:, None]
    season = height * np.sin(2 * np.pi * (week - peak) / YEAR_WEEKS)
    of_all, own = _drift(draw, 1, weeks, scenario.together), _drift(draw, places, weeks, scenario.together)
    log_level = trend + season + 0.1 * of_all + scenario.drift * own
    return draw.poisson(levels[:, None] * np.exp(log_level))


def _drift(draw: np.random.Generator, places: int, weeks: int, together: float) -> np.ndarray:
    """AR(1) of variance one."""
    steps = draw.normal(0, np.sqrt(1 - together**2), (places, weeks))
    drift = np.empty_like(steps)
    drift[:, 0] = draw.normal(0, 1, places)
    for week in range(1, weeks):
        drift[:, week] = together * drift[:, week - 1] + steps[:, week]
    return drift
