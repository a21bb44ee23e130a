"""Decisions on lists from the ledger, and their tables."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Any

import pandas as pd

from flows.human_log.ledger import Ledger
from models.governance.actors import same_person
from models.governance.life_cycle import Event
from models.governance.list_effects import EFFECT, EFFECT_EVENTS, Effect, Effects
from models.governance.list_lifecycle import (
    LIST_EVENTS,
    ListStatus,
    split_list_id,
    statuses,
    taken_off_since,
    withheld,
)
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import HumanEvent

EVALUATION = ("evaluated_by", "evaluated_at", "found", "report", "report_sha256")  # null before the evaluation


def list_events(ledger: Ledger) -> list[HumanEvent]:
    """Return the decisions on lists, and the registrations and evaluations of their effects."""
    return ledger.about("list", kinds=[*LIST_EVENTS, *EFFECT_EVENTS])


def withheld_people(ledger: Ledger, now: datetime) -> set[tuple[str, str]]:
    """Return (list name, person_id) of the exceptions in force, for all ids of each person."""
    found = withheld(list_events(ledger), now)
    return {(name, each) for name, person_id in found for each in ledger.same.ids(person_id)}


def taken_off_people(ledger: Ledger, list_name: str, since: datetime) -> set[str]:
    """Return all ids of everybody whom an exception took off a list of any run at `since` or later."""
    return ledger.same.everyone(taken_off_since(list_events(ledger), list_name, since))


def list_effects(ledger: Ledger) -> dict[str, Effects]:
    """Return the registrations and evaluations of every list that has one."""
    return EFFECT.by_subject(ledger.about("list", kinds=EFFECT_EVENTS))


def effect_rows(ledger: Ledger) -> pd.DataFrame:
    """Return list_effect: every registration, in order by list."""
    return _frame("list_effect", map(_effect_row, chain.from_iterable(list_effects(ledger).values())))


def list_tables(ledger: Ledger) -> dict[str, pd.DataFrame]:
    """Return approval, list_effect, list_revocation and list_exception."""
    found = statuses(list_events(ledger))
    return {
        "approval": _frame(
            "approval", (_approval_row(status, status.approved) for status in found.values() if status.approved)
        ),
        "list_effect": effect_rows(ledger),
        "list_revocation": _frame(
            "list_revocation", (_row("revoked", status.revoked) for status in found.values() if status.revoked)
        ),
        "list_exception": _frame(
            "list_exception", (_exception_row(event) for status in found.values() for event in status.exceptions)
        ).drop_duplicates(["list_id", "person_id", "excepted_at"]),
    }


def _frame(table: str, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=read_tables().restricted[table].column_names)


def _row(done: str, event: Event) -> dict[str, Any]:
    """Return which list an event is about, and by whom, when and why it was `done`."""
    name, run_id = split_list_id(event.subject)
    who = {f"{done}_by": event.actor, f"{done}_at": event.at, "reason": event.detail["reason"]}
    return {"list_id": event.subject, "list": name, "run_id": run_id, **who}


def _approval_row(status: ListStatus, event: Event) -> dict[str, Any]:
    opened_at = next(at for name, at in status.opened.items() if same_person(name, event.actor))
    return {**_row("approved", event), "opened_at": opened_at, "stops_at": status.stops_at}


def _exception_row(event: Event) -> dict[str, Any]:
    exception = {name: event.detail[name] for name in ("person_id", "expires_at")}
    return {**_row("excepted", event), **exception}


def _effect_row(effect: Effect) -> dict[str, Any]:
    event, evaluated = effect.registered, effect.evaluated
    row = {"list": event.subject, "registered_by": event.actor, "registered_at": event.at, "ends_at": effect.ends_at}
    evaluation: dict[str, Any] = dict.fromkeys(EVALUATION)
    if evaluated:
        evaluation = {"evaluated_by": evaluated.actor, "evaluated_at": evaluated.at, **evaluated.detail}
    return {**row, **event.detail, **evaluation}
