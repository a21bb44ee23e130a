"""The weekly series behind each indicator of the unintended consequences, from the events of a snapshot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Bools, Floats
from models.operations.promises import days_of, hours_by_day
from models.outcomes.indicators import (
    COMPLAINTS,
    EFFORT,
    MIX,
    NALOXONE,
    NEEDLES,
    NEW_SELLERS,
    PRICE,
    PURITY,
    RETENTION,
    STARTS,
    SYNTHETIC,
    VIOLENCE,
    WAIT,
    Indicator,
)
from models.statistics.weekly_series import YEAR_WEEKS, Mix, Ratio, Series, Values, Weeks

NEW_WEEKS = 26  # a seller who was not seen for so long is new
NEAR_M = 500.0
_DRUGS = "substance"
_OPERATION = ("crackdown_start", "crackdown_end")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the events of a snapshot say of the consequences; nobody is named.

    Parameters
    ----------
    incidents : DataFrame
        occurred_at (UTC), x_m, y_m (missing without a point), is_violence (reported by others than police),
        is_naloxone_given, substance (null if unknown), price_per_gram, purity.
    actions : DataFrame
        kind, area_id (or null), at (UTC), hours, count, days.
    sellers : DataFrame
        occurred_at (UTC), x_m, y_m, seller (a number that stands for a suspect in this run alone).
    names : Mapping of str to str
        Words of sources for substances, in lower case, and what each is counted as; others count as themselves.
    synthetic_opioids : frozenset of str
        Those of the names that are synthetic opioids.
    """

    incidents: pd.DataFrame
    actions: pd.DataFrame
    sellers: pd.DataFrame
    names: Mapping[str, str]
    synthetic_opioids: frozenset[str]

    def acts(self, *kinds: str) -> pd.DataFrame:
        """Return the actions of some kinds."""
        return self.actions[self.actions["kind"].isin(kinds)]

    @property
    def drugs(self) -> pd.DataFrame:
        """The incidents that name a substance, by the name that it is counted as."""
        named = self.incidents.dropna(subset=_DRUGS)
        words = named[_DRUGS].str.strip().str.lower()
        return named.assign(substance=[self.names.get(word, word) for word in words])


@dataclass(frozen=True, slots=True)
class Place:
    """A market with an operation, or the force, and the weeks that are compared there; since is 0 before the first."""

    name: str
    area_id: str | None
    weeks: Weeks
    at_m: tuple[float, float] | None = None

    def near(self, frame: pd.DataFrame) -> Bools:
        """Return which rows lie within NEAR_M of the market."""
        assert self.at_m is not None
        away = np.hypot(frame["x_m"].astype(float) - self.at_m[0], frame["y_m"].astype(float) - self.at_m[1])
        return np.asarray(away <= NEAR_M)


def _violence(evidence: Evidence, place: Place) -> Ratio:
    violent = evidence.incidents[evidence.incidents["is_violence"].astype(bool)]
    at, is_near = violent["occurred_at"], place.near(violent)
    return Ratio(place.weeks.sums(at[is_near]), place.weeks.sums(at[~is_near]))


def _new_sellers(evidence: Evidence, place: Place) -> Ratio:
    """Return suspected sellers near by week, each once a week, and those whom nobody suspected for NEW_WEEKS before.

    Weeks count from NEW_WEEKS on record on: before, everybody would be new.
    """
    seen, weeks = evidence.sellers.sort_values(["seller", "occurred_at"]), place.weeks
    last = seen.groupby("seller")["occurred_at"].shift()
    is_new = last.isna() | (seen["occurred_at"] - last > pd.Timedelta(weeks=NEW_WEEKS))
    known_from = seen["occurred_at"].min() + pd.Timedelta(weeks=NEW_WEEKS)
    unknown = sum(begin < known_from for begin, _ in weeks.bounds)
    week = weeks.of(seen["occurred_at"])
    near = seen.assign(week=week, is_new=is_new)[place.near(seen) & (week >= unknown)]
    # Whoever is new in one week remains so until the end of that week.
    by_week = near.groupby(["week", "seller"], as_index=False)["is_new"].any()
    total, new = (
        np.bincount(held["week"], minlength=weeks.count).astype(float) for held in (by_week, by_week[by_week["is_new"]])
    )
    is_since = near["week"] >= weeks.before
    is_before = ~is_since & (near["week"] >= weeks.before - YEAR_WEEKS)
    return Ratio(
        new, total, is_share=True, people=tuple(near["seller"][held].nunique() for held in (is_before, is_since))
    )


def _beside_others(kind: str) -> Callable[[Evidence, Place], Ratio]:
    """Return the series of actions in the market's area beside those elsewhere, or of the whole force."""

    def series(evidence: Evidence, place: Place) -> Ratio:
        acts = evidence.acts(kind)
        if place.area_id is None:
            return Ratio(_counted(acts, place.weeks))
        is_here = acts["area_id"] == place.area_id
        return Ratio(_counted(acts[is_here], place.weeks), _counted(acts[~is_here], place.weeks))

    return series


