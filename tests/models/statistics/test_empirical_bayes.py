import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import gammaln
from scipy.stats import nbinom

from models.statistics.empirical_bayes import (
    SHAPE_BOUNDS,
    GammaPrior,
    Tally,
    fit_gamma_prior,
    fit_gamma_priors,
    negative_log_likelihood,
    posterior,
)


def draw_counts(prior: GammaPrior, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(30, 900, n)
    return rng.poisson(rng.gamma(prior.shape, 1 / prior.rate, n) * exposure), exposure


@pytest.mark.parametrize("zero_truncated", [False, True])
@pytest.mark.parametrize("planted", [GammaPrior(0.4, 300.0), GammaPrior(2.0, 500.0)])
def test_fit_recovers_the_planted_prior(planted: GammaPrior, zero_truncated: bool) -> None:
    count, exposure = draw_counts(planted, 60_000, seed=3)
    seen = count > 0 if zero_truncated else slice(None)
    found = fit_gamma_prior(count[seen], exposure[seen], zero_truncated=zero_truncated)
    assert found.shape == pytest.approx(planted.shape, rel=0.12)
    assert found.mean == pytest.approx(planted.mean, rel=0.06)


def test_without_truncation_offenders_alone_give_a_biased_mean() -> None:
    planted = GammaPrior(0.4, 300.0)
    count, exposure = draw_counts(planted, 20_000, seed=4)
    found = fit_gamma_prior(count[count > 0], exposure[count > 0])
    assert found.mean > 1.5 * planted.mean


def drawn_together(priors: list[GammaPrior], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    exposure = rng.choice([365.0, 500.0, 1825.0], n)
    rates = np.column_stack([rng.gamma(prior.shape, 1 / prior.rate, n) for prior in priors])
    return rng.poisson(rates * exposure[:, None]), exposure


def test_all_kinds_are_recovered_from_those_who_have_an_event_of_any() -> None:
    planted = [GammaPrior(0.4, 900.0), GammaPrior(1.5, 2000.0), GammaPrior(0.2, 1500.0)]
    counts, exposure = drawn_together(planted, 80_000, seed=6)
    known = counts.any(axis=1)
    assert 0.3 < known.mean() < 0.8
    for found, prior in zip(
        fit_gamma_priors(counts[known], exposure[known], zero_truncated=True), planted, strict=True
    ):
        assert found.shape == pytest.approx(prior.shape, rel=0.05)
        assert found.mean == pytest.approx(prior.mean, rel=0.03)


def test_people_without_any_event_move_no_truncated_prior() -> None:
    counts, exposure = drawn_together([GammaPrior(0.4, 900.0), GammaPrior(0.2, 1500.0)], 500, seed=7)
    known = counts.any(axis=1)
    everybody = fit_gamma_priors(counts, exposure, zero_truncated=True)
    assert everybody == fit_gamma_priors(counts[known], exposure[known], zero_truncated=True)


def test_a_kind_nobody_has_gets_half_an_event_in_all_the_time_seen() -> None:
    counts = np.array([[1, 0], [3, 0], [0, 0]])
    together = fit_gamma_priors(counts, [10.0, 20.0, 30.0], zero_truncated=True)
    assert together[1] == GammaPrior(0.5, 60.0)
    assert together[0] == fit_gamma_prior([1, 3], [10.0, 20.0], zero_truncated=True)


def test_kinds_without_truncation_are_fitted_each_by_itself() -> None:
    counts, exposure = drawn_together([GammaPrior(0.4, 900.0), GammaPrior(0.2, 1500.0)], 500, seed=8)
    assert fit_gamma_priors(counts, exposure) == [fit_gamma_prior(column, exposure) for column in counts.T]


@pytest.mark.parametrize("zero_truncated", [False, True])
def test_likelihood_is_the_negative_binomial_and_its_gradient_is_right(zero_truncated: bool) -> None:
    counts, exposure = np.array([[1.0, 0], [2, 1], [7, 0], [1, 3], [0, 1]]), np.array([0.5, 1.0, 2.0, 2.0, 1.0])
    tally = Tally.of(counts, exposure)
    shape, mean = np.array([0.7, 0.4]), np.array([1.3, 0.6]) / tally.unit
    at = np.log(np.concatenate([shape, mean * tally.unit]))
    value, gradient = negative_log_likelihood(at, tally, zero_truncated)
    rate = shape / mean
    law = nbinom(shape, rate / (rate + exposure[:, None]))
    none = law.pmf(0).prod(axis=1)
    expected = law.logpmf(counts).sum(axis=1) - (np.log(1 - none) if zero_truncated else 0)
    assert value == pytest.approx(-(expected + gammaln(counts + 1).sum(axis=1)).mean())
    numeric = approx_fprime(at, lambda x: negative_log_likelihood(x, tally, zero_truncated)[0], 1e-7)
    assert gradient == pytest.approx(numeric, rel=1e-4)


def test_no_events_at_all_give_half_an_event_in_all_the_time_seen() -> None:
    assert fit_gamma_prior([0, 0, 0], [10.0, 20.0, 30.0]) == GammaPrior(0.5, 60.0)
    assert fit_gamma_prior([0, 0], [1.0, 2.0], zero_truncated=True) == GammaPrior(0.5, 3.0)


def test_a_single_entity_weighs_as_much_as_itself() -> None:
    assert fit_gamma_prior([3], [10.0]) == GammaPrior(3.5, 10.0)


def test_counts_without_over_dispersion_get_a_finite_prior_at_their_mean() -> None:
    found = fit_gamma_prior([2] * 50, [10.0] * 50)
    assert found.shape == pytest.approx(SHAPE_BOUNDS[1], rel=0.01)
    assert found.mean == pytest.approx(0.2, rel=1e-3)


def test_entities_without_exposure_change_nothing() -> None:
    assert fit_gamma_prior([3, 0, 1, 0], [10.0, 5.0, 7.0, 0.0]) == fit_gamma_prior([3, 0, 1], [10.0, 5.0, 7.0])


def test_a_change_of_unit_changes_the_rate_alone() -> None:
    count, exposure = draw_counts(GammaPrior(0.5, 200.0), 2_000, seed=5)
    days, years = fit_gamma_prior(count, exposure), fit_gamma_prior(count, exposure / 365.25)
    assert years.shape == pytest.approx(days.shape, rel=1e-6)
    assert years.rate == pytest.approx(days.rate / 365.25, rel=1e-6)


def test_posterior_adds_counts_and_exposure() -> None:
    shape, rate = posterior(GammaPrior(0.5, 100.0), [0, 3], [50.0, 0.0])
    assert shape.tolist() == [0.5, 3.5]
    assert rate.tolist() == [150.0, 100.0]


@pytest.mark.parametrize(
    ("count", "exposure", "words"),
    [
        ([1], [1.0, 2.0], "same length"),
        ([-1], [1.0], "count holds"),
        ([1], [float("nan")], "exposure holds"),
        ([0, 0], [0.0, 0.0], "exposure is zero"),
        ([[1], [2]], [1.0, 2.0], "same length"),
    ],
)
def test_bad_input_is_named(count: list[float], exposure: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_gamma_prior(count, exposure)


def test_a_prior_must_be_proper() -> None:
    with pytest.raises(ValueError, match="shape=0"):
        GammaPrior(0, 1.0)


@settings(max_examples=80)
@given(
    rows=st.lists(st.tuples(st.integers(0, 400), st.floats(0.01, 4000)), min_size=1, max_size=40),
    zero_truncated=st.booleans(),
)
@example(rows=[(13, 2.0), (146, 78.0)], zero_truncated=True)  # the search passes where none is all but impossible
def test_any_counts_give_a_proper_prior_twice_the_same(rows: list[tuple[int, float]], zero_truncated: bool) -> None:
    count, exposure = zip(*rows, strict=True)
    found = fit_gamma_prior(count, exposure, zero_truncated=zero_truncated)
    assert 0 < found.shape < np.inf
    assert 0 < found.rate < np.inf
    assert found == fit_gamma_prior(count, exposure, zero_truncated=zero_truncated)


@settings(max_examples=25)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 3), st.integers(0, 1), st.floats(0.01, 4000)),
        min_size=1,
        max_size=40,
    )
)
def test_any_counts_of_several_kinds_give_proper_priors_in_any_order(rows: list[tuple[int, int, int, float]]) -> None:
    *kinds, exposure = np.array(rows, dtype=float).T
    found = fit_gamma_priors(np.column_stack(kinds), exposure, zero_truncated=True)
    assert all(0 < prior.shape < np.inf and 0 < prior.rate < np.inf for prior in found)
    assert found == fit_gamma_priors(np.column_stack(kinds)[::-1], exposure[::-1], zero_truncated=True)
