"""Planted areas: intervals of rates and of the days ahead hold what was planted as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.area_rates.bands import BandDraws, BandPrior, decayed_counts, draw_band, fit_band
from models.area_rates.decay import AHEAD, Decay
from models.area_rates.past_origins import DEFAULT, ORIGINS, Spread, days_on_record, origins_known
from models.arrays import Floats

DECAY = Decay(365, 180)
HORIZON = 30
WEIGHTS = np.array([365.0, 5475.0])


def interval(draws: Floats) -> Floats:
    return np.quantile(draws, [0.1, 0.9], axis=1)


def covered(draws: Floats, truth: Floats) -> float:
    """Share of areas whose 80% interval holds the truth."""
    low, high = interval(draws)
    return float(((truth >= low) & (truth <= high)).mean())


def days_of(rate: Floats, days: int, rng: np.random.Generator) -> Floats:
    """Return counts [areas, 1, days] of constant rates, none on the day ahead of as_of."""
    counts = rng.poisson(rate[:, None, None], (len(rate), 1, days + AHEAD)).astype(float)
    counts[:, :, :AHEAD] = 0
    return counts


def drawn(counts: Floats, prior: BandPrior, draws: int) -> BandDraws:
    ids = [f"a{i}" for i in range(len(counts))]
    decayed = decayed_counts(counts[:, :, : DECAY.window_days + AHEAD], DECAY)
    return draw_band(decayed, prior, "violence high", ids, decay=DECAY, horizon_days=HORIZON, draws=draws, seed=1)


@pytest.mark.parametrize(("shape", "per_year"), [(0.3, 2.0), (1.0, 1.0), (1.0, 20.0), (2.0, 100.0), (5.0, 400.0)])
def test_the_interval_of_a_rate_holds_it_in_four_areas_of_five(shape: float, per_year: float) -> None:
    """Fitted on decayed fractions, and without the scale of a decayed count, it held .73 to .84 of them."""
    rng = np.random.default_rng(int(per_year))
    rate = rng.gamma(shape, per_year / shape / 365, 4_000)
    counts = days_of(rate, 365, rng)
    prior = fit_band(counts, WEIGHTS[:1], DECAY, horizon_days=HORIZON, origins=0)
    assert covered(drawn(counts, prior, 400).now.crimes, rate) == pytest.approx(0.8, abs=0.02)


def test_the_interval_of_the_days_ahead_holds_what_comes() -> None:
    """Planted: severities, drift of areas and of the force between months. That of the rate held .3."""
    rng = np.random.default_rng(5)
    areas, months = 1_500, 26
    drift = rng.gamma(20, 1 / 20, (areas, months)) * rng.gamma(50, 1 / 50, months)  # variances .05 and .02
    rate = rng.gamma(2.0, 0.5, areas)[:, None, None, None] * drift[:, None, :, None]
    mix = rng.dirichlet([38.0, 2.0], areas)[:, :, None, None]
    by_month = rng.poisson(rate * mix, (areas, 2, months, HORIZON))
    came = (by_month[:, :, 0].sum(axis=2) @ WEIGHTS) / HORIZON
    known = by_month[:, :, 1:].reshape(areas, 2, -1)
    counts = np.concatenate([np.zeros((areas, 2, AHEAD)), known], axis=2).astype(float)
    origins = origins_known(known.sum(axis=(0, 1)), DECAY, HORIZON)
    prior = fit_band(counts, WEIGHTS, DECAY, horizon_days=HORIZON, origins=origins)
    assert origins == (months - 1) - 13
    assert prior.spread.area == pytest.approx(0.05, rel=0.25)
    assert prior.mix_size == pytest.approx(40, rel=0.4)
    ahead = drawn(counts, prior, 500).ahead
    assert covered(ahead.harm, came) == pytest.approx(0.8, abs=0.02)
    assert ahead.harm.mean() == pytest.approx(ahead.mean_harm.mean(), rel=0.02)
    assert covered(drawn(counts, prior, 500).now.harm, came) < 0.4


def test_without_a_past_the_stated_spread_holds() -> None:
    counts = days_of(np.full(30, 0.1), 365, np.random.default_rng(1))
    origins = origins_known(counts[:, 0, AHEAD:].sum(axis=0), DECAY, HORIZON)
    assert origins == 0
    assert fit_band(counts, WEIGHTS[:1], DECAY, horizon_days=HORIZON, origins=origins).spread == DEFAULT


@pytest.mark.parametrize(
    ("days", "first", "expected"),
    [(365, 0, 0), (394, 0, 0), (395, 0, 1), (2_000, 0, ORIGINS), (2_000, 455, 3), (2_000, 430, 2)],
)
def test_the_past_ends_where_the_record_begins(days: int, first: int, expected: int) -> None:
    """A few stray incidents before `first` days of age are no record."""
    per_day = np.full(days, 10.0)
    if first:
        per_day[first:] = 0.1
    assert origins_known(per_day, DECAY, HORIZON) == expected


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), which=st.integers(0, 4))
def test_the_draws_of_an_area_do_not_depend_on_the_others(seed: int, which: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.02, (5, 2, 366)).astype(float)
    prior = BandPrior(fit_band(counts + 1, WEIGHTS, DECAY, horizon_days=HORIZON, origins=0).prior, WEIGHTS,
                      np.array([0.9, 0.1]), 10.0, Spread(0.02, 0.01))  # fmt: skip
    ids = [f"a{i}" for i in range(5)]
    common = {"decay": DECAY, "horizon_days": HORIZON, "draws": 50, "seed": 3}
    together = draw_band(decayed_counts(counts, DECAY), prior, "s", ids, **common)
    alone = draw_band(decayed_counts(counts[[which]], DECAY), prior, "s", ids[which : which + 1], **common)
    for when in ("now", "ahead"):
        for values in ("mean_crimes", "mean_harm", "crimes", "harm"):
            row = getattr(getattr(together, when), values)[which]
            assert np.array_equal(row, getattr(getattr(alone, when), values)[0]), (when, values)


@pytest.mark.parametrize(
    ("first", "strays", "n", "expected"),
    [(364, 0, 3, 365), (340, 0, 3, 365), (179, 0, 3, 180), (59, 0, 5, 60), (59, 1, 5, 60), (59, 0, 1, 365)],
)
def test_a_young_record_is_exposed_for_its_own_days(first: int, strays: int, n: int, expected: int) -> None:
    """Strays from before it began do not lengthen it; of few incidents nothing can be told."""
    ages = np.append(np.arange(first + 1), np.full(strays, 300))
    found = days_on_record(ages, np.append(np.full(first + 1, n), np.ones(strays, int)), 365)
    assert found == pytest.approx(expected, abs=2)
    assert (found == 365) == (expected == 365)
