"""AUC and flags against counting by hand and scikit-learn; intervals that hold a planted truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from models.statistics.paired_bootstrap import interval, rank_score, resamples

SCORES = st.lists(st.integers(0, 4), min_size=2, max_size=30)


@settings(deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_weighted_auc_is_that_of_the_people_repeated(scores: list[int], random: object) -> None:
    weights = np.array([random.randint(0, 3) for _ in scores], dtype=float)  # type: ignore[attr-defined]
    came = np.array([random.randint(0, 1) for _ in scores], dtype=float)  # type: ignore[attr-defined]
    repeated = np.repeat(np.arange(len(scores)), weights.astype(int))
    found = rank_score(scores).auc(weights, came)
    if len({*came[repeated]}) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(came[repeated], np.array(scores)[repeated]))


@settings(deadline=None)
@given(SCORES, st.floats(0.01, 0.99))
def test_flags_are_dealt_in_full_and_equals_share(scores: list[int], share: float) -> None:
    flags = rank_score(scores).flags(np.ones(len(scores)), share)
    assert flags.sum() == pytest.approx(share * len(scores))
    for a, score_a in enumerate(scores):
        for b, score_b in enumerate(scores):
            if score_a == score_b:
                assert flags[a] == flags[b]
            if score_a > score_b:
                assert flags[b] == 0 or flags[a] == pytest.approx(1)


def test_flags_by_hand() -> None:
    assert rank_score([3, 2, 2, 1]).flags(np.ones(4), 0.5).tolist() == [1, 0.5, 0.5, 0]


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        sample = random.normal(size=60)
        means = [weights.dot(sample) / 60 for weights in resamples(60, 200, trial)]
        lo, hi = interval(means[1:])
        held += bool(lo <= 0 <= hi)
    assert 180 <= held <= 199


def test_missing_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="missing"):
        rank_score([1.0, np.nan])
