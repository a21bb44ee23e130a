"""Gini coefficients by hand and against simulation."""

import numpy as np
import pytest

from models.statistics.gini import gini, gini_by_chance


def test_gini_by_hand() -> None:
    assert gini([1, 1, 1, 1]) == 0
    assert gini([0, 0, 0, 4]) == pytest.approx(0.75)
    assert gini([1, 3]) == pytest.approx(0.25)
    assert np.isnan(gini([0, 0]))


def test_chance_alone_gives_what_equal_rates_give() -> None:
    rng = np.random.default_rng(1)
    exposure = rng.uniform(0, 1800, 200_000)
    count = rng.poisson(0.0004 * exposure)
    assert gini_by_chance(count, exposure) == pytest.approx(gini(count), abs=0.003)
    unequal = rng.poisson(rng.gamma(0.3, 0.0004 / 0.3, exposure.size) * exposure)
    assert gini(unequal) > gini_by_chance(unequal, exposure) + 0.05


def test_nothing_to_divide_has_no_coefficient() -> None:
    assert np.isnan(gini_by_chance([0, 0], [10, 10]))
    assert np.isnan(gini_by_chance([1], [0]))
