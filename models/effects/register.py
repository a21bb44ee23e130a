"""The register of operations: what each should bring about, beside what, until when, and what came of it.

An operation is registered before it is announced and evaluated before the next one there (`models.operations.history`),
so that a force cannot choose afterwards what it wanted to achieve.
"""

from datetime import date

import numpy as np
import pandas as pd

from models.arrays import Row
from models.effects.agreement import together
from models.operations.history import is_over

REGISTER_COLUMNS = (
    "position", "market_id", "area_id", "registered_at", "outcome", "comparison", "started_at", "stop_on", "ended_at",
    "state", "due_since", "evaluated_at", "found", "measured",
)  # fmt: skip
FIRST = "difference_in_differences"  # the method whose interval the register names


def register_operations(operations: pd.DataFrame, effects: pd.DataFrame, today: date) -> pd.DataFrame:
    """Return a row per operation that was registered, or announced or started without that, the latest first.

    Parameters
    ----------
    operations : pd.DataFrame
        `models.operations.history.operations_of`, less those that may not be named.
    effects : pd.DataFrame
        market_id, started_at, method, change, change_lo, change_hi, finding, is_doubtful of
        `models.effects.operation_effect.measure_effects`.
    today : date
        local day of the force.

    Returns
    -------
    pd.DataFrame
        REGISTER_COLUMNS. state is registered, running, due or evaluated; due_since is the day since which an operation
        that is over waits for its evaluation; measured is the effect in words, null where none was measured.
    """
    begun = operations["registered_at"].fillna(operations["announced_at"]).fillna(operations["started_at"])
    ordered = operations.assign(begun=begun).sort_values(["begun", "area_id"], ascending=[False, True], kind="stable")
    rows: list[Row] = ordered.to_dict("records")
    states = [_state(row, today) for row in rows]
    return ordered.assign(
        position=range(1, len(rows) + 1),
        state=[state for state, _ in states],
        due_since=np.array([since for _, since in states], dtype=object),
        measured=np.array([_measured(row, effects) for row in rows], dtype=object),
    )[[*REGISTER_COLUMNS]].reset_index(drop=True)


def _state(operation: Row, today: date) -> tuple[str, date | None]:
    """Return the state, and the day since which an evaluation is owed."""
    if not pd.isna(operation["evaluated_at"]):
        return "evaluated", None
    if is_over(operation, today):
        ends = [] if pd.isna(operation["ended_at"]) else [operation["ended_at"].date()]
        ends += [] if pd.isna(operation["stop_on"]) else [operation["stop_on"]]
        return "due", min(ends)
    return "registered" if pd.isna(operation["started_at"]) else "running", None


def _measured(operation: Row, effects: pd.DataFrame) -> str | None:
    """Return the effect of the operation by its first method, and how far the methods agree."""
    is_own = (effects["market_id"] == operation["market_id"]) & (effects["started_at"] == operation["started_at"])
    own = effects[is_own].dropna(subset="finding")
    if own.empty:
        return None
    first = next(iter(own[own["method"] == FIRST].to_dict("records")), own.iloc[0].to_dict())
    change, low, high = (f"{first[f'change{end}']:+.0f}" for end in ("", "_lo", "_hi"))
    return f"{change} reports (80%: {low} to {high}, {first['method'].replace('_', ' ')}); {together(own)}"
