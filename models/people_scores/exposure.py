"""Time at liberty: the days on which a person could have offended, with more weight on recent days.

A person in custody, prison or hospital, or known to be away, cannot offend in the street; a rate that ignores this
mistakes incapacitation for desistance (Piquero et al. 2001, "Assessing the impact of exposure time and incapacitation
on longitudinal trajectories of criminal offending", Journal of Adolescent Research 16:54).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats

SECONDS_PER_DAY = 86_400
# Minimum age of criminal responsibility (England and Wales: Children and Young Persons Act 1963, section 16).
AGE_OF_RESPONSIBILITY = 10


def decayed_days(age_from: npt.ArrayLike, age_to: npt.ArrayLike, half_life_days: float) -> Floats:
    """Return the days between two ages, where a day of age t weighs ½^(t / half-life).

    The closed form is (h / ln 2)(½^(to / h) − ½^(from / h)). Ages are days before the clock, so `age_from` ≥ `age_to`
    ≥ 0; an infinite half-life gives plain days.
    """
    age_from, age_to = np.asarray(age_from, dtype=np.float64), np.asarray(age_to, dtype=np.float64)
    if np.isinf(half_life_days):
        return age_from - age_to
    return half_life_days / np.log(2) * (np.exp2(-age_to / half_life_days) - np.exp2(-age_from / half_life_days))


def liberty_days(
    persons: pd.DataFrame, custody: pd.DataFrame, *, as_of: pd.Timestamp, window_days: float, half_life_days: float
) -> pd.Series:
    """Return the weighted days at liberty within the window, per person.

    Parameters
    ----------
    persons : DataFrame
        Index person_id; `born_on` (datetime or NaT) and `deceased_at` (UTC or NaT). A person is at risk from the later
        of the window's start and the tenth birthday, until the clock or death.
    custody : DataFrame
        person_id, custody_from, custody_to (NaT while it lasts); all kinds are time away. Intervals may overlap; time
        covered twice is subtracted once.
    as_of : Timestamp
        The clock.
    window_days : float
        Length of the window that ends at the clock.
    half_life_days : float
        Half-life of a day's weight; infinite for plain days.

    Returns
    -------
    Series
        On the index of `persons`, days ≥ 0.
    """
    at_risk = _risk_ages(persons, as_of, window_days)
    whole = decayed_days(at_risk["oldest"], at_risk["newest"], half_life_days)
    away = _away_ages(custody, at_risk, as_of)
    lost = pd.Series(decayed_days(away["oldest"], away["newest"], half_life_days), index=away["person_id"])
    lost = lost.groupby(level=0).sum().reindex(persons.index, fill_value=0.0)
    return pd.Series(np.maximum(whole - lost.to_numpy(), 0.0), index=persons.index, name="liberty_days")


def away_at(custody: pd.DataFrame, as_of: pd.Timestamp) -> pd.Index:
    """Return the people who are in custody, in hospital or absent at the clock."""
    is_current = custody["custody_from"].lt(as_of) & ~custody["custody_to"].lt(as_of)
    return pd.Index(custody.loc[is_current, "person_id"].unique())


def _risk_ages(persons: pd.DataFrame, as_of: pd.Timestamp, window_days: float) -> pd.DataFrame:
    responsible_at = (persons["born_on"] + pd.DateOffset(years=AGE_OF_RESPONSIBILITY)).dt.tz_localize("UTC")
    oldest = _age(responsible_at, as_of).fillna(window_days).clip(0, window_days)
    newest = _age(persons["deceased_at"], as_of).fillna(0.0).clip(lower=0.0)
    return pd.DataFrame({"oldest": oldest, "newest": np.minimum(newest, oldest)})


def _away_ages(custody: pd.DataFrame, at_risk: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the intervals away as ages within the time at risk, without overlap."""
    risk = at_risk.reindex(custody["person_id"]).reset_index(drop=True)
    away = pd.DataFrame(
        {
            "person_id": custody["person_id"].to_numpy(),
            "oldest": np.clip(_age(custody["custody_from"], as_of).to_numpy(), risk["newest"], risk["oldest"]),
            "newest": np.clip(
                _age(custody["custody_to"], as_of).fillna(0.0).to_numpy(), risk["newest"], risk["oldest"]
            ),
        }
    ).dropna(subset=["oldest", "newest"])
    away = away.sort_values(["person_id", "oldest", "newest"], ascending=[True, False, False], kind="stable")
    # In order of time, each interval begins no earlier than the end of all earlier ones of that person.
    reached = away.groupby("person_id")["newest"].cummin().groupby(away["person_id"]).shift()
    oldest = np.minimum(away["oldest"], reached.fillna(np.inf))
    return away.assign(oldest=np.maximum(oldest, away["newest"]))


def _age(moments: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    return (as_of - moments).dt.total_seconds() / SECONDS_PER_DAY
