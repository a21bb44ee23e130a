"""Terms: how long a person may stay on a list of people, or among sellers, without new evidence.

A term begins when a person is listed, and again when a run first counts an incident a day or more later than any
before. When the term is over the person leaves the list, and only a later incident can list the person again: the
evidence of the earlier listing is used up (leaving is a designed step: National Integrated Offender Management
Operational Guidance, de-selection).
"""

from collections.abc import Mapping
from datetime import tzinfo

import numpy as np
import pandas as pd

from models.people_lists.rule_features import SPREE

COLUMNS = ["person_id", "term_from", "counted_until", "expires_at", "is_listed"]
MOMENT = "datetime64[us, UTC]"


def no_terms() -> pd.DataFrame:
    """Return an empty frame of terms, as before the first run."""
    kinds = {"person_id": "str", **dict.fromkeys(COLUMNS[1:4], MOMENT), "is_listed": "bool"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def over(terms: pd.DataFrame, latest: pd.Series, as_of: pd.Timestamp) -> pd.Index:
    """Return the people whose term is over and who have no later counted incident.

    Parameters
    ----------
    terms : DataFrame
        As `next_terms` returned at the predecessor run.
    latest : Series
        Index person_id; time of the latest counted incident.
    as_of : Timestamp
        The clock.

    Returns
    -------
    Index
        Ids of these people.
    """
    expired = terms[terms["expires_at"].le(as_of) & ~_is_renewed(terms, latest)]
    return pd.Index(expired["person_id"])


def next_terms(
    terms: pd.DataFrame, latest: pd.Series, listed: pd.Index, *, as_of: pd.Timestamp, term_days: int
) -> pd.DataFrame:
    """Return the terms after this run: of everybody listed, and of people whose evidence an earlier listing used up.

    A person without counted evidence has no term: nothing could list the person again.

    Parameters
    ----------
    terms : DataFrame
        As returned at the predecessor run.
    latest : Series
        Index person_id; time of the latest counted incident.
    listed : Index
        People listed by this run.
    as_of : Timestamp
        The clock, in the force's zone, whose days the term counts.
    term_days : int
        Length of a term.

    Returns
    -------
    DataFrame
        Sorted by person_id: person_id, term_from, counted_until (the latest incident counted in the term), expires_at,
        is_listed.
    """
    running = terms[~_is_renewed(terms, latest) & terms["person_id"].isin(latest.index)]
    new = listed[~listed.isin(running["person_id"])]
    begun = pd.DataFrame({"person_id": new, "term_from": as_of, "counted_until": latest.reindex(new).to_numpy()})
    both = pd.concat([running, begun.astype({"term_from": MOMENT, "counted_until": MOMENT})], ignore_index=True)
    return both.assign(
        expires_at=_days_later(both["term_from"], term_days, as_of.tz), is_listed=both["person_id"].isin(listed)
    ).sort_values("person_id", ignore_index=True)[COLUMNS]


def terms_in_one(terms: pd.DataFrame, one_ids: Mapping[str, str]) -> pd.DataFrame:
    """Return the terms with one row for each person with several ids: that with the latest incident.

    The latest incident would have begun the term anew if the person had had one id all along. `one_ids` has the one id
    of each of their ids.
    """
    own = terms.assign(person_id=terms["person_id"].map(lambda each: one_ids.get(each, each)).astype("str"))
    order = own.sort_values(["counted_until", "expires_at"], ascending=[False, True], kind="stable")
    return order.drop_duplicates("person_id").sort_values("person_id", ignore_index=True)


def terms_of_every_id(terms: pd.DataFrame, one_ids: Mapping[str, str]) -> pd.DataFrame:
    """Return the terms with the row of each person with several ids under all of them: a parting ends no term.

    `one_ids` has the one id of each of their ids.
    """
    others = pd.DataFrame([(each, one) for each, one in one_ids.items() if each != one], columns=["other", "person_id"])
    more = others.astype("str").merge(terms, on="person_id").assign(person_id=lambda rows: rows.pop("other"))
    both = pd.concat([terms, more[terms.columns]]) if len(more) else terms
    return both.sort_values("person_id", ignore_index=True)


def _days_later(moments: pd.Series, days: int, zone: tzinfo | None) -> pd.Series:
    """Add calendar days in a zone at the same local hour: the first where it occurs twice, the next where skipped."""
    local = moments.dt.tz_convert(zone).dt.tz_localize(None) + pd.Timedelta(days=days)
    first_of_two = np.ones(len(local), dtype=bool)
    later = local.dt.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")
    return later.dt.tz_convert("UTC").astype(MOMENT)


def _is_renewed(terms: pd.DataFrame, latest: pd.Series) -> pd.Series:
    """Return True where an incident is counted that is later than any in the term.

    An incident within SPREE of the last may be the same one, corrected to another hour, or part of the same spree.
    """
    now = latest.reindex(terms["person_id"]).set_axis(terms.index)
    return now.ge(terms["counted_until"] + SPREE)
