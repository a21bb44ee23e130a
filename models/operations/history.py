"""Operations against street markets, folded from the recorded actions: one at a time in each area.

An operation begins with its registration (or, if unregistered, with its announcement or first hours) and ends with
`crackdown_end` or its evaluation. The next registration at the place waits for the evaluation, as that of a list does
(`models.governance.list_effects`): one that comes sooner, by whatever way, begins nothing. The place is the area, and
the market in whichever area it lies. What was registered first holds: a registration that was recorded later never
comes before one that was recorded earlier, whatever day it names, and a changed version of one is a renewal.

The `detail` of an action holds `key=value; key=value`: market_id, outcome, comparison and stop_on of a registration,
starts_on of an announcement, `phase=maintain` of the hours that hold a tipped market, found and report of an
evaluation.
"""

from datetime import date, timedelta
from typing import Any

import pandas as pd

from models.arrays import Row
from models.governance.actors import is_machine, is_thin, name_of
from models.places.markets import middle_of

OPENING = ("registration", "announcement", "crackdown_start")
COLUMNS = (
    "area_id", "market_id", "registered_at", "outcome", "comparison", "stop_on", "partners_told_at", "announced_at",
    "notice_id", "promised_hours", "promised_start", "started_at", "surge_hours", "maintained_at",
    "maintenance_hours", "ended_at", "arrest_count", "evaluated_at", "renewed_at", "found",
)  # fmt: skip
_MOMENTS = tuple(name for name in COLUMNS if name.endswith("_at"))
SAME_CELLS = 3  # the largest drift, in cells, at which a market counts as the same
LONGEST = timedelta(days=366)  # between a registration and its stop date
ON_HOLD = "this place is on hold"  # all that is said of an operation that is hidden
UNSTATED = "unstated"  # actor of an action whose source names nobody


