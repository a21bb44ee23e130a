import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from models.statistics.stated_counts import log_chance, log_chance_of_none, transform

MEAN, EXCESS = np.array([0.01, 0.5, 3.0, 40.0]), np.array([0.2, 0.4, 1.0, 5.0])


@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_chances_are_those_of_the_negative_binomial(count):
    expected = nbinom.logpmf(count, MEAN / EXCESS, 1 / (1 + EXCESS))
    np.testing.assert_allclose(log_chance(np.full(4, count), MEAN, EXCESS), expected, rtol=1e-9)
    np.testing.assert_allclose(log_chance(np.full(4, count), MEAN, 0.0), poisson.logpmf(count, MEAN), rtol=1e-3)
    upto = nbinom.cdf(count, MEAN / EXCESS, 1 / (1 + EXCESS))
    np.testing.assert_allclose(transform(np.full(4, count), MEAN, EXCESS, 1.0), upto, rtol=1e-9)
    below = nbinom.cdf(count - 1, MEAN / EXCESS, 1 / (1 + EXCESS))
    np.testing.assert_allclose(transform(np.full(4, count), MEAN, EXCESS, 0.0), below, rtol=1e-9)


def test_no_event_is_as_likely_as_stated():
    np.testing.assert_allclose(log_chance_of_none(MEAN, EXCESS), log_chance(np.zeros(4), MEAN, EXCESS))


def test_an_impossible_event_is_not_infinitely_so():
    assert np.isfinite(log_chance(3, 0.0, 0.0))


def test_the_transform_of_right_counts_is_even():
    random = np.random.default_rng(1)
    mean = random.gamma(2, 0.4, 20_000)
    count = random.poisson(random.gamma(mean / 0.3, 0.3))
    places = transform(count, mean, np.full(20_000, 0.3), random.random(20_000))
    np.testing.assert_allclose(np.histogram(places, 10, (0, 1))[0] / 20_000, 0.1, atol=0.01)
