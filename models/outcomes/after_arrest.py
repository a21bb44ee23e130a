"""What followed each arrest: days in custody and prison, charges, and treatment that was lost.

Arrest and imprisonment end treatment, and the weeks after release are those of the most overdose deaths (Binswanger et
al. 2007, New England Journal of Medicine 356:157): so they are counted as costs of an arrest, whatever its grounds.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

STAY_DAYS = 3  # a stay belongs to an arrest that it begins so soon after, or to the stay that it follows so soon
BOOKING_DAYS = 1  # an arrest may be booked so long after the stay began
CHARGE_DAYS = 30  # a charge belongs to the first arrest so soon after its incident
LOST_DAYS = 90  # treatment left so soon after an arrest counts as lost
IMPOSED = ("custody", "prison")  # kinds of stays


def follow_arrests(
    arrests: pd.DataFrame,
    custody: pd.DataFrame,
    charges: pd.DataFrame,
    treatment: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Return the arrests with what followed each by the clock; of an arrest that names nobody, nothing is known.

    Parameters
    ----------
    arrests : DataFrame
        person_id (missing where unnamed), at (UTC); other columns are kept.
    custody : DataFrame
        person_id, custody_from, custody_to (UTC, missing while it lasts), kind. Days count once, whatever overlaps.
    charges : DataFrame
        person_id, incident_id, occurred_at (UTC): incidents in which somebody is charged or convicted.
    treatment : DataFrame
        person_id, at (UTC), is_engaged: what was known, with consent, from each moment on.
    as_of : Timestamp
        The clock (UTC).

    Returns
    -------
    DataFrame
        The arrests in order of time, with custody_days, prison_days (days of stays that began by the clock, to the
        clock), court_cases, was_in_treatment, has_left_treatment; missing where nobody is named.
    """
    ordered = arrests.sort_values(["at", *(name for name in ("action_id",) if name in arrests)], ignore_index=True)
    named = ordered.dropna(subset=["person_id"])
    count = len(ordered)
    days = {kind: np.zeros(count) for kind in IMPOSED}
    cases, was_in, has_left = np.zeros(count), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    stays, charged, known = (_of(frame, named) for frame in (custody, charges, treatment))
    for name, own in named.groupby("person_id", sort=False):
        person = str(name)
        moments = list(zip(own.index, own["at"], strict=True))
        for number, kind, length in _imposed(moments, stays.get(person), as_of):
            days[kind][number] += length
        for number in _charged(moments, charged.get(person)):
            cases[number] += 1
        for number, has_gone in _treated(moments, known.get(person)):
            was_in[number], has_left[number] = True, has_gone
    is_named = ordered["person_id"].notna()
    return ordered.assign(
        custody_days=pd.Series(days["custody"]).where(is_named),
        prison_days=pd.Series(days["prison"]).where(is_named),
        court_cases=pd.Series(cases).where(is_named),
        was_in_treatment=pd.Series(was_in, dtype="boolean").where(is_named),
        has_left_treatment=pd.Series(has_left, dtype="boolean").where(is_named),
    )


Moments = list[tuple[int, pd.Timestamp]]


def _of(frame: pd.DataFrame, named: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each arrested person."""
    own = frame[frame["person_id"].isin(named["person_id"])]
    return {str(person): rows for person, rows in own.groupby("person_id")}


def _imposed(arrests: Moments, stays: pd.DataFrame | None, as_of: pd.Timestamp) -> Iterator[tuple[int, str, float]]:
    """Yield number of the arrest, kind and days of each stay that an arrest of the person led to."""
    if stays is None:
        return
    stays = stays[stays["kind"].isin(IMPOSED)].sort_values(["custody_from", "custody_to", "kind"])
    near, owner, until = pd.Timedelta(days=STAY_DAYS), None, None
    for begin, end, kind in stays[["custody_from", "custody_to", "kind"]].itertuples(index=False):
        end = as_of if pd.isna(end) else min(end, as_of)
        earliest, latest = begin - near, begin + pd.Timedelta(days=BOOKING_DAYS)
        before = [number for number, at in arrests if earliest <= at <= latest]
        if until is None or begin > until + near:
            owner = None
        owner = before[-1] if before else owner
        if owner is None:
            continue
        begin = begin if until is None else max(begin, until)
        until = end if until is None else max(until, end)
        yield owner, kind, max((end - begin) / pd.Timedelta(days=1), 0.0)


def _charged(arrests: Moments, charges: pd.DataFrame | None) -> Iterator[int]:
    """Yield the number of the arrest for each incident in which the person is charged."""
    if charges is None:
        return
    for occurred_at in charges.drop_duplicates("incident_id")["occurred_at"]:
        latest = occurred_at + pd.Timedelta(days=CHARGE_DAYS)
        after = [number for number, at in arrests if occurred_at <= at <= latest]
        if after:
            yield after[0]


def _treated(arrests: Moments, known: pd.DataFrame | None) -> Iterator[tuple[int, bool]]:
    """Yield each arrest at which the person was in treatment, and whether it was lost; a loss is of the last arrest."""
    if known is None:
        return
    ordered = known.sort_values(["at", "is_engaged"], ascending=[True, False])
    versions = list(zip(ordered["at"], ordered["is_engaged"], strict=True))
    for place, (number, at) in enumerate(arrests):
        if not next((engaged for moment, engaged in reversed(versions) if moment <= at), False):
            continue
        end = at + pd.Timedelta(days=LOST_DAYS)
        following = arrests[place + 1][1] if place + 1 < len(arrests) else None
        end = end if following is None else min(end, following)
        yield number, any(not engaged and at < moment <= end for moment, engaged in versions)