def _counted(acts: pd.DataFrame, weeks: Weeks) -> Floats:
    return weeks.sums(acts["at"], acts["count"].fillna(1))


def _measures_of(name: str) -> Callable[[Evidence, Place], Values]:
    """Return the series of a figure of drugs, each beside the median of its own substance before."""

    def series(evidence: Evidence, place: Place) -> Values:
        known = evidence.drugs.dropna(subset=name)
        week = place.weeks.of(known["occurred_at"])
        known = known.assign(week=week)[(week >= 0) & (known[name] > 0)]
        before = place.weeks.before
        usual = known[known["week"].between(before - YEAR_WEEKS, before - 1)].groupby(_DRUGS)[name].median()
        beside = known[name] / known[_DRUGS].map(usual).astype(float)
        kept = beside.notna()
        return Values(beside[kept].to_numpy(float), known["week"][kept].to_numpy(np.int64), place.weeks.count)

    return series


def _effort(evidence: Evidence, place: Place) -> Ratio:
    """Return officer hours of operations, visits and other acts by week, and those of outreach."""
    officers = evidence.actions[~evidence.actions["kind"].isin(["outreach", "announcement", *_OPERATION])]
    spent = place.weeks.sums(officers["at"], officers["hours"].fillna(0.0))
    spent = spent + _operation_hours(evidence.acts(*_OPERATION), place.weeks)
    # What nobody sends is no zero: weeks count from where both are on record.
    outreach = evidence.acts("outreach").dropna(subset="hours")
    health = place.weeks.sums(outreach["at"], outreach["hours"])
    return Ratio(*_from_both(spent, health), is_share=True)


def _from_both(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return both without what is before the first week that each of them is on record; nothing if one never is."""
    is_in = np.logical_and(*(np.cumsum(each) > 0 for each in (one, other)))
    return one * is_in, other * is_in


def _operation_hours(changes: pd.DataFrame, weeks: Weeks) -> Floats:
    """Return officer hours of operations by week: so many a day in an area until they change or end."""
    begin = days_of(pd.Series([begin for begin, _ in weeks.bounds]))
    return hours_by_day(changes, begin, begin + 7, as_of=weeks.bounds[-1][1])[1].sum(axis=0)


def _wait(evidence: Evidence, place: Place) -> Values:
    waits = evidence.acts("treatment_wait").dropna(subset="days")
    week = place.weeks.of(waits["at"])
    days = waits["days"].clip(lower=0.5).to_numpy(float)  # whoever began on the same day waited half of one
    return Values(days[week >= 0], week[week >= 0], place.weeks.count)


def _mix(evidence: Evidence, place: Place) -> Mix:
    drugs = evidence.drugs
    week = place.weeks.of(drugs["occurred_at"])
    drugs = drugs.assign(week=week)[week >= 0]
    table = pd.crosstab(drugs["week"], drugs[_DRUGS]).reindex(range(place.weeks.count), fill_value=0)
    known = set(evidence.names.values())  # other words of sources may hold anything, and are not told
    return Mix(table.to_numpy(np.float64), [str(name) if name in known else "other" for name in table.columns])


def _synthetic(evidence: Evidence, place: Place) -> Ratio:
    mix = _mix(evidence, place)
    is_synthetic = np.isin(list(mix.kinds), sorted(evidence.synthetic_opioids))
    return Ratio(mix.amounts[:, is_synthetic].sum(axis=1), mix.amounts.sum(axis=1), is_share=True)


def _retention(evidence: Evidence, place: Place) -> Ratio:
    kinds = ("referral_retained", "treatment_left")
    stayed, left = _from_both(*(_counted(evidence.acts(kind), place.weeks) for kind in kinds))
    return Ratio(stayed, stayed + left, is_share=True)


def _naloxone(evidence: Evidence, place: Place) -> Ratio:
    given = evidence.incidents[evidence.incidents["is_naloxone_given"].astype(bool)]
    of_incidents = place.weeks.sums(given["occurred_at"])
    return Ratio(of_incidents + _counted(evidence.acts("naloxone_given"), place.weeks))


SERIES: dict[Indicator, Callable[[Evidence, Place], Series]] = {
    VIOLENCE: _violence,
    NEW_SELLERS: _new_sellers,
    PRICE: _measures_of("price_per_gram"),
    PURITY: _measures_of("purity"),
    EFFORT: _effort,
    WAIT: _wait,
    MIX: _mix,
    SYNTHETIC: _synthetic,
    STARTS: _beside_others("referral_started"),
    RETENTION: _retention,
    NALOXONE: _naloxone,
    NEEDLES: _beside_others("needle_exchange"),
    COMPLAINTS: _beside_others("complaint"),
}
