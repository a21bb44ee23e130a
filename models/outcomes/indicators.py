"""What the five unintended consequences are seen by: each indicator, what raises its alarm and what weakens it.

The five are black market, policy, geographical and substance displacement, and marginalisation (UNODC 2008, "Making
drug control fit for purpose", E/CN.7/2008/CRP.17). The indicators and margins are harmspot's own choice.
"""

from dataclasses import dataclass
from typing import Literal

from models.statistics.weekly_series import Side

MARGIN = 0.1  # of the level before: a smaller change for the worse raises no alarm
WORSENING = 0.1  # of the level before: a figure that is not worse rules it out
MIX_WORSENING = 0.05  # bits: one drug in ten turned to one that was not there
Answer = Literal["worse", "may_be_worse", "better", "not_worse", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure of one consequence: its words, the side that is for the worse, and what makes it say less."""

    consequence: str
    name: str
    what: str  # begins its sentence
    unit: str  # of its levels
    side: Side
    missing: str  # said where no event carries it
    weakened_by: str
    margin: float = MARGIN
    is_of_people: bool = False  # counts below ten are suppressed
    can_improve: bool = True  # whether a change the other way is for the better


def answer_of(side: Side, lo: float, hi: float, *, is_worse: bool, is_better: bool, worsening: float) -> Answer:
    """Return what a figure answers: an interval in which a worsening of this size could hide is never `not_worse`.

    One that leaves out everything but a change for the worse, though too little for an alarm, is `may_be_worse`.

    Parameters
    ----------
    side : {"rise", "fall", "either"}
        What is for the worse.
    lo, hi : float
        Interval of the change; NaN where it is unknown.
    is_worse, is_better : bool
        Whether it changed beyond chance.
    worsening : float
        Change that must lie outside the interval.
    """
    if is_worse:
        return "worse"
    if is_better:
        return "better"
    if {"rise": lo > 0, "fall": hi < 0, "either": lo > 0 or hi < 0}[side]:
        return "may_be_worse" if max(hi, -lo) >= worsening else "not_worse"
    no_rise, no_fall = hi < worsening, -lo < worsening
    return "not_worse" if {"rise": no_rise, "fall": no_fall, "either": no_rise and no_fall}[side] else "cannot_tell"


_OWN_RECORDS = "it rests on what health partners send: a source that stops looks like a fall"
VIOLENCE = Indicator(
    "black_market", "violence", "violence within 500 m of the market, beside the rest of the force", "reports a week",
    "rise", "no violence was reported within 500 m", margin=0.0,
    weakened_by="more officers may bring more reports; violence elsewhere may fall for other reasons",
)  # fmt: skip
NEW_SELLERS = Indicator(
    "black_market", "new_sellers", "share of suspected sellers within 500 m who were not seen in the half year before",
    "share", "rise", "no incident within 500 m names a suspected seller", margin=0.0, is_of_people=True,
    weakened_by="who is suspected follows where police look; a seller new to the records may have sold for years",
)  # fmt: skip
PRICE = Indicator(
    "black_market", "price", "price per gram, each drug beside its own median before", "of the median before", "rise",
    "no event carries a price per gram", can_improve=False,
    weakened_by="prices are known where police or partners asked; a gram of another purity is another good",
)  # fmt: skip
PURITY = Indicator(
    "black_market", "purity", "purity of tested drugs, each beside its own median before", "of the median before",
    "either", "no event carries a purity",
    weakened_by="what is tested is what was seized; weaker and stronger drugs both harm those who use them",
)  # fmt: skip
EFFORT = Indicator(
    "policy", "enforcement_to_health", "officer hours in operations and visits for each hour of outreach",
    "officer hours per health hour", "rise", "no event carries hours of outreach, or none those of officers",
    weakened_by="only reported hours count; money is not in it; an operation raises it by being one",
)  # fmt: skip
WAIT = Indicator(
    "policy", "treatment_wait", "days waited for treatment", "days", "rise",
    "no event carries days waited for treatment",
    weakened_by="only those who began are in it; whoever gave up waiting is not",
)  # fmt: skip
MIX = Indicator(
    "substance", "substance_mix", "mix of substances", "bits", "rise", "no event names a substance", margin=0.0,
    can_improve=False,
    weakened_by="what is seized and tested follows where police look; a new word for a drug looks like a new drug",
)  # fmt: skip
SYNTHETIC = Indicator(
    "substance", "synthetic_opioids", "share of synthetic opioids among named substances", "share", "rise",
    "no event names a substance", margin=0.0,
    weakened_by="rests on tests: a new test finds what was there before; the list of substances is the force's own",
)  # fmt: skip
STARTS = Indicator(
    "marginalisation", "treatment_starts", "starts of treatment", "a week", "fall",
    "no event says that treatment began", is_of_people=True,
    weakened_by=_OWN_RECORDS + "; full clinics start fewer, too",
)  # fmt: skip
RETENTION = Indicator(
    "marginalisation", "treatment_retention", "share retained among those retained or gone from treatment", "share",
    "fall", "no event says who was retained in treatment, or none who left it", is_of_people=True,
    weakened_by=_OWN_RECORDS + "; who was retained began twelve weeks before and says little of the last weeks",
)  # fmt: skip
NALOXONE = Indicator(
    "marginalisation", "naloxone", "naloxone handed out or given", "a week", "fall",
    "no event says that naloxone was given", is_of_people=True, can_improve=False,
    weakened_by=_OWN_RECORDS + "; fewer overdoses need less of it",
)  # fmt: skip
NEEDLES = Indicator(
    "marginalisation", "needle_exchange", "visits to needle exchanges", "a week", "fall",
    "no event counts visits to a needle exchange", is_of_people=True, weakened_by=_OWN_RECORDS + "; so does a holiday",
)  # fmt: skip
COMPLAINTS = Indicator(
    "marginalisation", "complaints", "complaints about the police", "a week", "rise", "no event records a complaint",
    weakened_by="most who are aggrieved never complain; a campaign or a new form brings complaints",
)  # fmt: skip
DISPLACED = Indicator(
    "geographical", "displaced", "reports within 500 m around the market, beside places where nothing was done",
    "reports", "rise", "too few places apart from each other, or too few reports, to compare with", margin=0.0,
    weakened_by="what moves further than 500 m is seen at the next places alone",
)  # fmt: skip
OVERDOSES = Indicator(
    "marginalisation", "overdoses", "overdoses near the operation or after seizures", "overdoses", "rise",
    "no watch was opened", margin=0.0,
    weakened_by="an association, no proof; overdoses that nobody called about are not in it",
)  # fmt: skip
OF_MARKET = (VIOLENCE, NEW_SELLERS, NEEDLES, COMPLAINTS)
OF_FORCE = (PRICE, PURITY, EFFORT, WAIT, MIX, SYNTHETIC, STARTS, RETENTION, NALOXONE, NEEDLES, COMPLAINTS)
