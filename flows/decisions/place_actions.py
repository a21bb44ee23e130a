"""Actions at places, recorded from the command as action events like those of topic `actions`."""

import hashlib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.embargoes import embargoed_cells, with_embargoes
from flows.human_log.ledger import read_ledger
from flows.human_log.notice_records import notices_of
from flows.human_log.report_file import sealed_report
from flows.ingest.ingest import new_decoder
from flows.inputs.assembly import area_names_of, query, read_map
from flows.run.plans import calendar_of
from models.governance.list_effects import LONGEST_REGISTRATION
from models.governance.notice_lifecycle import Notice
from models.operations.crackdowns import announcement_problems, owed_because
from models.operations.history import (
    ON_HOLD,
    is_evaluation,
    may_be_evaluated,
    operations_of,
    owed_evaluations,
    to_evaluate,
)
from pipeline.errors import PublicationError, SourceError
from pipeline.events.batch import Record
from pipeline.events.schema import Action, ActionRecorded, encode_event
from pipeline.publication.publish import read_published
from pipeline.shared_store.opening import open_snapshot

SOURCE = "/harmspot/command"
_EVALUATE = "harmspot plan evaluate {} --found TEXT --report FILE --by NAME"


def record_action(
    home: Home, *, kind: str, area_id: str, actor: str, at: datetime | None = None, **particulars: Any
) -> str:
    """Store one action at an area, done at `at` (default: now), and return its id.

    The same action at the same time has the same id and is stored once. The event's `time` is when it is recorded, its
    `data.at` when it was done.

    Raises
    ------
    SourceError
        If the store refuses it, or an announcement is not allowed.
    """
    raw_area_id = area_id.rsplit("@", 1)[0]
    now = home.now()
    at = at or now
    content = "\x1f".join([kind, raw_area_id, actor, at.isoformat(), *map(str, particulars.values())])
    action_id = "C" + hashlib.sha256(content.encode()).hexdigest()[:16]
    given = {name: value for name, value in particulars.items() if value is not None}
    action = Action(action_id=action_id, version=1, kind=kind, actor=actor, area=raw_area_id, at=at, **given)  # type: ignore[arg-type]
    event = ActionRecorded(specversion="1.0", id=f"{action_id}.1", source=SOURCE, time=now, data=action)
    batch = new_decoder(home).decode([Record("actions", 0, 0, encode_event(event))])
    with open_home_store(home) as store:
        counts = store.commit(batch, source=SOURCE, ingested_at=now, next_offsets={})
    if counts.dead:
        raise SourceError(
            f"{kind} at {raw_area_id}: refused ({', '.join(counts.dead_by_reason)}); nothing was recorded"
        )
    return action_id


def record_at_market(
    home: Home,
    kind: str,
    market: str,
    *,
    actor: str,
    hours: float | None = None,
    notice_id: str | None = None,
    detail: str | None = None,
    at: datetime | None = None,
) -> tuple[str, str]:
    """Record an action at a market or area by the rules of its kind; return the area and the id of the action.

    Raises
    ------
    SourceError
        An announcement is not allowed yet, or a start where the last operation is over and not evaluated; with reasons.
    PublicationError
        The latest run has no plan for the market or area.
    """
    plan = find_plan(home, market)
    if kind == "crackdown_start":
        refuse_start(home, plan, at)
    if kind == "announcement":
        starts_on = f"starts_on={announced_start(home, plan, notice_id, at or home.now())}"
        detail = f"{starts_on}; {detail}" if detail else starts_on
    particulars = {"hours": hours, "notice_id": notice_id, "detail": detail}
    return plan["area_id"], record_action(home, kind=kind, area_id=plan["area_id"], actor=actor, at=at, **particulars)


def text_problem(text: str) -> str | None:
    """Return why a text cannot stand in the detail of an action; None if it can."""
    return None if text.strip() and ";" not in text else "expected text without a semicolon"


def stop_problem(home: Home, stop_on: date) -> str | None:
    """Return why an operation cannot be registered until a day; None if it can."""
    if home.today() < stop_on <= home.today() + LONGEST_REGISTRATION:
        return None
    return f"{stop_on} is not after today, or more than {LONGEST_REGISTRATION.days} days away"


def register_operation(
    home: Home, market: str, *, outcome: str, comparison: str, stop_on: date, by: str
) -> tuple[str, str]:
    """Register an operation at a market or area; return the market and the id of the action.

    Raises
    ------
    SourceError
        The last operation there is not evaluated yet, or the place is on hold.
    """
    plan = find_plan(home, market)
    operations, calendar = operations_at(home, home.now()), calendar_of(home.now(), home.settings)
    waiting = owed_evaluations(operations, plan["area_id"], plan["market_id"])
    if any(operation["is_hidden"] for operation in waiting):
        raise SourceError(f"{plan['market_id']} cannot be registered: {ON_HOLD}")
    if owed := owed_because(operations, plan["area_id"], plan["market_id"], calendar):
        raise SourceError(f"{plan['market_id']} cannot be registered: {owed}; {_EVALUATE.format(market)}")
    if waiting:
        raise SourceError(
            f"{plan['market_id']} cannot be registered: an operation there is registered already; that cannot be "
            f"changed and lasts until its stop date or its evaluation; {_EVALUATE.format(market)}"
        )
    detail = f"market_id={plan['market_id']}; outcome={outcome}; comparison={comparison}; stop_on={stop_on}"
    action_id = record_action(home, kind="registration", area_id=plan["area_id"], actor=by, detail=detail)
    return plan["market_id"], action_id


