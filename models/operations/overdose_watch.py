"""Overdose watch: overdoses near an operation or a drug seizure, to date, beside what the year before leads to expect.

Overdoses rose within 100 to 500 m and one to three weeks of opioid seizures in Indianapolis (Ray et al. 2023, American
Journal of Public Health 113:750; Mohler et al. 2021, Proceedings of the Royal Society A 477:20210195). Each watch has
nine windows: three radii by three lengths. The watch is for health partners and has no effect on any plan.

Overdoses come in clusters, so that counts vary more than Poisson counts. The excess of near pairs over those by chance
(Knox 1964) gives the mean size of a cluster, and all tests count clusters.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import scipy  # scipy.stats is slow to import and used by watches only
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.special import betainc, betaincinv, gammaincinv

from models.arrays import Floats, Ints, Row
from models.statistics.empirical_bayes import GammaPrior, fit_gamma_prior

SHARES_OF_RADIUS, SHARES_OF_DAYS = (0.2, 0.5, 1.0), (1 / 3, 2 / 3, 1.0)  # 100, 250, 500 m by 7, 14, 21 days
HISTORY_DAYS, LEAST_HISTORY_DAYS = 365, 56
# A window alarms at this p-value. Over nine windows and every day of a watch, at most one watch in ten then alarms by
# chance (simulated: docs/method-places.md).
ALARM_P = 0.012
FALSE_ALARMS = 0.1  # of one watch by its last day, and of the test over all seizures, nine windows together
SHOWN_AFTER_DAYS = 7
LEAST_EXPECTED = 0.1  # overdoses; a ratio to fewer says nothing
CITY_WEIGHT = 10.0  # the city's rate is held to be unchanged, with the weight of so many overdoses in the same days
REFERENCE_PLACES = 500
FLIPS = 999
TAILS = (0.1, 0.9)  # of 80% intervals
ALL_SEIZURES = "all seizures"
NO_POINT = "it names an area and no point: record it with lon=…; lat=… in its detail"
NOT_BEGUN = "it has not begun"
NO_HISTORY = f"fewer than {LEAST_HISTORY_DAYS} days of recorded overdoses before it"


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """How far and how long overdoses are watched at most, and on which day."""

    as_of: pd.Timestamp
    time_zone: str
    watch_days: int
    watch_m: float

    @property
    def windows(self) -> list[tuple[float, int]]:
        """Radii in metres by lengths in days."""
        days = [max(1, round(share * self.watch_days)) for share in SHARES_OF_DAYS]
        return [(share * self.watch_m, length) for share in SHARES_OF_RADIUS for length in days]


def watch_overdoses(watched: pd.DataFrame, overdoses: pd.DataFrame, *, plan: WatchPlan, seed: int) -> pd.DataFrame:
    """Compare overdoses near each operation and seizure with those expected to date, window by window.

    Parameters
    ----------
    watched : DataFrame
        event_id, cause (operation or seizure), area_id (or null), started_at (UTC), x_m, y_m (middle; missing without a
        point), reach_m (half the side of the square that stands for a market, 0 for a seizure). Seizures of the last
        year; each has rows of its own while its watch runs and for a week after.
    overdoses : DataFrame
        occurred_at (UTC), x_m, y_m: recorded overdoses with a point, before `plan.as_of`.
    plan : WatchPlan
        Day, longest window and widest radius.
    seed : int
        Seed of the test over all seizures.

    Returns
    -------
    DataFrame
        COLUMNS, nine rows for each watched event, and nine over all seizures of the last year if there are any. Of
        seizures started_at and days_watched are given by the local day; their exact time counts and is not told.
    """
    city = _City.of(overdoses, plan)
    watched = watched.sort_values(["started_at", "event_id"], ignore_index=True)
    shown_from = plan.as_of - pd.Timedelta(days=plan.watch_days + SHOWN_AFTER_DAYS)
    is_own = watched["cause"].ne("seizure") | watched["started_at"].ge(shown_from)
    rows = [row for event in watched[is_own].to_dict("records") for row in _event_rows(event, city, plan)]
    seizures = watched[watched["cause"].eq("seizure") & watched["x_m"].notna()]
    if len(seizures):
        rows += _all_seizures(seizures, city, plan, seed)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({name: kind for name, kind in COLUMNS.items() if kind})
    return table.sort_values(["cause", "event_id", "radius_m", "days"], ignore_index=True)


def count_alarms(table: pd.DataFrame) -> str:
    """Return in words how many measured watches alarm, beside how many would by chance."""
    measured = table[table["cause"].ne(ALL_SEIZURES) & table["not_measurable_because"].isna()]
    alarms = measured.groupby(["cause", "event_id"])["is_alarm"].any()
    if alarms.empty:
        return "no watch can be measured"
    return (
        f"{int(alarms.sum())} of {len(alarms)} watches {'alarms' if alarms.sum() == 1 else 'alarm'}; "
        f"by chance alone at most about {FALSE_ALARMS * len(alarms):.1f} would on some day until they end"
    )


@dataclass(frozen=True, slots=True)
class _City:
    """All overdoses with a point: where, on which day before as_of (negative), and how they cluster by window."""

    at_m: Floats  # [n, 2]
    day: Floats  # [n], ascending
    cluster: dict[tuple[float, int], float]  # mean number of overdoses that come together
    priors: dict[float, GammaPrior]  # by radius: overdoses a year near places that had one

    @classmethod
    def of(cls, overdoses: pd.DataFrame, plan: WatchPlan) -> "_City":
        day = _days(overdoses["occurred_at"], plan)
        at_m = overdoses[["x_m", "y_m"]].to_numpy(np.float64)
        order = np.lexsort((at_m[:, 1], at_m[:, 0], day))
        at_m, day = at_m[order], day[order]
        # Earlier overdoses only, so that what a watched event brings is not taken for the usual clusters.
        usual = day < -(plan.watch_days + SHOWN_AFTER_DAYS)
        if usual.sum() < 2:
            return cls(at_m, day, dict.fromkeys(plan.windows, 1.0), {r: GammaPrior(0.5, 1.0) for r, _ in plan.windows})
        near = _Near.of(at_m[usual], day[usual], plan.watch_m)
        priors = {radius: near.prior(radius) for radius in sorted({radius for radius, _ in plan.windows})}
        return cls(at_m, day, {window: near.cluster(*window) for window in plan.windows}, priors)

    def history_days(self, started: float) -> float:
        """Return the days before an event on which overdoses are recorded, a year at most."""
        return min(HISTORY_DAYS, started - self.day[0]) if len(self.day) else 0.0


@dataclass(frozen=True, slots=True)
class _Near:
    """The other overdoses near each of at most some hundred, taken evenly over time."""

    chosen: Ints  # of each pair: number of the one
    apart_m: Floats
    apart_days: Ints
    count: int  # of those taken
    by_day: Floats  # overdoses of the city on each day

    @classmethod
    def of(cls, at_m: Floats, day: Floats, reach_m: float) -> "_Near":
        taken = np.arange(0, len(day), max(1, len(day) // REFERENCE_PLACES))
        lists = KDTree(at_m).query_ball_point(at_m[taken], reach_m)
        chosen, others = np.repeat(np.arange(len(taken)), [len(near) for near in lists]), np.concatenate(lists)
        is_other = others != taken[chosen]
        chosen, others = chosen[is_other], others[is_other].astype(np.int64)
        whole = np.floor(day).astype(np.int64)
        return cls(
            chosen,
            np.asarray(np.hypot(*(at_m[taken[chosen]] - at_m[others]).T)),
            np.abs(whole[taken[chosen]] - whole[others]),
            len(taken),
            np.bincount(whole - whole[0]).astype(np.float64),
        )

    def prior(self, radius: float) -> GammaPrior:
        """Return how many other overdoses a year lie so near to one: places with overdoses differ as a gamma.

        Its shape is at most 1, because the places overlap and so seem to be more alike than they are.
        """
        others = np.bincount(self.chosen[self.apart_m <= radius], minlength=self.count)
        found = fit_gamma_prior(others, np.full(self.count, len(self.by_day) / HISTORY_DAYS))
        shape = min(found.shape, 1.0)
        return GammaPrior(shape, shape / found.mean)

    def cluster(self, radius: float, length: int) -> float:
        """Return 1 + the mean number of companions of an overdose within radius and window, beyond those by chance.

        A pair some days apart lies in one window with probability 1 - days apart / length. By chance means: with the
        times of all overdoses shuffled among their places.
        """
        is_near = self.apart_m <= radius
        together = np.clip(1 - self.apart_days[is_near] / length, 0, None)
        lags = range(1, min(length, len(self.by_day)))
        later = sum(float(self.by_day[:-lag] @ self.by_day[lag:]) * (1 - lag / length) for lag in lags)
        same_day, total = float(self.by_day @ (self.by_day - 1)) / 2, float(self.by_day.sum())
        by_chance = len(together) * (same_day + later) / (total * (total - 1) / 2)
        return max(1.0, 1 + (float(together.sum()) - by_chance) / self.count)


def _event_rows(event: Row, city: _City, plan: WatchPlan) -> list[Row]:
    started = (event["started_at"] - plan.as_of) / pd.Timedelta(days=1)
    history = city.history_days(started)
    problem = _problem(event, started, history)
    days_since = city.day - started
    away_m = np.full(len(city.day), np.inf) if problem == NO_POINT else _away(city.at_m, event)
    shown_at = _midnight(event["started_at"], plan) if event["cause"] == "seizure" else event["started_at"]
    shown_days = max(0.0, (plan.as_of - shown_at) / pd.Timedelta(days=1))
    rows = []
    for radius, length in plan.windows:
        elapsed = max(0.0, min(float(length), -started))
        row: Row = {
            **{name: event[name] for name in ("event_id", "cause", "area_id")},
            "started_at": shown_at,
            "event_count": 1,
            "radius_m": radius,
            "days": length,
            "days_watched": min(float(length), shown_days) if started < 0 else 0.0,
            "watch_until": _day(event["started_at"], plan) + timedelta(days=length),
            "not_measurable_because": problem,
            "is_alarm": False,
        }
        if problem is None:
            is_since, is_before = _within(days_since, 0, elapsed), _within(days_since, -history, 0)
            is_near, is_elsewhere = away_m <= radius, away_m > plan.watch_m
            row |= _compared(
                observed=int((is_since & is_near).sum()),
                before=int((is_before & is_near).sum()),
                elsewhere=int((is_since & is_elsewhere).sum()),
                elsewhere_before=int((is_before & is_elsewhere).sum()),
                share=elapsed / history,
                years=history / HISTORY_DAYS,
                cluster=city.cluster[radius, length],
                prior=city.priors[radius],
            )
        rows.append(row)
    return rows


def _problem(event: Row, started: float, history: float) -> str | None:
    """Return in words why an event cannot be watched."""
    if pd.isna(event["x_m"]):
        return NO_POINT
    if started >= 0:
        return NOT_BEGUN
    return NO_HISTORY if history < LEAST_HISTORY_DAYS else None


def _days(moments: pd.Series, plan: WatchPlan) -> Floats:
    """Return the days from as_of to each moment: negative before it."""
    return np.asarray((moments - plan.as_of) / pd.Timedelta(days=1), np.float64)


def _away(at_m: Floats, event: Row) -> Floats:
    """Return the distances from the square of an event, 0 inside it."""
    beyond = np.abs(at_m - [event["x_m"], event["y_m"]]) - event["reach_m"]
    return np.asarray(np.hypot(*np.clip(beyond, 0, None).T))


def _within(days_since: Floats, first: float, last: float) -> np.ndarray:
    return (days_since >= first) & (days_since < last)


def _day(moment: pd.Timestamp, plan: WatchPlan) -> Any:
    return moment.tz_convert(ZoneInfo(plan.time_zone)).date()


def _midnight(moment: pd.Timestamp, plan: WatchPlan) -> pd.Timestamp:
    """Return when the local day of a moment begins, in UTC."""
    return (
        pd.Timestamp(_day(moment, plan))
        .tz_localize(ZoneInfo(plan.time_zone), nonexistent="shift_forward", ambiguous=True)
        .tz_convert("UTC")
    )


def _compared(
    *,
    observed: int,
    before: int,
    elsewhere: int,
    elsewhere_before: int,
    share: float,
    years: float,
    cluster: float,
    prior: GammaPrior,
) -> Row:
    """Return expected and observed overdoses of one window; `share` is its length over that of the history.

    The city's trend is a gamma with shape `CITY_WEIGHT` + overdoses elsewhere in the same days. The p-value takes the
    local overdoses before and since as given: by chance, each is since with the share that the days and the trend
    give, wherever the place lies. The expected number shrinks the local rate to that of places with overdoses.
    """
    trend_shape, trend_rate = CITY_WEIGHT + elsewhere, CITY_WEIGHT + elsewhere_before * share
    shape, rate = prior.shape + before / cluster, prior.rate + years / cluster
    expected = shape / rate * years * share * trend_shape / trend_rate
    sure = 1 / (1 / shape + 1 / trend_shape)  # shape of a gamma with the spread of rate and trend together
    mean = expected / cluster
    low, high = scipy.stats.nbinom.ppf(TAILS, sure, sure / (sure + mean)) * cluster
    ratio, ratio_lo, ratio_hi = _ratio(observed / cluster, mean, sure) if expected >= LEAST_EXPECTED else [np.nan] * 3
    p_value = _p_value(observed / cluster, before / cluster, share, trend_shape, trend_rate)
    return {
        "expected": expected,
        "expected_lo": float(np.floor(low)),
        "expected_hi": float(np.ceil(high)),
        "observed": observed,
        "ratio": ratio,
        "ratio_lo": ratio_lo,
        "ratio_hi": ratio_hi,
        "p_value": p_value,
        "is_alarm": p_value <= ALARM_P,
    }


def _ratio(observed: float, mean: float, sure: float) -> tuple[float, float, float]:
    """Return the ratio of clusters observed to their expected number, and the ends of its 80% interval.

    As in the exact interval of a Poisson mean (Garwood 1936, Biometrika 28:437), the lower end is that at which so many
    or more have the probability of the tail, and zero if there are none; the upper end that at which so many or fewer
    have it. The expected number is a gamma with shape `sure`, so that counts are negative binomial.
    """
    ratio = observed / mean

    def end(shape: float, tail: float) -> float:
        share, rest = betaincinv(shape, sure, tail), betaincinv(sure, shape, 1 - tail)
        return float(share / max(rest, np.finfo(float).tiny) * sure / mean)

    low = min(end(observed, TAILS[0]), ratio) if observed else 0.0
    return ratio, low, max(end(observed + 1, TAILS[1]), ratio)


def _p_value(observed: float, before: float, share: float, trend_shape: float, trend_rate: float) -> float:
    """Return P(at least as many since, of all local ones), over equally likely values of the trend."""
    if observed == 0:
        return 1.0
    odds = share * gammaincinv(trend_shape, (np.arange(9) + 0.5) / 9) / trend_rate
    return float(betainc(observed, before + 1, odds / (1 + odds)).mean())


def _all_seizures(seizures: pd.DataFrame, city: _City, plan: WatchPlan, seed: int) -> list[Row]:
    """Compare overdoses after all seizures with those in as many days before: the modified two-process Knox test.

    Comparing after with before at the same place leaves out that overdoses cluster by themselves. By chance, before and
    after change places; seizures whose windows touch, for all of which one overdose may count, change together.
    """
    started = _days(seizures["started_at"], plan)
    longest = max(length for _, length in plan.windows)
    first = city.day[0] if len(city.day) else 0.0
    is_whole = (started + longest <= 0) & (started - longest >= first)
    at_m, started = seizures[["x_m", "y_m"]].to_numpy(np.float64)[is_whole], started[is_whole]
    if not len(started):
        because = "no seizure has whole windows of recorded overdoses before and after it"
        return [_pooled_row(window, 0, None, because) for window in plan.windows]
    group = _touching(at_m, started, plan.watch_m, longest)
    after, before = (np.stack(counts, axis=1) for counts in zip(*_sides(at_m, started, city, plan), strict=True))
    excess = np.zeros((group.max() + 1, len(plan.windows)))
    np.add.at(excess, group, (after - before).astype(float))
    flips = np.random.default_rng(seed).choice([-1.0, 1.0], (FLIPS, len(excess)))
    by_chance, seen = flips @ excess, excess.sum(axis=0)
    spread = np.maximum(np.sqrt((excess**2).sum(axis=0)), 1e-9)
    greatest = (by_chance / spread).max(axis=1)
    rows = []
    for at, window in enumerate(plan.windows):
        pairs, expected = int(after[:, at].sum()), int(before[:, at].sum())
        low, high = np.quantile((pairs + expected + by_chance[:, at]) / 2, TAILS)
        adjusted = (1 + int((greatest >= seen[at] / spread[at] - 1e-9).sum())) / (1 + FLIPS)
        figures: Row = {
            "expected": float(expected),
            "expected_lo": float(np.floor(low)),
            "expected_hi": float(np.ceil(high)),
            "observed": pairs,
            "ratio": pairs / expected if expected else np.nan,
            "p_value": (1 + int((by_chance[:, at] >= seen[at] - 1e-9).sum())) / (1 + FLIPS),
            "is_alarm": bool(seen[at] > 0 and adjusted <= FALSE_ALARMS),
        }
        rows.append(_pooled_row(window, len(started), figures, None))
    return rows


def _sides(at_m: Floats, started: Floats, city: _City, plan: WatchPlan) -> list[tuple[Ints, Ints]]:
    """Return for each window the overdoses after and before each seizure."""
    empty = np.zeros(len(started), np.int64)
    counts = [(empty.copy(), empty.copy()) for _ in plan.windows]
    if not len(city.day):
        return counts
    near = KDTree(at_m).sparse_distance_matrix(KDTree(city.at_m), plan.watch_m, output_type="ndarray")
    days_since = city.day[near["j"]] - started[near["i"]]
    for (radius, length), (after, before) in zip(plan.windows, counts, strict=True):
        is_near = near["v"] <= radius
        np.add.at(after, near["i"][is_near & _within(days_since, 0, length)], 1)
        np.add.at(before, near["i"][is_near & _within(days_since, -length, 0)], 1)
    return counts


def _touching(at_m: Floats, started: Floats, watch_m: float, longest: int) -> Ints:
    """Return the group of each seizure: groups have no overdose within reach in common."""
    pairs = KDTree(at_m).query_pairs(2 * watch_m, output_type="ndarray")
    pairs = pairs[np.abs(started[pairs[:, 0]] - started[pairs[:, 1]]) <= 2 * longest]
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(at_m), len(at_m)))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _pooled_row(window: tuple[float, int], count: int, figures: Row | None, because: str | None) -> Row:
    radius, days = window
    fixed: Row = {"event_id": ALL_SEIZURES, "cause": ALL_SEIZURES, "event_count": count, "is_alarm": False}
    return {**fixed, "radius_m": radius, "days": days, "not_measurable_because": because, **(figures or {})}


COLUMNS = {
    "event_id": "str",
    "cause": "str",
    "area_id": None,
    "started_at": "datetime64[us, UTC]",
    "event_count": "int64",
    "radius_m": "float64",
    "days": "int64",
    "days_watched": "float64",
    "watch_until": None,
    "expected": "float64",
    "expected_lo": "float64",
    "expected_hi": "float64",
    "observed": "Int64",
    "ratio": "float64",
    "ratio_lo": "float64",
    "ratio_hi": "float64",
    "p_value": "float64",
    "is_alarm": "bool",
    "not_measurable_because": None,
}
