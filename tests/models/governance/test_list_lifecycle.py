"""Life cycle of a list: each rule by itself, and properties that hold over generated histories."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.governance.list_effects import CHOSEN_LISTS
from models.governance.list_lifecycle import (
    ENFORCEMENT_LISTS,
    LIST,
    LISTS,
    NOTHING_DONE,
    TIERED_LISTS,
    count_downgraded,
    entries_valid_to,
    human_changes,
    list_id_of,
    split_list_id,
    status_of,
    statuses,
    taken_off_since,
    withheld,
    without_withheld,
)
from pipeline.store.human_events import HumanEvent

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIST_ID = list_id_of("person_tier", "abc123")
WHY = "evidence read and found sound"


def event(
    kind: str, actor: str = "A. Reyes", *, list_id: str = LIST_ID, hours: float = 0, reason: str = WHY, **more: object
) -> HumanEvent:
    return HumanEvent(kind, actor, "list", list_id, START + timedelta(hours=hours), {"reason": reason, **more})


def registered(list_name: str = "person_tier", *, hours: float = 0, days: float = 60) -> HumanEvent:
    at = START + timedelta(hours=hours)
    said = {"outcome": "harm reported a year on", "comparison": "those just below"}
    return HumanEvent("registered", "A. Lee", "list", list_name, at, {**said, "stops_at": at + timedelta(days=days)})


def evaluated(list_name: str = "person_tier", *, days: float) -> HumanEvent:
    said = {"found": "no less harm", "report": "r.pdf", "report_sha256": "0"}
    return HumanEvent("evaluated", "M. Ito", "list", list_name, START + timedelta(days=days), said)


REGISTERED = [registered(name) for name in CHOSEN_LISTS]


def excepted(person_id: str = "p_1", days: float = 30, **more: Any) -> HumanEvent:
    return event("overridden", person_id=person_id, expires_at=START + timedelta(days=days), **more)


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["opened", "approved", "revoked", "overridden"]),
        st.sampled_from(["A. Reyes", "a.  reyes", "B. Lee", "harmspot", " "]),
        list_id=st.sampled_from([list_id_of(name, "abc123") for name in LISTS]),
        hours=st.integers(0, 50),
        reason=st.sampled_from(["", "fine", "fine fine", WHY]),
        person_id=st.sampled_from([None, "p_1", "p_2"]),
        expires_at=st.one_of(st.none(), st.integers(-5, 200).map(lambda days: START + timedelta(days=days))),
    ),
    max_size=25,
)


def test_a_list_is_active_once_somebody_who_opened_it_approved_it() -> None:
    later = START + timedelta(days=90)
    one = statuses([*REGISTERED, event("opened"), event("opened", "B. Lee"), event("approved")])[LIST_ID]
    assert one.state_at(later, START) == "active"
    assert one.state_at(START + timedelta(days=5), START + timedelta(days=5)) == "expired"
    assert NOTHING_DONE.state_at(later, START) == "draft"
    assert (
        statuses([*REGISTERED, event("opened"), event("opened", "B. Lee"), event("approved"), event("revoked")])[
            LIST_ID
        ].state_at(later, START)
        == "revoked"
    )


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([], event("approved"), "must open the list"),
        ([event("opened", "B. Lee")], event("approved"), "must open the list"),
        ([event("opened")], event("approved", reason="fine"), "reason too short"),
        ([event("opened")], event("approved", reason="fine Fine"), "reason too short"),
        ([event("opened")], event("approved", " "), "actor is missing"),
        ([event("opened", "harmspot")], event("approved", "harmspot run"), "named person"),
        ([event("opened"), event("opened", "B. Lee"), event("approved")], event("approved"), "already approved"),
        ([event("opened"), event("revoked")], event("approved"), "was revoked"),
        ([event("opened"), event("opened", "a.  rеyes")], event("approved"), "two people decide"),  # a Cyrillic е
        ([event("opened")], excepted(days=0), "must expire"),
        ([event("opened")], excepted(days=91), "must expire"),
        ([event("opened")], event("overridden", person_id="p_1"), "must expire"),
        ([event("opened")], event("overridden", expires_at=START + timedelta(days=3)), "one person"),
        ([event("opened", list_id="safeguarding-abc")], excepted(list_id="safeguarding-abc"), "only lower enforcement"),
    ],
)
def test_what_may_not_be_done(before: list[HumanEvent], asked: HumanEvent, said: str) -> None:
    before = [*REGISTERED, *before]
    status = status_of(before, asked.subject)
    assert said in LIST.refusals(status, asked)[0]
    assert status_of([*before, asked], asked.subject) == status
    assert statuses([*before, asked]) == statuses(before)


def test_a_recorded_exception_stands_although_the_opening_before_it_is_void() -> None:
    """Whoever disables a user voids what the user opened; that puts nobody back on a list. A new one needs it."""
    assert "must open the list" in str(LIST.refusal(NOTHING_DONE, excepted()))
    recorded = excepted(hours=1)
    assert withheld([recorded], START + timedelta(days=1)) == {("person_tier", "p_1"), ("call_in", "p_1")}
    assert taken_off_since([recorded], "call_in", START) == {"p_1"}
    assert not status_of([recorded, event("opened", "B. Lee"), event("approved", "B. Lee")], LIST_ID).approved


def test_names_are_one_whatever_their_capitals_and_spaces() -> None:
    assert statuses(
        [*REGISTERED, event("opened", "B. Lee"), event("opened", "a.  REYES"), event("approved", "A. Reyes")]
    )[LIST_ID].approved


@settings(deadline=None)
@given(EVENTS)
def test_human_gate_holds_in_every_history(events: list[HumanEvent]) -> None:
    """The approver is named, is not the machine, and opened the same list before, as another person did."""
    for list_id, status in statuses([*REGISTERED, *events]).items():
        if status.approved:
            index = events.index(status.approved)
            names = [
                " ".join(a.actor.lower().split()) for a in events[:index] if a.kind == "opened" and a.subject == list_id
            ]
            approver = " ".join(status.approved.actor.lower().split())
            assert approver in names
            assert approver not in ("", "harmspot")
            assert {*names} - {approver, "", "harmspot"}, "two people decide"


@settings(deadline=None)
@given(EVENTS, st.integers(0, 100))
def test_exceptions_only_take_off_and_always_end(events: list[HumanEvent], days: int) -> None:
    now = START + timedelta(days=days)
    rows = pd.DataFrame({"person_id": ["p_1", "p_2", "p_3"], "rank": [1, 2, 3]})
    for name in LISTS:
        left = without_withheld(rows, name, withheld(events, now))
        assert rows.merge(left).equals(left)  # no row added or changed, same order
        assert "p_3" in set(left["person_id"])
        if name not in ENFORCEMENT_LISTS:
            assert len(left) == 3
    assert not withheld(events, START + timedelta(days=200))


@settings(deadline=None)
@given(EVENTS)
def test_forbidden_acts_leave_no_trace(events: list[HumanEvent]) -> None:
    allowed = [
        each
        for index, each in enumerate(events)
        if not LIST.refusals(status_of([*REGISTERED, *events[:index]], each.subject), each, is_recorded=True)
    ]
    found = statuses([*REGISTERED, *events])
    assert statuses([*REGISTERED, *allowed]) == found
    assert found == {list_id: status_of([*REGISTERED, *events], list_id) for list_id in found}


def test_an_exception_holds_in_later_runs_until_it_expires() -> None:
    events = [event("opened"), excepted(days=30)]
    off = {("person_tier", "p_1"), ("call_in", "p_1")}  # an exception from a tier also applies to its call-in
    assert withheld(events, START) == off
    assert withheld(events, START + timedelta(days=29)) == off
    assert withheld(events, START + timedelta(days=30)) == set()


@pytest.mark.parametrize(("name", "reached"), [("call_in", {"call_in"}), ("dealer_ranking", {"dealer_ranking"})])
def test_an_exception_from_another_list_holds_for_that_one(name: str, reached: set[str]) -> None:
    list_id = list_id_of(name, "abc123")
    events = [event("opened", list_id=list_id), excepted(list_id=list_id)]
    assert {list_name for list_name, _ in withheld(events, START)} == reached
    assert [one for one in LISTS if taken_off_since(events, one, START)] == sorted(reached)


def test_an_exception_from_the_tiers_takes_nobody_off_a_copy_but_of_tiers_and_call_ins() -> None:
    events = [event("opened"), excepted(hours=2)]
    assert [name for name in LISTS if taken_off_since(events, name, START)] == ["person_tier", "call_in"]
    assert not taken_off_since(events, "call_in", START + timedelta(hours=3))


def warrants(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["person_id", "warrant_id", "route"])


def tiers(**rows: str) -> pd.DataFrame:
    return pd.DataFrame({"person_id": list(rows), "tier": list(rows.values())})


@pytest.mark.parametrize(
    ("name", "before", "after", "count"),
    [
        ("warrant_queue", warrants(("a", "1", "execute")), warrants(("a", "1", "execute")), 0),
        ("warrant_queue", warrants(("a", "1", "execute")), warrants(("a", "1", "summons")), 1),
        ("warrant_queue", warrants(("a", "1", "summons")), warrants(("a", "1", "execute")), 0),
        ("warrant_queue", warrants(("a", "1", "execute")), warrants(("a", "2", "execute")), 1),
        ("warrant_queue", warrants(("a", "1", "execute"), ("a", "2", "execute")), warrants(), 1),
        ("warrant_queue", warrants(("a", "1", "execute")), warrants(("b", "1", "execute")), 1),
        ("person_tier", tiers(a="target", b="warn"), tiers(a="warn", b="target"), 1),
        ("person_tier", tiers(a="target", b="warn"), tiers(a="target", c="warn"), 1),
        ("dealer_ranking", tiers(a="target"), tiers(a="unlisted", b="warn"), 0),
        ("call_in", tiers(a="warn", b="warn"), tiers(b="warn"), 1),
        ("referral", warrants(("a", "1", "diversion")), warrants(("a", "1", "treatment_information")), 0),
    ],
)
def test_a_copy_is_outdated_where_a_row_is_gone_or_milder(
    name: str, before: pd.DataFrame, after: pd.DataFrame, count: int
) -> None:
    assert count_downgraded(name, before, after) == count


def decided(count: int, exceptions: int) -> pd.DataFrame:
    events = [
        *REGISTERED,
        event("opened"),
        event("opened", "B. Lee"),
        *[excepted(f"p_{n}") for n in range(exceptions)],
        event("approved"),
    ]
    return human_changes(statuses(events), {LIST_ID: count})


@pytest.mark.parametrize(
    ("entries", "exceptions", "is_alarm"), [(50, 0, True), (49, 0, False), (100, 1, True), (100, 2, False)]
)
def test_an_alarm_says_that_nobody_changes_anything(entries: int, exceptions: int, is_alarm: bool) -> None:
    [row] = decided(entries, exceptions).to_dict("records")
    assert row["is_alarm"] is is_alarm
    assert row["changed_share"] == exceptions / entries


def test_a_list_that_a_person_revoked_was_changed_whole_and_one_that_the_machine_did_not() -> None:
    for actor, changed in (("B. Lee", 80), ("harmspot", 0)):
        found = human_changes(
            statuses(
                [*REGISTERED, event("opened"), event("opened", "B. Lee"), event("approved"), event("revoked", actor)]
            ),
            {LIST_ID: 80},
        )
        assert found["changed_entries"].tolist() == [changed]


def test_an_exception_recorded_for_all_ids_of_a_person_is_one_change() -> None:
    taken_off = [excepted(each) for each in ("p_1", "p_2", "p_3")]
    events = [*REGISTERED, event("opened"), event("opened", "B. Lee"), *taken_off, event("approved")]
    found = human_changes(statuses(events), {LIST_ID: 80}, {"p_1": "p_1", "p_2": "p_1"})
    assert found["changed_entries"].tolist() == [2]


def test_nothing_decided_is_no_alarm() -> None:
    assert human_changes(statuses([event("opened")]), {LIST_ID: 80}).empty


@pytest.mark.parametrize("list_id", ["", "person_tier", "person_tier-", "heat_list-abc"])
def test_ids_that_are_none_are_refused(list_id: str) -> None:
    with pytest.raises(ValueError, match="is not a list id"):
        split_list_id(list_id)


def test_a_list_that_chooses_people_is_approved_only_while_its_effect_is_registered() -> None:
    later = START + timedelta(days=90)
    for name in LISTS:
        one = list_id_of(name, "abc123")
        events = [event("opened", list_id=one), event("opened", "B. Lee", list_id=one), event("approved", list_id=one)]
        needs_none = name in ("warrant_queue", "referral", "safeguarding")
        assert statuses(events)[one].state_at(later, START) == ("active" if needs_none else "draft")
        assert statuses([registered(name), *events])[one].state_at(later, START) == "active" or needs_none


def test_a_list_ends_with_the_stop_date_of_its_registration_whatever_its_own_term() -> None:
    one = statuses([registered(days=10), event("opened"), event("opened", "B. Lee"), event("approved")])[LIST_ID]
    later = START + timedelta(days=90)
    assert one.state_at(later, START + timedelta(days=10, seconds=-1)) == "active"
    assert one.state_at(later, START + timedelta(days=10)) == "expired"


def test_an_early_evaluation_ends_the_lists_approved_under_it() -> None:
    events = [registered(days=60), event("opened"), event("opened", "B. Lee"), event("approved"), evaluated(days=3)]
    one = statuses(events)[LIST_ID]
    assert one.state_at(START + timedelta(days=90), START + timedelta(days=3)) == "expired"
    again = statuses([*events, registered(hours=24 * 4, days=60)])[LIST_ID]
    assert again.state_at(START + timedelta(days=90), START + timedelta(days=5)) == "expired"


EFFECT_EVENTS = st.builds(
    lambda kind, name, days, stop: (
        registered(name, hours=24 * days, days=stop) if kind == "registered" else evaluated(name, days=days)
    ),
    st.sampled_from(["registered", "evaluated"]),
    st.sampled_from(CHOSEN_LISTS),
    st.integers(0, 40),
    st.integers(1, 30),
)
APPROVALS = st.builds(
    lambda name, days: [
        event(kind, actor, list_id=list_id_of(name, f"run{days}"), hours=24 * days)
        for kind, actor in (("opened", "B. Lee"), ("opened", "A. Reyes"), ("approved", "A. Reyes"))
    ],
    st.sampled_from(LISTS),
    st.integers(0, 60),
)


APPROVED = [event("opened", hours=24), event("opened", "B. Lee", hours=24), event("approved", hours=24)]


@settings(deadline=None)
@example(groups=[APPROVED], days=2)  # without a registration
@example(groups=[[registered(days=10)], APPROVED], days=20)  # past the stop date of one
@given(
    groups=st.lists(st.one_of(EFFECT_EVENTS.map(lambda each: [each]), APPROVALS), max_size=25), days=st.integers(0, 100)
)
def test_effect_registered_holds_in_every_history(groups: list[list[HumanEvent]], days: int) -> None:
    """Recomputed from the events alone: an active list has a registration neither past its stop nor evaluated."""
    events = [each for group in sorted(groups, key=lambda group: group[0].at) for each in group]
    now, far = START + timedelta(days=days), START + timedelta(days=1000)
    known = [each for each in events if each.at <= now]
    for list_id, status in statuses(known).items():
        name, _ = split_list_id(list_id)
        if status.state_at(far, now) != "active" or name not in CHOSEN_LISTS:
            continue
        assert status.approved
        own = [each for each in known if each.kind in ("registered", "evaluated") and each.subject == name]
        index = known.index(status.approved)
        assert any(
            each.kind == "registered"
            and known.index(each) < index
            and now < each.detail["stops_at"]
            and not any(e.kind == "evaluated" and each.at <= e.at and known.index(e) > index for e in own)
            for each in own
        )


def test_an_entry_lasts_no_longer_than_its_list_and_the_persons_own_tier() -> None:
    until = pd.Timestamp(START + timedelta(days=60))
    own = [START + timedelta(days=20), START + timedelta(days=90)]
    tiers = pd.DataFrame({"person_id": ["p_2", "p_3"], "expires_at": own})
    rows = pd.DataFrame({"person_id": ["p_1", "p_2", "p_3", "p_2"]})
    for name in LISTS:
        second = pd.Timestamp(own[0]) if name in TIERED_LISTS else until
        ends = entries_valid_to(rows, name, tiers, START + timedelta(days=60))
        assert ends.tolist() == [until, second, until, second], name
    assert entries_valid_to(rows[:0], "person_tier", tiers, START).empty
    unknown = tiers.assign(expires_at=pd.Series([pd.NaT, pd.NaT]).dt.tz_localize("UTC"))
    assert entries_valid_to(rows, "person_tier", unknown, START + timedelta(days=60)).eq(until).all()
