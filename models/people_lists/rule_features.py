"""Features of people for the rules: one row per person, one column per test."""

import numpy as np
import pandas as pd

SPREE = pd.Timedelta(hours=24)


def make_rule_features(
    status: pd.DataFrame,
    events: pd.DataFrame,
    offences_held: pd.DataFrame,
    live: pd.DataFrame,
    evidence: pd.DataFrame,
    scored: pd.DataFrame,
    tiers_before: pd.DataFrame,
    *,
    away: pd.Index,
    term_over: pd.Index,
    sale_term_over: pd.Index,
) -> pd.DataFrame:
    """Return the features models.people_lists.rules describes, for everybody registered, suspected or under a warrant.

    Parameters
    ----------
    status, offences_held, evidence : DataFrame
        As person_status.make_register, evidence.offences and evidence.counted return them.
    events : DataFrame
        All involvements in the window, with `category`; used only for children.
    live : DataFrame
        Live warrants with `is_use`.
    scored : DataFrame
        As scoring.Scoring.tested.
    tiers_before : DataFrame
        person_id, tier.
    away : Index
        People in custody, in hospital or absent at the clock.
    term_over : Index
        People whose listing has run its term.
    sale_term_over : Index
        People who have been shown among sellers for their term.

    Returns
    -------
    DataFrame
        Index person_id; one column per feature.
    """
    everybody = (
        status.index.union(pd.Index(offences_held["person_id"]))
        .union(pd.Index(live["person_id"]))
        .unique()
        .sort_values()
    )
    registered = status.reindex(everybody)
    scored = scored.reindex(everybody)
    evidenced = offences_held[is_evidenced(offences_held)]

    def is_among(ids: pd.Series) -> np.ndarray:
        positions = everybody.get_indexer(pd.Index(ids.unique()))
        found = np.zeros(len(everybody), dtype=bool)
        found[positions[positions >= 0]] = True
        return found

    def flag(column: pd.Series, missing: bool) -> np.ndarray:
        return column.astype("boolean").fillna(missing).to_numpy(dtype=bool)

    is_under_18 = flag(registered["is_under_18"], False)
    return pd.DataFrame(
        {
            "is_deceased": flag(registered["is_deceased"], False),
            "is_under_18": is_under_18,
            "is_age_unknown": flag(registered["is_age_unknown"], True),
            "has_offence": is_among(evidenced.loc[~evidenced["is_use"], "person_id"])
            | is_among(live.loc[~live["is_use"], "person_id"]),
            "has_use": is_among(offences_held.loc[offences_held["is_use"], "person_id"])
            | is_among(live.loc[live["is_use"], "person_id"]),
            "is_child_concern": is_under_18
            & (is_among(child_events(events)["person_id"]) | is_among(offences_held["person_id"])),
            "is_treatment_consented": flag(registered["is_treatment_consented"], False),
            "is_treatment_engaged": flag(registered["is_treatment_engaged"], False),
            "is_away": everybody.isin(away),
            "high_event_count": _high_events(evidence).reindex(everybody, fill_value=0).to_numpy(),
            "has_harm": flag(scored["has_harm"], False),
            "has_exposure": flag(scored["has_exposure"], False),
            "is_above_average": flag(scored["is_above_average"], False),
            "sells_outside_market": is_among(sales_outside_markets(offences_held)["person_id"]),
            "p_top_k": scored["p_top_k"].to_numpy(dtype=float),
            "tier_before": tiers_before.set_index("person_id")["tier"].reindex(everybody).to_numpy(),
            "is_term_over": everybody.isin(term_over),
            "is_sale_term_over": everybody.isin(sale_term_over),
        },
        index=everybody.rename("person_id"),
    )


def is_evidenced(offences_held: pd.DataFrame) -> pd.Series:
    """Return True where charged, convicted, or suspected by others than the police."""
    return offences_held["role"].ne("suspect") | offences_held["factor"].gt(0)


def sales_outside_markets(offences_held: pd.DataFrame) -> pd.DataFrame:
    """Return the evidenced offences of drug supply outside flagrant markets."""
    return offences_held[
        offences_held["is_supply"] & is_evidenced(offences_held) & ~offences_held["in_flagrant_market"].astype(bool)
    ]


def child_events(events: pd.DataFrame) -> pd.DataFrame:
    """Return involvements as a victim, or in use of a minor by an adult; contacts are excluded."""
    is_concern = events["role"].eq("victim") | (
        events["is_minor_used_by_adult"] & events["role"].ne("no_further_action")
    )
    return events[is_concern & events["category"].ne("contact")]


def _high_events(evidence: pd.DataFrame) -> pd.Series:
    """Count independent high-band incidents: several within 24 hours are one spree and count once."""
    return grave_incidents(evidence).groupby("person_id").size()


def grave_incidents(evidence: pd.DataFrame) -> pd.DataFrame:
    """Return high-band incidents with evidence, at least 24 hours apart per person: person_id, incident_id, age_days.

    Starting at the first, take each incident far enough from the last one taken: no other choice gives more of them.
    """
    high = evidence[evidence["band"].eq("high")].sort_values(["person_id", "occurred_at", "incident_id"], kind="stable")
    return high.loc[_are_apart(high["person_id"], high["occurred_at"]), ["person_id", "incident_id", "age_days"]]


def _are_apart(person_id: pd.Series, occurred_at: pd.Series) -> list[bool]:
    """Return True for each person's first row and rows at least SPREE after the last taken; rows sorted by time."""
    last_taken: dict[str, pd.Timestamp] = {}
    apart = []
    for person, at in zip(person_id, occurred_at, strict=True):
        apart.append(person not in last_taken or at - last_taken[person] >= SPREE)
        if apart[-1]:
            last_taken[person] = at
    return apart
