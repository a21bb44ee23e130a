"""Each method by itself: worked out by hand, against statsmodels, and its assumptions told apart."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.effects import difference_in_differences, interrupted_series, synthetic_control
from models.effects.interrupted_series import continue_series, residuals
from models.effects.operation_effect import METHODS, compare_series
from models.effects.series import Series
from models.effects.synthetic_control import fit_before, mix_placebos
from tests.models.effects.planted_operations import SCENARIOS, Scenario, planted


def series(before: np.ndarray, after: np.ndarray) -> Series:
    is_apart = np.ones((len(before), len(before)), dtype=bool)
    return Series(before.astype(float), after.astype(float), np.arange(len(before)) > 0, is_apart)


def test_a_place_moves_as_its_placebos_did() -> None:
    """Level 10 a week, placebos from 30 to 15: 5 a week are expected."""
    before = np.array([[10, 10], [10, 10], [20, 20]])
    after = np.array([[99], [5], [10]])
    assert difference_in_differences.move_as_placebos(series(before, after))[:, 0].tolist() == [5.0, 5.0, 10.0]


def test_a_trend_and_a_season_are_continued() -> None:
    week = np.arange(112) - 104 + 0.5
    truth = 30 * np.exp(-0.2 * week / 52.18 + 0.5 * np.sin(2 * np.pi * week / interrupted_series.YEAR_WEEKS))
    before = np.round(truth[:104])[None, :]
    expected = continue_series(series(before, np.zeros((1, 8))))[0]
    assert expected == pytest.approx(truth[104:], rel=0.03)


def test_the_regression_of_all_places_at_once_is_that_of_statsmodels() -> None:
    from statsmodels.genmod.families import NegativeBinomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    before = planted(Scenario(drift=0.4), 3).market.before[:6]
    design = interrupted_series._design(before.shape[1], 0)
    for counts, beta in zip(before, interrupted_series.fit_places(before, design), strict=True):
        alpha = interrupted_series.dispersion(counts, GLM(counts, design, family=Poisson()).fit().fittedvalues)
        assert alpha > 0.01
        family = NegativeBinomial(alpha=float(alpha))
        assert beta == pytest.approx(GLM(counts, design, family=family).fit(tol=1e-10).params, abs=1e-6)


def test_a_planted_dispersion_is_found() -> None:
    draw = np.random.default_rng(4)
    counts = draw.poisson(20 * draw.gamma(5, 1 / 5, 4000)).astype(float)  # negative binomial with α = 1/5
    assert interrupted_series.dispersion(counts, np.full(4000, counts.mean())) == pytest.approx(0.2, rel=0.1)


def test_a_place_that_is_a_mixture_of_two_others_is_found_to_be_one() -> None:
    draw = np.random.default_rng(5)
    shapes = draw.gamma(20, 50, (30, 26)).repeat(4, axis=1)  # so many reports that chance of counting is nothing
    shapes[0] = 3 * (shapes[4] / shapes[4].mean() + shapes[9] / shapes[9].mean())
    shapes[0] *= 1000
    both = series(np.round(shapes[:, :96]), np.round(shapes[:, 96:]))
    assert mix_placebos(both)[0] == pytest.approx(both.after[0], rel=0.1)
    fit = fit_before(both)
    assert 1.5 < fit.carrying < 4 and fit.donors == 29 and fit.rmspe < 0.05


def test_no_place_is_mixed_from_places_whose_rings_it_shares() -> None:
    alike = planted(Scenario(), 6).market
    is_apart = alike.is_apart.copy()
    is_apart[3, 4] = is_apart[4, 3] = False
    twins = alike.before.copy()
    twins[4] = twins[3]
    _, mixed, _ = synthetic_control._mixed(replace(alike, before=twins))
    _, weights, _ = synthetic_control._mixed(replace(alike, before=twins, is_apart=is_apart))
    assert mixed[3, 4] > 0.1 and weights[3, 4] == weights[4, 3] == 0


def test_weights_are_a_mixture_whatever_the_counts() -> None:
    for seed in range(3):
        _, weights, _ = synthetic_control._mixed(planted(Scenario(per_week=1.0, places=24), seed).market)
        assert (weights >= 0).all() and weights.sum(axis=1) == pytest.approx(1.0)
        assert np.diag(weights).max() == 0


def test_what_hangs_together_and_varies_is_said() -> None:
    draw = np.random.default_rng(7)
    alone = residuals(draw.poisson(12.0, 104).astype(float))
    wild = planted(replace(SCENARIOS["nothing"], drift=0.5, together=0.9, per_week=30.0), 1).market.before[0]
    joined = residuals(wild)
    assert alone and joined
    assert alone.dispersion == pytest.approx(1.0, abs=0.35) and alone.p_independent > 0.1
    assert joined.dispersion > 3 and joined.p_independent < 0.01
    assert "show no sign of hanging together" in alone.words(104) and "hang together (Ljung" in joined.words(104)
    for before, is_doubtful in (
        (draw.poisson(12.0, 104), False),
        (wild, True),
        (draw.poisson(draw.gamma(2, 6, 104)), True),
    ):
        twice = np.stack([before, before]).astype(float)
        assert interrupted_series.check(series(twice, np.zeros((2, 4))))[1] is is_doubtful
    assert residuals(np.zeros(104)) is None and residuals(np.ones(20)) is None
    assert interrupted_series.check(series(np.zeros((2, 104)), np.zeros((2, 4)))) == (
        "too few reports before to check",
        True,
    )


def test_a_place_that_drifted_before_is_in_doubt_and_one_that_did_not_is_not() -> None:
    still = planted(Scenario(), 11).market
    steep = still.before.copy()
    steep[0] = np.round(steep[0] * np.linspace(0.2, 2.0, 104))
    words, is_doubtful = difference_in_differences.check(replace(still, before=steep))
    assert is_doubtful and "drifted up from its placebos, further than chance" in words
    doubts = [difference_in_differences.check(planted(Scenario(), seed).market)[1] for seed in range(100)]
    assert np.mean(doubts) == pytest.approx(0.1, abs=0.09)


def test_a_place_unlike_its_donors_is_badly_fitted() -> None:
    still = planted(Scenario(), 12).market
    waves = still.before.copy()
    waves[0] = np.round(waves[0].mean() * (1 + 0.9 * np.sign(np.sin(np.arange(104) / 4))))
    words, is_doubtful = synthetic_control.check(replace(still, before=waves))
    assert is_doubtful and "fitted worse than nine placebos of ten" in words


@pytest.mark.parametrize("method", METHODS)
def test_too_short_a_record_or_too_few_places_state_why(method: str) -> None:
    short = planted(Scenario(weeks_before=20), 1).market
    few = series(short.before[:15], short.after[:15])
    said = {name: METHODS[name].lacking(few) for name in METHODS}
    assert said["interrupted_time_series"] == "20 weeks before are on record, a trend needs 26"
    assert said["synthetic_control"] == "14 donors and 20 weeks before, it needs 20 and 24"
    assert said["difference_in_differences"] is None
    fewer = series(short.before[:5], short.after[:5])
    comparison, weeks = compare_series(METHODS[method].expect, [fewer], 4)
    assert comparison is None and np.isnan(weeks).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 3.0), st.sampled_from([*METHODS]))
def test_any_counts_give_an_interval_around_the_change(seed: int, per_week: float, method: str) -> None:
    operation = planted(Scenario(per_week=per_week, places=24, weeks_before=52), seed)
    comparison, weeks = compare_series(METHODS[method].expect, [operation.market], 23)
    if comparison is None:
        return
    change, low, high = comparison.change()
    assert low <= change <= high and np.isfinite([low, high]).all()
    assert change == comparison.observed - comparison.expected
    if np.isfinite(weeks).all():
        assert weeks.sum() == pytest.approx(comparison.expected)


def test_the_same_reports_give_the_same_figures() -> None:
    for method in METHODS.values():
        first, second = (compare_series(method.expect, [planted(Scenario(), 2).market], 31) for _ in range(2))
        assert first[0] and second[0]
        assert first[0].change() == second[0].change() and (first[1] == second[1]).all()
