"""Audits: each rule by itself, and properties that hold over generated histories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.governance.audits import (
    AUDIT,
    REPORTS,
    AuditsConfig,
    halted_because,
    is_halted,
    report_statuses,
)
from models.governance.list_effects import CHOSEN_LISTS
from models.governance.list_lifecycle import LISTS, NOTHING_DONE, ListStatus
from pipeline.store.human_events import HumanEvent

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = AuditsConfig(fresh_days=31)
BEGAN = HumanEvent("began", "harmspot", "run", "run1", START)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def signed(
    about: str = "fairness", at: float = 0, *, made: float | None = None, actor: str = "M. Ito", **more: Any
) -> HumanEvent:
    made_at = day(at if made is None else made)
    said = {"found": "no gap found", "report": "r.pdf", "report_sha256": f"{about}{at}", "made_at": made_at, **more}
    return HumanEvent("audited", actor, "audit", about, day(at), said)


def signed_reports(events: list[HumanEvent]) -> list[HumanEvent]:
    return list(AUDIT.state_after(events).signed)


def halt(events: list[HumanEvent], at: float, config: AuditsConfig = CONFIG, zone: tzinfo = UTC) -> str | None:
    return halted_because(report_statuses(events, day(at), config), day(at), zone)


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([], signed(actor=" "), "actor is missing"),
        ([], signed(actor="harmspot run"), "named person"),
        ([], signed("gossip"), "fairness, feedback, displacement"),
        ([], signed(at=3, made=4), "missing or in the future"),
        ([], signed(found="fine"), "finding too short"),
        ([], signed(report=""), "report file is missing"),
        ([], signed(report_sha256=""), "report file is missing"),
        ([signed(report_sha256="00")], signed(at=30, report_sha256="00"), "does not renew it"),
        ([signed("fairness", report_sha256="00")], signed("feedback", report_sha256="00"), "a file of its own"),
    ],
)
def test_what_may_not_be_signed(before: list[HumanEvent], asked: HumanEvent, said: str) -> None:
    assert said in AUDIT.refusals(AUDIT.state_after(before), asked)[0]
    assert signed_reports([*before, asked]) == signed_reports(before)


def test_one_file_ends_no_halt_but_of_one_kind() -> None:
    events = [BEGAN, *[signed(about, 31, report_sha256="00") for about in REPORTS]]
    said = str(halt(events, 31))
    assert "feedback" in said and "displacement" in said and "fairness" not in said


def test_the_first_run_starts_the_clock() -> None:
    assert halt([], 1000) is None
    assert halt([BEGAN], 30.9) is None
    said = str(halt([BEGAN], 31))
    assert "HALTED: person_tier, dealer_ranking, call_in" in said
    assert all(f"nobody has signed a {about} report (due on 2026-02-01)" in said for about in REPORTS)
    assert "harmspot audit record fairness --report FILE --made-on DATE" in said
    later = HumanEvent("began", "harmspot", "run", "run2", day(20))
    assert halt([BEGAN, later], 31)  # a home has one first run


def test_a_day_is_the_forces_own() -> None:
    assert "(due on 2026-02-02)" in str(halt([BEGAN], 31, zone=ZoneInfo("Pacific/Auckland")))
    events = [BEGAN, *[signed(about, 31) for about in REPORTS]]
    assert "(a new one was due on 2026-03-05)" in str(halt(events, 62, zone=ZoneInfo("Pacific/Auckland")))


def test_one_stale_report_of_three_is_enough_and_is_named() -> None:
    events = [BEGAN, *[signed(about, 10) for about in REPORTS], signed("fairness", 35), signed("feedback", 35)]
    assert halt(events, 40.9) is None
    said = str(halt(events, 41))
    assert "the displacement report is stale (a new one was due on 2026-02-11)" in said
    assert "fairness" not in said and "feedback" not in said


def test_age_counts_from_the_day_the_report_was_made_and_not_from_its_signature() -> None:
    events = [BEGAN, *[signed(about, 30, made=10) for about in REPORTS]]
    assert halt(events, 40.9) is None
    assert halt(events, 41)


def test_an_older_report_signed_later_takes_nothing_back() -> None:
    events = [BEGAN, *[signed(about, 30) for about in REPORTS], signed("fairness", 32, made=5)]
    assert halt(events, 60) is None


def test_what_is_done_later_than_the_clock_does_not_count() -> None:
    events = [BEGAN, *[signed(about, 50) for about in REPORTS]]
    assert halt(events, 40)
    assert halt(events, 50) is None


@pytest.mark.parametrize("days", [0, -1, 32, 1000])
def test_a_force_may_ask_for_less_than_a_month_and_never_for_more(days: int) -> None:
    with pytest.raises(ValueError, match=f"audits.fresh_days={days}"):
        AuditsConfig(fresh_days=days)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Return the usual value three times out of four, so that histories make progress."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


SIGNATURE = st.builds(
    lambda at, age, about, **more: signed(about, at, made=at - age, **more),
    st.integers(20, 60),
    st.sampled_from([0, -3, 5, 20, 40]),
    st.sampled_from(REPORTS),
    actor=st.sampled_from(["M. Ito", "harmspot", " "]),
    found=mostly("no gap found", "fine"),
    report_sha256=mostly("a", "b", "c", ""),
)
SIGNATURES = st.lists(SIGNATURE, max_size=25)


@settings(max_examples=300)
@given(st.sampled_from(REPORTS), st.lists(SIGNATURE, max_size=4), st.integers(0, 60), st.integers(1, 31))
def test_audit_or_halt_holds_in_every_history(about: str, events: list[HumanEvent], at: int, fresh_days: int) -> None:
    """Recomputed from the events alone: lists are usable only in the first days or under a fresh signed report."""
    now, fresh = day(at), timedelta(days=fresh_days)
    events = [replace(event, subject=about) for event in events]
    others = [signed(other, at) for other in REPORTS if other != about]
    is_going_on = halt([BEGAN, *events, *others], at, AuditsConfig(fresh_days)) is None
    young = [event for event in events if event.detail["made_at"] <= event.at <= now < event.detail["made_at"] + fresh]
    by_people = [
        event
        for event in young
        if event.actor == "M. Ito" and event.detail["found"] == "no gap found" and event.detail["report_sha256"]
    ]
    assert not is_going_on or by_people or now < START + fresh


@given(SIGNATURES, st.integers(0, 25), st.integers(0, 60))
def test_nothing_but_a_younger_report_ends_a_halt(events: list[HumanEvent], count: int, at: int) -> None:
    """Signing the same report again, late or by a machine, does not change a halt."""
    events = sorted(events, key=lambda event: event.at)
    again = [
        signed(event.subject, 91 + n, made=91, report_sha256=event.detail["report_sha256"])
        for n, event in enumerate(events[:count])
    ]
    known = {event.detail["report_sha256"] for event in signed_reports([BEGAN, *events])}
    repeats = [event for event in again if event.detail["report_sha256"] in known]
    assert halt([BEGAN, *events, *repeats], at + 91) == halt([BEGAN, *events], at + 91)


STATUSES = st.builds(
    ListStatus,
    st.just({}),
    approved=st.sampled_from([None, HumanEvent("approved", "A", "list", "person_tier-1", START)]),
    revoked=st.sampled_from([None, HumanEvent("revoked", "A", "list", "person_tier-1", START)]),
    stops_at=st.one_of(st.none(), st.integers(0, 90).map(day)),
)


@given(STATUSES, st.integers(0, 100), st.integers(0, 100))
def test_a_halt_only_takes_away_and_keeps_no_list_alive(status: ListStatus, valid: int, at: int) -> None:
    free = status.state_at(day(valid), day(at))
    halted = status.state_at(day(valid), day(at), is_halted=True)
    assert halted == ("halted" if free == "active" else free)


def test_warrants_help_and_children_are_never_halted() -> None:
    assert [name for name in LISTS if is_halted(name, "HALTED")] == list(CHOSEN_LISTS)
    assert not any(is_halted(name, None) for name in LISTS)
    assert {"warrant_queue", "referral", "safeguarding"}.isdisjoint(CHOSEN_LISTS)
    assert NOTHING_DONE.state_at(day(1), day(0), is_halted=True) == "draft"
