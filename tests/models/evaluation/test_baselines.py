import numpy as np
import pytest

from models.evaluation.baselines import (
    CellEvents,
    decayed_density,
    decayed_harm,
    hawkes,
    look_ahead_count,
    look_ahead_harm,
    naive_count,
)
from models.forecast.scales import build_pyramid

WEIGHTS = np.array([365.0, 2.0])


def events(*rows, cells=3):
    """CellEvents of (cell, code, age, n)."""
    cell, code, age, n = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return CellEvents(cells, cell, code, age, n.astype(float), WEIGHTS)


def line(cells):
    return build_pyramid(np.arange(cells), np.zeros(cells, dtype=int))


def test_the_naive_count_looks_back_a_year():
    np.testing.assert_array_equal(naive_count(events((0, 0, 0, 2), (0, 1, 364, 1), (1, 0, 365, 9))), [3, 0, 0])


def test_raw_harm_fades_by_its_mean_life():
    scores = decayed_harm(events((0, 0, 0, 1), (1, 1, 120, 3)), 120)
    np.testing.assert_allclose(scores, [365, 3 * 2 * np.exp(-1), 0])


def test_density_spreads_to_neighbours_and_fades():
    scores = decayed_density(events((1, 0, 0, 1), cells=9), line(9))
    assert scores[1] > scores[2] > scores[4] >= 0
    assert (decayed_density(events((1, 0, 90, 1), cells=9), line(9)) < scores + 1e-12).all()


def test_a_self_exciting_process_expects_more_after_a_burst():
    # The same number in both cells; one of them has had its events on the latest days.
    spread = [(0, 1, 20 * step, 1) for step in range(18)]
    burst = [(1, 1, 2 * step + 200, 1) for step in range(9)] + [(1, 1, step, 1) for step in range(9)]
    scores = hawkes(events(*spread, *burst), 7)
    assert scores[1] > scores[0] > scores[2]


def test_a_planted_self_exciting_process_is_told_from_a_steady_one():
    random = np.random.default_rng(0)
    cells, days, steady, triggered, decay = 2000, 365, 0.01, 0.5, 0.2
    daily, pressure = np.zeros((days, cells)), np.zeros(cells)
    for day in range(days):
        daily[day] = random.poisson(steady + triggered * np.expm1(decay) * pressure)
        pressure = (pressure + daily[day]) * np.exp(-decay)
    expected = 7 * steady + triggered * np.expm1(decay) * pressure * np.expm1(-7 * decay) / np.expm1(-decay)
    day, cell = np.nonzero(daily)
    past = CellEvents(cells, cell, np.zeros_like(cell), days - 1 - day, daily[day, cell], WEIGHTS)
    scores = hawkes(past, 7)
    # Steady rates are fitted cell by cell, which leaves noise; the excitement of the last days must show through it.
    assert scores.sum() == pytest.approx(expected.sum(), rel=0.15)
    assert np.corrcoef(scores, expected)[0, 1] > np.corrcoef(naive_count(past), expected)[0, 1] + 0.1


def test_a_self_exciting_process_without_events_expects_none():
    np.testing.assert_array_equal(hawkes(events(), 7), 0)


def test_looking_ahead_counts_both_sides():
    np.testing.assert_array_equal(look_ahead_count(events((0, 0, 5, 2), (0, 0, -30, 1), (2, 1, -9, 4))), [3, 0, 4])


def test_looking_ahead_spreads_only_the_rare():
    common = [(2, 1, age, 1) for age in range(99)]
    scores = look_ahead_harm(events((30, 0, 1, 1), *common, cells=61), line(61))
    # One grave event among a hundred is rare: its neighbours share it; the others stay where they were.
    assert 365 > scores[30] > scores[31] > scores[33] > 0
    np.testing.assert_allclose(scores[[2, 3]], [99 * 2, 0])
