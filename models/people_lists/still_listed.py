"""Whether a run now would still put entries on their list: the rules of a run, on what is known of the people now.

Gates, routes and holds are those of `models.people_lists.rules`, applied to the listed people alone by the functions
that a run uses (`assess.hold_against`, `assess.decide_people`, `lists.MEMBERS`, `lists.admitted`). What needs everybody
is not asked again: the chance of being in the top K is the one that the run published, and nobody loses the place in a
call-in because others would now be chosen.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.people_lists import lists, rules
from models.people_lists.assess import Held, PreviousPeople, decide_people, hold_against
from models.people_scores.config import PeopleConfig
from models.people_scores.scoring import UNSCORED, at_risk_people

ENDED = "executed or recalled"  # of a warrant
# What is said of an entry of a list where no gate and no hold takes it off.
OTHERWISE = {
    "warrant_queue": "without a warrant to execute",
    "person_tier": "not likely enough among the worst",
    "dealer_ranking": "without a recent sale outside flagrant markets",
    "call_in": "to be charged, not warned",
    "referral": "no longer to be offered treatment",
    "safeguarding": "18 or over",
}
_SAID = {name: rule.briefly for name, rule in rules.RULES.items() if rule.briefly}
# Reasons that are not told of a list: who has turned 18 leaves safeguarding as that, whatever treatment is offered.
_UNSAID = {"dealer_ranking": {"term_over", rules.BELOW.name}, "safeguarding": {"possession_only"}}
_BY_TIER = ("person_tier", "dealer_ranking", "call_in")


@dataclass(frozen=True, slots=True)
class Decided:
    """What the rules say now of some people: decisions by person_id, what is held against them, their warrants."""

    decisions: pd.DataFrame = field(repr=False)
    held: Held = field(repr=False)


def decide_again(
    person_events: pd.DataFrame,
    persons: pd.DataFrame,
    custody: pd.DataFrame,
    warrants: pd.DataFrame,
    codebook: pd.DataFrame,
    chances: pd.Series,
    before: PreviousPeople,
    *,
    as_of: pd.Timestamp,
    config: PeopleConfig,
) -> Decided:
    """Return what the rules of a run say of the people in the frames.

    Parameters
    ----------
    person_events, persons, custody, warrants, codebook : DataFrame
        As of `assess_people`, of the people asked about alone.
    chances : Series
        Index person_id: p_top_k as the run that listed them published it; missing for people whom it did not score.
    before : PreviousPeople
        Tables of that run.
    as_of : Timestamp
        The clock, in the force's zone.
    config : PeopleConfig
        Settings of scores and lists.
    """
    held = hold_against(person_events, persons, warrants, codebook, as_of=as_of, config=config)
    people, _ = at_risk_people(held.status, held.evidence, custody, as_of=as_of, config=config)
    is_scored = people["has_harm"] & people["has_exposure"]
    tested = people.assign(p_top_k=chances.reindex(people.index).where(is_scored).astype(float), is_above_average=True)
    _, decisions = decide_people(held, tested, custody, before, as_of=as_of, config=config)
    return Decided(decisions, held)


def why_off(list_name: str, entries: pd.DataFrame, now: Decided) -> pd.Series:
    """Return, on the index of the entries of a list, why a run now would not put them on it; empty where it would.

    A list of tiers holds a target only while a run would target the person, and the queue of warrants one to execute
    only while it would not be a summons.

    Parameters
    ----------
    list_name : str
        Name of the list.
    entries : DataFrame
        Rows of the list: person_id, and tier, or warrant_id and route.
    now : Decided
        As `decide_again` returns, of everybody in the entries.
    """
    decisions = now.decisions.reindex(entries["person_id"].unique())
    decisions = decisions.assign(
        gate=decisions["gate"].fillna("unscorable"), gate_rule=decisions["gate_rule"].fillna("nothing_held_against")
    )
    own = decisions.loc[entries["person_id"]].set_axis(entries.index)
    is_on = _is_queued(entries, now) if list_name == "warrant_queue" else lists.MEMBERS[list_name](own).astype(bool)
    if "tier" in entries and list_name == "person_tier":
        is_on &= ~(entries["tier"].eq("target") & own["tier"].ne("target"))
    rule = own["gate_rule"]
    if list_name in _BY_TIER:
        rule = rule.where(own["gate"].ne("passed"), own["tier_rule"])
    said = {name: text for name, text in _SAID.items() if name not in _UNSAID.get(list_name, ())}
    why = rule.map(said).fillna(OTHERWISE[list_name]).astype(object)
    if list_name == "warrant_queue":
        outstanding = pd.concat([now.held.live, now.held.returned])["warrant_id"]
        why = why.mask(own["gate"].eq("passed") & ~entries["warrant_id"].isin(outstanding), ENDED)
    return pd.Series(np.where(is_on, "", why), index=entries.index, dtype="str")


def is_gated(person_id: str, now: Decided) -> bool:
    """Return whether a gate holds the person now; nobody of whom nothing is known passes one."""
    return not now.decisions["gate"].reindex([person_id]).eq("passed").all()


def decision_now(person_id: str, now: Decided, config: PeopleConfig) -> pd.DataFrame:
    """Return what `lists.decision` does of a person whom a gate or a hold keeps off lists now; no row of others."""
    holding = {rule.name for rule in (*rules.GATES, *rules.HOLDS)}
    is_held = now.decisions["gate_rule"].isin(holding) | now.decisions["tier_rule"].isin(holding)
    unscored = now.decisions[is_held].assign(**UNSCORED, exposure_days=np.nan)
    return lists.decision(person_id, unscored, now.held.evidence, config)


def in_words(entries: pd.DataFrame, why: pd.Series) -> str:
    """Return why entries are off, as counts without ids; empty if all are still on.

    Parameters
    ----------
    entries : DataFrame
        person_id of each, and warrant_id of warrants.
    why : Series
        As `why_off` returns.
    """
    off = entries[["person_id"]].assign(why=why)[why.ne("") & why.ne(ENDED)].drop_duplicates()
    counts = off["why"].value_counts().sort_index()
    who = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    ended = int(why.eq(ENDED).sum())
    parts = [f"those on it are now known to be: {who}"] if who else []
    was = "warrant on the list was" if ended == 1 else "warrants on the list were"
    return ", and ".join([*parts, *([f"{ended} {was} {ENDED} since"] if ended else [])])


def _is_queued(entries: pd.DataFrame, now: Decided) -> pd.Series:
    """Return which warrants are on the queue now, and not by a milder route."""
    key = ["warrant_id", "person_id"]
    queued = lists.admitted(now.held.live, now.decisions).drop_duplicates(key).set_index(key)["route"]
    route = queued.reindex(pd.MultiIndex.from_frame(entries[key])).set_axis(entries.index)
    return route.notna() & ~(entries["route"].eq("execute") & route.ne("execute"))
