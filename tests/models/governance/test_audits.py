"""Audits: rules one by one, and over generated histories what no history may bring about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.governance.audits import (
    REPORTS,
    AuditAct,
    AuditsConfig,
    halted_because,
    is_halted,
    refusal,
    report_standings,
    signed_reports,
)
from models.governance.list_effects import CHOSEN_LISTS
from models.governance.list_lifecycle import LISTS, NOTHING_DONE, ListAct, ListStanding

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = AuditsConfig(fresh_days=31)
BEGAN = AuditAct("began", "harmspot", "run1", START)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def signed(about: str = "fairness", at: float = 0, *, made: float | None = None, **more: Any) -> AuditAct:
    said = {"actor": "M. Ito", "found": "no gap found", "report": "r.pdf", "report_sha256": f"{about}{at}", **more}
    made_at = day(at if made is None else made)
    return AuditAct("audited", about=about, at=day(at), made_at=made_at, **said)


def halt(acts: list[AuditAct], at: float, config: AuditsConfig = CONFIG, zone: tzinfo = UTC) -> str | None:
    return halted_because(report_standings(acts, day(at), config), day(at), zone)


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([], signed(actor=" "), "nobody"),
        ([], signed(actor="harmspot run"), "named person"),
        ([], signed("gossip"), "fairness, feedback, displacement"),
        ([], signed(at=3, made=4), "that day has not come"),
        ([], signed(found="fine"), "one word"),
        ([], signed(report=""), "names no file"),
        ([], signed(report_sha256=""), "names no file"),
        ([signed(report_sha256="00")], signed(at=30, report_sha256="00"), "no younger"),
        ([signed("fairness", report_sha256="00")], signed("feedback", report_sha256="00"), "a file of its own"),
    ],
)
def test_what_may_not_be_signed(before: list[AuditAct], asked: AuditAct, said: str) -> None:
    assert said in str(refusal(before, asked))
    assert signed_reports([*before, asked]) == signed_reports(before)


def test_one_file_ends_no_halt_but_of_one_kind() -> None:
    acts = [BEGAN, *[signed(about, 31, report_sha256="00") for about in REPORTS]]
    said = str(halt(acts, 31))
    assert "feedback" in said and "displacement" in said and "fairness" not in said


def test_the_first_run_starts_the_clock() -> None:
    assert halt([], 1000) is None
    assert halt([BEGAN], 30.9) is None
    said = str(halt([BEGAN], 31))
    assert "HALTED: person_tier, dealer_ranking, call_in" in said
    assert all(f"nobody has signed a {about} report (due on 2026-02-01)" in said for about in REPORTS)
    assert "harmspot audit record fairness --report FILE --made-on DATE" in said
    later = AuditAct("began", "harmspot", "run2", day(20))
    assert halt([BEGAN, later], 31)  # a home has one first run


def test_a_day_is_the_forces_own() -> None:
    assert "(due on 2026-02-02)" in str(halt([BEGAN], 31, zone=ZoneInfo("Pacific/Auckland")))
    acts = [BEGAN, *[signed(about, 31) for about in REPORTS]]
    assert "(a new one was due on 2026-03-05)" in str(halt(acts, 62, zone=ZoneInfo("Pacific/Auckland")))


def test_one_stale_report_of_three_is_enough_and_is_named() -> None:
    acts = [BEGAN, *[signed(about, 10) for about in REPORTS], signed("fairness", 35), signed("feedback", 35)]
    assert halt(acts, 40.9) is None
    said = str(halt(acts, 41))
    assert "the displacement report is stale (a new one was due on 2026-02-11)" in said
    assert "fairness" not in said and "feedback" not in said


def test_age_counts_from_the_day_the_report_was_made_and_not_from_its_signature() -> None:
    acts = [BEGAN, *[signed(about, 30, made=10) for about in REPORTS]]
    assert halt(acts, 40.9) is None
    assert halt(acts, 41)


def test_an_older_report_signed_later_takes_nothing_back() -> None:
    acts = [BEGAN, *[signed(about, 30) for about in REPORTS], signed("fairness", 32, made=5)]
    assert halt(acts, 60) is None


def test_what_is_done_later_than_the_clock_does_not_count() -> None:
    acts = [BEGAN, *[signed(about, 50) for about in REPORTS]]
    assert halt(acts, 40)
    assert halt(acts, 50) is None


@pytest.mark.parametrize("days", [0, -1, 32, 1000])
def test_a_force_may_ask_for_less_than_a_month_and_never_for_more(days: int) -> None:
    with pytest.raises(ValueError, match=f"audits.fresh_days={days}"):
        AuditsConfig(fresh_days=days)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual thing three times out of four, so that histories get somewhere."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


ACT = st.builds(
    lambda at, age, about, **more: signed(about, at, made=at - age, **more),
    st.integers(20, 60),
    st.sampled_from([0, -3, 5, 20, 40]),
    st.sampled_from(REPORTS),
    actor=st.sampled_from(["M. Ito", "harmspot", " "]),
    found=mostly("no gap found", "fine"),
    report_sha256=mostly("a", "b", "c", ""),
)
ACTS = st.lists(ACT, max_size=25)


@settings(max_examples=300)
@given(st.sampled_from(REPORTS), st.lists(ACT, max_size=4), st.integers(0, 60), st.integers(1, 31))
def test_audit_or_halt_holds_in_every_history(about: str, acts: list[AuditAct], at: int, fresh_days: int) -> None:
    """Counted anew from the acts alone: lists go on only in the first days, or on a young report somebody signed."""
    now, fresh = day(at), timedelta(days=fresh_days)
    acts = [replace(act, about=about) for act in acts]
    others = [signed(other, at) for other in REPORTS if other != about]
    is_going_on = halt([BEGAN, *acts, *others], at, AuditsConfig(fresh_days)) is None
    young = [act for act in acts if act.made_at is not None and act.made_at <= act.at <= now < act.made_at + fresh]
    by_people = [act for act in young if act.actor == "M. Ito" and act.found == "no gap found" and act.report_sha256]
    assert not is_going_on or by_people or now < START + fresh


@given(ACTS, st.integers(0, 25), st.integers(0, 60))
def test_nothing_but_a_younger_report_ends_a_halt(acts: list[AuditAct], count: int, at: int) -> None:
    """Signing the same report again, late or by a machine leaves a halt as it was."""
    acts = sorted(acts, key=lambda act: act.at)
    again = [signed(act.about, 91 + n, made=91, report_sha256=act.report_sha256) for n, act in enumerate(acts[:count])]
    known = {act.report_sha256 for act in signed_reports([BEGAN, *acts])}
    repeats = [act for act in again if act.report_sha256 in known]
    assert halt([BEGAN, *acts, *repeats], at + 91) == halt([BEGAN, *acts], at + 91)


STANDINGS = st.builds(
    ListStanding,
    st.just({}),
    approved=st.sampled_from([None, ListAct("approved", "A", "person_tier-1", START)]),
    revoked=st.sampled_from([None, ListAct("revoked", "A", "person_tier-1", START)]),
    stops_at=st.one_of(st.none(), st.integers(0, 90).map(day)),
)


@given(STANDINGS, st.integers(0, 100), st.integers(0, 100))
def test_a_halt_only_takes_away_and_keeps_no_list_alive(standing: ListStanding, valid: int, at: int) -> None:
    free = standing.status(day(valid), day(at))
    halted = standing.status(day(valid), day(at), is_halted=True)
    assert halted == ("halted" if free == "active" else free)


def test_warrants_help_and_children_are_never_halted() -> None:
    assert [name for name in LISTS if is_halted(name, "HALTED")] == list(CHOSEN_LISTS)
    assert not any(is_halted(name, None) for name in LISTS)
    assert {"warrant_queue", "referral", "safeguarding"}.isdisjoint(CHOSEN_LISTS)
    assert NOTHING_DONE.status(day(1), day(0), is_halted=True) == "draft"
