import numpy as np

from models.evaluation.baselines import CellEvents
from models.evaluation.boosting import boosted
from models.forecast.scales import build_pyramid


def test_boosted_trees_find_a_planted_map_and_answer_the_same_again():
    random = np.random.default_rng(0)
    side = 24
    ix, iy = np.divmod(np.arange(side * side), side)
    rate = np.exp(-((ix - 7) ** 2 + (iy - 15) ** 2) / 20) + 0.02
    n = 6000
    cell = random.choice(side * side, n, p=rate / rate.sum())
    code = random.choice(2, n, p=[0.05, 0.95])
    past = CellEvents(side * side, cell, code, random.integers(0, 365, n), np.ones(n), np.array([365.0, 2.0]))
    pyramid = build_pyramid(ix, iy)
    by_events, by_harm = boosted(past, pyramid, 7, seed=1)
    for score in (by_events, by_harm):
        assert np.corrcoef(score, rate)[0, 1] > 0.85
    assert by_events.sum() / (n / 365 * 7) < 1.25
    np.testing.assert_array_equal(boosted(past, pyramid, 7, seed=1), (by_events, by_harm))


def test_without_a_past_nothing_is_scored():
    nothing = CellEvents(4, *(np.empty(0, dtype=np.int64) for _ in range(3)), np.empty(0), np.ones(2))
    pyramid = build_pyramid(np.arange(4), np.zeros(4, dtype=int))
    np.testing.assert_array_equal(boosted(nothing, pyramid, 7, seed=1), np.zeros((2, 4)))
