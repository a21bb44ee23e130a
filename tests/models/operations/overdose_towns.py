"""Cities of overdoses with planted truth for the watch: unequal places, clusters in time, a trend, an effect."""

import numpy as np
import pandas as pd

from models.operations.overdose_watch import WatchPlan, watch_overdoses

START = pd.Timestamp("2026-03-01", tz="UTC")
FIELDS = ["event_id", "cause", "area_id", "started_at", "x_m", "y_m", "reach_m"]


def plan_on(day: float) -> WatchPlan:
    """Return the watch as of so many days after START."""
    return WatchPlan(START + pd.Timedelta(days=day), "UTC", 21, 500.0)


def seizures(at_m: np.ndarray, days: np.ndarray | float = 0.0) -> pd.DataFrame:
    """Return one seizure at each point, so many days after START."""
    started = START + pd.to_timedelta(np.broadcast_to(days, len(at_m)), unit="D")
    fixed = {"cause": "seizure", "area_id": None, "reach_m": 0.0}
    points = {"event_id": [f"s{i:03d}" for i in range(len(at_m))], "x_m": at_m[:, 0], "y_m": at_m[:, 1]}
    return pd.DataFrame({**points, "started_at": started, **fixed})[FIELDS]


def city(
    seed: int,
    *,
    a_year: float = 1500,
    side_m: float = 8_000,
    clustered: float = 0.0,
    trend: float = 1.0,
    places: int = 60,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return overdoses from 400 days before START to 25 after, and the places around which they happen.

    Places differ in rate as a lognormal. A share `clustered` of the overdoses follows another, within 100 m and a week
    or so. The rate rises evenly to `trend` times that of the first day.
    """
    rng = np.random.default_rng([seed, 5])
    at_m = rng.uniform(0, side_m, (places, 2))
    weight = rng.lognormal(0, 1, places)
    total = rng.poisson(a_year * 425 / 365 * (1 - clustered))
    place = rng.choice(places, total, p=weight / weight.sum())
    late = rng.random(total)
    kept = rng.random(total) < (1 + (trend - 1) * late) / max(trend, 1)
    day, where = late[kept] * 425 - 400, at_m[place[kept]] + rng.normal(0, 180, (kept.sum(), 2))
    parents = day, where
    while clustered and len(parents[0]):
        born = np.flatnonzero(rng.random(len(parents[0])) < clustered)
        parents = parents[0][born] + rng.exponential(4, len(born)), parents[1][born] + rng.normal(0, 60, (len(born), 2))
        day, where = np.append(day, parents[0]), np.concatenate([where, parents[1]])
    return overdoses(day, where), at_m


def overdoses(day: np.ndarray, at_m: np.ndarray) -> pd.DataFrame:
    """Return overdoses so many days after START."""
    at = START + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"occurred_at": at, "x_m": at_m[:, 0], "y_m": at_m[:, 1]})


def with_effect(known: pd.DataFrame, at_m: np.ndarray, factor: float, seed: int) -> pd.DataFrame:
    """Return the overdoses with those within 500 m and 21 days after START at the points raised by a factor."""
    rng = np.random.default_rng([seed, 6])
    day = ((known["occurred_at"] - START) / pd.Timedelta(days=1)).to_numpy()
    away = np.hypot(*(known[["x_m", "y_m"]].to_numpy()[:, None] - at_m[None]).transpose(2, 0, 1)).min(axis=1)
    near = np.flatnonzero((day >= 0) & (day < 21) & (away <= 500))
    more = rng.choice(near, rng.poisson((factor - 1) * len(near))) if len(near) else near
    extra = known.iloc[more].assign(occurred_at=START + pd.to_timedelta(rng.uniform(0, 21, len(more)), unit="D"))
    return pd.concat([known, extra], ignore_index=True)


def watched_on(day: float, known: pd.DataFrame, events: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the watch of that day, of overdoses and events known by then."""
    plan = plan_on(day)
    known = known[known["occurred_at"] < plan.as_of]
    return watch_overdoses(events[events["started_at"] < plan.as_of], known, plan=plan, seed=seed)


def any_alarm(seed: int, factor: float, days: tuple[float, ...], **town: float) -> tuple[np.ndarray, np.ndarray]:
    """Return by seizure and day whether it has alarmed by then, and what is expected over all 21 days."""
    known, at_m = city(seed, **town)
    at_m = at_m[: 20 if factor == 1 else 4]  # an effect everywhere would be the city's trend
    known = known if factor == 1 else with_effect(known, at_m, factor, seed)
    tables = [watched_on(day, known, seizures(at_m)) for day in days]
    alarms = np.stack([t[t["cause"] == "seizure"].groupby("event_id")["is_alarm"].any() for t in tables], axis=1)
    last = tables[-1].query("cause == 'seizure' and radius_m == 500 and days == 21").sort_values("event_id")
    return np.maximum.accumulate(alarms, axis=1), last["expected"].to_numpy()
