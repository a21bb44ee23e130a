import numpy as np
import pytest

from models.evaluation.isotonic import _by_origin, brier_score, isotonic_curve, judge_calibration, log_score


def cases(told: float, origins: int = 12, per_origin: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origins, chances told with the log-odds `told` times the right ones, and what came."""
    random = np.random.default_rng(3)
    odds = random.normal(-1, 1.5, size=origins * per_origin)
    came = (random.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    return np.repeat(30 * np.arange(origins), per_origin), 1 / (1 + np.exp(-told * odds)), came


def test_chances_that_are_too_sure_get_better_and_right_ones_do_not() -> None:
    for told, is_better in ((4.0, True), (1.0, False)):
        published, calibrated = judge_calibration(*cases(told), horizon_days=30).to_dict("records")
        assert published["chances"] == "as published"
        assert (calibrated["log_score"] < published["log_score"]) == is_better


def test_only_origins_with_enough_of_a_past_are_judged() -> None:
    found = judge_calibration(*cases(1.0), horizon_days=30)
    assert found["origins"].tolist() == [6, 6]  # the first six lack six whose days are over
    assert found["cases"].tolist() == [600, 600]
    longer = judge_calibration(*cases(1.0), horizon_days=90)
    assert longer["origins"].tolist() == [4, 4]
    few = judge_calibration(*cases(1.0, per_origin=10), horizon_days=30)
    assert few["cases"].tolist() == [0, 0]
    assert few["log_score"].isna().all()


def test_an_origin_is_calibrated_by_what_was_over_alone() -> None:
    origin, chance, came = cases(4.0)
    later = np.where(origin < 270, came, 1 - came)
    first, again = (list(_by_origin(origin, chance, outcome, 30)) for outcome in (came, later))
    assert all(np.array_equal(one, two) for one, two in zip(first[:3], again[:3], strict=True))  # origins 180 to 240
    assert np.array_equal(first[3][:2], again[3][:2])  # of origin 270 only what came differs
    assert not np.array_equal(first[4][1], again[4][1])


def test_the_curve_rises_through_what_came() -> None:
    found = isotonic_curve(np.array([0.1, 0.1, 0.4, 0.6, 0.9]), np.array([0.0, 0.0, 1.0, 0.0, 1.0]))
    assert found["forecast"].tolist() == [0.1, 0.4, 0.6, 0.9]
    assert found["calibrated"].tolist() == [0.0, 0.5, 0.5, 1.0]


def test_scores_are_those_of_the_formulas() -> None:
    assert log_score(np.array([0.5, 0.25]), np.array([1.0, 0.0])) == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert np.isfinite(log_score(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    assert brier_score(np.array([0.5, 0.25]), np.array([1.0, 0.0])) == pytest.approx((0.25 + 0.0625) / 2)
    assert np.isnan(log_score(np.array([]), np.array([])))
