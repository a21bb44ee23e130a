"""Arrests that the rules for people say not to make: the rule for warrants, asked of what an arrest was for.

Whoever is wanted over possession or use of drugs alone is summonsed or offered treatment, never arrested, and no
offence is no ground at all (`models.people_lists.rules.WARRANT_RULES`). There is no second list of offences.
"""

import pandas as pd

from models.people_lists import lists
from models.people_lists.rule_features import is_evidenced
from models.people_scores.evidence import OFFENDER_ROLES, offences

AGAINST = {"summons": "possession", "return": "no_offence"}  # route of a warrant → why nobody is arrested over it


def arrests_against_policy(arrests: pd.DataFrame, codebook: pd.DataFrame) -> pd.Series:
    """Return what the rules say of each arrest: `possession`, `no_offence`, `kept`; missing if its offence is unknown.

    Parameters
    ----------
    arrests : DataFrame
        offence_code: what the arrest was for, missing if unstated.
    codebook : DataFrame
        Index offence_code: category, band. A code that it lacks counts as unstated.
    """
    stated = arrests[arrests["offence_code"].isin(codebook.index)]
    route = lists.with_route(stated.assign(kind="arrest", underlying_offence_code=stated["offence_code"]), codebook)
    return route["route"].map(lambda name: AGAINST.get(name, "kept")).reindex(arrests.index).astype(object)


def possession_only_at_arrest(
    arrests: pd.DataFrame, events: pd.DataFrame, warrants: pd.DataFrame, codebook: pd.DataFrame
) -> pd.Series:
    """Return for which arrests all that was held against the person by then was possession or use of drugs.

    It is gate `possession_only` at the moment of the arrest: something is held, and none of it is another offence.

    Parameters
    ----------
    arrests : DataFrame
        person_id (missing where unnamed), at (UTC).
    events : DataFrame
        Involvements as `models.people_scores.evidence.offences` takes them.
    warrants : DataFrame
        person_id, issued_at (UTC), kind, underlying_offence_code; in whatever state.
    codebook : DataFrame
        Index offence_code: category, axis, band, harm_days.
    """
    people = arrests["person_id"].dropna().unique()
    own = events[events["person_id"].isin(people) & events["role"].isin(OFFENDER_ROLES)]
    held = offences(own, codebook)
    issued = warrants[warrants["person_id"].isin(people) & warrants["underlying_offence_code"].isin(codebook.index)]
    issued = lists.with_route(issued, codebook)
    issued = issued[issued["is_offence"]].rename(columns={"issued_at": "since"})
    held = held[held["is_use"] | is_evidenced(held)].rename(columns={"occurred_at": "since"})
    columns = ["person_id", "since", "is_use"]
    known = pd.concat([held[columns], issued[columns]]) if len(issued) else held[columns]
    numbered = arrests[["person_id", "at"]].assign(arrest=range(len(arrests))).dropna(subset=["person_id"])
    pairs = numbered.merge(known, on="person_id")
    only_use = pairs[pairs["since"] <= pairs["at"]].groupby("arrest")["is_use"].all()
    return pd.Series(only_use.reindex(range(len(arrests)), fill_value=False).to_numpy(dtype=bool), index=arrests.index)
