"""Spline logistic regression: it finds a bent curve, and nobody's forecast knows that person's outcome."""

import numpy as np
import pytest

from models.arrays import Floats
from models.evaluation.spline_logistic import cross_fit, spline_logistic
from models.statistics.paired_bootstrap import rank_score


def foretold(inputs: Floats, came: Floats) -> Floats:
    return cross_fit(lambda is_fitted: spline_logistic(inputs, came, is_fitted), came)


def test_a_bent_curve_is_found() -> None:
    random = np.random.default_rng(1)
    x = random.uniform(-2, 2, 8000)
    true = 0.2 + 0.6 * np.exp(-(x**2))
    forecast = foretold(np.column_stack([x, np.ones(8000)]), (random.random(8000) < true).astype(float))
    assert np.abs(forecast - true).mean() < 0.03


def test_noise_foretells_nothing_because_nobody_is_fitted_on_the_own_outcome() -> None:
    """Eight inputs of noise tell 300 people apart with an AUC of .7 or more where they are judged as fitted."""
    random = np.random.default_rng(2)
    came = (np.arange(300) % 3 == 0).astype(float)
    assert rank_score(foretold(random.random((300, 8)), came)).auc(np.ones(300), came) < 0.56


def test_each_person_is_told_by_a_model_of_nine_tenths_of_both_outcomes_without_the_person() -> None:
    came = np.repeat([0.0, 1.0], [60, 40])
    seen: list[np.ndarray] = []
    told = cross_fit(lambda is_fitted: seen.append(is_fitted) or (~is_fitted).astype(float), came)  # type: ignore[func-returns-value]
    assert told.tolist() == [1.0] * 100
    assert [(int(mask[:60].sum()), int(mask[60:].sum())) for mask in seen] == [(54, 36)] * 10


def test_too_few_outcomes_and_people_who_are_alike_are_refused() -> None:
    came = np.array([1.0, *[0.0] * 29])
    with pytest.raises(ValueError, match="fewer than two people"):
        foretold(np.arange(30.0)[:, None], came)
    with pytest.raises(ValueError, match="the same priors and years"):
        foretold(np.ones((30, 2)), came + np.eye(30)[5])
