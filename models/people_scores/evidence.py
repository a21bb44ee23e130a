"""Evidence against a person: incidents with the person's role, a factor for certainty, and the axis they count on.

Neither an arrest nor a contact is evidence: lists built on them have failed (City of Chicago Office of Inspector
General 2020, on the Strategic Subject List; Los Angeles Police Commission Inspector General 2019, on LASER). Roles are
kept per incident, since one person can be an offender in one and a victim in another (Data Protection Act 2018, section
38). Incidents discovered by the police measure policing (Sherman, Neyroud and Neyroud 2016, Policing 10:171), so they
add nothing to a score.
"""

import numpy as np
import pandas as pd

# Axis → its name in a sentence. The key is that of its weight in `people.weights`, and part of its columns.
AXES = {"violence": "violence", "disorder": "disorder", "minors": "use of minors"}
BANDS = ("high", "mid", "low")
BAND_FLOORS = {"high": 365.0, "mid": 30.0, "low": 0.0}  # days of guideline prison

ROLE_FACTORS = {
    "convicted": 1.0,
    "charged": 0.6,
    "suspect": 0.3,
    "no_further_action": 0.0,
    "victim": 0.0,
    "witness": 0.0,
}
OFFENDER_ROLES = frozenset(role for role, factor in ROLE_FACTORS.items() if factor > 0)
NAMED_BY_OTHERS = ("public", "partner", "sensor")  # discoveries that can raise a score
NO_OFFENCE = ("health", "contact")  # categories that are not offences: overdoses, stops, contacts
NO_WEIGHT = ("drugs", *NO_OFFENCE)  # use and sale of drugs add nothing to a score, whatever the codebook says
SUPPLY_CODES = ("drug_supply", "drug_production")
USE_CODES = ("drug_possession", "drug_paraphernalia")
SUPPLY_ACTIVITIES = ("supply", "production")
USE_ACTIVITIES = ("possession", "paraphernalia")


def offences(person_events: pd.DataFrame, codebook: pd.DataFrame) -> pd.DataFrame:
    """Return the incidents in which a person is suspected, charged or convicted; one row per person and incident.

    Parameters
    ----------
    person_events : DataFrame
        person_id, incident_id, role, offence_code, occurred_at, age_days, discovery, drug_activity,
        is_minor_used_by_adult, in_flagrant_market; one row per incident, person and role.
    codebook : DataFrame
        Index offence_code: category, axis, harm_days, band.

    Returns
    -------
    DataFrame
        Sorted by person_id, incident_id: both, offence_code, occurred_at, age_days, role (the strongest), discovery,
        `factor` (0 where the police discovered it), `is_use` (possession, paraphernalia or drugs of unstated kind),
        `is_supply`, is_minor_used_by_adult, in_flagrant_market, category, axis, band, harm_days.

    Raises
    ------
    ValueError
        If a role or an offence code is unknown.
    """
    _refuse_unknown("role", person_events["role"], ROLE_FACTORS)
    _refuse_unknown("offence_code", person_events["offence_code"], codebook.index)
    described = person_events.join(codebook[["category", "axis", "band", "harm_days"]], on="offence_code")
    strength = described["role"].map(ROLE_FACTORS).astype(float)
    described = described.assign(strength=strength)[(strength > 0) & ~described["category"].isin(NO_OFFENCE)]
    strongest = described.sort_values(["person_id", "incident_id", "strength"], kind="stable").drop_duplicates(
        ["person_id", "incident_id"], keep="last"
    )
    factor = strongest["strength"].where(strongest["discovery"].isin(NAMED_BY_OTHERS), 0.0)
    is_supply, is_use = supply(strongest), use(strongest)
    kept = ["person_id", "incident_id", "offence_code", "occurred_at", "age_days", "role", "discovery"]
    flags = ["is_minor_used_by_adult", "in_flagrant_market", "category", "axis", "band", "harm_days"]
    return strongest[kept + flags].assign(factor=factor, is_use=is_use, is_supply=is_supply).reset_index(drop=True)


def supply(rows: pd.DataFrame) -> pd.Series:
    """Return True where drugs were sold or made, by offence_code, else by drug_activity.

    An offence of possession stays one, whatever activity is stated beside it: of two meanings the lesser holds.
    """
    is_stated = rows["drug_activity"].isin(SUPPLY_ACTIVITIES) & ~rows["offence_code"].isin(USE_CODES)
    return rows["offence_code"].isin(SUPPLY_CODES) | is_stated


def use(rows: pd.DataFrame) -> pd.Series:
    """Return True where drugs were only possessed or used; drugs of unstated kind count as use."""
    is_drugs = rows["category"].eq("drugs") | (rows["drug_activity"].isin(USE_ACTIVITIES) & rows["axis"].eq("none"))
    return is_drugs & ~supply(rows)


def counted(offences: pd.DataFrame, adult_days: pd.Series, codebook: pd.DataFrame) -> pd.DataFrame:
    """Return the evidence that raises a score: one row per person, incident and axis.

    An incident counts on its offence's own axis, and on `minors` where an adult used a minor in it. Only a person who
    was an adult at the time can have used a minor: a courier aged 17 was used.

    Parameters
    ----------
    offences : DataFrame
        As `offences` returns.
    adult_days : Series
        Index person_id; local days from the 18th birthday to the clock (NaN where unknown), comparable with age_days.
    codebook : DataFrame
        Index offence_code: axis, harm_days.

    Returns
    -------
    DataFrame
        Sorted by person_id, incident_id, axis: person_id, incident_id, axis, band, harm_days, factor, age_days,
        occurred_at.
    """
    evidenced = offences[offences["factor"] > 0]
    is_of_age = evidenced["age_days"].to_numpy() < adult_days.reindex(evidenced["person_id"]).to_numpy()
    is_on_axis = evidenced["axis"].isin(list(AXES)) & ~evidenced["category"].isin(NO_WEIGHT)
    own = evidenced[is_on_axis & (evidenced["axis"].ne("minors") | is_of_age)]
    used = evidenced[evidenced["is_minor_used_by_adult"] & is_of_age & evidenced["axis"].ne("minors")]
    used = used.assign(axis="minors", harm_days=_exploitation_days(used, codebook))
    columns = ["person_id", "incident_id", "axis", "harm_days", "factor", "age_days", "occurred_at"]
    rows = pd.concat([own[columns], used[columns]]).sort_values(["person_id", "incident_id", "axis"], kind="stable")
    return rows.assign(band=bands(rows["harm_days"])).reset_index(drop=True)


def bands(harm_days: pd.Series) -> np.ndarray:
    """Return the severity band of each harm weight: high from a year of prison, mid from 30 days, low below."""
    return np.select([harm_days >= BAND_FLOORS["high"], harm_days >= BAND_FLOORS["mid"]], ["high", "mid"], "low")


def _exploitation_days(rows: pd.DataFrame, codebook: pd.DataFrame) -> pd.Series:
    """Return the least weight the codebook gives to using a minor; the offence's own where it lists none."""
    listed = codebook.loc[codebook["axis"].eq("minors"), "harm_days"]
    return rows["harm_days"] if listed.empty else pd.Series(float(listed.min()), index=rows.index)


def _refuse_unknown(column: str, values: pd.Series, expected: object) -> None:
    unknown = sorted(set(values.unique()) - set(expected))  # type: ignore[call-overload]
    if unknown:
        raise ValueError(f"{column}={unknown[0]!r}: expected one of {', '.join(sorted(expected))}")  # type: ignore[call-overload]
