"""Registered effects of lists: each rule by itself, and properties that hold over generated histories."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.governance.list_effects import (
    CHOSEN_LISTS,
    EFFECT,
    LONGEST_REGISTRATION,
    Effects,
    missing_effect,
)
from models.governance.list_lifecycle import LISTS
from pipeline.store.human_events import HumanEvent

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIST = "person_tier"


def registered(
    days: float = 0, *, until: float | None = 30, name: str = LIST, actor: str = "A. Lee", **more: Any
) -> HumanEvent:
    stops_at = None if until is None else START + timedelta(days=until)
    said = {"outcome": "harm reported a year on", "comparison": "those just below", "stops_at": stops_at, **more}
    return HumanEvent("registered", actor, "list", name, START + timedelta(days=days), said)


def evaluated(days: float = 40, *, name: str = LIST, actor: str = "M. Ito", **more: Any) -> HumanEvent:
    said = {"found": "no less harm", "report": "r.pdf", "report_sha256": "00", **more}
    return HumanEvent("evaluated", actor, "list", name, START + timedelta(days=days), said)


def effects_of(events: list[HumanEvent], name: str = LIST) -> Effects:
    return EFFECT.state_after(event for event in events if event.subject == name)


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([], registered(actor=" "), "actor is missing"),
        ([], registered(actor="harmspot run"), "named person"),
        ([], registered(name="warrant_queue"), "courts fill the warrant queue"),
        ([], registered(name="referral"), "help is not delayed"),
        ([], registered(outcome="harm"), "at least two different words each"),
        ([], registered(comparison="none none"), "at least two different words each"),
        ([], registered(until=None), "within 366 days"),
        ([], registered(until=0), "within 366 days"),
        ([], registered(until=366.1), "within 366 days"),
        ([registered()], registered(3, until=60), "cannot be changed"),
        ([registered()], registered(30, until=60), "not evaluated"),
        ([], evaluated(), "no registration to evaluate"),
        ([registered(), evaluated()], evaluated(41), "no registration to evaluate"),
        ([registered(5)], evaluated(3), "no registration to evaluate"),
        ([registered()], evaluated(actor="harmspot"), "named person"),
        ([registered()], evaluated(found="good"), "finding too short"),
        ([registered()], evaluated(report=""), "the report file that contains the evaluation is missing"),
        ([registered()], evaluated(report_sha256=""), "the report file that contains the evaluation is missing"),
    ],
)
def test_what_may_not_be_done(before: list[HumanEvent], asked: HumanEvent, said: str) -> None:
    effects = effects_of(before, asked.subject)
    assert said in EFFECT.refusals(effects, asked)[0]
    assert effects_of([*before, asked], asked.subject) == effects


def test_a_list_may_be_approved_from_its_registration_until_its_stop_date() -> None:
    effects = effects_of([registered(1)])
    for days, said in (
        (0.9, "no effect"),
        (1, None),
        (29.9, None),
        (30, "is not evaluated"),
        (300, "is not evaluated"),
    ):
        message = missing_effect(effects, LIST, START + timedelta(days=days))
        assert (message is None) if said is None else (said in str(message) and LIST in str(message))


def test_a_missing_evaluation_blocks_renewal_and_an_evaluation_opens_it() -> None:
    after = START + timedelta(days=41)
    assert "lists evaluate person_tier" in str(missing_effect(effects_of([registered()]), LIST, after))
    over = effects_of([registered(), evaluated()])
    assert "over and evaluated; harmspot lists register" in str(missing_effect(over, LIST, after))
    again = effects_of([registered(), evaluated(), registered(40.5, until=80)])
    assert missing_effect(again, LIST, after) is None
    assert [each.evaluated is None for each in again] == [False, True]


def test_an_early_evaluation_ends_a_registration() -> None:
    effects = effects_of([registered(), evaluated(10)])
    assert effects[-1].ends_at == START + timedelta(days=10)
    assert missing_effect(effects, LIST, START + timedelta(days=10))


@pytest.mark.parametrize("name", sorted({*LISTS} - {*CHOSEN_LISTS}))
def test_what_a_court_ordered_and_what_helps_waits_for_no_registration(name: str) -> None:
    assert missing_effect((), name, START) is None


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Return the usual value three times out of four, so that histories make progress."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda days, lasts, **more: registered(days, until=lasts and days + lasts, **more),
            st.integers(0, 100),
            mostly(20, None, -5, 400),
            name=mostly(LIST, *LISTS),
            actor=mostly("A. Lee", "harmspot", " "),
            outcome=mostly("harm reported", "", "harm"),
        ),
        st.builds(
            evaluated,
            st.integers(0, 100),
            name=mostly(LIST, *LISTS),
            actor=mostly("M. Ito", "harmspot"),
            report=mostly("r.pdf", ""),
        ),
    ),
    max_size=25,
)


@given(EVENTS)
def test_no_history_renews_without_an_evaluation(events: list[HumanEvent]) -> None:
    """All but the last registration of a list are evaluated by people; all are complete and end within a year."""
    for name in LISTS:
        effects = effects_of(events, name)
        assert name in CHOSEN_LISTS or not effects
        assert all(each.evaluated for each in effects[:-1])
        for each in effects:
            assert each.registered.actor == "A. Lee" and each.registered.detail["outcome"] == "harm reported"
            assert each.registered.detail["stops_at"]
            assert each.registered.at <= each.ends_at
            assert each.registered.detail["stops_at"] <= each.registered.at + LONGEST_REGISTRATION
            if each.evaluated:
                assert each.evaluated.actor == "M. Ito" and each.evaluated.detail["report"]
                assert each.ends_at <= each.evaluated.at


@given(EVENTS)
def test_forbidden_acts_leave_no_trace(events: list[HumanEvent]) -> None:
    allowed = [
        each for index, each in enumerate(events) if not EFFECT.refusals(effects_of(events[:index], each.subject), each)
    ]
    assert all(effects_of(allowed, name) == effects_of(events, name) for name in LISTS)
