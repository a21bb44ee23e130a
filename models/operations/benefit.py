"""Benefit cases: every proposed arrest or operation has its expected averted harm compared with its costs.

Both sides are in the same unit: the lower end of the 80% interval of harm-days averted must exceed the days of custody
and prison imposed, because enforcement is itself a source of harm (Greenfield and Paoli 2013, International Journal of
Drug Policy 24:177). Officer hours, interrupted treatment and the overdose watch have other units and are shown beside.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.checks import expect
from models.operations.tipping import Z_80
from models.statistics.rank_draws import generator

BANDS = ("high", "mid", "low")
NUMBERS = (
    "harm_averted", "harm_averted_lo", "harm_averted_hi", "officer_hours", "custody_days", "prison_days",
    "treatment_interrupted", "overdose_watch_days",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenefitConfig:
    """Effect of similar operations, and the days that an arrest costs."""

    effect_lo: float
    effect_hi: float
    horizon_days: int
    custody_days_per_arrest: float
    prison_days_per_arrest: float

    def __post_init__(self) -> None:
        is_in_order = -1 <= self.effect_lo < self.effect_hi <= 1
        expect(is_in_order, "benefit.", self, "effect_lo effect_hi", "shares of harm, the lower first")
        for name in ("horizon_days", "custody_days_per_arrest", "prison_days_per_arrest"):
            expect(getattr(self, name) >= 0, "benefit.", self, name, "zero or more")


def weigh(proposals: pd.DataFrame) -> pd.DataFrame:
    """Accept or reject proposals by their benefit case.

    Parameters
    ----------
    proposals : DataFrame
        proposal_id, kind (operation or arrest) and NUMBERS; harm and days in days of guideline prison. Missing values
        are null.

    Returns
    -------
    DataFrame
        The proposals with is_accepted and why (text). A proposal without harm averted, its interval, or its days of
        custody and prison is rejected as incomplete.
    """
    rows = proposals.reindex(columns=["proposal_id", "kind", *NUMBERS])
    numbers = rows[list(NUMBERS)].astype(float)
    case = ["harm_averted", "harm_averted_lo", "harm_averted_hi", "custody_days", "prison_days"]
    missing = numbers[case].isna()
    is_disordered = (numbers["harm_averted_lo"] > numbers["harm_averted"]) | (
        numbers["harm_averted"] > numbers["harm_averted_hi"]
    )
    imposed = numbers["custody_days"] + numbers["prison_days"]
    is_met = numbers["harm_averted_lo"] > imposed
    why = [
        f"rejected: no benefit case, {', '.join(missing.columns[gaps])} is not stated"
        if gaps.any()
        else "rejected: the interval of harm averted does not hold its middle"
        if disordered
        else f"{'accepted' if met else 'rejected'}: at least {low:,.1f} harm-days averted (80%) against "
        f"{days:,.1f} days of custody and prison"
        for gaps, disordered, met, low, days in zip(
            missing.to_numpy(), is_disordered, is_met, numbers["harm_averted_lo"], imposed, strict=True
        )
    ]
    accepted = is_met & ~is_disordered & ~missing.any(axis=1)
    return rows.assign(**numbers, is_accepted=accepted.to_numpy(bool), why=why)


def draw_averted(
    seed: int, site_id: str, counts: Floats, weights: Floats, days: float, *, config: BenefitConfig, draws: int
) -> Floats:
    """Draw harm-days that an operation averts over the horizon.

    The effect is that of similar operations, failed ones included: a share between effect_lo and effect_hi at 80%.

    Parameters
    ----------
    seed : int
        Seed of the run; draws are keyed by (seed, site).
    site_id : str
        The site of the operation.
    counts, weights : Floats
        [bands] publicly reported events at the site over `days`, and the mean harm-days of one.
    days : float
        Days over which the events were counted.
    config : BenefitConfig
        Effect and horizon.
    draws : int
        Number of draws.

    Returns
    -------
    Floats
        [draws] harm-days averted.
    """
    rng = generator(seed, f"benefit:{site_id}")
    harm_per_day = (rng.gamma(counts + 0.5, 1 / days, (draws, len(counts))) * weights).sum(axis=1)
    middle, half = (config.effect_lo + config.effect_hi) / 2, (config.effect_hi - config.effect_lo) / 2
    effect = np.clip(rng.normal(middle, half / Z_80, draws), -1, 1)
    return harm_per_day * effect * config.horizon_days
