"""Life cycle of a notice: a forbidden event is refused with a reason and changes nothing, in any order of events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.governance.actors import MACHINE
from models.governance.life_cycle import Event
from models.governance.notice_drafts import check_notice, notice_id
from models.governance.notice_kinds import KINDS
from models.governance.notice_lifecycle import (
    CLOSED,
    DECISIONS,
    LONGEST_QUOTE,
    NOTICE_LIFE_CYCLE,
    OBJECTIONS,
    RULES,
    STATES,
    TRANSITIONS,
    Notice,
    NoticeStatus,
    is_live,
    is_outdated,
    is_superseded,
    start_refusal,
    withdrawal_reason,
)
from tests.soak import sample

WRITTEN = date(2026, 3, 1)
AREA: dict[str, Any] = {
    "kind": "area",
    "status": "draft",
    "language": "en",
    "sender": "The chief constable",
    "legal_basis": "The common-law duty of police to keep the peace",
    "behaviours": ["flagrant_dealing"],
    "facts": [{"behaviour": "flagrant_dealing", "report_count": 4}],
    "evidence_ids": ["i1"],
    "consequence": "daily_patrol_and_arrest_for_what_is_seen",
    "help_contact": "Ask at any police station",
    "complaint_route": "Write to us",
    "written_on": WRITTEN,
    "serve_by": date(2026, 3, 6),
    "approved_by": "",
    "market_id": "m1",
    "area_id": "a@1",
    "area_name": "Mill Lane",
    "lead_days": 7,
    "starts_on": date(2026, 3, 13),
    "ends_on": date(2026, 4, 9),
    "window_weeks": 12,
    "is_provisional": False,
}
AREA["notice_id"] = notice_id(AREA)
PERSON: dict[str, Any] = {
    **{name: value for name, value in AREA.items() if name not in KINDS["area"].fields},
    **{name: AREA[name] for name in ("status", "language", "sender", "legal_basis", "behaviours", "evidence_ids")},
    **{name: AREA[name] for name in ("help_contact", "complaint_route", "written_on", "serve_by", "approved_by")},
    "kind": "person",
    "facts": [
        {
            "behaviour": "flagrant_dealing",
            "label": "Drug supply",
            "role": "charged",
            "occurred_on": date(2026, 1, 5),
            "evidence_id": "i1",
        }
    ],
    "consequence": "case_to_the_prosecutor_if_it_happens_again",
    "person_id": "p_" + "0" * 32,
    "recipient": "[[recipient]]",
    "respond_by": date(2026, 3, 20),
}
PERSON["notice_id"] = notice_id(PERSON)
BOTH = pytest.mark.parametrize("fields", [AREA, PERSON], ids=["area", "person"])
WHY = "every record holds"


def nine_on(day: date) -> datetime:
    return datetime.combine(day, time(9), tzinfo=UTC)


@dataclass(frozen=True)
class Recorded:
    """An event as the ledger has it."""

    kind: str
    actor: str
    at: datetime
    detail: dict[str, Any]
    subject: str = "n_1"


def event_of(kind: str, actor: str = "Bell", day: date = WRITTEN, **more: Any) -> Recorded:
    """Return an event recorded at 09:00; a service on a day is at 09:00, too."""
    served_on = more.pop("served_on", None)
    served_at = nine_on(served_on) if served_on else None
    return Recorded(kind, actor, nine_on(day), {"reason": WHY, "served_at": served_at, **more})


def serving(fields: dict[str, Any], day: date = WRITTEN, **more: Any) -> Recorded:
    return event_of("served", "Lund", day, **{"served_on": day, "manner": KINDS[fields["kind"]].manners[0], **more})


def draft(fields: dict[str, Any]) -> Notice:
    return Notice(fields, UTC)


def after(fields: dict[str, Any], events: Sequence[Event]) -> Notice:
    return draft(fields).plus(*events)


def last_day(fields: dict[str, Any]) -> date:
    return draft(fields).last_day


def status_of(fields: dict[str, Any], events: Sequence[Event]) -> NoticeStatus:
    return after(fields, events).status


def refusals(fields: dict[str, Any], status: NoticeStatus, event: Event) -> list[str]:
    return NOTICE_LIFE_CYCLE.refusals(Notice(fields, UTC, status=status), event)


REVIEWED = [event_of("opened"), event_of("reviewed")]
APPROVED = [*REVIEWED, event_of("opened", "Reyes"), event_of("approved", "Reyes")]


def served(fields: dict[str, Any]) -> list[Recorded]:
    return [*APPROVED, serving(fields)]


@BOTH
def test_the_whole_way(fields: dict[str, Any]) -> None:
    assert check_notice(fields) == []
    states = [status_of(fields, served(fields)[:n]).state for n in range(6)]
    assert states == ["draft", "draft", "reviewed", "reviewed", "approved", "served"]
    for kind in ("kept", "broken", "withdrawn"):
        assert status_of(fields, [*served(fields), event_of(kind, day=last_day(fields))]).state == kind


@BOTH
def test_a_notice_is_live_from_review_to_its_last_day_objected_to_or_not(fields: dict[str, Any]) -> None:
    ways = {"draft": [], "reviewed": REVIEWED, "approved": APPROVED, "served": served(fields)}
    contested = [*served(fields), event_of("contested")]
    live = {name: is_live(after(fields, events), WRITTEN) for name, events in ways.items()}
    assert live == {"draft": False, "reviewed": True, "approved": True, "served": True}
    assert is_live(after(fields, contested), WRITTEN)
    assert not is_live(after(fields, [*contested, event_of("withdrawn")]), WRITTEN)
    over = timedelta(days=1)
    assert not is_live(after(fields, APPROVED), fields["serve_by"] + over)
    assert is_live(after(fields, served(fields)), last_day(fields))
    assert not is_live(after(fields, served(fields)), last_day(fields) + over)


def changed(fields: dict[str, Any], **more: Any) -> Notice:
    return draft({**fields, **more, "notice_id": notice_id({**fields, **more})})


def test_only_another_announcement_to_the_same_market_or_person_is_superseded() -> None:
    tomorrow = {"written_on": WRITTEN + timedelta(days=1)}
    for fields, subject in ((AREA, "market_id"), (PERSON, "person_id")):
        live = draft(fields)
        assert is_superseded(changed(fields, **tomorrow), live)
        assert is_superseded(changed(fields, legal_basis="Another"), live)
        assert is_superseded(changed(fields, language="es", **tomorrow), live)
        assert not is_superseded(live, live)
        assert not is_superseded(changed(fields, language="es"), live)
        assert not is_superseded(changed(fields, **{subject: "another"}, **tomorrow), live)
    assert not is_superseded(draft(AREA), draft(PERSON))


@BOTH
def test_a_draft_is_outdated_by_a_later_one_to_the_same_subject(fields: dict[str, Any]) -> None:
    later = changed(fields, written_on=WRITTEN + timedelta(days=1))
    assert is_outdated(after(fields, [event_of("opened")]), later)
    assert not is_outdated(later, draft(fields))
    assert not is_outdated(draft(fields), changed(fields, legal_basis="Another"))
    assert not is_outdated(after(fields, REVIEWED), later)
    assert not is_outdated(after(fields, [*served(fields), event_of("contested")]), later)


def test_every_state_is_reached_and_every_rule_is_told_apart() -> None:
    assert {state for leads in TRANSITIONS.values() for state in leads.values()} == set(STATES)
    assert len({each.name for each in RULES}) == len(RULES)


@BOTH
@pytest.mark.parametrize(
    ("before", "event", "said"),
    [
        ([], event_of("reviewed"), "must open the notice first"),
        (REVIEWED, event_of("approved", "Reyes"), "must open the notice first"),
        (REVIEWED, event_of("approved"), "the reviewer may not approve the notice"),
        (
            [*REVIEWED, event_of("opened", "bELL ")],
            event_of("approved", " bell"),
            "the reviewer may not approve the notice",
        ),
        ([], event_of("approved", "Reyes"), "cannot be approved while it is draft"),
        (APPROVED, event_of("reviewed"), "cannot be reviewed while it is approved"),
        ([event_of("opened")], event_of("reviewed", reason="fine"), "reason too short"),
        ([event_of("opened")], event_of("reviewed", reason="ok  OK ok"), "reason too short"),
        ([], event_of("withdrawn", reason=" "), "reason too short"),
        ([], event_of("opened", " "), "actor is missing"),
        ([event_of("opened", "harmspot")], event_of("reviewed", "Harmspot"), "not harmspot"),
        ([event_of("opened")], event_of("reviewed", day=date(2026, 3, 7)), "the last day to decide was 2026-03-06"),
        (APPROVED, event_of("served", served_on=WRITTEN), "manner of service is missing or unknown"),
        (
            APPROVED,
            event_of("served", served_on=WRITTEN, manner="by pigeon"),
            "manner of service is missing or unknown",
        ),
        ([], event_of("expired"), "cannot expire yet: 2026-03-06 has not passed"),
        ([], event_of("kept", day=date(2027, 1, 1)), "cannot be kept while it is draft"),
        ([], event_of("forgotten"), "unknown decision 'forgotten'"),
    ],
)
def test_what_is_forbidden_is_refused_with_a_reason_and_changes_nothing(
    fields: dict[str, Any], before: list[Recorded], event: Recorded, said: str
) -> None:
    status = status_of(fields, before)
    problems = refusals(fields, status, event)
    assert any(said in problem for problem in problems), problems
    assert status_of(fields, [*before, event]) == status


@BOTH
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"day": date(2026, 3, 7), "served_on": date(2026, 3, 7)}, "too late"),
        ({"day": date(2026, 3, 5), "served_on": date(2026, 3, 6)}, "missing or in the future"),
        ({"day": date(2026, 3, 5), "served_on": date(2026, 2, 28)}, "served_at is before the approval"),
        ({"served_on": None}, "served_at is missing"),
    ],
)
def test_lead_time_holds(fields: dict[str, Any], more: dict[str, Any], said: str) -> None:
    status = status_of(fields, APPROVED)
    problems = refusals(fields, status, serving(fields, **more))
    assert any(said in problem for problem in problems), problems


@BOTH
@pytest.mark.parametrize("kind", DECISIONS)
def test_no_one_decides_on_a_notice_that_lacks_a_field_or_holds_a_forbidden_one(
    fields: dict[str, Any], kind: str
) -> None:
    before = {"reviewed": REVIEWED[:1], "approved": APPROVED[:3], "served": APPROVED}[kind]
    event = {"reviewed": event_of("reviewed"), "approved": event_of("approved", "Reyes"), "served": serving(fields)}[
        kind
    ]
    status = status_of(fields, before)
    assert refusals(fields, status, event) == []
    for name in fields:
        lacking = {key: value for key, value in fields.items() if key != name}
        assert any(name in problem for problem in refusals(lacking, status, event)), name
    for change in ({"score": 0.9}, {"legal_basis": "You may lose your tenancy"}, {"sender": "The rank 1 desk"}):
        assert refusals({**fields, **change}, status, event)


@BOTH
@pytest.mark.parametrize("objection", OBJECTIONS)
def test_an_objection_reopens_what_was_decided(fields: dict[str, Any], objection: str) -> None:
    events = [*APPROVED, event_of(objection, "Bell")]
    status = status_of(fields, events)
    assert (status.state, status.reviewed_by, status.objection_count) == ("draft", None, 1)
    assert refusals(fields, status, event_of("reviewed")), "it must be opened again"
    again = [*events, *APPROVED]
    assert status_of(fields, again).state == "approved"


@BOTH
def test_what_is_in_peoples_hands_stands_again_once_two_others_looked_anew(fields: dict[str, Any]) -> None:
    later = date(2026, 3, 16)  # after serve_by, within the announced period
    contested = [*served(fields), event_of("contested", day=later)]
    assert status_of(fields, contested).state == "draft"
    anew = [event_of("opened", day=later), event_of("reviewed", day=later)]
    anew += [event_of("opened", "Reyes", later), event_of("approved", "Reyes", later)]
    status = status_of(fields, [*contested, *anew])
    assert (status.state, status.served_on) == ("served", WRITTEN)


@BOTH
@pytest.mark.parametrize("kind", ["withdrawn", "kept", "broken"])
def test_what_is_closed_stays_closed_and_an_objection_is_still_heard(fields: dict[str, Any], kind: str) -> None:
    closed = [*served(fields), event_of(kind, day=last_day(fields))]
    status = status_of(fields, [*closed, event_of("contested", day=last_day(fields))])
    assert (status.state, status.objection_count) == (kind, 1)
    for other in set(TRANSITIONS) - {"opened", *OBJECTIONS}:
        assert refusals(fields, status, event_of(other, "Reyes", last_day(fields)))


FRIDAY, SATURDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
LAPSED = [*APPROVED, event_of("expired", MACHINE, SATURDAY)]


@BOTH
@pytest.mark.parametrize("before", [APPROVED, LAPSED], ids=["waiting", "lapsed"])
def test_what_was_handed_over_in_time_is_served_whenever_it_is_recorded(
    fields: dict[str, Any], before: list[Recorded]
) -> None:
    """Friday is the last day to serve; a run expires the notice on Saturday, and the service is recorded on Monday."""
    status = status_of(fields, [*before, serving(fields, MONDAY, served_on=FRIDAY)])
    assert (status.state, status.closed_at) == ("served", None)
    assert (status.served_at, status.serving_recorded_at) == (nine_on(FRIDAY), nine_on(MONDAY))
    late = refusals(fields, status_of(fields, before), serving(fields, MONDAY, served_on=SATURDAY))
    assert any("too late" in problem for problem in late)


@BOTH
@pytest.mark.parametrize(
    ("before", "served_at", "said"),
    [
        (APPROVED, nine_on(MONDAY) + timedelta(minutes=1), "missing or in the future"),
        (APPROVED, nine_on(WRITTEN) - timedelta(minutes=1), "served_at is before the approval"),
        ([*REVIEWED, event_of("expired", MACHINE, SATURDAY)], nine_on(FRIDAY), "never approved"),
        ([*APPROVED, event_of("withdrawn", day=FRIDAY)], nine_on(FRIDAY), "already withdrawn at the time of service"),
        (
            [*APPROVED, event_of("withdrawn", day=FRIDAY)],
            nine_on(FRIDAY) + timedelta(minutes=1),
            "already withdrawn at the time of service",
        ),
    ],
)
def test_no_hand_over_is_recorded_that_cannot_have_been(
    fields: dict[str, Any], before: list[Recorded], served_at: datetime, said: str
) -> None:
    event = serving(fields, MONDAY, served_at=served_at)
    assert any(said in problem for problem in refusals(fields, status_of(fields, before), event))


@BOTH
def test_what_was_handed_over_before_it_was_withdrawn_says_so_and_stays_withdrawn(fields: dict[str, Any]) -> None:
    events = [*APPROVED, event_of("withdrawn", day=FRIDAY), serving(fields, MONDAY, served_on=WRITTEN)]
    status = status_of(fields, events)
    assert (status.state, status.served_on, status.closed_at) == ("withdrawn", WRITTEN, nine_on(FRIDAY))
    again = refusals(fields, status, serving(fields, MONDAY, served_on=WRITTEN))
    assert again == [f"it was already served on {WRITTEN}"]


@BOTH
@pytest.mark.parametrize("kind", ["kept", "broken"])
def test_a_promise_that_lapsed_without_a_word_can_still_be_told_of(fields: dict[str, Any], kind: str) -> None:
    over = last_day(fields) + timedelta(days=1)
    lapsed = [*served(fields), event_of("expired", MACHINE, over)]
    assert status_of(fields, [*lapsed, event_of(kind, day=over)]).state == kind
    never = status_of(fields, [*LAPSED, event_of(kind, day=over)])
    assert (never.state, never.closed_by) == ("expired", MACHINE)


def test_nothing_starts_that_was_not_announced_in_time() -> None:
    first = AREA["starts_on"]
    assert "approved" in str(start_refusal(after(AREA, APPROVED), first))
    notice = after(AREA, served(AREA))
    assert "no sooner" in str(start_refusal(notice, first - timedelta(days=1)))
    assert start_refusal(notice, first) is None


def test_a_promise_is_kept_no_sooner_than_it_is_over() -> None:
    status = status_of(AREA, served(AREA))
    assert any(
        "cannot be marked kept before" in problem
        for problem in refusals(AREA, status, event_of("kept", day=AREA["starts_on"]))
    )


ACTORS = st.sampled_from(["Bell", "Reyes", "Lund", " bell", MACHINE, " "])
REASONS = st.sampled_from([WHY, "fine", ""])
LATER = st.sampled_from([0, 0, 0, 1, 4, 30])


class Office(RuleBasedStateMachine):
    """People who record any event at any time; the invariants are recomputed independently."""

    @initialize(fields=st.sampled_from([AREA, PERSON]), spoilt=st.booleans())
    def draft(self, fields: dict[str, Any], spoilt: bool) -> None:
        self.fields = {**fields, "score": 1} if spoilt else fields
        self.events: list[Recorded] = []
        self.day = WRITTEN
        self.status = NoticeStatus()
        self.reached: list[tuple[str, Recorded]] = []

    @rule(
        kind=st.sampled_from(sorted({*TRANSITIONS, "forgotten"})),
        actor=ACTORS,
        reason=REASONS,
        days=LATER,
        manner=st.sampled_from(["in_person", "displayed", None]),
        back=st.sampled_from([-1, 0, 0, 1]),
    )
    def event_of(self, kind: str, actor: str, reason: str, days: int, manner: str | None, back: int) -> None:
        self._do(kind, actor, reason, days, manner, back)

    @precondition(lambda self: self.status.state in ("draft", "reviewed", "approved"))
    @rule(days=st.sampled_from([0, 0, 1]))
    def a_good_next_act(self, days: int) -> None:
        """Record an allowed next event; random events alone rarely make progress."""
        kind, actor = {"draft": ("reviewed", "Bell"), "reviewed": ("approved", "Reyes")}.get(
            self.status.state, ("served", "Lund")
        )
        self._do("opened", actor, WHY, days, None, 0)
        self._do(kind, actor, WHY, 0, KINDS[self.fields["kind"]].manners[0], 0)

    def _do(self, kind: str, actor: str, reason: str, days: int, manner: str | None, back: int) -> None:
        self.day += timedelta(days=days)
        served_on = self.day - timedelta(days=back) if kind == "served" else None
        event = event_of(kind, actor, self.day, reason=reason, manner=manner, served_on=served_on)
        problems = refusals(self.fields, self.status, event)
        self.events.append(event)
        after = status_of(self.fields, self.events)
        assert all(problem.strip() for problem in problems)
        if problems:
            assert after == self.status, "a refused event changes nothing"
        elif after.state != self.status.state:
            self.reached.append((after.state, event))
        self.status = after

    @invariant()
    def two_people_stand_behind_what_is_approved(self) -> None:
        if self.status.state in ("approved", "served"):
            names = {str(name).casefold().strip() for name in (self.status.reviewed_by, self.status.approved_by)}
            assert len(names) == 2
            assert MACHINE not in names
            opened = {event.actor.casefold().strip() for event in self.events if event.kind == "opened"}
            assert names <= opened

    @invariant()
    def what_is_served_left_its_lead_time(self) -> None:
        if self.status.served_on:
            assert WRITTEN <= self.status.served_on <= self.fields["serve_by"]
            assert self.status.manner in KINDS[self.fields["kind"]].manners

    @invariant()
    def a_spoilt_notice_gets_nowhere(self) -> None:
        if "score" in self.fields:
            assert self.status.state in ("draft", "withdrawn", "expired")

    @invariant()
    def what_is_closed_is_never_opened_again(self) -> None:
        """Except an expired notice whose service in time is recorded later."""
        states = [state for state, _ in self.reached]
        assert not any(state in CLOSED and state != "expired" for state in states[:-1])
        assert all(after in ("served", "kept", "broken") for before, after in pairwise(states) if before == "expired")

    @invariant()
    def what_is_served_was_so_after_its_approval_and_before_anybody_said_so(self) -> None:
        if self.status.served_at and self.status.state == "served":
            assert self.status.served_at <= self.status.serving_recorded_at
            approvals = [event.at for state, event in self.reached if state == "approved"]
            assert approvals[0] <= self.status.served_at

    @invariant()
    def every_decision_has_a_reason(self) -> None:
        assert all(event.kind == "served" or len(event.detail["reason"].split()) > 1 for _, event in self.reached)


Office.TestCase.settings = settings(max_examples=sample(50, whole=150), stateful_step_count=25)
TestOffice = pytest.mark.sampled(Office.TestCase)


@pytest.mark.parametrize(
    ("fields", "events", "is_withdrawn"),
    [
        (PERSON, [], True),
        (PERSON, REVIEWED, True),
        (PERSON, APPROVED, True),
        (PERSON, served(PERSON), False),
        (PERSON, [*served(PERSON), event_of("contested")], False),
        (PERSON, [*APPROVED, event_of("contested")], True),
        (PERSON, [*REVIEWED, event_of("withdrawn")], False),
        (AREA, APPROVED, False),
    ],
)
def test_off_the_list_a_letter_goes_unless_it_is_in_the_persons_hands(
    fields: dict[str, Any], events: list[Recorded], is_withdrawn: bool
) -> None:
    off = {PERSON["person_id"]: "the person died"}
    notice = after(fields, events)
    reason = withdrawal_reason(notice, off)
    assert reason == ("Withdrawn because the person died." if is_withdrawn else None)
    assert withdrawal_reason(notice, {"p_" + "1" * 32: "the person died"}) is None


def test_a_withdrawal_quotes_another_act_in_one_sentence_of_bounded_length() -> None:
    def quoted(why: str) -> str:
        return str(withdrawal_reason(draft(PERSON), {PERSON["person_id"]: why}))

    assert quoted("the person died.") == quoted("the person died") == "Withdrawn because the person died."
    assert quoted("x" * LONGEST_QUOTE) == f"Withdrawn because {'x' * LONGEST_QUOTE}."
    assert quoted("x" * 4000) == f"Withdrawn because {'x' * (LONGEST_QUOTE - 1)}…."


def test_a_breach_is_told_in_a_sentence_and_stays_with_what_was_served() -> None:
    event = serving(PERSON, WRITTEN)
    how = "It was handed over before anybody looked."
    short = replace(event, detail={**event.detail, "breach": "oops"})
    assert refusals(PERSON, status_of(PERSON, APPROVED), short)
    explained = replace(event, detail={**event.detail, "breach": how})
    status = status_of(PERSON, [*APPROVED, explained])
    assert (status.state, status.breach) == ("served", how)
    assert status_of(PERSON, [*APPROVED, explained, event_of("contested")]).breach == how


PEOPLE = [f"p_{number:032x}" for number in range(3)]
WHO = st.sampled_from(PEOPLE)


class Desk(RuleBasedStateMachine):
    """Notices to people who are event off the list and listed again by a later run."""

    @initialize()
    def morning(self) -> None:
        self.listed = set(PEOPLE)
        self.day = WRITTEN
        self.notices: dict[str, tuple[dict[str, Any], list[Recorded]]] = {}
        self.in_hands: dict[str, NoticeStatus] = {}

    @rule(who=WHO)
    def a_run_drafts(self, who: str) -> None:
        self.listed.add(who)
        self.day += timedelta(days=1)
        days = {"written_on": self.day, "serve_by": self.day + timedelta(days=5)}
        fields = changed(PERSON, person_id=who, respond_by=self.day + timedelta(days=14), **days).fields
        self.notices[fields["notice_id"]] = (fields, [])

    @precondition(lambda self: self.notices)
    @rule(data=st.data(), times=st.integers(1, 5))
    def people_carry_one_on(self, data: st.DataObject, times: int) -> None:
        fields, events = self.notices[data.draw(st.sampled_from(sorted(self.notices)))]
        for _ in range(times):
            status = status_of(fields, events)
            kind, actor = {"draft": ("reviewed", "Bell"), "reviewed": ("approved", "Reyes")}.get(
                status.state, ("served", "Lund")
            )
            event = serving(fields, self.day) if kind == "served" else event_of(kind, actor, self.day)
            events.extend([event_of("opened", actor, self.day), event])

    @precondition(lambda self: self.notices)
    @rule(data=st.data())
    def somebody_objects(self, data: st.DataObject) -> None:
        _, events = self.notices[data.draw(st.sampled_from(sorted(self.notices)))]
        events.append(event_of("contested", day=self.day))

    @rule(who=st.sets(WHO, min_size=1), why=st.sampled_from(["the list was revoked", "the person died"]))
    def taken_off(self, who: set[str], why: str) -> None:
        self.listed -= who
        for fields, events in self.notices.values():
            before = status_of(fields, events)
            if before.served_on is not None:
                self.in_hands[fields["notice_id"]] = before
            if reason := withdrawal_reason(after(fields, events), dict.fromkeys(who, why)):
                events.append(event_of("withdrawn", MACHINE, self.day, reason=reason))
        for notice, before in self.in_hands.items():
            assert status_of(*self.notices[notice]) == before, "a served notice does not change"
        self.in_hands.clear()

    @invariant()
    def no_letter_waits_for_somebody_off_the_list(self) -> None:
        for fields, events in self.notices.values():
            status = status_of(fields, events)
            is_waiting = status.state not in CLOSED and status.served_on is None
            assert not (is_waiting and fields["person_id"] not in self.listed)

    @invariant()
    def what_was_withdrawn_says_why_and_is_never_served(self) -> None:
        for fields, events in self.notices.values():
            status = status_of(fields, events)
            if status.state == "withdrawn":
                assert status.closed_because in {
                    "Withdrawn because the list was revoked.",
                    "Withdrawn because the person died.",
                }
                assert status.served_on is None


Desk.TestCase.settings = settings(max_examples=sample(20, whole=60), stateful_step_count=20)
TestDesk = pytest.mark.sampled(Desk.TestCase)
