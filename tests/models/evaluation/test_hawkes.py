"""The self-exciting process finds what was planted, and each step of its fit raises the likelihood."""

import numpy as np
import pytest

from models.evaluation.hawkes import _pressure, _rounds, expected_ahead, fit_hawkes


def planted(steady, days, triggered, decay, seed):
    """Counts [days, cells] of the process, begun 200 days earlier."""
    random = np.random.default_rng(seed)
    pressure, daily = np.zeros(len(steady)), np.zeros((days, len(steady)))
    for day in range(-200, days):
        today = random.poisson(steady + triggered * -np.expm1(-decay) * pressure)
        pressure = pressure * np.exp(-decay) + today
        if day >= 0:
            daily[day] = today
    return daily


@pytest.mark.parametrize(
    ("cells", "mean", "triggered", "decay", "within"),
    [
        (3000, 0.01, 0.3, 0.1, 0.04),
        (2000, 0.03, 0.3, 0.2, 0.04),
        (500, 0.1, 0.3, 0.1, 0.05),
        (2000, 0.01, 0.6, 0.1, 0.04),
        (2000, 0.01, 0.0, 0.1, 0.04),
    ],
)
def test_planted_excitation_decay_and_background_are_found(cells, mean, triggered, decay, within):
    steady = np.random.default_rng(9).gamma(1, mean, cells)
    fitted = fit_hawkes(planted(steady, 365, triggered, decay, seed=1))
    assert fitted.triggered == pytest.approx(triggered, abs=within)
    assert fitted.steady.sum() == pytest.approx(steady.sum(), rel=0.08)
    assert np.corrcoef(fitted.steady, steady)[0, 1] > 0.8
    if triggered:
        assert fitted.decay == pytest.approx(decay, rel=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_no_step_lowers_the_likelihood(seed):
    random = np.random.default_rng(seed)
    daily = planted(random.gamma(0.5, 0.05, 200), 120, random.uniform(0, 0.8), random.uniform(0.05, 1), seed)
    assert np.diff(fit_hawkes(daily).likelihoods).min() > -1e-7


def test_the_pressure_is_the_sum_over_earlier_days():
    daily = np.random.default_rng(0).poisson(0.3, (30, 4)).astype(float)
    cell, day = np.nonzero(daily.T)
    n, fade = daily.T[cell, day], 0.8
    pressure, delay = _pressure(n, _rounds(cell, day), fade)
    for row, (of, on) in enumerate(zip(cell, day, strict=True)):
        ago = on - np.arange(on)
        assert pressure[row] == pytest.approx(daily[:on, of] @ fade ** (ago - 1.0))
        assert delay[row] == pytest.approx(daily[:on, of] @ (ago * fade ** (ago - 1.0)))


def test_an_event_of_the_last_day_triggers_its_number_over_all_days_ahead():
    daily = planted(np.full(400, 0.05), 100, 0.4, 0.3, seed=2)
    fitted = fit_hawkes(daily)
    more = daily.copy()
    more[-1, 0] += 1
    extra = expected_ahead(fitted, more, 1000) - expected_ahead(fitted, daily, 1000)
    assert extra[0] == pytest.approx(fitted.triggered)
    assert not extra[1:].any()
