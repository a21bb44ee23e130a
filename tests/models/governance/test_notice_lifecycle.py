"""The life of a notice: what is forbidden is refused with a reason and changes nothing, in any order of acts."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.governance.actors import MACHINE
from models.governance.notice_drafts import AREA_FIELDS, check_notice, notice_id
from models.governance.notice_lifecycle import (
    CLOSED,
    DECISIONS,
    LONGEST_QUOTE,
    MANNERS,
    OBJECTIONS,
    REFUSALS,
    STATES,
    TRANSITIONS,
    Standing,
    Step,
    is_live,
    is_outdated,
    is_superseded,
    last_day,
    refusals,
    standing_of,
    start_refusal,
    withdrawal_reason,
)

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
    **{name: value for name, value in AREA.items() if name not in set(AREA_FIELDS) - {"kind"}},
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


def step(kind: str, actor: str = "Bell", day: date = WRITTEN, **more: Any) -> Step:
    """An act recorded at nine; what was served on a day was so at nine, too."""
    served_on = more.get("served_on")
    served_at = nine_on(served_on) if served_on else None
    return Step(kind, actor, nine_on(day), day, **{"reason": WHY, "served_at": served_at, **more})


def serving(fields: dict[str, Any], day: date = WRITTEN, **more: Any) -> Step:
    return step("served", "Lund", day, **{"served_on": day, "manner": MANNERS[fields["kind"]][0], **more})


REVIEWED = [step("opened"), step("reviewed")]
APPROVED = [*REVIEWED, step("opened", "Reyes"), step("approved", "Reyes")]


def served(fields: dict[str, Any]) -> list[Step]:
    return [*APPROVED, serving(fields)]


@BOTH
def test_the_whole_way(fields: dict[str, Any]) -> None:
    assert check_notice(fields) == []
    states = [standing_of(fields, served(fields)[:n]).state for n in range(6)]
    assert states == ["draft", "draft", "reviewed", "reviewed", "approved", "served"]
    for kind in ("kept", "broken", "withdrawn"):
        assert standing_of(fields, [*served(fields), step(kind, day=last_day(fields))]).state == kind


@BOTH
def test_a_notice_is_live_from_review_to_its_last_day_objected_to_or_not(fields: dict[str, Any]) -> None:
    ways = {"draft": [], "reviewed": REVIEWED, "approved": APPROVED, "served": served(fields)}
    contested = [*served(fields), step("contested")]
    live = {name: is_live(fields, standing_of(fields, steps), WRITTEN) for name, steps in ways.items()}
    assert live == {"draft": False, "reviewed": True, "approved": True, "served": True}
    assert is_live(fields, standing_of(fields, contested), WRITTEN)
    assert not is_live(fields, standing_of(fields, [*contested, step("withdrawn")]), WRITTEN)
    over = timedelta(days=1)
    assert not is_live(fields, standing_of(fields, APPROVED), fields["serve_by"] + over)
    assert is_live(fields, standing_of(fields, served(fields)), last_day(fields))
    assert not is_live(fields, standing_of(fields, served(fields)), last_day(fields) + over)


def changed(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**fields, **more, "notice_id": notice_id({**fields, **more})}


def test_only_another_announcement_to_the_same_market_or_person_is_superseded() -> None:
    tomorrow = {"written_on": WRITTEN + timedelta(days=1)}
    for fields, subject in ((AREA, "market_id"), (PERSON, "person_id")):
        assert is_superseded(changed(fields, **tomorrow), fields)
        assert is_superseded(changed(fields, legal_basis="Another"), fields)
        assert is_superseded(changed(fields, language="es", **tomorrow), fields)
        assert not is_superseded(fields, fields)
        assert not is_superseded(changed(fields, language="es"), fields)
        assert not is_superseded(changed(fields, **{subject: "another"}, **tomorrow), fields)
    assert not is_superseded(AREA, PERSON)


@BOTH
def test_a_draft_is_outdated_by_a_later_one_to_the_same_subject(fields: dict[str, Any]) -> None:
    later = changed(fields, written_on=WRITTEN + timedelta(days=1))
    assert is_outdated(fields, standing_of(fields, [step("opened")]), later)
    assert not is_outdated(later, Standing(), fields)
    assert not is_outdated(fields, Standing(), changed(fields, legal_basis="Another"))
    assert not is_outdated(fields, standing_of(fields, REVIEWED), later)
    assert not is_outdated(fields, standing_of(fields, [*served(fields), step("contested")]), later)


def test_every_state_is_reached_and_every_rule_is_told_apart() -> None:
    assert {state for leads in TRANSITIONS.values() for state in leads.values()} == set(STATES)
    assert len({refusal.name for refusal in REFUSALS}) == len(REFUSALS)


@BOTH
@pytest.mark.parametrize(
    ("before", "act", "said"),
    [
        ([], step("reviewed"), "opened it first"),
        (REVIEWED, step("approved", "Reyes"), "opened it first"),
        (REVIEWED, step("approved"), "reviewed it may not approve it"),
        ([*REVIEWED, step("opened", "bELL ")], step("approved", " bell"), "reviewed it may not approve it"),
        ([], step("approved", "Reyes"), "cannot be approved while it is draft"),
        (APPROVED, step("reviewed"), "cannot be reviewed while it is approved"),
        ([step("opened")], step("reviewed", reason="fine"), "one word"),
        ([step("opened")], step("reviewed", reason="ok  OK ok"), "one word"),
        ([], step("withdrawn", reason=" "), "one word"),
        ([], step("opened", " "), "nobody is named"),
        ([step("opened", "harmspot")], step("reviewed", "Harmspot"), "not harmspot"),
        ([step("opened")], step("reviewed", day=date(2026, 3, 7)), "time has passed"),
        (APPROVED, step("served", served_on=WRITTEN), "say how it was served"),
        (APPROVED, step("served", served_on=WRITTEN, manner="by pigeon"), "say how it was served"),
        ([], step("expired"), "has not passed yet"),
        ([], step("kept", day=date(2027, 1, 1)), "cannot be kept while it is draft"),
        ([], step("forgotten"), "no such act"),
    ],
)
def test_what_is_forbidden_is_refused_with_a_reason_and_changes_nothing(
    fields: dict[str, Any], before: list[Step], act: Step, said: str
) -> None:
    standing = standing_of(fields, before)
    problems = refusals(fields, standing, act)
    assert any(said in problem for problem in problems), problems
    assert standing_of(fields, [*before, act]) == standing


@BOTH
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"day": date(2026, 3, 7), "served_on": date(2026, 3, 7)}, "too late"),
        ({"day": date(2026, 3, 5), "served_on": date(2026, 3, 6)}, "a moment to come"),
        ({"day": date(2026, 3, 5), "served_on": date(2026, 2, 28)}, "before it was approved"),
        ({"served_on": None}, "say when"),
    ],
)
def test_lead_time_holds(fields: dict[str, Any], more: dict[str, Any], said: str) -> None:
    standing = standing_of(fields, APPROVED)
    problems = refusals(fields, standing, serving(fields, **more))
    assert any(said in problem for problem in problems), problems


@BOTH
@pytest.mark.parametrize("kind", DECISIONS)
def test_no_one_decides_on_a_notice_that_lacks_a_field_or_holds_a_forbidden_one(
    fields: dict[str, Any], kind: str
) -> None:
    before = {"reviewed": REVIEWED[:1], "approved": APPROVED[:3], "served": APPROVED}[kind]
    act = {"reviewed": step("reviewed"), "approved": step("approved", "Reyes"), "served": serving(fields)}[kind]
    standing = standing_of(fields, before)
    assert refusals(fields, standing, act) == []
    for name in fields:
        lacking = {key: value for key, value in fields.items() if key != name}
        assert any(name in problem for problem in refusals(lacking, standing, act)), name
    for change in ({"score": 0.9}, {"legal_basis": "You may lose your tenancy"}, {"sender": "The rank 1 desk"}):
        assert refusals({**fields, **change}, standing, act)


@BOTH
@pytest.mark.parametrize("objection", OBJECTIONS)
def test_an_objection_reopens_what_was_decided(fields: dict[str, Any], objection: str) -> None:
    steps = [*APPROVED, step(objection, "Bell")]
    standing = standing_of(fields, steps)
    assert (standing.state, standing.reviewed_by, standing.objection_count) == ("draft", None, 1)
    assert refusals(fields, standing, step("reviewed")), "it must be opened anew"
    again = [*steps, *APPROVED]
    assert standing_of(fields, again).state == "approved"


@BOTH
def test_what_is_in_peoples_hands_stands_again_once_two_others_looked_anew(fields: dict[str, Any]) -> None:
    later = date(2026, 3, 16)  # past serve_by, within what was announced
    contested = [*served(fields), step("contested", day=later)]
    assert standing_of(fields, contested).state == "draft"
    anew = [step("opened", day=later), step("reviewed", day=later)]
    anew += [step("opened", "Reyes", later), step("approved", "Reyes", later)]
    standing = standing_of(fields, [*contested, *anew])
    assert (standing.state, standing.served_on) == ("served", WRITTEN)


@BOTH
@pytest.mark.parametrize("kind", ["withdrawn", "kept", "broken"])
def test_what_is_closed_stays_closed_and_an_objection_is_still_heard(fields: dict[str, Any], kind: str) -> None:
    closed = [*served(fields), step(kind, day=last_day(fields))]
    standing = standing_of(fields, [*closed, step("contested", day=last_day(fields))])
    assert (standing.state, standing.objection_count) == (kind, 1)
    for other in set(TRANSITIONS) - {"opened", *OBJECTIONS}:
        assert refusals(fields, standing, step(other, "Reyes", last_day(fields)))


FRIDAY, SATURDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
LAPSED = [*APPROVED, step("expired", MACHINE, SATURDAY)]


@BOTH
@pytest.mark.parametrize("before", [APPROVED, LAPSED], ids=["waiting", "lapsed"])
def test_what_was_handed_over_in_time_is_served_whenever_it_is_recorded(
    fields: dict[str, Any], before: list[Step]
) -> None:
    """Friday is the last day to serve it; a run lets it lapse on Saturday, and somebody writes it down on Monday."""
    standing = standing_of(fields, [*before, serving(fields, MONDAY, served_on=FRIDAY)])
    assert (standing.state, standing.closed_at) == ("served", None)
    assert (standing.served_at, standing.serving_recorded_at) == (nine_on(FRIDAY), nine_on(MONDAY))
    late = refusals(fields, standing_of(fields, before), serving(fields, MONDAY, served_on=SATURDAY))
    assert any("too late" in problem for problem in late)


@BOTH
@pytest.mark.parametrize(
    ("before", "served_at", "said"),
    [
        (APPROVED, nine_on(MONDAY) + timedelta(minutes=1), "a moment to come"),
        (APPROVED, nine_on(WRITTEN) - timedelta(minutes=1), "before it was approved"),
        ([*REVIEWED, step("expired", MACHINE, SATURDAY)], nine_on(FRIDAY), "nobody had approved it"),
        ([*APPROVED, step("withdrawn", day=FRIDAY)], nine_on(FRIDAY), "withdrawn by then"),
        ([*APPROVED, step("withdrawn", day=FRIDAY)], nine_on(FRIDAY) + timedelta(minutes=1), "withdrawn by then"),
    ],
)
def test_no_hand_over_is_recorded_that_cannot_have_been(
    fields: dict[str, Any], before: list[Step], served_at: datetime, said: str
) -> None:
    act = serving(fields, MONDAY, served_on=served_at.date(), served_at=served_at)
    assert any(said in problem for problem in refusals(fields, standing_of(fields, before), act))


@BOTH
def test_what_was_handed_over_before_it_was_withdrawn_says_so_and_stays_withdrawn(fields: dict[str, Any]) -> None:
    steps = [*APPROVED, step("withdrawn", day=FRIDAY), serving(fields, MONDAY, served_on=WRITTEN)]
    standing = standing_of(fields, steps)
    assert (standing.state, standing.served_on, standing.closed_at) == ("withdrawn", WRITTEN, nine_on(FRIDAY))
    again = refusals(fields, standing, serving(fields, MONDAY, served_on=WRITTEN))
    assert again == [f"it was served on {WRITTEN}"]


@BOTH
@pytest.mark.parametrize("kind", ["kept", "broken"])
def test_a_promise_that_lapsed_without_a_word_can_still_be_told_of(fields: dict[str, Any], kind: str) -> None:
    over = last_day(fields) + timedelta(days=1)
    lapsed = [*served(fields), step("expired", MACHINE, over)]
    assert standing_of(fields, [*lapsed, step(kind, day=over)]).state == kind
    never = standing_of(fields, [*LAPSED, step(kind, day=over)])
    assert (never.state, never.closed_by) == ("expired", MACHINE)


def test_nothing_starts_that_was_not_announced_in_time() -> None:
    first = AREA["starts_on"]
    assert "approved" in str(start_refusal(AREA, standing_of(AREA, APPROVED), first))
    standing = standing_of(AREA, served(AREA))
    assert "no sooner" in str(start_refusal(AREA, standing, first - timedelta(days=1)))
    assert start_refusal(AREA, standing, first) is None


def test_a_promise_is_kept_no_sooner_than_it_is_over() -> None:
    standing = standing_of(AREA, served(AREA))
    assert any("no sooner" in problem for problem in refusals(AREA, standing, step("kept", day=AREA["starts_on"])))


ACTORS = st.sampled_from(["Bell", "Reyes", "Lund", " bell", MACHINE, " "])
REASONS = st.sampled_from([WHY, "fine", ""])
LATER = st.sampled_from([0, 0, 0, 1, 4, 30])


class Office(RuleBasedStateMachine):
    """People who do anything at any time, beside a clerk who counts for himself what must hold."""

    @initialize(fields=st.sampled_from([AREA, PERSON]), spoilt=st.booleans())
    def draft(self, fields: dict[str, Any], spoilt: bool) -> None:
        self.fields = {**fields, "score": 1} if spoilt else fields
        self.steps: list[Step] = []
        self.day = WRITTEN
        self.standing = Standing()
        self.reached: list[tuple[str, Step]] = []

    @rule(
        kind=st.sampled_from(sorted({*TRANSITIONS, "forgotten"})),
        actor=ACTORS,
        reason=REASONS,
        days=LATER,
        manner=st.sampled_from(["in_person", "displayed", None]),
        back=st.sampled_from([-1, 0, 0, 1]),
    )
    def act(self, kind: str, actor: str, reason: str, days: int, manner: str | None, back: int) -> None:
        self._do(kind, actor, reason, days, manner, back)

    @precondition(lambda self: self.standing.state in ("draft", "reviewed", "approved"))
    @rule(days=st.sampled_from([0, 0, 1]))
    def a_good_next_act(self, days: int) -> None:
        """Bad luck alone seldom gets anywhere."""
        kind, actor = {"draft": ("reviewed", "Bell"), "reviewed": ("approved", "Reyes")}.get(
            self.standing.state, ("served", "Lund")
        )
        self._do("opened", actor, WHY, days, None, 0)
        self._do(kind, actor, WHY, 0, MANNERS[self.fields["kind"]][0], 0)

    def _do(self, kind: str, actor: str, reason: str, days: int, manner: str | None, back: int) -> None:
        self.day += timedelta(days=days)
        served_on = self.day - timedelta(days=back) if kind == "served" else None
        taken = step(kind, actor, self.day, reason=reason, manner=manner, served_on=served_on)
        problems = refusals(self.fields, self.standing, taken)
        self.steps.append(taken)
        after = standing_of(self.fields, self.steps)
        assert all(problem.strip() for problem in problems)
        if problems:
            assert after == self.standing, "what is refused changes nothing"
        elif after.state != self.standing.state:
            self.reached.append((after.state, taken))
        self.standing = after

    @invariant()
    def two_people_stand_behind_what_is_approved(self) -> None:
        if self.standing.state in ("approved", "served"):
            names = {str(name).casefold().strip() for name in (self.standing.reviewed_by, self.standing.approved_by)}
            assert len(names) == 2
            assert MACHINE not in names
            opened = {taken.actor.casefold().strip() for taken in self.steps if taken.kind == "opened"}
            assert names <= opened

    @invariant()
    def what_is_served_left_its_lead_time(self) -> None:
        if self.standing.served_on:
            assert WRITTEN <= self.standing.served_on <= self.fields["serve_by"]
            assert self.standing.manner in MANNERS[self.fields["kind"]]

    @invariant()
    def a_spoilt_notice_gets_nowhere(self) -> None:
        if "score" in self.fields:
            assert self.standing.state in ("draft", "withdrawn", "expired")

    @invariant()
    def what_is_closed_is_never_opened_again(self) -> None:
        """But one that lapsed, where somebody records later what had been done in time."""
        states = [state for state, _ in self.reached]
        assert not any(state in CLOSED and state != "expired" for state in states[:-1])
        assert all(after in ("served", "kept", "broken") for before, after in pairwise(states) if before == "expired")

    @invariant()
    def what_is_served_was_so_after_its_approval_and_before_anybody_said_so(self) -> None:
        if self.standing.served_at and self.standing.state == "served":
            assert self.standing.served_at <= self.standing.serving_recorded_at
            approvals = [taken.at for state, taken in self.reached if state == "approved"]
            assert approvals[0] <= self.standing.served_at

    @invariant()
    def every_decision_has_a_reason(self) -> None:
        assert all(taken.kind == "served" or len(taken.reason.split()) > 1 for _, taken in self.reached)


Office.TestCase.settings = settings(max_examples=150, stateful_step_count=25)
TestOffice = Office.TestCase


@pytest.mark.parametrize(
    ("fields", "steps", "is_withdrawn"),
    [
        (PERSON, [], True),
        (PERSON, REVIEWED, True),
        (PERSON, APPROVED, True),
        (PERSON, served(PERSON), False),
        (PERSON, [*served(PERSON), step("contested")], False),
        (PERSON, [*APPROVED, step("contested")], True),
        (PERSON, [*REVIEWED, step("withdrawn")], False),
        (AREA, APPROVED, False),
    ],
)
def test_off_the_list_a_letter_goes_unless_it_is_in_the_persons_hands(
    fields: dict[str, Any], steps: list[Step], is_withdrawn: bool
) -> None:
    off = {PERSON["person_id"]: "the person died"}
    reason = withdrawal_reason(fields, standing_of(fields, steps), off)
    assert reason == ("Withdrawn because the person died." if is_withdrawn else None)
    assert withdrawal_reason(fields, standing_of(fields, steps), {"p_" + "1" * 32: "the person died"}) is None


def test_a_withdrawal_quotes_another_act_in_one_sentence_of_bounded_length() -> None:
    def quoted(why: str) -> str:
        return str(withdrawal_reason(PERSON, standing_of(PERSON, []), {PERSON["person_id"]: why}))

    assert quoted("the person died.") == quoted("the person died") == "Withdrawn because the person died."
    assert quoted("x" * LONGEST_QUOTE) == f"Withdrawn because {'x' * LONGEST_QUOTE}."
    assert quoted("x" * 4000) == f"Withdrawn because {'x' * (LONGEST_QUOTE - 1)}…."


def test_a_breach_is_told_in_a_sentence_and_stays_with_what_was_served() -> None:
    act = serving(PERSON, WRITTEN)
    assert refusals(PERSON, standing_of(PERSON, APPROVED), replace(act, breach="oops"))
    told = replace(act, breach="It was handed over before anybody looked.")
    after = standing_of(PERSON, [*APPROVED, told])
    assert (after.state, after.breach) == ("served", told.breach)
    assert standing_of(PERSON, [*APPROVED, told, step("contested")]).breach == told.breach


PEOPLE = [f"p_{number:032x}" for number in range(3)]
WHO = st.sampled_from(PEOPLE)


class Desk(RuleBasedStateMachine):
    """Letters on their way to people who are taken off the list, and put on it again by a later run."""

    @initialize()
    def morning(self) -> None:
        self.listed = set(PEOPLE)
        self.day = WRITTEN
        self.letters: dict[str, tuple[dict[str, Any], list[Step]]] = {}
        self.in_hands: dict[str, Standing] = {}

    @rule(who=WHO)
    def a_run_drafts(self, who: str) -> None:
        self.listed.add(who)
        self.day += timedelta(days=1)
        days = {"written_on": self.day, "serve_by": self.day + timedelta(days=5)}
        fields = changed(PERSON, person_id=who, respond_by=self.day + timedelta(days=14), **days)
        self.letters[fields["notice_id"]] = (fields, [])

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), times=st.integers(1, 5))
    def people_carry_one_on(self, data: st.DataObject, times: int) -> None:
        fields, steps = self.letters[data.draw(st.sampled_from(sorted(self.letters)))]
        for _ in range(times):
            standing = standing_of(fields, steps)
            kind, actor = {"draft": ("reviewed", "Bell"), "reviewed": ("approved", "Reyes")}.get(
                standing.state, ("served", "Lund")
            )
            act = serving(fields, self.day) if kind == "served" else step(kind, actor, self.day)
            steps.extend([step("opened", actor, self.day), act])

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def somebody_objects(self, data: st.DataObject) -> None:
        _, steps = self.letters[data.draw(st.sampled_from(sorted(self.letters)))]
        steps.append(step("contested", day=self.day))

    @rule(who=st.sets(WHO, min_size=1), why=st.sampled_from(["the list was revoked", "the person died"]))
    def taken_off(self, who: set[str], why: str) -> None:
        self.listed -= who
        for fields, steps in self.letters.values():
            before = standing_of(fields, steps)
            if before.served_on is not None:
                self.in_hands[fields["notice_id"]] = before
            if reason := withdrawal_reason(fields, before, dict.fromkeys(who, why)):
                steps.append(step("withdrawn", MACHINE, self.day, reason=reason))
        for notice, before in self.in_hands.items():
            assert standing_of(*self.letters[notice]) == before, "what is in somebody's hands stays as it is"
        self.in_hands.clear()

    @invariant()
    def no_letter_waits_for_somebody_off_the_list(self) -> None:
        for fields, steps in self.letters.values():
            standing = standing_of(fields, steps)
            is_waiting = standing.state not in CLOSED and standing.served_on is None
            assert not (is_waiting and fields["person_id"] not in self.listed)

    @invariant()
    def what_was_withdrawn_says_why_and_is_never_served(self) -> None:
        for fields, steps in self.letters.values():
            standing = standing_of(fields, steps)
            if standing.state == "withdrawn":
                assert standing.closed_because in {
                    "Withdrawn because the list was revoked.",
                    "Withdrawn because the person died.",
                }
                assert standing.served_on is None


Desk.TestCase.settings = settings(max_examples=60, stateful_step_count=20)
TestDesk = Desk.TestCase
