"""Benefit cases: every proposed arrest or operation has its expected averted harm compared with its costs.

Both sides are in the same unit: harm-days averted against days of custody and prison imposed, because enforcement is
itself a source of harm (Greenfield and Paoli 2013, International Journal of Drug Policy 24:177). Officer hours,
interrupted treatment and the overdose watch have other units and are shown beside.

What an operation averts is drawn from the record of similar ones, most of which failed: of seven sites trained in High
Point's drug market intervention four carried it out and one brought crime down, by 28%; over all seven it was 4%
(Saunders, Robbins and Ober 2017, Criminology & Public Policy 16:787). The interval of the outcome of such a mixture
begins at zero, whatever the operation: it would refuse all. So the expectation decides, failures included: the lower
end of its 80% interval, given what is not known of the harm at the place and of the effect where it works. It takes
the record's share of operations that worked as known: of 1 in 7 it might be 2% or 30%.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats, Row
from models.checks import expect
from models.statistics.intervals import Z_80
from models.statistics.rank_draws import generator

BANDS = ("high", "mid", "low")
NUMBERS = (
    "harm_averted", "harm_averted_lo", "harm_averted_hi", "officer_hours", "custody_days", "prison_days",
    "treatment_interrupted", "overdose_watch_days", "expected_averted", "expected_averted_lo", "p_averts_more",
)  # fmt: skip
COSTS = ("officer_hours", "custody_days", "prison_days", "treatment_interrupted", "overdose_watch_days")
CASE = ("harm_averted", "harm_averted_lo", "harm_averted_hi", "custody_days", "prison_days")  # no verdict without
NO_CHANCE_OF_FAILURE = (
    "no chance of failure stated: give expected_averted and expected_averted_lo, or let harmspot draw them"
)
IN_EXPECTATION = " in expectation (80%, the share of operations that work taken as known)"


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


def weigh(proposals: pd.DataFrame, *, is_drawn: bool = False) -> pd.DataFrame:
    """Accept or reject proposals by their benefit case.

    Parameters
    ----------
    proposals : DataFrame
        proposal_id, kind (operation or arrest) and NUMBERS; harm and days in days of guideline prison. Missing values
        are null.
    is_drawn : bool
        True for the draws of `draw_averted`: their expectation may exceed the interval of the outcome, namely where
        fewer than one operation in ten works and the interval is zero.

    Returns
    -------
    DataFrame
        The proposals with is_accepted and why (text). The lower end of expected harm averted must exceed the days of
        custody and prison. An operation that does not state its expectation is rejected, since its interval may leave
        out that it fails; an arrest is then held to harm_averted_lo, the lower end of the outcome. A proposal without
        harm averted, its interval, or its days of custody and prison is rejected as incomplete.
    """
    rows = proposals.reindex(columns=["proposal_id", "kind", *NUMBERS])
    numbers = rows[list(NUMBERS)].astype(float)
    cases = [{"kind": kind, **case} for kind, case in zip(rows["kind"], numbers.to_dict("records"), strict=True)]
    verdicts = [_verdict(case, is_drawn=is_drawn) for case in cases]
    accepted = np.array([is_accepted for is_accepted, _ in verdicts], dtype=bool)
    return rows.assign(**numbers, is_accepted=accepted, why=[why for _, why in verdicts])


def _verdict(case: Row, *, is_drawn: bool) -> tuple[bool, str]:
    if problem := _problem(case, is_drawn=is_drawn):
        return False, f"rejected: {problem}"
    is_expectation = not np.isnan(case["expected_averted_lo"])
    least = case["expected_averted_lo"] if is_expectation else case["harm_averted_lo"]
    imposed, chance = case["custody_days"] + case["prison_days"], case["p_averts_more"]
    why = (
        f"{'accepted' if least > imposed else 'rejected'}: at least {least:,.1f} harm points prevented"
        f"{IN_EXPECTATION if is_expectation else ' (80%)'} against {imposed:,.1f} days of custody and prison"
    )
    return least > imposed, why + (f"; it averts more than these with probability {chance:.2f}" if chance >= 0 else "")


def _problem(case: Row, *, is_drawn: bool) -> str | None:
    """Return in words what a case lacks or where its numbers contradict each other."""
    missing = [name for name in CASE if np.isnan(case[name])]
    if missing:
        return f"no benefit case, {', '.join(missing)} is not stated"
    if negative := [name for name in COSTS if case[name] < 0]:
        return f"{negative[0]}={case[negative[0]]:g}: expected zero or more"
    if case["p_averts_more"] < 0 or case["p_averts_more"] > 1:
        return f"p_averts_more={case['p_averts_more']:g}: expected a probability from 0 to 1"
    if case["kind"] != "arrest" and np.isnan([case["expected_averted"], case["expected_averted_lo"]]).any():
        return NO_CHANCE_OF_FAILURE
    if not case["harm_averted_lo"] <= case["harm_averted"] <= case["harm_averted_hi"]:
        return "the interval of harm averted does not hold its middle"
    ends = [case["expected_averted_lo"], case["expected_averted"], *([] if is_drawn else [case["harm_averted_hi"]])]
    stated = [end for end in ends if not np.isnan(end)]
    if stated != sorted(stated):
        return "expected_averted is below expected_averted_lo, or one of them above harm_averted_hi"
    return None


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
