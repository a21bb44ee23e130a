"""The rules for people, in the order in which they apply: gates, routes, tiers, and views across tiers.

Gates come first: a person whom a gate holds is never scored, listed or sent a notice. Routes come next, tiers last.
A rule has a name, a test on the facts, an outcome, a question and a sentence for the person, and the kind of evidence
that decides. Stops, contacts, arrests without further action and links between people are not among the facts.

Facts are a DataFrame, one row per person:
    is_deceased, is_under_18, is_age_unknown
    has_offence             an offence other than use of drugs, or a live warrant over one
    has_use                 possession, paraphernalia or drugs of unstated kind, or a live warrant over one
    is_child_concern        under 18 and suspect or victim of an offence, or in one where an adult used a minor
    is_treatment_consented, is_treatment_engaged
    is_away                 in custody, in hospital or known to be away at the clock
    high_event_count        high-band incidents with evidence, at least 24 hours apart
    has_harm                counted evidence on at least one axis
    has_exposure            enough time at liberty to be scored
    is_above_average        the lower end of the harm rate's interval exceeds the mean of all people at risk
    sells_outside_market    an evidenced sale of drugs outside flagrant markets
    p_top_k                 chance of being in the top K; NaN where not scored
    tier_before             target, warn or missing
    is_term_over            listed for the whole term without a counted incident later than those it began with
    is_sale_term_over       shown among sellers for the whole term without a later sale
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Test = Callable[[pd.DataFrame], pd.Series]

INDEPENDENT_HIGH_EVENTS = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its test, its outcome, its question and its text, and the kind of evidence that decides.

    `grounds` names that evidence: held (everything held against the person, warrants included), child, counted (the
    evidence that raises the score), grave (high-band incidents), sales, warrant, links, or empty where none decides.
    `briefly` says in a few words what the person is known to be, where the rule takes an entry off a list that is used
    (`models.people_lists.still_listed`).
    """

    name: str
    holds: Test
    outcome: str
    asks: str
    words: str
    grounds: str = ""
    briefly: str = ""


GATES = (
    Rule(
        "deceased",
        lambda f: f["is_deceased"],
        "out",
        "Has the person died?",
        "The person has died.",
        briefly="dead",
    ),
    Rule(
        "nothing_held_against",
        lambda f: ~(f["has_offence"] | f["has_use"] | f["is_child_concern"]),
        "unscorable",
        "Is nothing held against the person?",
        "Nothing is held against the person: victims, witnesses, contacts and dropped arrests are never scored.",
        briefly="with nothing held against them",
    ),
    Rule(
        "under_18",
        lambda f: f["is_under_18"],
        "safeguarding",
        "Is the person under 18?",
        "The person is under 18: a matter for child protection, never for a list.",
        "child",
        briefly="under 18",
    ),
    Rule(
        "age_unknown",
        lambda f: f["is_age_unknown"],
        "safeguarding",
        "Is the person's age unknown?",
        "No birth date is known, so the person may be a child.",
        "held",
        briefly="of unknown age",
    ),
    Rule(
        "possession_only",
        lambda f: ~f["has_offence"],
        "treatment_information",
        "Is everything held against the person possession or use of drugs?",
        "Everything held against the person is possession or use of drugs: information on treatment, no enforcement.",
        "held",
        briefly="with possession or use of drugs alone",
    ),
)

ROUTES = (
    Rule(
        "diversion",
        lambda f: f["is_treatment_consented"] & f["high_event_count"].eq(0),
        "diversion",
        "Is dependence known with the person's consent, and no grave incident?",
        "Dependence is known with the person's consent and no grave incident is: treatment is offered.",
        "held",
    ),
)


def is_in_treatment(facts: pd.DataFrame) -> pd.Series:
    """Return True where the route to treatment holds and the person is engaged in it."""
    return ROUTES[0].holds(facts) & facts["is_treatment_engaged"]


