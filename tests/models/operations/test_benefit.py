"""Proposals need a benefit case; both sides are in the same unit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.operations.benefit import Averted, BenefitConfig, draw_averted, weigh

CASE = {
    "proposal_id": "arrest-1", "kind": "arrest", "harm_averted": 90.0, "harm_averted_lo": 40.0,
    "harm_averted_hi": 200.0, "officer_hours": 900.0, "custody_days": 5.0, "prison_days": 30.0,
    "treatment_interrupted": 1.0, "overdose_watch_days": 21.0,
}  # fmt: skip
CONFIG = BenefitConfig(0.1, 0.3, 90, 1, 5, sites_trained=7, sites_carried_out=4, sites_worked=1)


def verdict(**changes: object) -> pd.Series:
    return weigh(pd.DataFrame([{**CASE, **changes}])).iloc[0]


def test_the_lower_bound_decides_and_says_so() -> None:
    assert verdict()["is_accepted"]
    refused = verdict(prison_days=35.0)
    assert not refused["is_accepted"]
    assert (
        refused["why"] == "rejected: at least 40.0 harm points prevented (80%) against 40.0 days of custody and prison"
    )


@pytest.mark.parametrize("name", ["harm_averted", "harm_averted_lo", "harm_averted_hi", "custody_days", "prison_days"])
def test_what_is_not_stated_cannot_be_weighed(name: str) -> None:
    assert not verdict(**{name: None})["is_accepted"]
    without = weigh(pd.DataFrame([CASE]).drop(columns=name)).iloc[0]
    assert not without["is_accepted"] and name in without["why"]


@pytest.mark.parametrize(
    ("name", "value"), [("custody_days", -20.0), ("prison_days", -1.0), ("officer_hours", -5.0), ("p_averts_more", 7.0)]
)
def test_numbers_that_cannot_be_are_refused_by_name(name: str, value: float) -> None:
    refused = verdict(**{name: value})
    assert not refused["is_accepted"] and refused["why"].startswith(f"rejected: {name}={value:g}: expected")


def test_an_interval_without_its_middle_is_refused() -> None:
    assert not verdict(harm_averted=30.0)["is_accepted"]


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 50))
def test_other_costs_stand_beside_and_decide_nothing(hours: float, interrupted: float, watch: float) -> None:
    others = verdict(officer_hours=hours, treatment_interrupted=interrupted, overdose_watch_days=watch)
    assert others["is_accepted"]
    assert (others["officer_hours"], others["treatment_interrupted"]) == (hours, interrupted)


OPERATION = {
    "proposal_id": "op-1", "kind": "operation", "harm_averted": 0.0, "harm_averted_lo": 0.0,
    "expected_averted": 60.0, "expected_averted_lo": 36.0,
}  # fmt: skip


@pytest.mark.parametrize("missing", [("expected_averted",), ("expected_averted_lo",), tuple(OPERATION)[4:]])
def test_an_operation_that_cannot_fail_is_refused(missing: tuple[str, ...]) -> None:
    """300 harm points prevented (80 to 600), with no chance of nothing, was accepted against 30 days."""
    sure = {**OPERATION, "harm_averted": 300.0, "harm_averted_lo": 80.0, "harm_averted_hi": 600.0, "prison_days": 25.0}
    assert verdict(**sure)["is_accepted"]
    refused = verdict(**{**sure, **dict.fromkeys(missing)})
    assert not refused["is_accepted"]
    assert refused["why"] == (
        "rejected: no chance of failure stated: give expected_averted and expected_averted_lo, or let harmspot draw "
        "them"
    )


@pytest.mark.parametrize("kind", ["operation", "arrest"])
@pytest.mark.parametrize("expectation", [(1_000.0, None), (36.0, 1_000.0), (1_000.0, 1_000.0), (61.0, 60.0)], ids=str)
def test_an_expectation_outside_its_bounds_is_refused(kind: str, expectation: tuple[float, float | None]) -> None:
    """A thousand at least, of a hundred at most, was accepted where the expectation itself was not stated."""
    low, middle = expectation
    found = verdict(
        **{**OPERATION, "kind": kind, "harm_averted_hi": 100.0, "expected_averted_lo": low, "expected_averted": middle}
    )
    assert not found["is_accepted"]
    assert found["why"].startswith(
        "rejected: expected_averted is" if middle or kind == "arrest" else "rejected: no chance"
    )


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 500), st.floats(0, 100))
def test_no_operation_is_accepted_beyond_what_it_states(low: float, middle: float, high: float, days: float) -> None:
    found = verdict(
        **{**OPERATION, "harm_averted_hi": high, "expected_averted_lo": low, "expected_averted": middle,
           "custody_days": 0.0, "prison_days": days}
    )  # fmt: skip
    assert found["is_accepted"] == (days < low <= middle <= high)


def test_draws_of_a_record_in_which_fewer_than_one_in_ten_worked_are_weighed_all_the_same() -> None:
    """Nine in ten outcomes are then zero, and the expectation is above them."""
    drawn_case = pd.DataFrame([{**CASE, **OPERATION, "harm_averted_hi": 0.0}])
    assert weigh(drawn_case, is_drawn=True).iloc[0]["is_accepted"]
    assert not weigh(drawn_case).iloc[0]["is_accepted"]


def test_the_expectation_decides_where_it_is_stated() -> None:
    failing = OPERATION
    assert not verdict(**{**failing, "expected_averted_lo": 35.0})["is_accepted"]
    accepted = verdict(**failing, p_averts_more=0.143)
    assert accepted["is_accepted"]
    assert accepted["why"] == (
        "accepted: at least 36.0 harm points prevented in expectation (80%, the share of operations that work taken as "
        "known) against 35.0 days of custody and prison; it averts more than these with probability 0.14"
    )
    assert not verdict(**{**failing, "expected_averted": 30.0})["is_accepted"]  # the interval does not hold its middle


def drawn(*, is_carried_out: bool = False, events: float = 9000.0) -> Averted:
    """Ten harm-days a day over 900 days."""
    counts, weights = np.array([events, 0.0]), np.array([9000.0 / events, 0.0])
    return draw_averted(
        1, "m", counts, weights, 900.0, is_carried_out=is_carried_out, config=CONFIG, draws=40_000
    )  # fmt: skip


def test_where_it_works_it_averts_rate_times_effect_times_days() -> None:
    """Ten harm-days a day, a fifth of it, over ninety days."""
    worked = drawn().outcome[drawn().outcome != 0]
    assert np.median(worked) == pytest.approx(10 * 0.2 * 90, rel=0.03)
    assert np.quantile(worked, [0.1, 0.9]) == pytest.approx([90, 270], rel=0.08)


@pytest.mark.parametrize(("is_carried_out", "share"), [(False, 1 / 7), (True, 1 / 4)])
def test_most_operations_avert_nothing(is_carried_out: bool, share: float) -> None:
    """As in the record: of seven sites one, of the four that carried it out one; the interval begins at zero."""
    found = drawn(is_carried_out=is_carried_out)
    assert (found.outcome > 0).mean() == pytest.approx(share, abs=0.01)
    assert np.quantile(found.outcome, [0.1, 0.5]).tolist() == [0.0, 0.0]
    assert found.expected.mean() == pytest.approx(share * 180, rel=0.02)
    assert found.outcome.mean() == pytest.approx(found.expected.mean(), rel=0.06)


def test_the_shipped_record_gives_the_effect_found_over_all_sites() -> None:
    """28% at one of seven is the 4% of the trial."""
    shipped = yaml.safe_load((Path(__file__).parents[3] / "configs/default.yaml").read_text(encoding="utf-8"))
    config = BenefitConfig(**shipped["benefit"])
    middle = (config.effect_lo + config.effect_hi) / 2
    assert middle == pytest.approx(0.28)
    assert config.chance(is_carried_out=False) * middle == pytest.approx(0.04)


@pytest.mark.parametrize("sites", [(7, 8, 1), (7, 4, 5), (7, 0, 0), (7, 4, -1)])
def test_a_record_that_cannot_be_is_refused(sites: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"benefit\.sites_trained"):
        BenefitConfig(0.1, 0.3, 90, 1, 5, *sites)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=2))
def test_a_rate_drawn_has_the_mean_counted(counts: list[int]) -> None:
    """Also of few events: half an event more, of a band in which one weighs years, would overstate most streets."""
    config = replace(CONFIG, sites_carried_out=1, sites_worked=1, sites_trained=1)
    found = draw_averted(
        3, "m", np.array(counts, float), np.ones(2), 90.0, is_carried_out=True, config=config, draws=20_000
    )
    assert found.expected.mean() == pytest.approx(0.2 * sum(counts), rel=0.05, abs=1e-12)
