"""What people did to lists, as the model reads it, and the tables that show it."""

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd

from flows.home.home import Home
from models.governance import list_lifecycle as lifecycle
from models.governance.actors import same_person
from models.governance.list_effects import EFFECT_ACTS, Effect, EffectAct, Effects, effects_of
from models.governance.list_lifecycle import ListAct, ListStanding
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import read_detail

ACTS = ("opened", "approved", "revoked", "overridden")


def list_acts(events: pd.DataFrame) -> list[ListAct | EffectAct]:
    """Return what people did to lists, and what they registered and evaluated of them, from what they did at all."""
    chosen = events[events["subject_kind"].eq("list") & events["kind"].isin([*ACTS, *EFFECT_ACTS])]
    return [_effect_act(row) if row["kind"] in EFFECT_ACTS else _list_act(row) for row in chosen.to_dict("records")]


def list_effects(events: pd.DataFrame) -> Effects:
    """Return what was registered and evaluated of every list, from what people did."""
    return effects_of(act for act in list_acts(events) if isinstance(act, EffectAct))


def erased_people(events: pd.DataFrame) -> list[str]:
    """Return the pseudonyms of the people who were erased, in order of erasure, from what people did."""
    is_erasure = events["kind"].eq("erased") & events["subject_kind"].eq("person")
    return events.loc[is_erasure, "subject"].drop_duplicates().tolist()


def effect_rows(events: pd.DataFrame) -> pd.DataFrame:
    """Return list_effect from what people did."""
    return _frame("list_effect", [_effect_row(each) for each in itertools.chain(*list_effects(events).values())])


def make_list_projections(home: Home, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return approval, list_effect, list_revocation and list_exception from what people did."""
    found = lifecycle.standings(list_acts(events))
    return {
        "approval": _frame("approval", [_approval_row(i, s) for i, s in found.items() if s.approved]),
        "list_effect": effect_rows(events),
        "list_revocation": _frame("list_revocation", [_revocation_row(i, s) for i, s in found.items() if s.revoked]),
        "list_exception": _frame(
            "list_exception", [_exception_row(act) for standing in found.values() for act in standing.exceptions]
        ).drop_duplicates(["list_id", "person_id", "excepted_at"]),
    }


def _list_act(row: Mapping[Any, Any]) -> ListAct:
    detail = read_detail(row["kind"], row["detail"])
    return ListAct(
        row["kind"],
        row["actor"],
        row["subject"],
        row["at"].to_pydatetime(),
        reason=getattr(detail, "reason", ""),
        person_id=getattr(detail, "person_id", None),
        expires_at=getattr(detail, "expires_at", None),
    )


def _effect_act(row: Mapping[Any, Any]) -> EffectAct:
    detail = msgspec.structs.asdict(read_detail(row["kind"], row["detail"]))
    return EffectAct(row["kind"], row["actor"], row["subject"], row["at"].to_pydatetime(), **detail)


def _frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=read_tables().restricted[table].column_names)


def _ids(list_id: str) -> dict[str, str]:
    name, run_id = lifecycle.split_list_id(list_id)
    return {"list_id": list_id, "list": name, "run_id": run_id}


def _approval_row(list_id: str, standing: ListStanding) -> dict[str, Any]:
    act = standing.approved
    assert act
    opened_at = next(at for name, at in standing.opened.items() if same_person(name, act.actor))
    said = {"opened_at": opened_at, "approved_by": act.actor, "approved_at": act.at, "reason": act.reason}
    return {**_ids(list_id), **said, "stops_at": standing.stops_at}


def _revocation_row(list_id: str, standing: ListStanding) -> dict[str, Any]:
    act = standing.revoked
    assert act
    return {**_ids(list_id), "revoked_by": act.actor, "revoked_at": act.at, "reason": act.reason}


def _exception_row(act: ListAct) -> dict[str, Any]:
    return {
        "list_id": act.list_id,
        "list": lifecycle.split_list_id(act.list_id)[0],
        "person_id": act.person_id,
        "excepted_by": act.actor,
        "excepted_at": act.at,
        "expires_at": act.expires_at,
        "reason": act.reason,
    }


def _effect_row(effect: Effect) -> dict[str, Any]:
    act, evaluated = effect.registered, effect.evaluated
    said = {name: getattr(act, name) for name in ("outcome", "comparison", "stops_at")}
    ended = {name: getattr(evaluated, name) if evaluated else None for name in ("found", "report", "report_sha256")}
    return {
        "list": act.list_name,
        "registered_by": act.actor,
        "registered_at": act.at,
        **said,
        "ends_at": effect.ends_at,
        "evaluated_by": evaluated.actor if evaluated else None,
        "evaluated_at": evaluated.at if evaluated else None,
        **ended,
    }
