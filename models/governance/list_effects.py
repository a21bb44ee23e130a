"""Expected effects of lists of people: registered before a list is used, evaluated before the next registration.

A list that selects people for officers or notices is an intervention. Chicago's Strategic Subject List ran for years
before an evaluation showed that it did not lower victimisation and raised arrests (Saunders, Hunt and Hollywood 2016,
Journal of Experimental Criminology 12:347); LASER could not tell which activity followed from its list. Such a list is
therefore approved only under a live registration of outcome, comparison and stop date, as in
`models.operations.history` for crackdowns. A registration cannot be changed and ends on its stop date or with its
evaluation; the lists approved under it end with it. The next registration requires the evaluation of the last one.

A warrant queue needs no registration: a court chose its people, and its orders may not be delayed for a comparison.
Lists of help need none either: the duty to protect a child or to offer treatment does not wait for an experiment.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.governance.actors import is_machine, is_thin

CHOSEN_LISTS = ("person_tier", "dealer_ranking", "call_in")
LONGEST_REGISTRATION = timedelta(days=366)
EFFECT_EVENTS = ("registered", "evaluated")


@dataclass(frozen=True, slots=True)
class EffectEvent:
    """One registration or evaluation of a list's effect; `stops_at` is the local midnight that begins the stop date."""

    kind: str
    actor: str
    list_name: str
    at: datetime
    outcome: str = ""
    comparison: str = ""
    stops_at: datetime | None = None
    found: str = ""
    report: str = ""
    report_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A registration and, once it exists, its evaluation."""

    registered: EffectEvent
    evaluated: EffectEvent | None = None

    @property
    def ends_at(self) -> datetime:
        """Return the end of the registration: its stop date or an earlier evaluation."""
        stops_at = self.registered.stops_at or self.registered.at
        return min(stops_at, self.evaluated.at) if self.evaluated else stops_at

    def is_live(self, at: datetime) -> bool:
        """Return whether a list may be approved under it at a moment; the start is included, the end is not."""
        return self.registered.at <= at < self.ends_at


Effects = Mapping[str, tuple[Effect, ...]]  # by list name, in the order of registration

# For each refusal: its name, the kinds of event it applies to, the test on the list's latest effect, the message.
_Test = Callable[[Effect | None, EffectEvent], bool]
REFUSALS: tuple[tuple[str, tuple[str, ...], _Test, str], ...] = (
    ("nobody", EFFECT_EVENTS, lambda e, a: not a.actor.strip(), "actor is missing; give the name of the person"),
    ("by_machine", EFFECT_EVENTS, lambda e, a: is_machine(a.actor), "a named person must do it, not harmspot"),
    (
        "not_chosen",
        EFFECT_EVENTS,
        lambda e, a: a.list_name not in CHOSEN_LISTS,
        f"only {', '.join(CHOSEN_LISTS)} need it: courts fill the warrant queue, and help is not delayed to compare",
    ),
    (
        "thin_words",
        ("registered",),
        lambda e, a: is_thin(a.outcome) or is_thin(a.comparison),
        "outcome and comparison need at least two different words each: what is measured, and compared with what",
    ),
    (
        "no_stop",
        ("registered",),
        lambda e, a: a.stops_at is None or not a.at < a.stops_at <= a.at + LONGEST_REGISTRATION,
        f"the stop date must be after today and within {LONGEST_REGISTRATION.days} days",
    ),
    (
        "unchangeable",
        ("registered",),
        lambda e, a: e is not None and e.is_live(a.at),
        "it is already registered; a registration cannot be changed and lasts until its stop date or evaluation",
    ),
    (
        "unevaluated",
        ("registered",),
        lambda e, a: e is not None and e.evaluated is None,
        "the last registration is not evaluated: harmspot lists evaluate LIST --found TEXT --report FILE --by NAME",
    ),
    (
        "nothing_to_evaluate",
        ("evaluated",),
        lambda e, a: e is None or e.evaluated is not None or a.at < e.registered.at,
        "there is no registration to evaluate",
    ),
    (
        "thin_finding",
        ("evaluated",),
        lambda e, a: is_thin(a.found),
        "finding too short: give at least two different words on the result against the comparison",
    ),
    (
        "no_report",
        ("evaluated",),
        lambda e, a: not (a.report and a.report_sha256),
        "the report file that contains the evaluation is missing",
    ),
)


def refusal(effects: Effects, event: EffectEvent) -> str | None:
    """Return why the event is not allowed; None if it is."""
    latest = latest_effect(effects, event.list_name)
    return next(
        (message for _, kinds, forbids, message in REFUSALS if event.kind in kinds and forbids(latest, event)), None
    )


def effects_after(effects: Effects, event: EffectEvent) -> Effects:
    """Return the effects after the event; an event that a rule forbids changes nothing."""
    if refusal(effects, event):
        return effects
    before = effects.get(event.list_name, ())
    if event.kind == "registered":
        return {**effects, event.list_name: (*before, Effect(event))}
    return {**effects, event.list_name: (*before[:-1], replace(before[-1], evaluated=event))}


def effects_of(events: Iterable[EffectEvent]) -> Effects:
    """Return every registration by list name, from the events in the order of recording."""
    effects: Effects = {}
    for event in events:
        effects = effects_after(effects, event)
    return effects


def latest_effect(effects: Effects, list_name: str) -> Effect | None:
    """Return the last registration of a list; None if there was none."""
    return next(reversed(effects.get(list_name, ())), None)


def missing_effect(effects: Effects, list_name: str, at: datetime) -> str | None:
    """Return why a list may not be approved at a moment, and how to allow it; None if it may."""
    if list_name not in CHOSEN_LISTS:
        return None
    latest = latest_effect(effects, list_name)
    if latest is not None and latest.is_live(at):
        return None
    register = (
        f"harmspot lists register {list_name} --outcome TEXT --comparison TEXT --stop-on DATE --by NAME records the "
        "expected outcome, the comparison and the stop date"
    )
    if latest is None or at < latest.registered.at:
        return f"no effect of {list_name} is registered; {register}"
    if latest.evaluated is None:
        return (
            f"the registration of {list_name} by {latest.registered.actor} reached its stop date and is not "
            f"evaluated; harmspot lists evaluate {list_name} --found TEXT --report FILE --by NAME, then register again"
        )
    return f"the last registration of {list_name} is over and evaluated; {register}"