def evaluate_operation(home: Home, market: str, *, found: str, report: Path, by: str) -> tuple[str, str]:
    """Record the evaluation of the operation at a market or area; return its market and the id of the action.

    It ends the operation if it still runs, and frees the place for the next registration.

    Raises
    ------
    SourceError
        No operation there waits for an evaluation, or it has not started and its stop date has not come; the place is
        on hold; or the finding is thin, or nobody is named.
    PublicationError
        The report is missing or empty.
    """
    plan, sealed = find_plan(home, market), sealed_report(report)
    home.refuse_mentions({"found": found, "by": by})
    operations = operations_at(home, home.now())
    owed = to_evaluate(operations[~operations["is_hidden"]], plan["area_id"], plan["market_id"])
    if owed is None:
        is_hidden = bool(owed_evaluations(operations, plan["area_id"], plan["market_id"]))
        why = ON_HOLD if is_hidden else "no operation there waits for an evaluation"
        raise SourceError(f"{plan['market_id']} cannot be evaluated: {why}")
    market_id = owed["market_id"] or plan["market_id"]
    if not may_be_evaluated(owed, home.today()):
        raise SourceError(
            f"{market_id} cannot be evaluated: its operation has not started, and its stop date {owed['stop_on']} has "
            "not come"
        )
    detail = "; ".join(f"{name}={text}" for name, text in {"market_id": market_id, "found": found, **sealed}.items())
    if not is_evaluation(by, detail):
        raise SourceError(
            f"{market_id} cannot be evaluated: it takes a named person, not harmspot, and at least two different words "
            "on the registered outcome against its comparison"
        )
    action_id = record_action(home, kind="evaluation", area_id=owed["area_id"], actor=by, detail=detail)
    return market_id, action_id


def refuse_start(home: Home, plan: pd.Series, at: datetime | None) -> None:
    """Raise SourceError if an operation there is over and not evaluated, now or at `at`, when officers started."""
    for moment in (home.now(), *([at] if at else [])):
        operations, calendar = operations_at(home, moment), calendar_of(moment, home.settings)
        if owed := owed_because(operations, plan["area_id"], plan["market_id"], calendar):
            way_out = "" if owed == ON_HOLD else f"; {_EVALUATE.format(plan['market_id'])}"
            raise SourceError(f"{plan['market_id']} cannot be started: {owed}{way_out}")


def announced_start(home: Home, plan: pd.Series, notice_id: str | None, at: datetime) -> date:
    """Return the first day that the served notice of an operation names.

    Raises
    ------
    SourceError
        If the operation of a row of crackdown_plan may not be announced at `at`, with every reason: those of the plan,
        and a notice that is missing, not served by then, or about another place.
    """
    problems = announcement_problems(
        {**dict(plan), "refused_because": list(plan["refused_because"])},
        operations_at(home, at),
        calendar=calendar_of(at, home.settings),
        config=home.settings.crackdowns,
    )
    notice, problem = _served_notice(home, plan, notice_id, at)
    problems += [problem] if problem else []
    if problems or notice is None:
        raise SourceError(f"{plan['market_id']} cannot be announced: {'; '.join(problems)}")
    starts_on: date = notice.fields["starts_on"]
    return starts_on


def _served_notice(
    home: Home, plan: pd.Series, notice_id: str | None, at: datetime
) -> tuple[Notice | None, str | None]:
    """Return the notice, or the problem with it."""
    if not notice_id:
        return None, "no notice was served: run harmspot notices serve, then give its id with --notice"
    notice = notices_of(read_ledger(home)).get(notice_id)
    if notice is None or not notice.kind.announces_operation or notice.fields["area_id"] != plan["area_id"]:
        return None, f"notice {notice_id} is not a notice to {plan['area_id']} that anybody has opened"
    if notice.status.state != "served":
        return None, f"notice {notice_id} is {notice.status.state}, not served"
    if notice.status.served_at is None or notice.status.served_at > at:
        return None, f"notice {notice_id} was served on {notice.status.served_on}, after the announcement"
    return notice, None


def operations_at(home: Home, at: datetime) -> pd.DataFrame:
    """Return the operations in the store, including actions at exactly `at`; is_hidden says which are embargoed now."""
    settings, as_of = home.settings, at + timedelta(microseconds=1)  # as_of is exclusive
    with open_snapshot(
        home.store, home.key, as_of=as_of, since=as_of, wait_s=settings.store.wait_s, progress=home.progress
    ) as snapshot:
        area_names_of(snapshot.connection, read_map(settings).areas)
        operations = operations_of(query(snapshot.connection, "place_action"))
    return with_embargoes(operations, embargoed_cells(read_ledger(home), home.now()), settings.places.cell_size_m)


def find_plan(home: Home, market: str) -> pd.Series:
    """Return the row of the latest crackdown_plan for a market or area; PublicationError lists the known markets."""
    plan = read_published(home.path, "crackdown_plan")
    raw_id = plan["area_id"].str.rsplit("@", n=1).str[0]
    rows = plan[plan["market_id"].eq(market) | plan["area_id"].eq(market) | raw_id.eq(market)]
    if len(rows) == 0:
        raise PublicationError(
            f"market or area {market!r}: no plan; known are {', '.join(plan['market_id']) or 'none'}"
        )
    return rows.sort_values("position").iloc[0]
