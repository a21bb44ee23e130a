"""Each area beside its own past: yesterday, last week, last year, the usual range of a week, hours and weekdays.

Weeks are seven local days that end at as_of. The usual range is the middle 90% of a negative binomial distribution with
mean and variance of the weeks before (by moments; with no more variance than chance, Poisson's), widened for as few
weeks as there are. A week above it is unusual: by chance about one in twenty at most. It moves no rank.
"""

import numpy as np
import pandas as pd
from scipy.stats import nbinom, poisson

from models.arrays import Floats, Ints

WEEKS = 52
LEAST_WEEKS = 8  # on record before the latest one, for a usual range
DAYS_PROFILED = 365
NO_TIME = (0, 12)  # hours that, sharp, may stand for no time
PILED = 2  # times the median of the sharp hours, from which they do
TAIL = 0.05
COUNTS = ("day_count", "day_before_count", "week_count", "week_before_count", "week_last_year_count", "week_usual_lo")
COUNT_COLUMNS = (*COUNTS, "week_usual_hi", "no_hour_count")


def compare_weeks(counts: pd.DataFrame, areas: pd.DataFrame) -> pd.DataFrame:
    """Compare the latest days of each area with those before.

    Parameters
    ----------
    counts : pd.DataFrame
        area_id, age_days (whole local days before as_of), weekday (0 is Monday), hour (local; null where it is not
        known), is_sharp (the time is a full hour), n (incidents): those that count, of all days on record from 53
        weeks ago on. The oldest of them says where the record begins.
    areas : pd.DataFrame
        area_id, area_name: one row of the result each.

    Returns
    -------
    pd.DataFrame
        The columns of `area_recent` without the run's, sorted by area_id.
    """
    areas = areas[["area_id", "area_name"]].sort_values("area_id", ignore_index=True)
    counts = counts[counts["area_id"].isin(areas["area_id"])]
    days = 7 * (WEEKS + 1)
    age, n = (counts[name].to_numpy(np.int64) for name in ("age_days", "n"))
    area = pd.Index(areas["area_id"]).get_indexer(counts["area_id"].astype(object))
    daily = np.zeros((len(areas), days), np.int64)
    is_recent = (age >= 0) & (age < days)
    np.add.at(daily, (area[is_recent], age[is_recent]), n[is_recent])
    on_record = min(int(age[is_recent].max()) + 1, days) // 7 if is_recent.any() else 0
    weekly = daily.reshape(len(areas), WEEKS + 1, 7).sum(axis=2)[:, :on_record]  # the latest week first
    lo, hi = usual_range(weekly[:, 1:])
    week = weekly[:, 0] if on_record else np.zeros(len(areas), np.int64)
    hours, weekdays, unknown = _profiles(counts, area, len(areas))
    table = areas.assign(
        day_count=daily[:, 0],
        day_before_count=daily[:, 1],
        week_count=week,
        week_before_count=weekly[:, 1] if on_record > 1 else np.nan,
        week_last_year_count=weekly[:, WEEKS] if on_record > WEEKS else np.nan,
        week_usual_lo=lo,
        week_usual_hi=hi,
        weekly_counts=list(weekly[:, :WEEKS][:, ::-1].tolist()),
        hour_counts=list(hours.tolist()),
        weekday_counts=list(weekdays.tolist()),
        no_hour_count=unknown,
        is_unusual=np.nan_to_num(week > hi),
    )
    return table.astype(dict.fromkeys(COUNT_COLUMNS, "Int32") | {"is_unusual": bool})


def usual_range(weeks: Ints) -> tuple[Floats, Floats]:
    """Return the ends of the usual range of one more week after `weeks` [areas, weeks]; NaN with too few weeks."""
    count = weeks.shape[1]
    if count < LEAST_WEEKS:
        nothing = np.full(len(weeks), np.nan)
        return nothing, nothing
    mean = weeks.mean(axis=1)
    variance = np.maximum(weeks.var(axis=1, ddof=1), mean) * (1 + 1 / count)
    is_wide = variance > mean
    size = np.divide(mean**2, variance - mean, out=np.ones(len(mean)), where=is_wide & (mean > 0))
    share = np.divide(mean, variance, out=np.ones(len(mean)), where=is_wide & (mean > 0))
    lo, hi = (
        np.where(is_wide & (mean > 0), nbinom.ppf(tail, size, share), poisson.ppf(tail, mean))
        for tail in (TAIL, 1 - TAIL)
    )
    return lo, hi


def _profiles(counts: pd.DataFrame, area: Ints, areas: int) -> tuple[Ints, Ints, Ints]:
    """Return counts by local hour and by weekday of each area, and how many have no hour."""
    in_year = counts["age_days"].between(0, DAYS_PROFILED - 1).to_numpy(bool)
    year, area = counts[in_year], area[in_year]
    n = year["n"].to_numpy(np.int64)
    hour = year["hour"].astype("Float64").to_numpy(float, na_value=np.nan)
    is_sharp = year["is_sharp"].fillna(False).to_numpy(bool) & ~np.isnan(hour)
    sharp = np.bincount(hour[is_sharp].astype(np.int64), n[is_sharp], minlength=24)
    piled = [piled_hour for piled_hour in NO_TIME if sharp[piled_hour] > PILED * max(1.0, float(np.median(sharp)))]
    has_hour = ~np.isnan(hour) & ~(is_sharp & np.isin(hour, piled))
    hours, weekdays = np.zeros((areas, 24), np.int64), np.zeros((areas, 7), np.int64)
    np.add.at(hours, (area[has_hour], hour[has_hour].astype(np.int64)), n[has_hour])
    np.add.at(weekdays, (area, year["weekday"].to_numpy(np.int64)), n)
    return hours, weekdays, weekdays.sum(axis=1) - hours.sum(axis=1)
