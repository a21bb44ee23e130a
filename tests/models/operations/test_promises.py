"""Promises against literal actions: kept, broken, open; swift and certain; and when announcing stops."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.history import operations_of
from models.operations.promises import Promises, PromisesConfig, answered_by, delivered_hours, track_promises

CONFIG = PromisesConfig(response_deadline_h=72, kept_rate_floor=0.9, delivered_share=0.9, window_days=180)


def utc(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def actions(*rows: tuple) -> pd.DataFrame:
    """(kind, moment of January 2026, hours, detail)."""
    frame = pd.DataFrame(rows, columns=["kind", "at", "hours", "detail"])
    at = pd.to_datetime("2026-01-" + frame["at"].astype(str) + "Z", utc=True)
    return frame.assign(
        at=at, area_id="A", actor="M. Ito", notice_id=None, action_id=[f"n{i:02d}" for i in range(len(frame))]
    )


REGISTERED = ("registration", "01T08:00", None, "market_id=market_1_1; outcome=o; comparison=c; stop_on=2026-06-01")
TOLD = ("announcement", "03T08:00", 24.0, None)
FOUND = "found=reports fell by a third; report=a.pdf"
BEGUN = ("crackdown_start", "10T00:00", 24.0, None)


def seen(*moments: str) -> pd.DataFrame:
    at = pd.to_datetime(["2026-01-" + moment + "Z" for moment in moments], utc=True)
    ids = [f"i{number}" for number in range(len(at))]
    return pd.DataFrame({"incident_id": ids, "market_id": "market_1_1", "occurred_at": at})


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


def test_an_answer_in_time_is_not_taken_by_an_older_violation() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "15T09:00", None, None))
    found = track(done, seen("11T09:00", "13T09:00"), "2026-01-25")
    # 96 hours are too late for the first violation, 48 are in time for the second; the one sanction is the second's.
    assert pd.isna(found.answers["hours"].tolist()[0])
    assert found.answers["hours"].tolist()[1] == 48
    assert (found.certainty, found.swiftness_h) == (0.5, 48)
    assert states(found)["response"] == "broken"


def test_late_or_missing_answers_lower_certainty() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "17T09:00", None, None))
    found = track(done, seen("11T09:00", "13T09:00"), "2026-01-25")
    # Too late for both: it answers the older one, and none remains for the other.
    assert found.answers["hours"].tolist()[0] == 144
    assert pd.isna(found.answers["hours"].tolist()[1])
    assert (found.certainty, found.swiftness_h) == (0, 144)
    assert states(found)["response"] == "broken"


def test_two_operations_of_an_area_share_its_consequences_and_count_each_once() -> None:
    """Two announced operations, one after the other, whose days overlap: two violations, one sanction, one answer."""
    again = REGISTERED[3].replace("market_1_1", "market_9_9")
    done = actions(
        REGISTERED, TOLD, BEGUN, ("evaluation", "11T00:00", None, FOUND),
        ("registration", "11T01:00", None, again), ("announcement", "11T02:00", 24.0, "starts_on=2026-01-12"),
        ("sanction", "14T09:00", None, None),
    )  # fmt: skip
    second = seen("13T09:00").assign(market_id="market_9_9", incident_id="another")
    operations = operations_of(done)
    assert operations["market_id"].tolist() == ["market_1_1", "market_9_9"]
    found = track(done, pd.concat([seen("13T08:00"), second], ignore_index=True), "2026-02-10")
    assert len(found.answers) == 2
    assert found.answers["answered_at"].notna().sum() == 1
    assert found.certainty == 0.5


def test_a_violation_under_two_announcements_is_one_violation() -> None:
    done = actions(
        REGISTERED, TOLD, BEGUN, ("evaluation", "11T00:00", None, FOUND),
        ("registration", "11T01:00", None, REGISTERED[3]), ("announcement", "11T02:00", 24.0, "starts_on=2026-01-12"),
        ("sanction", "14T09:00", None, None), ("sanction", "14T10:00", None, None),
    )  # fmt: skip
    found = track(done, seen("13T09:00"), "2026-02-10")
    assert found.answers["hours"].tolist() == [24]


def test_a_report_at_two_markets_that_lie_close_is_one_violation() -> None:
    """Both were announced, and the report lies in the core of both."""
    near = REGISTERED[3].replace("market_1_1", "market_1_5")
    done = actions(
        REGISTERED, TOLD, BEGUN, ("evaluation", "11T00:00", None, FOUND),
        ("registration", "11T01:00", None, near), ("announcement", "11T02:00", 24.0, "starts_on=2026-01-12"),
        ("sanction", "14T09:00", None, None), ("sanction", "14T10:00", None, None),
    )  # fmt: skip
    both = pd.concat([seen("13T09:00"), seen("13T09:00").assign(market_id="market_1_5")], ignore_index=True)
    assert track(done, both, "2026-02-10").answers["hours"].tolist() == [24]


def test_consequences_before_and_at_the_moment_of_a_violation() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("arrest", "11T09:59", None, None), ("seizure", "11T11:00", None, None))
    found = track(done, seen("11T10:00", "11T11:00"), "2026-01-25")
    # The arrest came before both; the seizure answers the older one, so that both cannot have it.
    assert found.answers["hours"].tolist()[0] == 1 and pd.isna(found.answers["hours"].tolist()[1])
    alone = track(done, seen("11T11:00"), "2026-01-25")
    assert alone.answers["hours"].tolist() == [0]


def test_early_answers_count_no_sooner_than_missing_ones() -> None:
    """Ten violations, one of them answered at once: after a day nothing is due, after three one in ten was answered."""
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "11T10:30", None, None))
    ten = seen(*[f"11T10:{minute:02d}" for minute in range(10)])
    assert np.isnan(track(done, ten, "2026-01-12").certainty)
    assert track(done, ten, "2026-01-15").certainty == pytest.approx(0.1)


def test_the_promise_of_answers_is_settled_after_its_last_deadline() -> None:
    done = actions(REGISTERED, TOLD, BEGUN, ("sanction", "11T10:30", None, None))
    late = seen("11T10:00", "19T10:00", "19T11:00", "19T12:00")
    assert states(track(done, late, "2026-01-21"))["response"] == "open"
    settled = track(done, late, "2026-01-23").promises.set_index("promise_kind").loc["response"]
    assert (settled["status"], settled["due_on"].isoformat()) == ("broken", "2026-01-23")


def best_of_all(violated: list[int], consequences: list[int], deadline: int) -> tuple[int, int]:
    """The most answers in time of every one-to-one assignment, and the most answers among those, by trying them all."""
    if not violated:
        return 0, 0
    first, rest = violated[0], violated[1:]
    best = best_of_all(rest, consequences, deadline)
    for n, at in enumerate(consequences):
        if at >= first:
            in_time, answered = best_of_all(rest, consequences[:n] + consequences[n + 1 :], deadline)
            best = max(best, (in_time + (at - first <= deadline), answered + 1))
    return best


@settings(max_examples=400)
@given(
    st.lists(st.integers(0, 12), max_size=6), st.lists(st.integers(0, 18), max_size=6), st.integers(1, 6)
)  # fmt: skip
def test_no_assignment_answers_more(violated: list[int], consequences: list[int], deadline: int) -> None:
    begin = utc("2026-01-10")
    moments = [begin + pd.Timedelta(hours=hour) for hour in violated]
    answers = [begin + pd.Timedelta(hours=hour) for hour in consequences]
    found = answered_by(moments, answers, deadline)
    taken = [n for n in found if n is not None]
    assert len(taken) == len(set(taken))
    delays = [consequences[n] - violated[i] for i, n in enumerate(found) if n is not None]
    assert all(delay >= 0 for delay in delays)
    assert (sum(delay <= deadline for delay in delays), len(delays)) == best_of_all(violated, consequences, deadline)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.lists(st.integers(0, 90), max_size=6), st.randoms())
def test_the_order_of_the_records_changes_nothing(violated: list[int], consequences: list[int], random: Any) -> None:
    begin = utc("2026-01-11")
    rows = [("sanction", str((begin + pd.Timedelta(hours=h)).strftime("%dT%H:%M")), None, None) for h in consequences]
    moments = [str((begin + pd.Timedelta(hours=h)).strftime("%dT%H:%M")) for h in violated]
    done, told = actions(REGISTERED, TOLD, BEGUN, *rows), seen(*moments)
    shuffled = list(range(len(done)))
    random.shuffle(shuffled)
    one, other = track(done, told, "2026-02-10"), track(done.iloc[shuffled], told.iloc[::-1], "2026-02-10")
    assert (one.certainty, one.swiftness_h) == pytest.approx((other.certainty, other.swiftness_h), nan_ok=True)
    pd.testing.assert_frame_equal(one.answers, other.answers)


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
