"""Life cycles of decisions: an event, rules that forbid events, and the state that the allowed events lead to.

Lists, notices, audits and effects differ in their state, rules and what an event does to the state; the rest is here.
A state is a pure function of the events in the order of recording: an event that a rule forbids changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

State = TypeVar("State")


class Event(Protocol):
    """One decision: who did what to which subject, and when it was recorded; `detail` depends on its kind."""

    @property
    def kind(self) -> str:
        """What was decided, such as approved."""

    @property
    def actor(self) -> str:
        """Name of the person, or harmspot."""

    @property
    def subject(self) -> str:
        """Id of the notice or list, or name of what an audit or effect is about."""

    @property
    def at(self) -> datetime:
        """Time of recording."""

    @property
    def detail(self) -> Mapping[str, Any]:
        """Details by name; a detail may be missing."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[State]):
    """A rule that forbids events: its name, the kinds it applies to (all if empty), its test and its message.

    A message that depends on state or event is a function of both. A rule `of_new` forbids an act that is not recorded
    yet; a recorded one counts although the state that allowed it is gone, as where the user who opened is disabled.
    """

    name: str
    kinds: Sequence[str]
    forbids: Callable[[State, Event], bool]
    message: str | Callable[[State, Event], str]
    of_new: bool = False


@dataclass(frozen=True, slots=True)
class LifeCycle(Generic[State]):
    """The state before any event, the rules, and the state after an allowed event."""

    start: State
    rules: Sequence[Rule[State]]
    after: Callable[[State, Event], State]

    def refusals(self, state: State, event: Event, *, is_recorded: bool = False) -> list[str]:
        """Return the message of every rule that forbids the event in this state; empty if it is allowed."""
        rules = (rule for rule in self.rules if not rule.kinds or event.kind in rule.kinds)
        forbidding = (
            rule.message for rule in rules if not (is_recorded and rule.of_new) and rule.forbids(state, event)
        )
        return [message if isinstance(message, str) else message(state, event) for message in forbidding]

    def refusal(self, state: State, event: Event) -> str | None:
        """Return the message of the first rule that forbids the event in this state; None if it is allowed."""
        return next(iter(self.refusals(state, event)), None)

    def step(self, state: State, event: Event) -> State:
        """Return the state after one recorded event: the same state if a rule forbids it."""
        return state if self.refusals(state, event, is_recorded=True) else self.after(state, event)

    def state_after(self, events: Iterable[Event], state: State | None = None) -> State:
        """Return the state after the events in order, from `start` or the given state."""
        return reduce(self.step, events, self.start if state is None else state)

    def by_subject(self, events: Iterable[Event]) -> dict[str, State]:
        """Return the state of each subject of the events, in the order of their first events."""
        states: dict[str, State] = {}
        for event in events:
            states[event.subject] = self.step(states.get(event.subject, self.start), event)
        return states
