import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from models.forecast.fit import (
    LEVEL_RIDGE,
    POWER_RIDGE,
    anchored,
    fit_anchor,
    fit_excess,
    fit_mixture,
    fit_powers,
    relative_log,
)
from models.forecast.windows import Window


def window(rates, events, days=10.0):
    cells = len(events)
    return Window(rates[None], events[:, None], np.zeros((cells, 1)), np.ones(cells), days, 100.0)


def test_a_planted_mixture_is_found():
    random = np.random.default_rng(1)
    rates = random.gamma(0.5, 1, (20_000, 3))
    events = random.poisson(10 * rates @ [0.7, 0.0, 0.2]).astype(float)
    np.testing.assert_allclose(fit_mixture([window(rates, events)], 0, 3), [0.7, 0.0, 0.2], atol=0.02)


def test_powers_are_the_optimum_that_scikit_learn_finds():
    random = np.random.default_rng(5)
    x = np.column_stack([np.ones(3000), random.normal(size=(3000, 3))])
    weight, days, start = random.choice([1.0, 4.0], 3000), np.full(3000, 14.0), np.array([-3.0, 1.0, 0.0, 0.0])
    events = random.poisson(14 * np.exp(x @ [-3.5, 0.7, 0.2, -0.1])).astype(float)
    exposure = weight * days * np.exp(x @ start)
    # One penalty for all columns there, so the level's column is stretched.
    stretch = np.array([(POWER_RIDGE / LEVEL_RIDGE) ** 0.5, 1.0, 1.0, 1.0])
    model = PoissonRegressor(
        alpha=POWER_RIDGE / exposure.sum(), fit_intercept=False, solver="newton-cholesky", tol=1e-9
    )
    model.fit(x * stretch, weight * events / exposure, sample_weight=exposure)
    found = fit_powers(x, events, weight, days, start)
    np.testing.assert_allclose(found, start + stretch * model.coef_, atol=1e-6)


def test_without_evidence_a_mixture_is_even():
    np.testing.assert_allclose(fit_mixture([], 0, 4), 0.25)
    np.testing.assert_allclose(fit_mixture([window(np.ones((5, 4)), np.zeros(5))], 0, 4), 0.25)


def test_planted_powers_are_found_whatever_a_row_stands_for():
    random = np.random.default_rng(2)
    x = np.column_stack([np.ones(40_000), random.normal(size=(40_000, 2))])
    planted = np.array([-3.0, 0.6, -0.4])
    events = random.poisson(14 * np.exp(x @ planted)).astype(float)
    quiet = np.flatnonzero(events == 0)
    kept = np.concatenate([np.flatnonzero(events > 0), quiet[::4]])
    weight = np.where(events[kept] > 0, 1.0, len(quiet) / len(quiet[::4]))
    found = fit_powers(x[kept], events[kept], weight, np.full(len(kept), 14.0), np.array([-2.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, planted, atol=0.05)


def test_powers_stay_where_they_start_when_nothing_speaks_against_it():
    start = np.array([-4.0, 1.0, 0.0])
    none = np.empty(0)
    np.testing.assert_array_equal(fit_powers(np.empty((0, 3)), none, none, none, start), start)


def test_a_long_seen_cell_keeps_its_own_rate_and_a_short_seen_one_the_prior():
    assert anchored(np.array(0.1), np.array(0.4), 1e9, 10.0) == pytest.approx(0.4)
    assert anchored(np.array(0.1), np.array(0.4), 1e-9, 10.0) == pytest.approx(0.1)
    # By hand: (10 + 40 events) / (10 / 0.1 + 100 days).
    assert anchored(np.array(0.1), np.array(0.4), 100.0, 10.0) == pytest.approx(50 / 200)


def test_the_strength_of_planted_gamma_rates_is_found():
    random = np.random.default_rng(3)
    prior = np.full(60_000, 0.05)
    truth = prior * random.gamma(3.0, 1 / 3.0, len(prior))
    own = random.poisson(truth * 200) / 200
    events = random.poisson(truth * 30).astype(float)
    one = np.ones(len(prior))
    strength, level = fit_anchor(prior, own, events, one, 30 * one, 200 * one)
    assert strength == 3.0
    assert level == pytest.approx(1.0, abs=0.03)


def test_a_count_without_news_is_silenced():
    random = np.random.default_rng(4)
    prior = random.gamma(1, 0.05, 30_000)
    own = random.poisson(0.05 * 200, len(prior)) / 200
    one = np.ones(len(prior))
    strength, _ = fit_anchor(prior, own, random.poisson(prior * 30).astype(float), one, 30 * one, 200 * one)
    assert strength == np.inf


def test_planted_clustering_and_doubt_are_found():
    random = np.random.default_rng(5)
    mean = random.gamma(0.5, 1, 300_000)
    excess = 0.3 + 0.2 * mean
    count = random.poisson(random.gamma(mean / excess, excess)).astype(float)
    clustering, doubt = fit_excess(mean, count, np.ones(len(mean)))
    assert clustering == pytest.approx(0.3, abs=0.08)
    assert doubt == pytest.approx(0.2, abs=0.08)


def test_counts_steadier_than_chance_have_no_excess():
    mean = np.array([1.0, 2.0, 3.0])
    assert fit_excess(mean, mean, np.ones(3)) == (0.0, 0.0)


def test_nothing_over_nothing_counts_as_the_mean():
    np.testing.assert_allclose(relative_log(np.zeros(2), 0.0), relative_log(np.ones(2), 1.0))
