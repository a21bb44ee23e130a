"""The register of operations, from literal rows."""

from datetime import date
from typing import Any

import pandas as pd

from models.effects.register import REGISTER_COLUMNS, register_operations
from models.operations.history import COLUMNS, operations_of

TODAY = date(2026, 6, 1)
FOUND = "found=reports fell by a third; report=a.pdf"


def action(kind: str, on: str, area_id: str, detail: str | None = None) -> dict[str, Any]:
    return {"action_id": f"{kind}{on}{area_id}", "kind": kind, "area_id": area_id, "notice_id": None,
            "at": pd.Timestamp(on, tz="UTC"), "hours": 40.0, "detail": detail, "actor": "Insp. A. Bell"}  # fmt: skip


def registration(on: str, area_id: str, stop_on: str) -> dict[str, Any]:
    at = f"market_{area_id[1]}0_20"
    return action("registration", on, area_id, f"market_id={at}; outcome=calls; comparison=others; stop_on={stop_on}")


ACTIONS = [
    registration("2026-01-01", "A1", "2026-03-01"),
    action("crackdown_start", "2026-01-10", "A1"),
    action("evaluation", "2026-03-02", "A1", f"market_id=market_10_20; {FOUND}"),
    registration("2026-02-01", "A2", "2026-04-01"),
    action("crackdown_start", "2026-02-10", "A2"),
    registration("2026-05-01", "A3", "2026-08-01"),
    action("crackdown_start", "2026-05-10", "A3"),
    registration("2026-05-20", "A4", "2026-09-01"),
    action("announcement", "2026-05-25", "A5"),
]
VERDICTS = pd.DataFrame(
    {
        "market_id": ["market_20_20"], "started_at": pd.Timestamp("2026-02-10", tz="UTC"), "answer": "cannot_tell",
        "measured": "cannot tell: nothing was reported",
    }
)  # fmt: skip


def test_the_register_says_what_was_promised_until_when_and_what_came() -> None:
    table = register_operations(operations_of(pd.DataFrame(ACTIONS)), VERDICTS, TODAY)
    assert list(table.columns) == list(REGISTER_COLUMNS)
    assert table["area_id"].tolist() == ["A5", "A4", "A3", "A2", "A1"]  # the latest first
    assert table["position"].tolist() == [1, 2, 3, 4, 5]
    by_area = table.set_index("area_id")
    assert by_area["state"].to_dict() == {
        "A1": "evaluated", "A2": "due", "A3": "running", "A4": "registered", "A5": "registered"
    }  # fmt: skip
    assert by_area.loc["A2", "due_since"] == date(2026, 4, 1)
    assert by_area.loc["A1", "found"] == "reports fell by a third"
    assert by_area.loc["A2", ["answer", "measured"]].tolist() == ["cannot_tell", "cannot tell: nothing was reported"]
    assert by_area[["answer", "measured"]].isna().sum().tolist() == [4, 4]
    assert by_area.loc["A5", ["outcome", "registered_at"]].isna().all()
    assert not table.astype(str).apply(lambda column: column.str.contains("Bell")).any(axis=None)


def test_nothing_done_gives_an_empty_register() -> None:
    empty = operations_of(pd.DataFrame([], columns=[*action("visit", "2026-01-01", "A1")]))
    assert list(empty.columns) == list(COLUMNS)
    assert register_operations(empty, VERDICTS[:0], TODAY).empty
