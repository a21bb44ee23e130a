"""Seconds that the plans take, and their claims beside planted truth; `make bench` prints what the docs report."""

import time

import numpy as np
import pandas as pd
import pytest

from models.operations.allocation import AllocationConfig, allocate

pytestmark = pytest.mark.bench


def test_allocation_of_500_areas() -> None:
    rng = np.random.default_rng(1)
    ids = [f"a{i:03d}" for i in range(500)]
    crimes, harm, hours = (pd.Series(rng.gamma(shape, 20, 500), ids) for shape in (1.0, 0.7, 2.0))
    shares = pd.concat([pd.DataFrame({"area_id": ids, "group": g, "share": rng.beta(1, 4, 500)}) for g in "xyz"])
    config = AllocationConfig(floor_share=0.5, ceiling_share=2.0, averted_share=0.2, equity_cap_ratio=1.0)
    for words, groups in (("without caps", None), ("under three equity caps", shares)):
        began, busy = time.perf_counter(), time.process_time()
        allocate(crimes, harm, hours, config=config, group_shares=groups)
        seconds, of_processor = time.perf_counter() - began, time.process_time() - busy
        print(f"\nallocation of 500 areas, {words}: {seconds:.2f} s, {of_processor:.2f} s of processor time")


TRUE_SHARE, TOWNS, AREAS = 0.2, 50, 21


@pytest.mark.parametrize("staffing", ["by harm", "more than by harm", "at random"])
def test_what_the_marginal_plan_claims_and_what_is_true(staffing: str) -> None:
    """Towns whose harm without officers is planted; the plan sees what is left of it under today's hours."""
    print(f"\nhours {staffing}: gain of the plan, share of measured harm, mean of {TOWNS} towns")
    for multiple in (0.5, 1.0, 2.0):
        gains = np.array([_gain(number, staffing, multiple) for number in range(TOWNS)])
        claimed, true = gains.mean(axis=0)
        wrong = int(((gains[:, 0] > 1e-9) & (gains[:, 1] < -1e-9)).sum())
        print(f"  effect assumed {multiple:g} times the true one: claimed {claimed:.2%}, true {true:.2%}, "
              f"claimed where the truth is a loss: {wrong} towns")  # fmt: skip


def _gain(number: int, staffing: str, multiple: float) -> tuple[float, float]:
    """Return the gain claimed and the true one."""
    rng = np.random.default_rng([5, number])
    untreated = rng.gamma(2, 50, AREAS)
    power = {"by harm": 1.0, "more than by harm": 1.5}.get(staffing)
    hours = rng.gamma(2, 50, AREAS) if power is None else untreated**power
    hours *= 100 / hours.mean()
    kappa = -np.log1p(-TRUE_SHARE) / 100
    ids = [f"a{i:02d}" for i in range(AREAS)]
    harm, today = (pd.Series(values, ids) for values in (untreated * np.exp(-kappa * hours), hours))
    share = float(-np.expm1(-multiple * kappa * 100))
    config = AllocationConfig(floor_share=0.5, ceiling_share=2.0, averted_share=share, equity_cap_ratio=1.0)
    plan = allocate(harm, harm, today, config=config)
    now = plan.curve.query("kappa_multiple == 1 and hours_share == 1").iloc[0]
    left = (untreated * np.exp(-kappa * plan.areas["marginal_hours"].to_numpy())).sum()
    return float(now["gain_marginal"] / harm.sum()), float(1 - left / harm.sum())