def particulars(detail: Any) -> dict[str, str]:
    """Return the `key=value` pairs of an action's detail (text, or missing in any way); free text is left out.

    >>> particulars("market_id=market_3_4; outcome=calls about dealing; by hand")
    {'market_id': 'market_3_4', 'outcome': 'calls about dealing'}
    """
    pairs = (part.partition("=") for part in (_text(detail) or "").split(";"))
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
        actions without an area are left out. recorded_at and revised_at (UTC), of registrations alone, are when
        the first version was recorded and when the next one was; without these columns each was recorded when it was
        done, and not revised.

    Returns
    -------
    DataFrame
        COLUMNS: times in UTC, stop_on and promised_start dates; steps not yet done are null. An operation has no
        market_id before it is registered. renewed_at is the first registration, or version of its
        own, that came before its evaluation; found is what the evaluation says.
    """
    operations: list[Row] = []
    current: dict[str, Row] = {}  # by area
    for action in _in_order(actions.dropna(subset="area_id")).to_dict("records"):  # actions on places are few
        if action["kind"] in ("registration", "evaluation"):
            market_id = particulars(_text(action["detail"])).get("market_id")
            owed = [each for each in operations if _is_owed(each) and _is_at(each, action["area_id"], market_id)]
            if action["kind"] == "evaluation":
                _evaluate(_of_evaluation(owed, action["area_id"], market_id), action)
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


def _in_order(actions: pd.DataFrame) -> pd.DataFrame:
    """Return the actions in the order in which they count, with recorded_at and revised_at.

    At the same time an operation ends, and is evaluated, before the next begins.
    """
    turn = actions["kind"].map({"crackdown_end": 0, "evaluation": 1}).fillna(2)
    every = actions.assign(turn=turn).reset_index(drop=True)
    every["recorded_at"] = every.get("recorded_at", every["at"])
    every["revised_at"] = every.get("revised_at", pd.Series(pd.NaT, index=every.index))
    counts_at = every["at"].tolist()
    counted: list[tuple[Any, Row]] = []  # moment and place of the registrations recorded so far
    registered = every[every["kind"] == "registration"].sort_values(["recorded_at", "at", "action_id"])
    for number, action in zip(registered.index.tolist(), registered.to_dict("records"), strict=True):
        market_id = particulars(_text(action["detail"])).get("market_id")
        place: Row = {"area_id": action["area_id"], "market_id": market_id}
        earlier = [at for at, other in counted if _is_at(other, action["area_id"], market_id)]
        counts_at[number] = max([action["at"], *earlier])
        counted.append((counts_at[number], place))
    every["at"] = pd.Series(counts_at, index=every.index, dtype=every["at"].dtype)
    return every.sort_values(["at", "turn", "recorded_at", "action_id"])


def without_hidden_actions(actions: pd.DataFrame, operations: pd.DataFrame) -> pd.DataFrame:
    """Return the actions less those done in the area of an operation marked is_hidden while it lasts."""
    for operation in operations[operations["is_hidden"]].to_dict("records"):
        begun = min(
            at for name in ("registered_at", "announced_at", "started_at") if not pd.isna(at := operation[name])
        )
        is_since = (actions["area_id"] == operation["area_id"]) & (actions["at"] >= begun)
        actions = actions[~(is_since & ~(actions["at"] > operation["ended_at"]))]
    return actions


def to_evaluate(operations: pd.DataFrame, area_id: str, market_id: str | None) -> Row | None:
    """Return the operation that an evaluation at a place is of; None if none there waits for one."""
    return next(iter(_of_evaluation(owed_evaluations(operations, area_id, market_id), area_id, market_id)), None)


def may_be_evaluated(operation: Row, today: date) -> bool:
    """Return whether it has started or its stop date has come; without such a date, whether it started or ended."""
    if not pd.isna(operation["started_at"]):
        return True
    stop_on = operation["stop_on"]
    return not pd.isna(operation["ended_at"]) if pd.isna(stop_on) else today >= stop_on


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
    is_named = name not in ("", name_of(UNSTATED)) and not is_machine(name)
    return is_named and not is_thin(details.get("found", "")) and bool(details.get("report"))


def _is_owed(operation: Row) -> bool:
    """Return whether it was registered, or announced without that and ended, and is not evaluated."""
    is_registered, is_announced, is_ended, is_evaluated = (
        not pd.isna(operation[name]) for name in ("registered_at", "announced_at", "ended_at", "evaluated_at")
    )
    return not is_evaluated and (is_registered or (is_announced and is_ended))


def _is_at(operation: Row, area_id: str, market_id: str | None) -> bool:
    return operation["area_id"] == area_id or is_same_market(operation["market_id"], market_id)


def _of_evaluation(owed: list[Row], area_id: str, market_id: str | None) -> list[Row]:
    """Return the operation that an evaluation is of: in the same area if one is, then the nearest, then the oldest."""

    def distance(operation: Row) -> tuple[bool, int]:
        left, right = (
            middle_of(each) if isinstance(each, str) else None for each in (operation["market_id"], market_id)
        )
        away = max(abs(left[0] - right[0]), abs(left[1] - right[1])) if left and right else SAME_CELLS + 1
        return operation["area_id"] != area_id, away

    return sorted(owed, key=distance)[:1]


def _evaluate(owed: list[Row], action: Row) -> None:
    for operation in owed if is_evaluation(action.get("actor"), action["detail"]) else []:
        if not may_be_evaluated(operation, action["at"].date()):
            continue
        operation |= {"evaluated_at": action["at"], "ended_at": operation["ended_at"] or action["at"]}
        operation["found"] = particulars(_text(action["detail"]))["found"]


def _note_renewal(owed: list[Row], action: Row) -> None:
    for operation in owed:
        operation["renewed_at"] = operation["renewed_at"] or action["at"]


def _record(operation: Row, action: Row) -> None:
    details, at = particulars(_text(action["detail"])), action["at"]
    match action["kind"]:
        case "registration":
            operation |= {name: details.get(name) for name in ("market_id", "outcome", "comparison")}
            stop_on, latest = _day(details.get("stop_on")), at.date() + LONGEST
            operation |= {"registered_at": at, "stop_on": min(stop_on, latest) if stop_on else None}
            if not pd.isna(action["revised_at"]):
                operation["renewed_at"] = action["revised_at"]
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
