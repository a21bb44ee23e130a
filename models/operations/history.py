"""Operations against street markets, folded from the recorded actions: one at a time in each area.

An operation begins with its registration (or, if unregistered, with its announcement or first hours) and ends with
`crackdown_end`. The `detail` of an action holds `key=value; key=value`: market_id, outcome, comparison and stop_on of a
registration, starts_on of an announcement, `phase=maintain` of the hours that hold a tipped market.
"""

from datetime import date
from typing import Any

import pandas as pd

from models.arrays import Row

OPENING = ("registration", "announcement", "crackdown_start")
COLUMNS = (
    "area_id", "market_id", "registered_at", "outcome", "comparison", "stop_on", "partners_told_at", "announced_at",
    "notice_id", "promised_hours", "promised_start", "started_at", "surge_hours", "maintained_at",
    "maintenance_hours", "ended_at", "arrest_count",
)  # fmt: skip
_MOMENTS = ("registered_at", "partners_told_at", "announced_at", "started_at", "maintained_at", "ended_at")


def particulars(detail: str | None) -> dict[str, str]:
    """Return the `key=value` pairs of an action's detail; free text is left out.

    >>> particulars("market_id=market_3_4; outcome=calls about dealing; by hand")
    {'market_id': 'market_3_4', 'outcome': 'calls about dealing'}
    """
    pairs = (part.partition("=") for part in (detail or "").split(";"))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def operations_of(actions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operation, in order of area and time.

    Parameters
    ----------
    actions : DataFrame
        action_id, kind, area_id, notice_id, at (UTC), hours, detail; actions without an area are left out.

    Returns
    -------
    DataFrame
        COLUMNS: times in UTC, stop_on and promised_start dates; steps not yet done are null. An operation has no
        market_id before it is registered.
    """
    operations: list[Row] = []
    # At the same time an operation ends before the next begins.
    in_areas = actions.dropna(subset="area_id").assign(is_after_end=actions["kind"] != "crackdown_end")
    ordered = in_areas.sort_values(["area_id", "at", "is_after_end", "action_id"])
    for _, of_area in ordered.groupby("area_id", sort=True):
        current: Row | None = None
        for action in of_area.to_dict("records"):  # actions on places are few
            is_new = current is None or current["ended_at"] is not None or _starts_next(action, current)
            if is_new and action["kind"] in OPENING:
                current = dict.fromkeys(COLUMNS) | {"area_id": action["area_id"], "arrest_count": 0}
                operations.append(current)
            if current is not None and current["ended_at"] is None:
                _record(current, action)
    return _typed(pd.DataFrame(operations, columns=list(COLUMNS)))


def _starts_next(action: Row, current: Row) -> bool:
    """Return whether a registration starts the next operation: it does if the current one already has one."""
    return action["kind"] == "registration" and current["registered_at"] is not None


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
