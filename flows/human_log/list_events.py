"""Convert list decisions to model objects and to their tables."""

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd

from flows.home.home import Home
from models.governance import list_lifecycle as lifecycle
from models.governance.actors import same_person
from models.governance.list_effects import EFFECT_EVENTS, Effect, EffectEvent, Effects, effects_of
from models.governance.list_lifecycle import ListEvent, ListStatus
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import read_detail

LIST_DECISIONS = ("opened", "approved", "revoked", "overridden")


def list_events(events: pd.DataFrame) -> list[ListEvent | EffectEvent]:
    """Return the list decisions, and the registrations and evaluations of lists, from all human events."""
    chosen = events[events["subject_kind"].eq("list") & events["kind"].isin([*LIST_DECISIONS, *EFFECT_EVENTS])]
    return [
        _effect_event(row) if row["kind"] in EFFECT_EVENTS else _list_event(row) for row in chosen.to_dict("records")
    ]


def list_effects(events: pd.DataFrame) -> Effects:
    """Return the registrations and evaluations of every list from the human events."""
    return effects_of(event for event in list_events(events) if isinstance(event, EffectEvent))


def erased_people(events: pd.DataFrame) -> list[str]:
    """Return the pseudonyms of erased people, in order of erasure, from the human events."""
    is_erasure = events["kind"].eq("erased") & events["subject_kind"].eq("person")
    return events.loc[is_erasure, "subject"].drop_duplicates().tolist()


def effect_rows(events: pd.DataFrame) -> pd.DataFrame:
    """Return list_effect from the human events."""
    return _frame("list_effect", [_effect_row(each) for each in itertools.chain(*list_effects(events).values())])


def make_list_projections(home: Home, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return approval, list_effect, list_revocation and list_exception from the human events."""
    found = lifecycle.statuses(list_events(events))
    return {
        "approval": _frame("approval", [_approval_row(i, s) for i, s in found.items() if s.approved]),
        "list_effect": effect_rows(events),
        "list_revocation": _frame("list_revocation", [_revocation_row(i, s) for i, s in found.items() if s.revoked]),
        "list_exception": _frame(
            "list_exception", [_exception_row(event) for status in found.values() for event in status.exceptions]
        ).drop_duplicates(["list_id", "person_id", "excepted_at"]),
    }


def _list_event(row: Mapping[Any, Any]) -> ListEvent:
    detail = read_detail(row["kind"], row["detail"])
    return ListEvent(
        row["kind"],
        row["actor"],
        row["subject"],
        row["at"].to_pydatetime(),
        reason=getattr(detail, "reason", ""),
        person_id=getattr(detail, "person_id", None),
        expires_at=getattr(detail, "expires_at", None),
    )


def _effect_event(row: Mapping[Any, Any]) -> EffectEvent:
    detail = msgspec.structs.asdict(read_detail(row["kind"], row["detail"]))
    return EffectEvent(row["kind"], row["actor"], row["subject"], row["at"].to_pydatetime(), **detail)


def _frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=read_tables().restricted[table].column_names)


def _ids(list_id: str) -> dict[str, str]:
    name, run_id = lifecycle.split_list_id(list_id)
    return {"list_id": list_id, "list": name, "run_id": run_id}


def _approval_row(list_id: str, status: ListStatus) -> dict[str, Any]:
    event = status.approved
    assert event
    opened_at = next(at for name, at in status.opened.items() if same_person(name, event.actor))
    approval = {"opened_at": opened_at, "approved_by": event.actor, "approved_at": event.at, "reason": event.reason}
    return {**_ids(list_id), **approval, "stops_at": status.stops_at}


def _revocation_row(list_id: str, status: ListStatus) -> dict[str, Any]:
    event = status.revoked
    assert event
    return {**_ids(list_id), "revoked_by": event.actor, "revoked_at": event.at, "reason": event.reason}


def _exception_row(event: ListEvent) -> dict[str, Any]:
    return {
        "list_id": event.list_id,
        "list": lifecycle.split_list_id(event.list_id)[0],
        "person_id": event.person_id,
        "excepted_by": event.actor,
        "excepted_at": event.at,
        "expires_at": event.expires_at,
        "reason": event.reason,
    }


def _effect_row(effect: Effect) -> dict[str, Any]:
    event, evaluated = effect.registered, effect.evaluated
    registration = {name: getattr(event, name) for name in ("outcome", "comparison", "stops_at")}
    evaluation = {
        name: getattr(evaluated, name) if evaluated else None for name in ("found", "report", "report_sha256")
    }
    return {
        "list": event.list_name,
        "registered_by": event.actor,
        "registered_at": event.at,
        **registration,
        "ends_at": effect.ends_at,
        "evaluated_by": evaluated.actor if evaluated else None,
        "evaluated_at": evaluated.at if evaluated else None,
        **evaluation,
    }
