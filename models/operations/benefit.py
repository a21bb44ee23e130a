"""Benefit cases: every proposed arrest or operation has its expected averted harm compared with its costs.

Both sides are in the same unit: harm-days averted against days of custody and prison imposed, because enforcement is
itself a source of harm (Greenfield and Paoli 2013, International Journal of Drug Policy 24:177). Officer hours,
interrupted treatment and the overdose watch have other units and are shown beside.

What an operation averts is drawn from the record of similar ones, most of which failed: of seven sites trained in High
Point's drug market intervention four carried it out and one brought crime down, by 28%; over all seven it was 4%
(Saunders, Robbins and Ober 2017, Criminology & Public Policy 16:787). The interval of the outcome of such a mixture
begins at zero, whatever the operation: it would refuse all. So the expectation decides, failures included: the lower
end of its 80% interval, given what is not known of the harm at the place and of the effect where it works.
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
    "treatment_interrupted", "overdose_watch_days", "expected_averted", "expected_averted_lo", "p_averts_more",
)  # fmt: skip
CASE = ("harm_averted", "harm_averted_lo", "harm_averted_hi", "custody_days", "prison_days")  # no verdict without


@dataclass(frozen=True, slots=True)
class BenefitConfig:
    """Effect of operations that worked, the days that an arrest costs, and how many of similar operations worked."""

    effect_lo: float
    effect_hi: float
    horizon_days: int
    custody_days_per_arrest: float
    prison_days_per_arrest: float
    sites_trained: int
    sites_carried_out: int
    sites_worked: int

    def __post_init__(self) -> None:
        is_in_order = -1 <= self.effect_lo < self.effect_hi <= 1
        expect(is_in_order, "benefit.", self, "effect_lo effect_hi", "shares of harm, the lower first")
        for name in ("horizon_days", "custody_days_per_arrest", "prison_days_per_arrest"):
            expect(getattr(self, name) >= 0, "benefit.", self, name, "zero or more")
        is_a_record = 0 <= self.sites_worked <= self.sites_carried_out <= self.sites_trained
        names = "sites_trained sites_carried_out sites_worked"
        is_whole = is_a_record and self.sites_carried_out > 0
        expect(
            is_whole, "benefit.", self, names, "numbers of sites, none greater than the one before, some carried out"
        )

    def chance(self, *, is_carried_out: bool) -> float:
        """Return the share of the record's sites at which it worked: of all, or of those that carried it out."""
        return self.sites_worked / (self.sites_carried_out if is_carried_out else self.sites_trained)


@dataclass(frozen=True, slots=True)
class Averted:
    """Draws of the harm-days that an operation averts, and of their expectation, failures included."""

    outcome: Floats
    expected: Floats


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
        The proposals with is_accepted and why (text). The lower end of expected harm averted must exceed the days of
        custody and prison; a proposal that does not state it is held to harm_averted_lo, the lower end of the outcome.
        A proposal without harm averted, its interval, or its days of custody and prison is rejected as incomplete.
    """
    rows = proposals.reindex(columns=["proposal_id", "kind", *NUMBERS])
    numbers = rows[list(NUMBERS)].astype(float)
    missing = numbers[list(CASE)].isna()
    is_disordered = (
        (numbers["harm_averted_lo"] > numbers["harm_averted"])
        | (numbers["harm_averted"] > numbers["harm_averted_hi"])
        | (numbers["expected_averted_lo"] > numbers["expected_averted"])
    )
    imposed = numbers["custody_days"] + numbers["prison_days"]
    is_expectation = numbers["expected_averted_lo"].notna()
    least = numbers["expected_averted_lo"].where(is_expectation, numbers["harm_averted_lo"])
    is_met = least > imposed
    why = [
        f"rejected: no benefit case, {', '.join(missing.columns[gaps])} is not stated"
        if gaps.any()
        else "rejected: the interval of harm averted does not hold its middle"
        if disordered
        else f"{'accepted' if met else 'rejected'}: at least {low:,.1f} harm-days averted"
        f"{' in expectation' if expectation else ''} (80%) against {days:,.1f} days of custody and prison"
        + (f"; it averts more than these with probability {chance:.2f}" if np.isfinite(chance) else "")
        for gaps, disordered, met, expectation, low, days, chance in zip(
            missing.to_numpy(), is_disordered, is_met, is_expectation, least, imposed, numbers["p_averts_more"],
            strict=True,
        )
    ]  # fmt: skip
    accepted = is_met & ~is_disordered & ~missing.any(axis=1)
    return rows.assign(**numbers, is_accepted=accepted.to_numpy(bool), why=why)


def draw_averted(
    seed: int,
    site_id: str,
    counts: Floats,
    weights: Floats,
    days: float,
    *,
    is_carried_out: bool,
    config: BenefitConfig,
    draws: int,
) -> Averted:
    """Draw harm-days that an operation averts over the horizon.

    It is carried out and works as often as operations did at the sites of the record, and averts nothing otherwise.
    Where it works, it averts a share between effect_lo and effect_hi at 80%.

    Parameters
    ----------
    seed : int
        Seed of the run; draws are keyed by (seed, site).
    site_id : str
        The site of the operation.
    counts, weights : Floats
        [bands] publicly reported events at the site over `days`, and the mean harm-days of one. The days must not be
        those by which the site was chosen, or the harm is overstated.
    days : float
        Days over which the events were counted, above zero.
    is_carried_out : bool
        True if the operation has begun; it then compares with the sites that carried it out alone.
    config : BenefitConfig
        Effect, record and horizon.
    draws : int
        Number of draws.

    Returns
    -------
    Averted
        [draws] harm-days averted, and their expectation.
    """
    rng = generator(seed, f"benefit:{site_id}")
    # The mean of each draw of a rate is the rate counted: a half event more would add a murder to many a quiet street.
    harm_per_day = (rng.standard_gamma(counts, (draws, len(counts))) / days * weights).sum(axis=1)
    middle, half = (config.effect_lo + config.effect_hi) / 2, (config.effect_hi - config.effect_lo) / 2
    effect = np.clip(rng.normal(middle, half / Z_80, draws), -1, 1)
    chance = config.chance(is_carried_out=is_carried_out)
    if_it_works = harm_per_day * effect * config.horizon_days
    return Averted(np.where(rng.random(draws) < chance, if_it_works, 0.0), chance * if_it_works)
