"""Promises: what was announced, when it is due, whether it was kept; swiftness and certainty of consequences.

A warning works only while it is credible: p falls with every broken promise (Kleiman and Kilmer 2009, PNAS 106:14230),
so announcing stops when the share of kept promises falls below a floor. An announcement makes three promises: to begin
on the announced day, to deliver the announced hours, and to respond to violations in time.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models.arrays import Row
from models.checks import expect

CONSEQUENCES = ("sanction", "arrest", "seizure")
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
    swiftness_h: float  # median hours from violation to consequence; NaN where there was none
    certainty: float  # share of violations due by now that were answered in time; NaN where none is due
    may_announce: bool

    def text(self, config: PromisesConfig) -> str:
        """Return one line of text on how well promises are kept."""
        swift = (
            "no consequence yet" if np.isnan(self.swiftness_h) else f"median {self.swiftness_h:.0f} h to a consequence"
        )
        sure = "no violation due" if np.isnan(self.certainty) else f"{self.certainty:.0%} answered in time"
        return f"{words_of(self.promises, config)}; {swift}; {sure}"


def words_of(promises: pd.DataFrame, config: PromisesConfig) -> str:
    """Return text on how many promises (rows of `promise`) were kept, and whether announcing stops."""
    rate, due = _kept_rate(promises)
    if not due:
        return "no promise is due yet"
    halt = "" if _may_announce(rate, config) else "; ANNOUNCING STOPS until promises are kept again"
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
        area_id, market_id, occurred_at (UTC): dealing reported at a market.
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
    answers = []
    # Broken promises leave the window, or the force could never announce again.
    is_recent = operations["announced_at"] >= as_of - pd.Timedelta(days=config.window_days)
    for operation in operations[is_recent].to_dict("records"):
        starts_on = operation["promised_start"] or (
            operation["announced_at"].tz_convert(zone).date() + timedelta(days=lead_days)
        )
        in_area = actions[actions["area_id"] == operation["area_id"]]
        announced = _Announced(operation, in_area, starts_on, operation_days, as_of, zone, config)
        answered = announced.answers(violations)
        answers.append(answered)
        own = {name: operation[name] for name in ("area_id", "announced_at", "market_id", "notice_id")}
        made = (announced.start(), announced.hours(), announced.response(answered))
        rows += [{**own, **promise} for promise in made if promise]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    all_answers = pd.concat(answers, ignore_index=True) if answers else _no_answers()
    return _summary(table, all_answers, as_of, config)


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
        """Return the promise of responses: how many due violations were answered in time; None if none is due."""
        due, in_time = _in_time(answered, self.as_of, self.config)
        if not len(due):
            return None
        is_kept = float(in_time.mean()) >= self.config.kept_rate_floor
        status = ("kept" if is_kept else "broken") if self.today >= self.ends_on else "open"
        deadline = f"an answer within {self.config.response_deadline_h:g} h"
        return {
            "promise_kind": "response", "promised": deadline, "due_on": self.ends_on, "status": status,
            "promised_amount": float(len(due)), "delivered_amount": float(in_time.sum()),
            "why": f"{int(in_time.sum())} of {len(due)} violations answered in time",
        }  # fmt: skip

    def answers(self, violations: pd.DataFrame) -> pd.DataFrame:
        """Match each violation with the first later consequence that no earlier violation was matched with."""
        begin, end = self.midnight(self.starts_on), min(self.midnight(self.ends_on), self.as_of)
        at_market = violations.loc[violations["market_id"] == self.operation["market_id"], "occurred_at"]
        is_answer = self.actions["kind"].isin(CONSEQUENCES) & (self.actions["at"] >= begin)
        free = sorted(self.actions.loc[is_answer, "at"])
        rows = []
        for moment in sorted(at_market[(at_market >= begin) & (at_market < end)]):
            answer = next((at for at in free if at >= moment), None)
            if answer is not None:
                free.remove(answer)
            hours = np.nan if answer is None else (answer - moment) / pd.Timedelta(hours=1)
            rows.append((self.operation["area_id"], moment, answer, hours))
        return pd.DataFrame(rows, columns=["area_id", "violated_at", "answered_at", "hours"]) if rows else _no_answers()


def delivered_hours(actions: pd.DataFrame, begin: pd.Timestamp, until: pd.Timestamp) -> float:
    """Return the officer-hours spent in an area between two times: operations by the day, plus single visits."""
    if until <= begin:
        return 0.0
    visits = actions[(actions["kind"] == "visit") & (actions["at"] >= begin) & (actions["at"] < until)]
    spent, rate, since = float(visits["hours"].fillna(0).sum()), 0.0, begin
    changes = actions[actions["kind"].isin(["crackdown_start", "crackdown_end"])]
    # At the same time an operation ends before the next begins.
    changes = changes.sort_values(["at", "kind", "hours"])
    for kind, at, hours in changes[["kind", "at", "hours"]].itertuples(index=False):
        moment = min(max(at, begin), until)
        spent += rate * ((moment - since) / pd.Timedelta(days=1))
        rate, since = (float(hours or 0.0) if kind == "crackdown_start" else 0.0), moment
    return spent + rate * ((until - since) / pd.Timedelta(days=1))


def _in_time(answers: pd.DataFrame, as_of: pd.Timestamp, config: PromisesConfig) -> tuple[pd.DataFrame, pd.Series]:
    deadline = pd.Timedelta(hours=config.response_deadline_h)
    in_time = answers["hours"].astype(float) <= config.response_deadline_h
    is_due = in_time | (answers["violated_at"] + deadline <= as_of)
    return answers[is_due], in_time[is_due]


def _no_answers() -> pd.DataFrame:
    moments = {name: pd.Series(dtype="datetime64[us, UTC]") for name in ("violated_at", "answered_at")}
    return pd.DataFrame({"area_id": pd.Series(dtype=str), **moments, "hours": pd.Series(dtype=float)})


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
