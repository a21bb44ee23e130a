"""Facts about people, as the rules ask for them: one row per person, one column per question."""

import numpy as np
import pandas as pd

from models.people_scores.scoring import Scoring

SPREE = pd.Timedelta(hours=24)


def make_rule_features(
    status: pd.DataFrame,
    events: pd.DataFrame,
    offences_held: pd.DataFrame,
    live: pd.DataFrame,
    evidence: pd.DataFrame,
    scoring: Scoring,
    tiers_before: pd.DataFrame,
    *,
    away: pd.Index,
    term_over: pd.Index,
    sale_term_over: pd.Index,
) -> pd.DataFrame:
    """Gather the columns models.people_lists.rules describes, for everybody registered, suspected or under a warrant.

    Parameters
    ----------
    register, held, evidence, scoring : as their modules in models.people_scores return them.
    events : all involvements in the window, with `category`; only children are looked up in them.
    live : live warrants with `is_use`. tiers_before : person_id, tier.
    away, term_over, sale_term_over : people in custody, hospital or absence at the clock, people whose listing has run
        its term, and those who have been shown among sellers for theirs.
    """
    everybody = (
        status.index.union(pd.Index(offences_held["person_id"]))
        .union(pd.Index(live["person_id"]))
        .unique()
        .sort_values()
    )
    known = status.reindex(everybody)
    scored = scoring.people.reindex(everybody)
    firm = offences_held[is_evidenced(offences_held)]

    def among(ids: pd.Series) -> np.ndarray:
        at = everybody.get_indexer(pd.Index(ids.unique()))
        is_among = np.zeros(len(everybody), dtype=bool)
        is_among[at[at >= 0]] = True
        return is_among

    def flag(column: pd.Series, missing: bool) -> np.ndarray:
        return column.astype("boolean").fillna(missing).to_numpy(dtype=bool)

    is_under_18 = flag(known["is_under_18"], False)
    return pd.DataFrame(
        {
            "is_deceased": flag(known["is_deceased"], False),
            "is_under_18": is_under_18,
            "is_age_unknown": flag(known["is_age_unknown"], True),
            "has_offence": among(firm.loc[~firm["is_use"], "person_id"])
            | among(live.loc[~live["is_use"], "person_id"]),
            "has_use": among(offences_held.loc[offences_held["is_use"], "person_id"])
            | among(live.loc[live["is_use"], "person_id"]),
            "is_child_concern": is_under_18
            & (among(child_events(events)["person_id"]) | among(offences_held["person_id"])),
            "is_treatment_consented": flag(known["is_treatment_consented"], False),
            "is_treatment_engaged": flag(known["is_treatment_engaged"], False),
            "is_away": everybody.isin(away),
            "high_event_count": _high_events(evidence).reindex(everybody, fill_value=0).to_numpy(),
            "has_harm": flag(scored["has_harm"], False),
            "has_exposure": flag(scored["has_exposure"], False),
            "is_above_average": (scored["harm_per_day_lo"] > scoring.mean_harm_per_day).to_numpy(),
            "sells_outside_market": among(sales_outside_markets(offences_held)["person_id"]),
            "p_top_k": scored["p_top_k"].to_numpy(dtype=float),
            "tier_before": tiers_before.set_index("person_id")["tier"].reindex(everybody).to_numpy(),
            "is_term_over": everybody.isin(term_over),
            "is_sale_term_over": everybody.isin(sale_term_over),
        },
        index=everybody.rename("person_id"),
    )


def is_evidenced(offences_held: pd.DataFrame) -> pd.Series:
    """Charged or convicted, or suspected by somebody else than the police."""
    return offences_held["role"].ne("suspect") | offences_held["factor"].gt(0)


def sales_outside_markets(offences_held: pd.DataFrame) -> pd.DataFrame:
    return offences_held[
        offences_held["is_supply"] & is_evidenced(offences_held) & ~offences_held["in_flagrant_market"].astype(bool)
    ]


def child_events(events: pd.DataFrame) -> pd.DataFrame:
    is_concern = events["role"].eq("victim") | (
        events["is_minor_used_by_adult"] & events["role"].ne("no_further_action")
    )
    return events[is_concern & events["category"].ne("contact")]


def _high_events(evidence: pd.DataFrame) -> pd.Series:
    """Independent high-band incidents: several within 24 hours are one spree and count once."""
    return grave_incidents(evidence).groupby("person_id").size()


def grave_incidents(evidence: pd.DataFrame) -> pd.DataFrame:
    """High-band incidents with evidence, each person's at least 24 hours apart: person_id, incident_id, age_days.

    From the first on, each that is far enough from the last one taken: no choice has more.
    """
    high = evidence[evidence["band"].eq("high")].sort_values(["person_id", "occurred_at", "incident_id"], kind="stable")
    return high.loc[_are_apart(high["person_id"], high["occurred_at"]), ["person_id", "incident_id", "age_days"]]


def _are_apart(person_id: pd.Series, occurred_at: pd.Series) -> list[bool]:
    """Of rows in order of person and time, True for each person's first and what is a spree's length from the last."""
    taken: dict[str, pd.Timestamp] = {}
    apart = []
    for person, at in zip(person_id, occurred_at, strict=True):
        apart.append(person not in taken or at - taken[person] >= SPREE)
        if apart[-1]:
            taken[person] = at
    return apart
