"""Operations folded from recorded actions."""

import pandas as pd
import pytest

from models.operations.history import COLUMNS, operations_of

REGISTERED = "market_id=market_1_2; outcome=calls; comparison=the others; stop_on=2026-04-01"


def actions(*rows: tuple) -> pd.DataFrame:
    """(kind, day of 2026-01, hours, detail) in area A."""
    return pd.DataFrame(
        [
            {"action_id": f"n{i}", "kind": kind, "area_id": "A", "notice_id": None, "hours": hours, "detail": detail,
             "at": pd.Timestamp(f"2026-01-{day:02d}T09:00Z")}
            for i, (kind, day, hours, detail) in enumerate(rows)
        ],
        columns=["action_id", "kind", "area_id", "notice_id", "hours", "detail", "at"],
    )  # fmt: skip


def test_a_whole_operation() -> None:
    told = operations_of(
        actions(
            ("registration", 1, None, REGISTERED),
            ("partners_told", 1, None, None),
            ("announcement", 5, 50.0, "on the doors"),
            ("crackdown_start", 12, 50.0, None),
            ("arrest", 13, None, None),
            ("crackdown_start", 20, 5.0, "phase=maintain"),
            ("crackdown_end", 30, None, None),
        )
    )
    row = told.iloc[0]
    assert len(told) == 1
    assert (row["market_id"], row["outcome"], row["comparison"]) == ("market_1_2", "calls", "the others")
    assert row["stop_on"].isoformat() == "2026-04-01"
    moments = ("registered_at", "partners_told_at", "announced_at", "started_at", "maintained_at", "ended_at")
    assert [row[name].day for name in moments] == [1, 1, 5, 12, 20, 30]
    assert (row["promised_hours"], row["surge_hours"], row["maintenance_hours"]) == (50, 50, 5)
    assert row["arrest_count"] == 1


def test_after_its_end_the_next_begins_and_what_was_registered_stays() -> None:
    told = operations_of(
        actions(
            ("registration", 1, None, REGISTERED),
            ("crackdown_end", 2, None, None),
            ("visit", 3, 0.2, None),
            ("announcement", 4, 9.0, None),
            ("registration", 6, None, REGISTERED.replace("1_2", "8_9")),
        )
    )
    assert told["market_id"].tolist()[:1] == ["market_1_2"]
    assert told["announced_at"].notna().tolist() == [False, True]
    # A registration after the announcement may have been fitted to the result; the row shows its day.
    assert told.loc[1, "registered_at"] > told.loc[1, "announced_at"]


def test_a_second_registration_begins_another_operation() -> None:
    told = operations_of(
        actions(("registration", 1, None, REGISTERED), ("registration", 2, None, "market_id=market_5_5"))
    )
    assert told["market_id"].tolist() == ["market_1_2", "market_5_5"]


def test_nothing_done_is_no_operation() -> None:
    empty = operations_of(actions())
    assert list(empty.columns) == list(COLUMNS) and empty.empty
    assert operations_of(actions(("visit", 1, 0.2, None))).empty


@pytest.mark.parametrize("ids", [["n0", "n1", "n2"], ["n2", "n1", "n0"]])
def test_at_one_moment_an_operation_ends_before_the_next_is_registered(ids: list[str]) -> None:
    done = actions(("registration", 1, None, REGISTERED), ("registration", 8, None, REGISTERED.replace("1_2", "8_9")),
                   ("crackdown_end", 8, None, None))  # fmt: skip
    told = operations_of(done.assign(action_id=ids))
    assert told["market_id"].tolist() == ["market_1_2", "market_8_9"]
    assert told["ended_at"].notna().tolist() == [True, False]