# Reasons not to tier a person who passed the gates.
HOLDS = (
    Rule(
        "no_harm",
        lambda f: ~f["has_harm"],
        "unlisted",
        "Is there no counted evidence of violence, disorder or use of minors?",
        "No evidence of violence, disorder or use of minors counts: nobody is listed without harm.",
        briefly="without counted harm",
    ),
    Rule(
        "insufficient_exposure",
        lambda f: ~f["has_exposure"],
        "unlisted",
        "Has the person been at liberty for too short a time to be scored?",
        "Too little time at liberty to say how often the person offends.",
        briefly="at liberty for too short a time",
    ),
    Rule(
        "engaged_in_treatment",
        is_in_treatment,
        "unlisted",
        "Is the person in treatment, with no grave incident known?",
        "The person is in treatment and no grave incident is known: kept off enforcement lists while it lasts.",
        briefly="in treatment",
    ),
    Rule(
        "away",
        lambda f: f["is_away"],
        "unlisted",
        "Is the person in custody, in hospital or away?",
        "In custody, in hospital or known to be away: nobody is targeted or warned who is not at liberty.",
        briefly="in custody, in hospital or away",
    ),
    Rule(
        "term_over",
        lambda f: f["is_term_over"],
        "unlisted",
        "Has the person been listed for the whole term without a new counted incident?",
        "The term of the listing is over and no new incident counted in it: off the list until one does.",
        briefly="at the end of their term",
    ),
)


def tiers(target_probability: float, warn_probability: float, leave_margin: float) -> tuple[Rule, ...]:
    """Return the tier rules at the configured probabilities; a listed person leaves `leave_margin` below the entry."""

    def reaches(probability: float, *tiers_before: str) -> Test:
        # Rounded, since 0.8 − 0.1 is slightly above 0.7 in floats and must not decide a tier.
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
            "Is the person very likely among the worst, with at least two independent grave incidents?",
            "Very likely among the worst, with at least two independent grave incidents.",
            "grave",
        ),
        Rule(
            "warn_too_few_grave_incidents",
            is_target,
            "warn",
            "Is the person very likely among the worst?",
            "Very likely among the worst, yet without two independent grave incidents: warned, not targeted.",
            "counted",
            briefly="without two independent grave incidents",
        ),
        Rule(
            "warn_next_level",
            is_warned,
            "warn",
            "Is the person likely among the worst?",
            "Likely among the worst, yet not surely enough to be a target.",
            "counted",
        ),
    )


BELOW = Rule(
    "below_every_tier",
    lambda f: f["p_top_k"].notna(),
    "unlisted",
    "Is the person scored, and not likely enough among the worst?",
    "Not likely enough among the worst.",
    briefly="not likely enough among the worst",
)

# Views across tiers, whatever the tier.
VIEWS = (
    Rule(
        "seller_outside_flagrant_market",
        lambda f: (
            f["sells_outside_market"]
            & ~f["is_sale_term_over"]
            & ~f["is_away"]
            & f["p_top_k"].notna()
            & ~is_in_treatment(f)
        ),
        "dealer_ranking",
        "Is a sale outside flagrant markets evidenced, of somebody at liberty whose term among sellers is not over?",
        "Sold drugs outside a flagrant market: shown among sellers by violence, disorder and use of minors alone.",
        "sales",
    ),
)


def first_match(rules: Sequence[Rule], facts: pd.DataFrame, otherwise: str) -> pd.DataFrame:
    """Return, per row, outcome and name of the first rule that holds; `otherwise` and no name where none does."""
    holds = [rule.holds(facts).to_numpy(dtype=bool) for rule in rules]
    outcome = np.select(holds, [rule.outcome for rule in rules], otherwise)
    name = np.select(holds, [rule.name for rule in rules], "")
    return pd.DataFrame({"outcome": outcome, "rule": name}, index=facts.index)


