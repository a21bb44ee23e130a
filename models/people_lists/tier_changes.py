"""Reasons for changes of tier, as text: the rule that now applies, and the evidence that no longer counts.

The text gives the first cause that holds: a gate, a hold, a term that is over, or a chance that fell below the level
of leaving; sentences on evidence withdrawn or corrected come before it.
"""

from collections.abc import Collection

import pandas as pd

from models.people_lists.rules import BELOW, RULES
from models.people_scores.evidence import OFFENDER_ROLES

JOINED = "Two ids of the person were joined since the last run, and count as one: make sure that they are."
NO_LONGER_KNOWN = "nothing_held_against"  # people who are in no table any more


def why_now(
    before: pd.DataFrame, decisions: pd.DataFrame, facts: pd.DataFrame, events: pd.DataFrame, evidence: pd.DataFrame
) -> pd.Series:
    """Return, per person tiered before or now, the reason for the present tier.

    Parameters
    ----------
    before : DataFrame
        person_tier of the predecessor run.
    decisions, facts : DataFrame
        As rules.decide (with p_top_k) and rule_features.make_rule_features return them.
    events : DataFrame
        Involvements in the window: person_id, incident_id, role.
    evidence : DataFrame
        As evidence.counted returns.

    Returns
    -------
    Series
        Index person_id; text.
    """
    now = decisions.index[decisions["tier"].isin(["target", "warn"])]
    people = now.union(pd.Index(before["person_id"])).sort_values()
    lost = _lost_evidence(before, events, evidence).reindex(people, fill_value="")
    chance = before.set_index("person_id")["p_top_k"].reindex(people)
    rows = decisions.reindex(people)
    rule = rows["gate_rule"].where(rows["gate"].ne("passed"), rows["tier_rule"]).fillna(NO_LONGER_KNOWN)
    is_average = ~facts["is_above_average"].reindex(people, fill_value=False)
    texts = [
        _rule_text(*values) for values in zip(rule, chance, rows["p_top_k"].astype(float), is_average, strict=True)
    ]
    return (lost + pd.Series(texts, index=people, dtype=object)).str.strip()


def with_joined(changes: pd.DataFrame, lately: Collection[str]) -> pd.DataFrame:
    """Return person_change with a sentence before the reason of those whose ids were joined since the run before."""
    is_joined = changes["person_id"].isin(lately)
    return changes.assign(why=changes["why"].mask(is_joined, f"{JOINED} " + changes["why"]))


def _rule_text(rule: str, chance_before: float, chance_now: float, is_average: bool) -> str:
    if rule != BELOW.name:
        return RULES[rule].words
    if is_average:
        return "The harm rate is no longer surely above the average of everybody at risk."
    return f"The chance of being in the top group went from {chance_before:.2f} to {chance_now:.2f}. {BELOW.words}"


def _lost_evidence(before: pd.DataFrame, events: pd.DataFrame, evidence: pd.DataFrame) -> pd.Series:
    """Return, per person, a sentence on each incident of the predecessor run that no longer counts; ends in a space."""
    shown = (
        before[["person_id"]]
        .assign(incident_id=pd.Series(_shown_ids(before), index=before.index))
        .explode("incident_id")
        .dropna()
    )
    key = ["person_id", "incident_id"]
    counts = pd.MultiIndex.from_frame(evidence[key])
    lost = shown[~pd.MultiIndex.from_frame(shown[key]).isin(counts)].drop_duplicates()
    if lost.empty:
        return pd.Series(dtype=object)
    roles = events.merge(lost, on=key).groupby(key)["role"].agg(set)
    known = roles.reindex(pd.MultiIndex.from_frame(lost[key]))
    texts = [_incident_text(i, r) for i, r in zip(lost["incident_id"], known, strict=True)]
    return lost.assign(text=texts).groupby("person_id")["text"].agg("".join)


def _shown_ids(before: pd.DataFrame) -> list[list[str]]:
    pairs = zip(before["evidence_ids"], before["rule_evidence_ids"], strict=True)
    return [sorted({*heaviest, *(() if deciding is None else deciding)}) for heaviest, deciding in pairs]


def _incident_text(incident_id: str, roles: object) -> str:
    if not isinstance(roles, set):
        return f"{incident_id} was withdrawn, corrected or has become too old, and counts no more. "
    if "no_further_action" in roles and not roles & OFFENDER_ROLES:
        return f"No further action was taken over {incident_id}, so it counts no more. "
    return f"{incident_id} was corrected and counts no more. "
