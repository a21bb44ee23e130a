"""Proposals need a benefit case; both sides are in the same unit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.operations.benefit import BenefitConfig, draw_averted, weigh

CASE = {
    "proposal_id": "op-1", "kind": "operation", "harm_averted": 90.0, "harm_averted_lo": 40.0, "harm_averted_hi": 200.0,
    "officer_hours": 900.0, "custody_days": 5.0, "prison_days": 30.0, "treatment_interrupted": 1.0,
    "overdose_watch_days": 21.0,
}  # fmt: skip
CONFIG = BenefitConfig(0.1, 0.3, 90, 1, 5)


def verdict(**changes: object) -> pd.Series:
    return weigh(pd.DataFrame([{**CASE, **changes}])).iloc[0]


def test_the_lower_bound_decides_and_says_so() -> None:
    assert verdict()["is_accepted"]
    refused = verdict(prison_days=35.0)
    assert not refused["is_accepted"]
    assert refused["why"] == "rejected: at least 40.0 harm-days averted (80%) against 40.0 days of custody and prison"


@pytest.mark.parametrize("name", ["harm_averted", "harm_averted_lo", "harm_averted_hi", "custody_days", "prison_days"])
def test_what_is_not_stated_cannot_be_weighed(name: str) -> None:
    assert not verdict(**{name: None})["is_accepted"]
    without = weigh(pd.DataFrame([CASE]).drop(columns=name)).iloc[0]
    assert not without["is_accepted"] and name in without["why"]


def test_an_interval_without_its_middle_is_refused() -> None:
    assert not verdict(harm_averted=30.0)["is_accepted"]


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 50))
def test_other_costs_stand_beside_and_decide_nothing(hours: float, interrupted: float, watch: float) -> None:
    others = verdict(officer_hours=hours, treatment_interrupted=interrupted, overdose_watch_days=watch)
    assert others["is_accepted"]
    assert (others["officer_hours"], others["treatment_interrupted"]) == (hours, interrupted)


def test_harm_averted_is_rate_times_effect_times_days() -> None:
    drawn = draw_averted(1, "m", np.array([9000.0, 0.0]), np.array([10.0, 0.0]), 900.0, config=CONFIG, draws=20_000)
    assert np.median(drawn) == pytest.approx(10 * 10 * 0.2 * 90, rel=0.03)
    assert np.quantile(drawn, [0.1, 0.9]) == pytest.approx([900, 2700], rel=0.08)
