"""The kernel of life cycles: what a rule forbids changes nothing, and a state is a function of the events in order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from models.governance.actors import NAMED, by_people, with_reason
from models.governance.life_cycle import Event, LifeCycle, Rule
from pipeline.store.human_events import HumanEvent

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES: tuple[Rule[tuple[str, ...]], ...] = (
    NAMED,
    by_people("approved"),
    with_reason("approved"),
    Rule(
        "repeated",
        (),
        lambda done, event: event.kind in done,
        lambda done, event: f"{event.kind} comes after {', '.join(done)}",
    ),
)
CYCLE: LifeCycle[tuple[str, ...]] = LifeCycle((), RULES, lambda done, event: (*done, event.kind))


def event(kind: str = "approved", actor: str = "A. Lee", subject: str = "one", reason: str = "two words") -> HumanEvent:
    return HumanEvent(kind, actor, "list", subject, NOW, {"reason": reason})


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["opened", "approved", "revoked"]),
        st.sampled_from(["A. Lee", "harmspot", " "]),
        st.sampled_from(["one", "two"]),
        st.sampled_from(["fine", "two words"]),
    ),
    max_size=15,
)


def test_every_reason_is_named_in_the_order_of_the_rules() -> None:
    thin = event(actor="harmspot run", reason="fine")
    assert CYCLE.refusals(("opened", "approved"), thin) == [
        "a named person must do it, not harmspot",
        "reason too short: give at least two different words",
        "approved comes after opened, approved",
    ]
    assert CYCLE.refusal(("opened",), thin) == "a named person must do it, not harmspot"
    assert CYCLE.refusal(("opened",), event()) is None
    assert CYCLE.refusals((), event("opened", "harmspot", reason="")) == []  # rules for other kinds


@given(EVENTS)
def test_forbidden_events_leave_no_trace(events: list[HumanEvent]) -> None:
    state, allowed = CYCLE.start, list[Event]()
    for each in events:
        after = CYCLE.step(state, each)
        if CYCLE.refusals(state, each):
            assert after is state
        else:
            allowed.append(each)
        state = after
    assert CYCLE.state_after(events) == CYCLE.state_after(allowed) == state
    assert CYCLE.state_after(events[5:], CYCLE.state_after(events[:5])) == state


@given(EVENTS)
def test_each_subject_has_a_life_of_its_own(events: list[HumanEvent]) -> None:
    states = CYCLE.by_subject(events)
    assert list(states) == list(dict.fromkeys(each.subject for each in events))
    for subject, state in states.items():
        assert state == CYCLE.state_after(each for each in events if each.subject == subject)
