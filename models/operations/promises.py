"""Promises: what was announced, when it is due, whether it was kept; swiftness and certainty of consequences.

A warning works only while it is credible: p falls with every broken promise (Kleiman and Kilmer 2009, PNAS 106:14230),
so announcing stops when the share of kept promises falls below a floor. An announcement makes three promises: to begin
on the announced day, to deliver the announced hours, and to respond to violations in time.

One consequence answers one violation, and one violation has one answer, whatever the number of operations in the area.
First come the answers in time, as many as there can be: each consequence, the oldest first, answers the oldest open
violation whose deadline is not over (earliest deadline first, which is optimal: Glover 1967, Naval Research Logistics
Quarterly 14:313). What is left over answers late: the oldest consequence the oldest violation before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models.arrays import Floats, Row
from models.checks import expect

NO_AREA = "no area"  # where what names no area of the map was done
CONSEQUENCES = ("sanction", "arrest", "seizure")
STOPPED = "of promises were kept: nothing more is announced"  # end of the reason for which a plan refuses
_HOUR = pd.Timedelta(hours=1)
COLUMNS = (
    "area_id", "promise_kind", "announced_at", "market_id", "notice_id", "promised", "due_on", "status",
    "promised_amount", "delivered_amount", "why",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PromisesConfig:
    """Deadline of responses, share of hours that counts as delivered, and kept rate below which announcing stops."""

    response_deadline_h: float
    kept_rate_floor: float
    delivered_share: float
    window_days: int

    def __post_init__(self) -> None:
        expect(self.response_deadline_h > 0, "promises.", self, "response_deadline_h", "hours above zero")
        for name in ("kept_rate_floor", "delivered_share"):
            expect(0 <= getattr(self, name) <= 1, "promises.", self, name, "a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class Promises:
    """Every promise with its status, and the overall rates."""

    promises: pd.DataFrame  # the columns of `promise` without the run's
    answers: pd.DataFrame  # area_id, violated_at, answered_at, hours: one row per violation under an announcement
    kept_rate: float  # of promises kept or broken; NaN where none is due
    swiftness_h: float  # median hours to a consequence, over the violations that had one; NaN where none had
    certainty: float  # share answered in time of the violations whose deadline is over; NaN where there is none
    may_announce: bool

    def text(self, config: PromisesConfig) -> str:
        """Return one line of text on how well promises are kept."""
        swift = (
            "no consequence yet" if np.isnan(self.swiftness_h) else f"median {self.swiftness_h:.0f} h to a consequence"
        )
        sure = "no violation due" if np.isnan(self.certainty) else f"{self.certainty:.0%} answered in time"
        return f"{words_of(self.promises, config)}; {swift}; {sure}"


def words_of(promises: pd.DataFrame, config: PromisesConfig, refused: Iterable[Sequence[str]] = ()) -> str:
    """Return text on how many promises (rows of `promise`) were kept, and whether announcing stops.

    It stops also where the reasons in `refused` (refused_because of the plan) say so: promises not shown count too.
    """
    rate, due = _kept_rate(promises)
    is_stopped = any(reason.endswith(STOPPED) for reasons in refused for reason in reasons)
    halt = "; ANNOUNCING STOPS until promises are kept again" if is_stopped or not _may_announce(rate, config) else ""
    if not due:
        return f"no promise is due yet{halt}"
    return f"{due} promises due, {rate:.0%} kept (floor {config.kept_rate_floor:.0%}){halt}"


def _kept_rate(promises: pd.DataFrame) -> tuple[float, int]:
    """Return the share kept of promises kept or broken, NaN where none is due, and the number of these."""
    settled = promises[promises["status"].isin(["kept", "broken"])]
    return (float((settled["status"] == "kept").mean()) if len(settled) else float("nan")), len(settled)


def _may_announce(kept_rate: float, config: PromisesConfig) -> bool:
    """Return whether enough promises were kept; while none is due, none was broken."""
    return np.isnan(kept_rate) or kept_rate >= config.kept_rate_floor


def track_promises(
    operations: pd.DataFrame,
    violations: pd.DataFrame,
    actions: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    time_zone: str,
    lead_days: int,
    operation_days: int,
    config: PromisesConfig,
) -> Promises:
    """Compare announcements with the actions recorded by `as_of`.

    Parameters
    ----------
    operations : DataFrame
        As `models.operations.history.operations_of` returns.
    violations : DataFrame
        incident_id, market_id, occurred_at (UTC): dealing reported at a market, perhaps at several that lie close.
    actions : DataFrame
        kind, area_id, at, hours.
    as_of : Timestamp
        The clock.
    time_zone : str
        Zone of the local days.
    lead_days : int
        Days from announcement to first day, if the announcement does not name the first day.
    operation_days : int
        Days that an operation lasts.
    config : PromisesConfig
        Deadline, floor and window.

    Returns
    -------
    Promises
        Promises of the window, responses and overall rates.
    """
    zone = ZoneInfo(time_zone)
    rows: list[dict[str, Any]] = []
    # Broken promises leave the window, or the force could never announce again.
    is_recent = operations["announced_at"] >= as_of - pd.Timedelta(days=config.window_days)
    every = []
    for operation in operations[is_recent].sort_values("announced_at", kind="stable").to_dict("records"):
        starts_on = operation["promised_start"] or (
            operation["announced_at"].tz_convert(zone).date() + timedelta(days=lead_days)
        )
        in_area = actions[actions["area_id"] == operation["area_id"]]
        every.append(_Announced(operation, in_area, starts_on, operation_days, as_of, zone, config))
    answers = _answers(every, violations, actions, config)
    for number, announced in enumerate(every):
        own = {name: announced.operation[name] for name in ("area_id", "announced_at", "market_id", "notice_id")}
        answered = answers[answers["operation"] == number]
        made = (announced.start(), announced.hours(), announced.response(answered))
        rows += [{**own, **promise} for promise in made if promise]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return _summary(table, answers.drop(columns="operation"), as_of, config)


def answered_by(violated: Sequence[pd.Timestamp], consequences: Sequence[pd.Timestamp], h: float) -> list[int | None]:
    """Return, for each violation, the position of the one consequence that answers it; None if none does.

    The rule is that of the module: as many answers within `h` hours as there can be, then late ones, the oldest first.
    A consequence at the very moment of a violation answers it, an earlier one never does.
    """
    deadline = pd.Timedelta(hours=h)
    found: list[int | None] = [None] * len(violated)
    by_age = sorted(range(len(violated)), key=lambda i: (violated[i], i))
    left = sorted(range(len(consequences)), key=lambda i: (consequences[i], i))
    for is_late in (False, True):
        for answer in list(left):
            at = consequences[answer]
            open_ones = (i for i in by_age if found[i] is None and violated[i] <= at)
            if (oldest := next((i for i in open_ones if is_late or at <= violated[i] + deadline), None)) is not None:
                found[oldest] = answer
                left.remove(answer)
    return found


@dataclass(frozen=True, slots=True)
class _Announced:
    """One announced operation: what was done in its area, and the days that it was announced for."""

    operation: Row
    actions: pd.DataFrame
    starts_on: date
    days: int
    as_of: pd.Timestamp
    zone: ZoneInfo
    config: PromisesConfig

    @property
    def today(self) -> date:
        return self.as_of.tz_convert(self.zone).date()

    @property
    def ends_on(self) -> date:
        return self.starts_on + timedelta(days=self.days)

    def midnight(self, day: date) -> pd.Timestamp:
        return pd.Timestamp(day, tz=self.zone).tz_convert("UTC")

    def start(self) -> dict[str, Any]:
        started = self.operation["started_at"]
        began: date | None = None if pd.isna(started) else started.tz_convert(self.zone).date()
        is_kept = began is not None and began <= self.starts_on
        status = "kept" if is_kept else "broken" if self.today > self.starts_on else "open"
        why = "not begun" if began is None else f"begun on {began}"
        return {
            "promise_kind": "start", "promised": f"officers are there from {self.starts_on}", "due_on": self.starts_on,
            "status": status, "promised_amount": 1.0, "delivered_amount": float(is_kept), "why": why,
        }  # fmt: skip

    def hours(self) -> dict[str, Any] | None:
        """Return the promise of hours a day over its past days; None if no hours were announced."""
        per_day = self.operation["promised_hours"]
        if pd.isna(per_day):
            return None
        begin, end = self.midnight(self.starts_on), self.midnight(self.ends_on)
        until = min(end, self.as_of)
        promised = float(per_day) * max((until - begin) / pd.Timedelta(days=1), 0.0)
        delivered = delivered_hours(self.actions, begin, until)
        is_enough = delivered >= self.config.delivered_share * promised
        status = ("kept" if is_enough else "broken") if self.as_of >= end else "open"
        return {
            "promise_kind": "hours", "promised": f"{per_day:g} officer-hours a day for {self.days} days",
            "due_on": self.ends_on, "status": status, "promised_amount": promised, "delivered_amount": delivered,
            "why": f"{delivered:,.0f} of {promised:,.0f} hours so far",
        }  # fmt: skip

    def response(self, answered: pd.DataFrame) -> dict[str, Any] | None:
        """Return the promise of responses: how many due violations were answered in time; None if none is due.

        It is settled once the deadline of a violation on the last day is over.
        """
        due, in_time = _in_time(answered, self.as_of, self.config)
        if not len(due):
            return None
        is_kept = float(in_time.mean()) >= self.config.kept_rate_floor
        settled_at = self.midnight(self.ends_on) + pd.Timedelta(hours=self.config.response_deadline_h)
        status = ("kept" if is_kept else "broken") if self.as_of >= settled_at else "open"
        deadline = f"an answer within {self.config.response_deadline_h:g} h"
        return {
            "promise_kind": "response", "promised": deadline, "due_on": settled_at.tz_convert(self.zone).date(),
            "status": status,
            "promised_amount": float(len(due)), "delivered_amount": float(in_time.sum()),
            "why": f"{int(in_time.sum())} of {len(due)} violations answered in time",
        }  # fmt: skip

    def covers(self, violations: pd.DataFrame) -> "pd.Series[bool]":
        """Return which violations are at its market in the days that it was announced for."""
        begin, end = self.midnight(self.starts_on), min(self.midnight(self.ends_on), self.as_of)
        at = violations["occurred_at"]
        return violations["market_id"].eq(self.operation["market_id"]) & (at >= begin) & (at < end)


def _answers(
    every: Sequence[_Announced], violations: pd.DataFrame, actions: pd.DataFrame, config: PromisesConfig
) -> pd.DataFrame:
    """Return one row per violation under an announcement, with its answer and the number of the operation.

    A report under several announcements is one violation, of the latest of them; what is done in an area is matched
    with the violations of all its operations together.
    """
    told = violations.assign(operation=-1)
    for number, announced in enumerate(every):
        told.loc[announced.covers(told), "operation"] = number
    told = told[told["operation"] >= 0].sort_values(["occurred_at", "incident_id", "operation"])
    told = told.drop_duplicates("incident_id", keep="last")
    areas = [announced.operation["area_id"] for announced in every]
    told = told.assign(area_id=[areas[number] for number in told["operation"]])
    parts = []
    for area_id, of_area in told.groupby("area_id", sort=True):
        is_answer = actions["area_id"].eq(area_id) & actions["kind"].isin(CONSEQUENCES)
        consequences = sorted(actions.loc[is_answer, "at"])
        moments = list(of_area["occurred_at"])
        found = answered_by(moments, consequences, config.response_deadline_h)
        answered_at = pd.Series([None if i is None else consequences[i] for i in found], dtype="datetime64[us, UTC]")
        hours = [np.nan if i is None else (consequences[i] - at) / _HOUR for i, at in zip(found, moments, strict=True)]
        columns = {"area_id": area_id, "violated_at": moments, "answered_at": answered_at, "hours": hours}
        parts.append(pd.DataFrame({**columns, "operation": list(of_area["operation"])}))
    return pd.concat(parts, ignore_index=True) if parts else _no_answers()


def delivered_hours(actions: pd.DataFrame, begin: pd.Timestamp, until: pd.Timestamp) -> float:
    """Return the officer-hours spent in an area between two times: operations by the day, plus single visits."""
    if until <= begin:
        return 0.0
    visits = actions[(actions["kind"] == "visit") & (actions["at"] >= begin) & (actions["at"] < until)]
    window = days_of(pd.Series([begin, until]))
    _, hours = hours_by_day(actions.assign(area_id=""), window[:1], window[1:], as_of=until)
    return float(visits["hours"].fillna(0).sum() + hours.sum())


def hours_by_day(
    actions: pd.DataFrame, begin: Floats, end: Floats, *, as_of: pd.Timestamp
) -> tuple[np.ndarray, Floats]:
    """Return the area of each run of an operation, and its officer-hours in each window.

    `hours` of a crackdown_start are hours a day until the next start or end in the area, or `as_of`. At the same time
    an operation ends before the next begins. What names no area is `NO_AREA`, and one place.

    Parameters
    ----------
    actions : DataFrame
        kind, area_id, at (UTC), hours.
    begin, end : ndarray of float
        When each window begins and ends, as of `days_of`.
    as_of : Timestamp
        Until when those run that did not end.

    Returns
    -------
    tuple of ndarray
        [runs] areas, and [runs, windows] hours.
    """
    place = actions["area_id"].astype(object).where(actions["area_id"].notna(), NO_AREA)
    changes = actions.assign(place=place)[actions["kind"].isin(["crackdown_start", "crackdown_end"])]
    changes = changes.sort_values(["place", "at", "kind", "hours"])
    changes = changes.assign(until=changes.groupby("place")["at"].shift(-1).fillna(as_of))
    runs = changes[(changes["kind"] == "crackdown_start") & changes["hours"].gt(0)]
    if runs.empty:
        return np.zeros(0, dtype=object), np.zeros((0, len(begin)))
    overlap = np.minimum(days_of(runs["until"])[:, None], end) - np.maximum(days_of(runs["at"])[:, None], begin)
    return runs["place"].to_numpy(), np.clip(overlap, 0, None) * runs["hours"].to_numpy(dtype=float)[:, None]


def days_of(moments: pd.Series) -> Floats:
    """Return moments as days since 1970."""
    utc = pd.to_datetime(moments, utc=True).dt.tz_localize(None)
    return np.asarray(utc.to_numpy("datetime64[us]").astype(np.int64) / 86_400e6, dtype=np.float64)


def _in_time(answers: pd.DataFrame, as_of: pd.Timestamp, config: PromisesConfig) -> tuple[pd.DataFrame, pd.Series]:
    """Return the violations whose deadline is over, and which of them were answered in time.

    Those answered before it is over wait like the others: else a day with one answer to ten violations counts as 100%.
    """
    deadline = pd.Timedelta(hours=config.response_deadline_h)
    in_time = answers["hours"].astype(float) <= config.response_deadline_h
    is_due = answers["violated_at"] + deadline <= as_of
    return answers[is_due], in_time[is_due]


def _no_answers() -> pd.DataFrame:
    moments = {name: pd.Series(dtype="datetime64[us, UTC]") for name in ("violated_at", "answered_at")}
    whole = {"hours": pd.Series(dtype=float), "operation": pd.Series(dtype="int64")}
    return pd.DataFrame({"area_id": pd.Series(dtype=str), **moments, **whole})


def _summary(table: pd.DataFrame, answers: pd.DataFrame, as_of: pd.Timestamp, config: PromisesConfig) -> Promises:
    kept_rate, _ = _kept_rate(table)
    due, in_time = _in_time(answers, as_of, config)
    hours = answers["hours"].astype(float).dropna()
    return Promises(
        promises=table,
        answers=answers,
        kept_rate=kept_rate,
        swiftness_h=float(hours.median()) if len(hours) else float("nan"),
        certainty=float(in_time.mean()) if len(due) else float("nan"),
        may_announce=_may_announce(kept_rate, config),
    )
