"""The rules for people, in the order in which they hold: gates, routes, tiers.

A gate ends the matter: whoever it holds is never scored, listed or noticed. Routes come next, tiers last. Every rule
is a name, a test on the facts, what follows, and a sentence a person can be told. Stops, contacts and arrests that came
to nothing are no facts here at all.

Facts are a DataFrame, one row per person:
    is_deceased, is_under_18, is_age_unknown
    has_offence             an offence other than use of drugs, or a live warrant over one
    has_use                 possession, paraphernalia or drugs of unstated kind, or a live warrant over one
    is_child_concern        under 18 and suspect or victim of an offence, or in one where an adult used a minor
    is_treatment_consented, is_treatment_engaged
    high_event_count        independent high-band incidents with evidence
    has_harm                some evidence counts on some axis
    has_exposure            enough time at liberty to be scored
    is_above_average        the lower end of the harm rate's interval exceeds the mean of all people at risk
    p_top_k                 chance of being in the top K; NaN where not scored
    tier_before             target, warn or missing
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Test = Callable[[pd.DataFrame], pd.Series]

INDEPENDENT_HIGH_EVENTS = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the rule book: whom it holds, what follows, and why in words."""

    name: str
    holds: Test
    outcome: str
    words: str


GATES = (
    Rule(
        "deceased",
        lambda f: f["is_deceased"],
        "out",
        "The person has died.",
    ),
    Rule(
        "nothing_held_against",
        lambda f: ~(f["has_offence"] | f["has_use"] | f["is_child_concern"]),
        "unscorable",
        "Nothing is held against the person: victims, witnesses, contacts and dropped arrests are never scored.",
    ),
    Rule(
        "under_18",
        lambda f: f["is_under_18"],
        "safeguarding",
        "The person is under 18: a matter for child protection, never for a list.",
    ),
    Rule(
        "age_unknown",
        lambda f: f["is_age_unknown"],
        "safeguarding",
        "No birth date is known, so the person may be a child.",
    ),
    Rule(
        "possession_only",
        lambda f: ~f["has_offence"],
        "treatment_information",
        "Everything held against the person is possession or use of drugs: information on treatment, no enforcement.",
    ),
)

ROUTES = (
    Rule(
        "diversion",
        lambda f: f["is_treatment_consented"] & f["high_event_count"].eq(0),
        "diversion",
        "Dependence is known with the person's consent and no grave incident is: treatment is offered.",
    ),
)

# Who passed the gates and is still not tiered.
HOLDS = (
    Rule(
        "no_harm",
        lambda f: ~f["has_harm"],
        "unlisted",
        "No evidence of violence, disorder or use of minors counts: nobody is listed without harm.",
    ),
    Rule(
        "insufficient_exposure",
        lambda f: ~f["has_exposure"],
        "unlisted",
        "Too little time at liberty to say how often the person offends.",
    ),
    Rule(
        "engaged_in_treatment",
        lambda f: ROUTES[0].holds(f) & f["is_treatment_engaged"],
        "unlisted",
        "The person is in treatment and no grave incident is known: kept off enforcement lists while it lasts.",
    ),
)


def tiers(target_probability: float, warn_probability: float, leave_margin: float) -> tuple[Rule, ...]:
    """The tier rules at the configured probabilities; who is listed leaves only `leave_margin` below the entry."""

    def reaches(probability: float, *tiers_before: str) -> Test:
        # Rounded, since 0.8 − 0.1 is a hair above 0.7 and nobody's tier may hang on that hair.
        entry, exit_ = round(probability, 9), round(probability - leave_margin, 9)
        return lambda f: (
            f["is_above_average"]
            & f["p_top_k"].ge(entry).where(~f["tier_before"].isin(tiers_before), f["p_top_k"].ge(exit_))
        )

    is_target, is_warned = reaches(target_probability, "target"), reaches(warn_probability, "target", "warn")
    return (
        Rule(
            "target_high_rate_serious",
            lambda f: is_target(f) & f["high_event_count"].ge(INDEPENDENT_HIGH_EVENTS),
            "target",
            "Very likely among the worst, with at least two independent grave incidents.",
        ),
        Rule(
            "warn_too_few_grave_incidents",
            is_target,
            "warn",
            "Very likely among the worst, yet without two independent grave incidents: warned, not targeted.",
        ),
        Rule("warn_next_level", is_warned, "warn", "Likely among the worst, yet not surely enough to be a target."),
        Rule("below_every_tier", lambda f: f["p_top_k"].notna(), "unlisted", "Not likely enough among the worst."),
    )


def first_match(rules: Sequence[Rule], facts: pd.DataFrame, otherwise: str) -> pd.DataFrame:
    """Outcome and rule name of the first rule that holds, per row; `otherwise` and no name where none does."""
    held = [rule.holds(facts).to_numpy(dtype=bool) for rule in rules]
    outcome = np.select(held, [rule.outcome for rule in rules], otherwise)
    name = np.select(held, [rule.name for rule in rules], "")
    return pd.DataFrame({"outcome": outcome, "rule": name}, index=facts.index)


def decide(
    facts: pd.DataFrame, *, target_probability: float, warn_probability: float, leave_margin: float
) -> pd.DataFrame:
    """Decide for every person.

    Returns
    -------
    DataFrame on facts' index: `gate` (out, unscorable, safeguarding, treatment_information, or passed), `gate_rule`;
    `route` (diversion or none), `route_rule`; `tier` (target, warn, unlisted, or none behind a gate), `tier_rule`;
    `is_withheld`, in treatment and kept off every enforcement list.
    """
    gate = first_match(GATES, facts, "passed")
    passed = gate["outcome"].eq("passed")
    route = first_match(ROUTES, facts, "none")
    tier = first_match((*HOLDS, *tiers(target_probability, warn_probability, leave_margin)), facts, "unlisted")
    decided = gate.rename(columns={"outcome": "gate", "rule": "gate_rule"})
    return decided.assign(
        route=route["outcome"].where(passed, "none"),
        route_rule=route["rule"].where(passed, ""),
        tier=tier["outcome"].where(passed, "none"),
        tier_rule=tier["rule"].where(passed, ""),
        is_withheld=passed & tier["rule"].eq("engaged_in_treatment"),
    )


# Warrants: what the court has ordered stands before any reckoning of harm.
WARRANT_RULES = (
    Rule("summons_possession_only", lambda w: w["is_use"], "summons", "Possession only: a summons, no arrest."),
    Rule("bench_warrant_first", lambda w: w["kind"].eq("bench"), "execute", "A court's bench warrant comes first."),
    Rule("arrest_warrant_after", lambda w: w["kind"].eq("arrest"), "execute", "Arrest warrants follow bench warrants."),
)
WARRANT_ORDER = ("bench_warrant_first", "arrest_warrant_after", "summons_possession_only")

# Every sentence by the name of its rule, for explanations.
WORDS: dict[str, str] = {
    rule.name: rule.words for rule in (*GATES, *ROUTES, *HOLDS, *tiers(0.8, 0.5, 0.1), *WARRANT_RULES)
}
