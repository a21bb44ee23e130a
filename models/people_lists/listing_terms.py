"""Terms: how long somebody may stay on a list of people, or among sellers, without new evidence.

A term begins when a person is listed and anew when a run first counts an incident a day or more later than any before.
Once it is over the person leaves, and only a later incident lists the person again: what once led to a listing is then
used up (leaving as a designed step: National Integrated Offender Management Operational Guidance, de-selection).
"""

from datetime import tzinfo

import numpy as np
import pandas as pd

from models.people_lists.rule_features import SPREE

COLUMNS = ["person_id", "term_from", "counted_until", "expires_at", "is_listed"]
MOMENT = "datetime64[us, UTC]"


def no_terms() -> pd.DataFrame:
    """Return the terms before the first run."""
    kinds = {"person_id": "str", **dict.fromkeys(COLUMNS[1:4], MOMENT), "is_listed": "bool"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def over(terms: pd.DataFrame, latest: pd.Series, as_of: pd.Timestamp) -> pd.Index:
    """People whose term is over and in whom no later incident has counted since.

    Parameters
    ----------
    terms : as `next_terms` returned at the predecessor run.
    latest : by person_id, when the latest counted incident happened.
    """
    spent = terms[terms["expires_at"].le(as_of) & ~_is_renewed(terms, latest)]
    return pd.Index(spent["person_id"])


def next_terms(
    terms: pd.DataFrame, latest: pd.Series, listed: pd.Index, *, as_of: pd.Timestamp, term_days: int
) -> pd.DataFrame:
    """Terms after this run, of everybody listed and of those whose evidence was used up by an earlier listing.

    Somebody without counted evidence has no term: nothing could list the person again.

    `as_of` stands in the force's zone, whose days the term counts.

    Returns
    -------
    DataFrame sorted by person_id: person_id, term_from, counted_until (the latest incident that the term has seen),
    expires_at, is_listed.
    """
    running = terms[~_is_renewed(terms, latest) & terms["person_id"].isin(latest.index)]
    fresh = listed[~listed.isin(running["person_id"])]
    begun = pd.DataFrame({"person_id": fresh, "term_from": as_of, "counted_until": latest.reindex(fresh).to_numpy()})
    both = pd.concat([running, begun.astype({"term_from": MOMENT, "counted_until": MOMENT})], ignore_index=True)
    return both.assign(
        expires_at=_days_later(both["term_from"], term_days, as_of.tz), is_listed=both["person_id"].isin(listed)
    ).sort_values("person_id", ignore_index=True)[COLUMNS]


def _days_later(moments: pd.Series, days: int, zone: tzinfo | None) -> pd.Series:
    """The same hour so many days of a zone's calendar on: the first of two such hours, the next where there is none."""
    local = moments.dt.tz_convert(zone).dt.tz_localize(None) + pd.Timedelta(days=days)
    first_of_two = np.ones(len(local), dtype=bool)
    later = local.dt.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")
    return later.dt.tz_convert("UTC").astype(MOMENT)


def _is_renewed(terms: pd.DataFrame, latest: pd.Series) -> pd.Series:
    """True where an incident counts that is later than any the term has seen.

    One within a spree's length may be the same, told anew with another hour, or belong to it.
    """
    now = latest.reindex(terms["person_id"]).set_axis(terms.index)
    return now.ge(terms["counted_until"] + SPREE)
