"""The methods are right as often as they say: thousands of planted operations, all scenarios together."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest

from models.effects.operation_effect import METHODS, compare_series
from models.statistics.placebo_test import TAIL, Comparison
from tests.models.effects.planted_operations import SCENARIOS, Planted, planted
from tests.soak import IS_WHOLE, sample

FEW = {"interrupted_time_series": 15, "difference_in_differences": 40, "synthetic_control": 15}
ZONES = ("place", "around")


def operations(method: str, scenario: str) -> Iterator[Planted]:
    """1,000 operations of a scenario under HARMSPOT_SOAK=1, else a sample; no two scenarios share their reports."""
    first = 10_000 * list(SCENARIOS).index(scenario)
    return (planted(SCENARIOS[scenario], first + number) for number in range(sample(FEW[method], whole=1000)))


def compared(method: str, operation: Planted, zone: str) -> Comparison:
    series = operation.market if zone == "place" else operation.around
    comparison, _ = compare_series(METHODS[method].expect, [series], len(series.before) - 1)
    assert comparison
    return comparison


@cache
def judged(method: str) -> dict[tuple[str, str], np.ndarray]:
    """By scenario and zone: whether the interval holds what was done, lies below zero, lies above it; and its power."""
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for scenario in SCENARIOS:
        for operation in operations(method, scenario):
            truth = {"place": -operation.averted, "around": operation.moved - operation.averted}
            for zone in ZONES:
                comparison = compared(method, operation, zone)
                _, low, high = comparison.change()
                said = (low <= truth[zone] <= high, high < 0, low > 0, comparison.power_of_fall(0.3))
                rows.setdefault((scenario, zone), []).append(tuple(map(float, said)))
    return {key: np.array(row) for key, row in rows.items()}


TESTS = 3 * (2 + 3)  # methods × (zones + cases in which nothing was done), judged together


def is_stated(hits: np.ndarray, rate: float) -> bool:
    """Not different from the stated rate by a binomial test, at 5% for all of TESTS together."""
    return bool(binomtest(int(hits.sum()), len(hits), rate).pvalue > 0.05 / TESTS)


@pytest.mark.sampled
@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_and_false_alarms_come_as_often_as_is_stated(method: str) -> None:
    """All scenarios together, so that a fault in one is not hidden by its size."""
    found = judged(method)
    if IS_WHOLE:
        for (scenario, zone), rows in found.items():
            print(f"{method:26s} {scenario:20s} {zone:7s} held, fall, rise, power: {np.round(rows.mean(axis=0), 3)}")
    for zone in ZONES:
        held = np.concatenate([found[scenario, zone][:, 0] for scenario in SCENARIOS])
        assert is_stated(held, 1 - 2 * TAIL), (method, zone, held.mean())
    still = [found["nothing", zone] for zone in ZONES] + [found["all moved", "around"]]
    for rows in still:
        assert is_stated(rows[:, 1] + rows[:, 2], 2 * TAIL), (method, rows.mean(axis=0))


@pytest.mark.sampled
@pytest.mark.parametrize("method", METHODS)
def test_a_fall_is_found_as_often_as_its_power_says(method: str) -> None:
    rows = judged(method)["a fall", "place"]
    assert rows[:, 1].mean() == pytest.approx(rows[:, 3].mean(), abs=3 * np.sqrt(0.25 / len(rows)))


@pytest.mark.parametrize("method", METHODS)
def test_a_deep_fall_is_found_and_what_moved_round_the_corner_is_none(method: str) -> None:
    """The test can fail: with 80% of the reports away, and all of them in the rings."""
    scenario = replace(SCENARIOS["all moved"], effect=0.8, per_week=20.0)
    findings = []
    for seed in range(3):
        operation = planted(scenario, seed)
        place, around = (compared(method, operation, zone).change() for zone in ZONES)
        assert place[2] < 0 and place[0] < 0
        findings.append(around[1] <= 0 <= around[2])
    assert any(findings)
