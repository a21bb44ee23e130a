"""Hours that tip a market: the formula against the simulated sellers, and its uncertainty."""

import numpy as np
import pytest

from models.operations.tipping import draw_hours_needed, hardest_share
from models.simulate.behaviour.markets import COSTS, SANCTIONS_PER_HOUR

ASSUMED = {
    "sellers_per_weekly_report": 4.0, "cost_lo": 0.1, "cost_hi": 0.5, "sanctions_per_hour": 0.1, "doubt_factor": 1.3,
    "draws": 4000,
}  # fmt: skip


def stays(hours: float) -> int:
    """Simulate the cascade seller by seller; return the sellers who never stop under so many hours a day."""
    dealing = len(COSTS)
    while dealing and hours * SANCTIONS_PER_HOUR / dealing > COSTS[len(COSTS) - dealing]:
        dealing -= 1
    return dealing


def test_the_hardest_moment_is_that_of_the_cascade() -> None:
    needed = hardest_share(COSTS[0], COSTS[-1]) * len(COSTS) / SANCTIONS_PER_HOUR
    assert stays(needed * 1.05) == 0
    assert stays(needed * 0.9) > 0


def test_equal_costs_need_the_first_to_give_way() -> None:
    assert hardest_share(0.3, 0.3) == pytest.approx(0.3)
    assert hardest_share(0.4, 0.5) == pytest.approx(0.4)


def test_draws_are_centred_and_as_wide_as_told() -> None:
    drawn = draw_hours_needed(1, "m", 60, 10, **ASSUMED)
    middle = 6.05 * 4 * hardest_share(0.1, 0.5) / 0.1
    assert np.median(drawn) == pytest.approx(middle, rel=0.05)
    surer = draw_hours_needed(1, "m", 6000, 1000, **{**ASSUMED, "doubt_factor": 1.0001})
    assert np.std(surer) < 0.05 * np.std(drawn) * 3
    assert np.array_equal(drawn, draw_hours_needed(1, "m", 60, 10, **ASSUMED))
    assert not np.array_equal(drawn, draw_hours_needed(1, "n", 60, 10, **ASSUMED))
