"""Promises against literal actions: kept, broken, open; swift and certain; and when announcing stops."""

import numpy as np
import pandas as pd
import pytest

from models.operations.history import operations_of
from models.operations.promises import Promises, PromisesConfig, delivered_hours, track_promises

CONFIG = PromisesConfig(response_deadline_h=72, kept_rate_floor=0.9, delivered_share=0.9, window_days=180)


def utc(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def actions(*rows: tuple) -> pd.DataFrame:
    """(kind, moment of January 2026, hours, detail)."""
    frame = pd.DataFrame(rows, columns=["kind", "at", "hours", "detail"])
    at = pd.to_datetime("2026-01-" + frame["at"].astype(str) + "Z", utc=True)
    return frame.assign(at=at, area_id="A", notice_id=None, action_id=[f"n{i:02d}" for i in range(len(frame))])


REGISTERED = ("registration", "01T08:00", None, "market_id=market_1_1; outcome=o; comparison=c; stop_on=2026-06-01")
TOLD = ("announcement", "03T08:00", 24.0, None)
BEGUN = ("crackdown_start", "10T00:00", 24.0, None)


def seen(*moments: str) -> pd.DataFrame:
    at = pd.to_datetime(["2026-01-" + moment + "Z" for moment in moments], utc=True)
    return pd.DataFrame({"market_id": "market_1_1", "area_id": "A", "occurred_at": at})


def track(done: pd.DataFrame, violations: pd.DataFrame, as_of: str) -> Promises:
    return track_promises(
        operations_of(done), violations, done, as_of=utc(as_of), time_zone="UTC", lead_days=7, operation_days=10,
        config=CONFIG,
    )  # fmt: skip


def states(found: Promises) -> dict[str, str]:
    return found.promises.set_index("promise_kind")["status"].to_dict()


def test_before_the_day_everything_is_open() -> None:
    found = track(actions(REGISTERED, TOLD), seen(), "2026-01-09")
    assert states(found) == {"start": "open", "hours": "open"}
    assert np.isnan(found.kept_rate) and found.may_announce
    assert found.text(CONFIG) == "no promise is due yet; no consequence yet; no violation due"


def test_all_kept() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "12T10:00", None, None))
    found = track(done, seen("11T10:00"), "2026-01-25")
    assert states(found) == {"start": "kept", "hours": "kept", "response": "kept"}
    assert (found.swiftness_h, found.certainty, found.kept_rate) == (24, 1, 1)
    assert "100% answered in time" in found.text(CONFIG)


def test_nobody_came_and_announcing_stops() -> None:
    found = track(actions(REGISTERED, TOLD), seen("12T10:00"), "2026-01-25")
    assert states(found) == {"start": "broken", "hours": "broken", "response": "broken"}
    assert found.kept_rate == 0 and not found.may_announce
    assert "ANNOUNCING STOPS" in found.text(CONFIG)


def test_late_or_missing_answers_lower_certainty() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "15T09:00", None, None))
    found = track(done, seen("11T09:00", "13T09:00"), "2026-01-25")
    # One sanction answers one violation, the earliest: 96 hours is too late for it, and none remains for the other.
    assert found.answers["hours"].tolist()[0] == 96
    assert pd.isna(found.answers["hours"].tolist()[1])
    assert found.certainty == 0
    assert states(found)["response"] == "broken"


def test_a_violation_whose_time_is_not_over_counts_for_nothing_yet() -> None:
    done = actions(REGISTERED, TOLD, BEGUN)
    assert "response" not in states(track(done, seen("11T10:00"), "2026-01-12"))
    assert track(done, seen("11T10:00"), "2026-01-15").certainty == 0


def test_hours_are_those_of_operations_and_visits() -> None:
    done = actions(BEGUN, ("visit", "11T09:00", 0.5, None), ("crackdown_start", "12T00:00", 6.0, "phase=maintain"),
                   ("crackdown_end", "14T00:00", None, None), ("visit", "20T09:00", 9.0, None))  # fmt: skip
    begin, until = utc("2026-01-10"), utc("2026-01-16")
    assert delivered_hours(done, begin, until) == pytest.approx(2 * 24 + 0.5 + 2 * 6)
    assert delivered_hours(done, utc("2026-01-11"), utc("2026-01-12")) == pytest.approx(24.5)
    assert delivered_hours(done, until, begin) == 0


@pytest.mark.parametrize("first", [0, 1])
def test_hours_of_an_operation_that_begins_as_another_ends_count(first: int) -> None:
    both = [("crackdown_end", "12T00:00", None, None), ("crackdown_start", "12T00:00", 6.0, None)]
    done = actions(BEGUN, both[first], both[1 - first])
    assert delivered_hours(done, utc("2026-01-10"), utc("2026-01-14")) == pytest.approx(2 * 24 + 2 * 6)


def test_what_was_said_of_another_market_is_no_violation() -> None:
    done = actions(REGISTERED, TOLD, BEGUN)
    elsewhere = seen("11T10:00").assign(market_id="market_9_9")
    assert track(done, elsewhere, "2026-01-25").answers.empty


def test_an_old_broken_promise_no_longer_stops_the_office() -> None:
    done = actions(REGISTERED, TOLD)
    assert not track(done, seen(), "2026-06-30").may_announce
    later = track(done, seen(), "2026-07-04")
    assert later.promises.empty and later.may_announce
