"""A planted trend and season are followed where the past proves them; steady counts are left alone to the last bit."""

import numpy as np
import pytest

from models.statistics.level import level_factor


def counts(shape, days, per_day=30.0, seed=0):
    """Daily counts by age, overdispersed, and the true events of the 7 days ahead."""
    random = np.random.default_rng(seed)
    age = np.arange(-7, days)
    mean = per_day * shape(age.astype(float))
    n = random.poisson(mean * random.gamma(50, 1 / 50, len(age))).astype(float)
    return n[7:], mean[:7].sum()


def steady_week(daily):
    """What a decayed mean of 150 days states for a week."""
    weight = np.exp(-np.arange(len(daily)) / 150)
    return 7 * np.array([weight @ daily / weight.sum()])


def doubling(age):
    return 2.0 ** (-age / 365)


def halving(age):
    return 2.0 ** (age / 365)


@pytest.mark.parametrize("shape", [doubling, halving])
@pytest.mark.parametrize("days", [365, 1095])
def test_a_trend_is_followed(shape, days):
    ratios = []
    for seed in range(6):
        daily, true = counts(shape, days, seed=seed)
        stated = steady_week(daily)
        assert not 0.85 < stated[0] / true < 1.15
        ratios.append(float(stated[0] * level_factor(daily[None], 7, stated)[0] / true))
    assert 0.95 <= np.mean(ratios) <= 1.05
    assert 0.85 <= min(ratios) <= max(ratios) <= 1.15


@pytest.mark.parametrize("days", [200, 365, 1095])
def test_a_steady_town_keeps_its_level_exactly(days):
    factors = []
    for seed in range(20):
        daily, _ = counts(np.ones_like, days, seed=seed)
        factors.append(level_factor(daily[None], 7, steady_week(daily))[0])
    assert np.mean(np.array(factors) == 1.0) >= 0.95
    assert max(abs(np.log(factors))) < 0.1


def test_a_yearly_season_is_followed_with_two_years_before_the_oldest_origin():
    def season(age):
        return np.exp(0.25 * np.cos(2 * np.pi * (age / 365.25 + 0.05)))

    before, after = [], []
    for seed in range(6):
        daily, true = counts(season, 1095, seed=seed)
        stated = steady_week(daily)
        before.append(abs(np.log(stated[0] / true)))
        after.append(abs(np.log(stated[0] * level_factor(daily[None], 7, stated)[0] / true)))
    assert np.mean(after) < 0.06 < np.mean(before)


def test_the_weekdays_of_a_short_horizon_count_and_those_of_whole_weeks_do_not():
    random = np.random.default_rng(3)
    # The day ahead is a busy one: ages 6, 13, … were such days.
    mean = np.where(np.arange(364) % 7 == 6, 60.0, 30.0)
    daily = random.poisson(mean).astype(float)[None]
    per_day = np.array([daily.mean()])
    assert per_day[0] * level_factor(daily, 1, per_day)[0] == pytest.approx(60, rel=0.05)
    assert 8 * per_day[0] * level_factor(daily, 8, 8 * per_day)[0] == pytest.approx(300, rel=0.05)
    np.testing.assert_array_equal(level_factor(daily, 14, 14 * per_day), [1.0])


def test_groups_are_judged_apart_and_short_or_empty_pasts_change_nothing():
    steady, grown = counts(np.ones_like, 730)[0], counts(doubling, 730)[0]
    both = np.stack([steady, grown])
    stated = np.concatenate([steady_week(steady), steady_week(grown)])
    factor = level_factor(both, 7, stated)
    assert factor[0] == 1.0
    assert factor[1] > 1.15
    np.testing.assert_array_equal(level_factor(both[:, :60], 7, stated), [1.0, 1.0])
    np.testing.assert_array_equal(level_factor(np.zeros((1, 730)), 7, np.zeros(1)), [1.0])


@pytest.mark.parametrize("horizon_days", [7, 30])
@pytest.mark.parametrize("per_day", [0.01, 0.02, 0.05, 0.2, 1.0])
def test_rare_steady_events_keep_their_level_exactly(per_day, horizon_days):
    """A quiet half year is no drift: 14 of 120 such series of .01 a day had a factor of a third."""
    factors = []
    for seed in range(60):
        daily = np.random.default_rng(seed).poisson(per_day, (1, 365 if seed % 2 else 1095)).astype(float)
        factors.append(level_factor(daily, horizon_days, steady_week(daily[0]) * horizon_days / 7)[0])
    assert np.mean(np.array(factors) == 1.0) >= 0.95
    assert max(abs(np.log(factors))) < 0.1


@pytest.mark.parametrize(("before", "now", "stated"), [(20, 10, 80.0), (10, 20, 125.0)])
def test_what_is_stated_of_a_sudden_step_is_not_moved_back(before, now, stated):
    """Eight weeks after a step a memory of 60 days still holds much of the old level: it said 98 of 70 for 80."""
    for seed in range(8):
        mean = np.where(np.arange(1095) < 56, now, before)
        daily = np.random.default_rng(seed).poisson(mean)[None].astype(float)
        moved = stated * level_factor(daily, 7, np.array([stated]))[0]
        assert abs(np.log(moved / (7 * now))) <= abs(np.log(stated / (7 * now)))
