"""Areas of a force whose level moves: the days ahead are expected at the level to come, the rates now as they are."""

import numpy as np
import pandas as pd
import pytest

from models.area_rates.bands import BandPrior
from models.places.ranking import AreaDraws, draw_areas, fit_band_priors
from tests.models.places.planted_areas import CODEBOOK, OFFENCES
from tests.models.places.test_ranking import config

AREAS, HORIZON = 21, 30
CONFIG = config(window_days=365, half_life_days=180, horizon_days=HORIZON, draws=200)
HOURS = pd.DataFrame({"area_id": [f"a{n:02d}" for n in range(AREAS)], "hours_per_day": 24.0, "is_assumed": True})
WEIGHTS = CODEBOOK["harm_days"].to_numpy()


def town(seed: int, a_year: float) -> tuple[pd.DataFrame, float, np.ndarray]:
    """Return the events, the true harm a day of all areas in the days ahead, and what came in each."""
    random = np.random.default_rng(seed)
    mean, shape = (np.array([of[at] for of in OFFENCES.values()]) for at in (3, 4))
    rate = random.gamma(shape, 3 * mean / shape, (AREAS, len(OFFENCES)))
    by_age = a_year ** (-np.arange(-HORIZON, CONFIG.learning_days) / 365)
    n = random.poisson(rate[:, :, None] * by_age)
    area, offence, age = np.nonzero(n[:, :, HORIZON:])
    events = pd.DataFrame(
        {
            "area_id": HOURS["area_id"].to_numpy()[area],
            "offence_code": CODEBOOK.index[offence],
            "discovery": "public",
            "is_minor_used_by_adult": False,
            "age_days": age,
            "n": n[:, :, HORIZON:][area, offence, age],
        }
    )
    true = float((rate @ WEIGHTS).sum() * by_age[:HORIZON].mean())
    return events, true, n[:, :, :HORIZON].sum(axis=2) @ WEIGHTS / HORIZON


def drawn(events: pd.DataFrame, priors: dict[str, BandPrior] | None = None) -> AreaDraws:
    return draw_areas(events, CODEBOOK, HOURS, config=CONFIG, seed=1, band_priors=priors)


@pytest.mark.parametrize("a_year", [2.0, 0.5])
def test_areas_that_double_or_halve_within_a_year_are_expected_at_the_level_to_come(a_year: float) -> None:
    """By the decayed level the expected harm was .76 of the true one, and 1.39 of it."""
    ratios, covered = [], []
    for seed in range(10):
        events, true, came = town(seed, a_year)
        ahead = drawn(events).ahead
        lo, hi = np.quantile(ahead.harm, [0.1, 0.9], axis=1)
        ratios.append(ahead.mean_harm.sum() / true)
        covered.append(((came >= lo) & (came <= hi)).mean())
    assert 0.93 <= np.mean(ratios) <= 1.07
    assert 0.78 <= np.mean(covered) <= 0.92  # the spread still holds the lag of earlier origins


def test_steady_areas_are_expected_at_their_rate_to_the_bit() -> None:
    for seed in range(5):
        events, _, _ = town(seed, 1.0)
        priors = fit_band_priors(events, CODEBOOK, HOURS, config=CONFIG)
        assert {prior.expected_level for prior in priors.values()} == {1.0}
        of = drawn(events, priors)
        np.testing.assert_array_equal(of.ahead.mean_harm, of.now.mean_harm)


def test_a_young_or_empty_record_expects_the_rate_of_its_own_days() -> None:
    events, _, _ = town(1, 1.0)
    for days in (1, 200, 340):
        priors = fit_band_priors(events[events["age_days"] < days], CODEBOOK, HOURS, config=CONFIG)
        assert {prior.expected_level for prior in priors.values()} == {1.0}
    assert fit_band_priors(events.iloc[:0], CODEBOOK, HOURS, config=CONFIG) == {}
