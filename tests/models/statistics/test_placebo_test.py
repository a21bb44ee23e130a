"""Inference from placebos: worked out by hand where it can be, and as often right as it says on planted counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.statistics.placebo_test import FEWEST, TAIL, Comparison, chance, compare, judge_together
from tests.soak import sample

FEW_TRIALS = 400


def planted(draw: np.random.Generator, placebos: int = 150, level_of_all: float = 12.0) -> tuple[np.ndarray, ...]:
    """Counts after, and recent and earlier ones, of units that were all left alone; overdispersed."""
    level = draw.gamma(3, level_of_all, placebos + 1)
    drift = draw.gamma(20, 1 / 20, (3, placebos + 1))
    return tuple(draw.poisson(level * of_span).astype(float) for of_span in drift)


def test_a_chance_is_a_rank_and_few_placebos_state_nothing() -> None:
    assert chance(0.0, 99) == pytest.approx(0.01)
    assert chance(1.0, 9) == 1.0
    after, recent, earlier = planted(np.random.default_rng(1))
    assert compare(after, [recent, earlier], independent=FEWEST - 1) is None
    assert compare(after, [0 * recent, 0 * earlier], independent=99) is None
    assert compare(np.r_[5.0, 0 * after[1:]], [recent, earlier], independent=99) is None


def test_an_interval_ends_at_ranks_of_the_placebos() -> None:
    """Nineteen placebos that depart by −9 … 9: one in ten on each side of twenty ranks is one beyond each end."""
    departures = np.r_[0.0, np.arange(-9, 10) / 10]
    comparison = Comparison(20.0, 20.0, departures, 19.0, 1.0, 1.0)
    ends = comparison.counts(np.array([-0.8, 0.8]))
    assert comparison.change() == pytest.approx((0.0, 20 - ends[1], 20 - ends[0]))
    assert comparison.p_rise() == pytest.approx((1 + 10) / 20)
    assert comparison.counts(np.zeros(1)) == pytest.approx([20.0])


def test_an_interval_holds_its_point_where_all_placebos_rose() -> None:
    comparison = Comparison(10.0, 20.0, np.r_[-3.0, np.linspace(1, 2, 30)], 30.0, 1.0, 1.0)
    change, low, high = comparison.change()
    assert change == -10 and low <= change <= high


def test_a_unit_at_a_chance_height_is_expected_to_fall() -> None:
    draw = np.random.default_rng(2)
    after, recent, earlier = planted(draw)
    low = compare(after, [recent, earlier], independent=150)
    after[0], recent[0] = after[0], recent[0] + 60
    high = compare(after, [recent, earlier], independent=150)
    assert low and high
    assert 0 < high.expected - low.expected < 55


def test_intervals_hold_and_alarms_come_as_often_as_they_say() -> None:
    trials = sample(FEW_TRIALS, whole=4 * FEW_TRIALS)
    held, alarms, false_any = [], [], []
    for seed in range(trials):
        draw = np.random.default_rng(seed)
        rows = []
        for _ in range(4):
            after, recent, earlier = planted(draw)
            comparison = compare(after, [recent, earlier], independent=150)
            assert comparison
            _, low, high = comparison.change()
            held.append(low <= 0 <= high)
            alarms.append(comparison.p_rise() <= TAIL)
            rows.append(comparison)
        judged = judge_together([rows[:3], rows[3:]])
        false_any.append(min(float(p.min()) for p in judged.p_any) <= TAIL)
    assert np.mean(held) == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / len(held)))
    assert np.mean(alarms) == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / len(alarms)))
    assert np.mean(false_any) == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / trials))


def test_a_planted_fall_is_found_as_often_as_is_stated() -> None:
    found, stated = [], []
    for seed in range(sample(FEW_TRIALS, whole=4 * FEW_TRIALS)):
        draw = np.random.default_rng(seed)
        after, recent, earlier = planted(draw, level_of_all=40.0)
        untouched = compare(after, [recent, earlier], independent=150)
        after[0] -= draw.binomial(int(after[0]), 0.3)
        fallen = compare(after, [recent, earlier], independent=150)
        assert untouched and fallen
        stated.append(fallen.power_of_fall(0.3))
        found.append(fallen.change()[2] < 0)
    assert 0.2 < np.mean(found) < 0.95
    assert np.mean(found) == pytest.approx(np.mean(stated), abs=3 * np.sqrt(0.25 / len(found)))


@pytest.mark.sampled
@settings(max_examples=sample(50, whole=300), deadline=None)
@given(st.integers(0, 10_000), st.floats(9, 140))
def test_the_least_rise_raises_the_alarm_in_four_of_five_placebos_and_a_smaller_one_does_not(
    seed: int, independent: float
) -> None:
    draw = np.random.default_rng(seed)
    comparisons = []
    for _ in range(3):
        after, recent, earlier = planted(draw)
        comparison = compare(after, [recent, earlier], independent=independent)
        assert comparison
        comparisons.append(comparison)
    judged = judge_together([comparisons[:2], comparisons[2:]])
    for comparison, limit in zip(comparisons, [judged.limits[0], judged.limits[0], judged.limits[1]], strict=True):
        drawn, needed = comparison.untouched(), comparison.counts(np.array([limit]))[0]
        least = comparison.least_rise(limit)
        assert (drawn + least + 1e-9 >= needed).mean() >= 0.8
        assert least == 0 or (drawn + 0.99 * least >= needed).mean() <= 0.8 + 1 / len(drawn)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(9, 120))
def test_an_alarm_is_a_departure_beyond_the_limit(seed: int, independent: int) -> None:
    draw = np.random.default_rng(seed)
    families = [
        [Comparison(1.0, 1.0, draw.standard_t(4, 121), float(independent), 1.0, 1.0) for _ in range(rows)]
        for rows in (5, 2)
    ]
    judged = judge_together(families)
    for family, p_any, limit in zip(families, judged.p_any, judged.limits, strict=True):
        for row, p in zip(family, p_any.tolist(), strict=True):
            assert (p <= TAIL) == (row.departures[0] > limit)
            assert p >= chance(0.0, independent) - 1e-12
