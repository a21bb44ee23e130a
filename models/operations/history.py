"""Operations against street markets, folded from the recorded actions: one at a time in each area.

An operation begins with its registration (or, if unregistered, with its announcement or first hours) and ends with
`crackdown_end` or its evaluation. The next registration at the place waits for the evaluation, as that of a list does
(`models.governance.list_effects`): one that comes sooner, by whatever way, begins nothing. The place is the area, and
the market in whichever area it lies.

The `detail` of an action holds `key=value; key=value`: market_id, outcome, comparison and stop_on of a registration,
starts_on of an announcement, `phase=maintain` of the hours that hold a tipped market, found and report of an
evaluation.
"""

from datetime import date
from typing import Any

import pandas as pd

from models.arrays import Row
from models.governance.actors import is_machine, is_thin, name_of
from models.places.markets import middle_of

OPENING = ("registration", "announcement", "crackdown_start")
COLUMNS = (
    "area_id", "market_id", "registered_at", "outcome", "comparison", "stop_on", "partners_told_at", "announced_at",
    "notice_id", "promised_hours", "promised_start", "started_at", "surge_hours", "maintained_at",
    "maintenance_hours", "ended_at", "arrest_count", "evaluated_at", "renewed_at",
)  # fmt: skip
_MOMENTS = tuple(name for name in COLUMNS if name.endswith("_at"))
SAME_CELLS = 3  # the largest drift, in cells, at which a market counts as the same
UNSTATED = "unstated"  # actor of an action whose source names nobody


def particulars(detail: str | None) -> dict[str, str]:
    """Return the `key=value` pairs of an action's detail; free text is left out.

    >>> particulars("market_id=market_3_4; outcome=calls about dealing; by hand")
    {'market_id': 'market_3_4', 'outcome': 'calls about dealing'}
    """
    pairs = (part.partition("=") for part in (detail or "").split(";"))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def is_same_market(left: Any, right: Any) -> bool:
    """Return whether two ids name one market: its heaviest cell drifts by a few cells from run to run."""
    a, b = (middle_of(market_id) if isinstance(market_id, str) else None for market_id in (left, right))
    return a is not None and b is not None and max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= SAME_CELLS


def operations_of(actions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operation, in order of area and time.

    Parameters
    ----------
    actions : DataFrame
        action_id, kind, area_id, notice_id, at (UTC), hours, detail, and actor, without which no evaluation counts;
        actions without an area are left out.

    Returns
    -------
    DataFrame
        COLUMNS: times in UTC, stop_on and promised_start dates; steps not yet done are null. An operation has no
        market_id before it is registered. renewed_at is the first registration that came before its evaluation.
    """
    operations: list[Row] = []
    current: dict[str, Row] = {}  # by area
    # At the same time an operation ends, and is evaluated, before the next begins.
    turn = actions["kind"].map({"crackdown_end": 0, "evaluation": 1}).fillna(2)
    ordered = actions.assign(turn=turn).dropna(subset="area_id").sort_values(["at", "turn", "action_id"])
    for action in ordered.to_dict("records"):  # actions on places are few
        if action["kind"] in ("registration", "evaluation"):
            market_id = particulars(_text(action["detail"])).get("market_id")
            owed = [each for each in operations if _is_owed(each) and _is_at(each, action["area_id"], market_id)]
            if action["kind"] == "evaluation":
                _evaluate(owed[:1], action)
                continue
            if owed:
                _note_renewal(owed, action)
                continue
        own = current.get(action["area_id"])
        if (own is None or own["ended_at"] is not None) and action["kind"] in OPENING:
            own = current[action["area_id"]] = dict.fromkeys(COLUMNS) | {
                "area_id": action["area_id"],
                "arrest_count": 0,
            }
            operations.append(own)
        if own is not None and own["ended_at"] is None:
            _record(own, action)
    in_order = sorted(operations, key=lambda each: str(each["area_id"]))
    return _typed(pd.DataFrame(in_order, columns=list(COLUMNS)))


def owed_evaluations(operations: pd.DataFrame, area_id: str, market_id: str | None) -> list[Row]:
    """Return the operations at a place that have to be evaluated before another is registered there, oldest first."""
    rows: list[Row] = operations.sort_values("registered_at", kind="stable").to_dict("records")
    return [each for each in rows if _is_owed(each) and _is_at(each, area_id, market_id)]


def is_over(operation: Row, today: date) -> bool:
    """Return whether an operation (a row of `operations_of`) has ended or its stop date has come."""
    stop_on = operation["stop_on"]
    return not pd.isna(operation["ended_at"]) or (not pd.isna(stop_on) and today >= stop_on)


def is_evaluation(actor: Any, detail: Any) -> bool:
    """Return whether an evaluation counts: by a named person, with a finding of two different words and a report."""
    name, details = name_of(str(actor or "")), particulars(_text(detail))
    is_named = name not in ("", UNSTATED) and not is_machine(name)
    return is_named and not is_thin(details.get("found", "")) and bool(details.get("report"))


def _is_owed(operation: Row) -> bool:
    """Return whether it was registered, or announced without that and ended, and is not evaluated."""
    is_registered, is_announced, is_ended, is_evaluated = (
        not pd.isna(operation[name]) for name in ("registered_at", "announced_at", "ended_at", "evaluated_at")
    )
    return not is_evaluated and (is_registered or (is_announced and is_ended))


def _is_at(operation: Row, area_id: str, market_id: str | None) -> bool:
    return operation["area_id"] == area_id or is_same_market(operation["market_id"], market_id)


def _evaluate(owed: list[Row], action: Row) -> None:
    for operation in owed if is_evaluation(action.get("actor"), action["detail"]) else []:
        operation |= {"evaluated_at": action["at"], "ended_at": operation["ended_at"] or action["at"]}


def _note_renewal(owed: list[Row], action: Row) -> None:
    for operation in owed:
        operation["renewed_at"] = operation["renewed_at"] or action["at"]


def _record(operation: Row, action: Row) -> None:
    details, at = particulars(_text(action["detail"])), action["at"]
    match action["kind"]:
        case "registration":
            operation |= {name: details.get(name) for name in ("market_id", "outcome", "comparison")}
            operation |= {"registered_at": at, "stop_on": _day(details.get("stop_on"))}
        case "partners_told":
            operation["partners_told_at"] = operation["partners_told_at"] or at
        case "announcement" if operation["announced_at"] is None:
            operation |= {"announced_at": at, "notice_id": _text(action["notice_id"])}
            operation |= {"promised_hours": action["hours"], "promised_start": _day(details.get("starts_on"))}
        case "crackdown_start" if details.get("phase") == "maintain":
            operation |= {"maintained_at": at, "maintenance_hours": action["hours"]}
        case "crackdown_start":
            operation |= {"started_at": operation["started_at"] or at, "surge_hours": action["hours"]}
        case "crackdown_end":
            operation["ended_at"] = at
        case "arrest":
            operation["arrest_count"] += 1


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    moments = {name: pd.to_datetime(frame[name], utc=True) for name in _MOMENTS}
    hours = {name: frame[name].astype(float) for name in ("promised_hours", "surge_hours", "maintenance_hours")}
    return frame.assign(**moments, **hours, arrest_count=frame["arrest_count"].astype("int64"))