def decide(
    facts: pd.DataFrame, *, target_probability: float, warn_probability: float, leave_margin: float
) -> pd.DataFrame:
    """Apply the rules to every person.

    Parameters
    ----------
    facts : DataFrame
        As models.people_lists.rule_features.make_rule_features returns.
    target_probability, warn_probability : float
        P(in the top K) from which a person is targeted or warned.
    leave_margin : float
        How far below these a listed person leaves.

    Returns
    -------
    DataFrame
        On the index of `facts`: `gate` (out, unscorable, safeguarding, treatment_information, or passed), `gate_rule`;
        `route` (diversion or none), `route_rule`; `tier` (target, warn, unlisted, or none if a gate holds),
        `tier_rule`; `view` (dealer_ranking or none), `view_rule`; `is_withheld` (in treatment and kept off every list
        of people).
    """
    gate = first_match(GATES, facts, "passed")
    passed = gate["outcome"].eq("passed")
    route = first_match(ROUTES, facts, "none")
    ladder = (*HOLDS, *tiers(target_probability, warn_probability, leave_margin), BELOW)
    tier, view = first_match(ladder, facts, "unlisted"), first_match(VIEWS, facts, "none")
    decided = gate.rename(columns={"outcome": "gate", "rule": "gate_rule"})
    return decided.assign(
        route=route["outcome"].where(passed, "none"),
        route_rule=route["rule"].where(passed, ""),
        tier=tier["outcome"].where(passed, "none"),
        tier_rule=tier["rule"].where(passed, ""),
        view=view["outcome"].where(passed, "none"),
        view_rule=view["rule"].where(passed, ""),
        is_withheld=passed & is_in_treatment(facts),
    )


# Warrants: a court order takes precedence over any harm score. The queue is in the order of these rules.
WARRANT_RULES = (
    Rule(
        "no_offence",
        lambda w: ~w["is_offence"],
        "return",
        "Was the warrant issued over an overdose, a stop or a contact?",
        "An overdose, a stop or a contact is no offence: the warrant goes back to the court and nobody is sent.",
        "warrant",
    ),
    Rule(
        "bench_warrant_first",
        lambda w: w["kind"].eq("bench") & ~w["is_use"],
        "execute",
        "Is it a court's bench warrant?",
        "A court's bench warrant comes first.",
        "warrant",
    ),
    Rule(
        "arrest_warrant_after",
        lambda w: w["kind"].eq("arrest") & ~w["is_use"],
        "execute",
        "Is it an arrest warrant?",
        "Arrest warrants follow bench warrants.",
        "warrant",
    ),
    Rule(
        "summons_possession_only",
        lambda w: w["is_use"],
        "summons",
        "Was the warrant issued over possession only?",
        "Possession only: a summons, no arrest.",
        "warrant",
    ),
)
WARRANT_ORDER = tuple(rule.name for rule in WARRANT_RULES)

# Call-ins, on the decisions: the next level is warned; targets are charged instead.
INVITED = Rule(
    "invited_next_level",
    lambda d: d["gate"].eq("passed") & d["tier"].eq("warn"),
    "call_in",
    "Is the person to be warned?",
    "One of those whose invitation to a meeting spreads the warning furthest to people they are on record with.",
    "links",
)


def may_be_reached(decisions: pd.DataFrame) -> pd.Series:
    """Return True for people past every gate and not in treatment: the warning may reach them and lists nobody."""
    return decisions["gate"].eq("passed") & ~decisions["is_withheld"]


_LADDER = (*GATES, *HOLDS, *tiers(0.8, 0.5, 0.1), BELOW)  # names and texts do not depend on the probabilities

# Every rule by its name, for explanations.
RULES: dict[str, Rule] = {rule.name: rule for rule in (*_LADDER, *ROUTES, *VIEWS, *WARRANT_RULES, INVITED)}


def path(name: str) -> list[tuple[Rule, bool]]:
    """Return every gate, hold and tier tested until rule `name` held, in order, and whether it held.

    A view, a route or a warrant is outside the ladder of tiers: its path is every gate, then the rule itself.
    """
    ladder = [rule.name for rule in _LADDER]
    tested = _LADDER[: ladder.index(name)] if name in ladder else GATES
    return [*((rule, False) for rule in tested), (RULES[name], True)]
