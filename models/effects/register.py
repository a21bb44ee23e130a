"""The register of operations: what each should bring about, beside what, until when, and what came of it.

An operation is registered before it is announced and evaluated before the next one there (`models.operations.history`),
so that a force cannot choose afterwards what it wanted to achieve.
"""

from datetime import date

import numpy as np
import pandas as pd

from models.arrays import Row
from models.operations.history import is_over

REGISTER_COLUMNS = (
    "position", "market_id", "area_id", "registered_at", "outcome", "comparison", "started_at", "stop_on", "ended_at",
    "state", "due_since", "evaluated_at", "found", "measured", "answer",
)  # fmt: skip


def register_operations(operations: pd.DataFrame, verdicts: pd.DataFrame, today: date) -> pd.DataFrame:
    """Return a row per operation that was registered, or announced or started without that, the latest first.

    Parameters
    ----------
    operations : pd.DataFrame
        `models.operations.history.operations_of`, less those that may not be named.
    verdicts : pd.DataFrame
        `models.effects.verdict.judge_operations` of these operations.
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
    told = {(row["market_id"], row["started_at"]): row for row in verdicts.to_dict("records")}
    own = [told.get((row["market_id"], row["started_at"]), {}) for row in rows]
    return ordered.assign(
        position=range(1, len(rows) + 1),
        state=[state for state, _ in states],
        due_since=np.array([since for _, since in states], dtype=object),
        **{name: np.array([row.get(name) for row in own], dtype=object) for name in ("measured", "answer")},
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
