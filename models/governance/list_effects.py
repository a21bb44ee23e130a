"""What a list of people should bring about: registered before it is used, evaluated before it is used again.

A list that chooses people for officers or letters to turn to is an intervention. Chicago's Strategic Subject List ran
for years before anybody could say that it lowered no victimisation and raised arrests (Saunders, Hunt and Hollywood
2016, Journal of Experimental Criminology 12:347); LASER could not tell which activity followed from its list. So nobody
approves such a list without a live registration of outcome, comparison and stop date, as
`models.operations.history` has it for crackdowns: it cannot be changed, ends on its stop date or with its
evaluation, and the lists approved under it end with it. The next registration waits for the evaluation of the last.

A warrant queue needs none: a court chose who is on it, and nobody may hold its orders back to compare. Nor do lists of
help: a duty to protect a child or to offer treatment waits for no experiment.
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
    """One act on what a list should bring about; `stops_at` is the local midnight that begins the stop date."""

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
    """A registration, and its evaluation once there is one."""

    registered: EffectEvent
    evaluated: EffectEvent | None = None

    @property
    def ends_at(self) -> datetime:
        """Return when it ends: on its stop date, or with an earlier evaluation."""
        stops_at = self.registered.stops_at or self.registered.at
        return min(stops_at, self.evaluated.at) if self.evaluated else stops_at

    def is_live(self, at: datetime) -> bool:
        """Return whether a list may be approved under it at a moment; its own moment counts, its end does not."""
        return self.registered.at <= at < self.ends_at


Effects = Mapping[str, tuple[Effect, ...]]  # by list name, in the order of registration

# For each refusal: the acts it looks at, when it forbids them given the list's latest effect, and why.
_Test = Callable[[Effect | None, EffectEvent], bool]
REFUSALS: tuple[tuple[str, tuple[str, ...], _Test, str], ...] = (
    ("nobody", EFFECT_EVENTS, lambda e, a: not a.actor.strip(), "nobody is named"),
    ("by_machine", EFFECT_EVENTS, lambda e, a: is_machine(a.actor), "a named person must do it, not harmspot"),
    (
        "not_chosen",
        EFFECT_EVENTS,
        lambda e, a: a.list_name not in CHOSEN_LISTS,
        f"only {', '.join(CHOSEN_LISTS)} need it: a court fills the warrant queue, and help waits for no comparison",
    ),
    (
        "thin_words",
        ("registered",),
        lambda e, a: is_thin(a.outcome) or is_thin(a.comparison),
        "outcome and comparison need more than one word each: what is measured, and beside what",
    ),
    (
        "no_stop",
        ("registered",),
        lambda e, a: a.stops_at is None or not a.at < a.stops_at <= a.at + LONGEST_REGISTRATION,
        f"a registration stops on a day after today and within {LONGEST_REGISTRATION.days} days",
    ),
    (
        "unchangeable",
        ("registered",),
        lambda e, a: e is not None and e.is_live(a.at),
        "it is registered already and cannot be changed: it lasts until its stop date or its evaluation",
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
        "no registration waits for its evaluation",
    ),
    (
        "thin_finding",
        ("evaluated",),
        lambda e, a: is_thin(a.found),
        "a finding of one word is none; say in a sentence what came of it, beside the comparison",
    ),
    (
        "no_report",
        ("evaluated",),
        lambda e, a: not (a.report and a.report_sha256),
        "an evaluation names the report that it stands in",
    ),
)


def refusal(effects: Effects, event: EffectEvent) -> str | None:
    """Return why the act may not be done, in words, or None where it may."""
    latest = latest_effect(effects, event.list_name)
    return next(
        (words for _, events, forbids, words in REFUSALS if event.kind in events and forbids(latest, event)), None
    )


def effects_after(effects: Effects, event: EffectEvent) -> Effects:
    """Return the effects with the act done; as they were where a rule forbids it, whoever recorded it."""
    if refusal(effects, event):
        return effects
    before = effects.get(event.list_name, ())
    if event.kind == "registered":
        return {**effects, event.list_name: (*before, Effect(event))}
    return {**effects, event.list_name: (*before[:-1], replace(before[-1], evaluated=event))}


def effects_of(events: Iterable[EffectEvent]) -> Effects:
    """Return every registration by list name, from the acts in the order of recording."""
    effects: Effects = {}
    for event in events:
        effects = effects_after(effects, event)
    return effects


def latest_effect(effects: Effects, list_name: str) -> Effect | None:
    """Return what was registered last for a list, None where nothing ever was."""
    return next(reversed(effects.get(list_name, ())), None)


def missing_effect(effects: Effects, list_name: str, at: datetime) -> str | None:
    """Return why a list may not be approved at a moment, with the way out; None where it may."""
    if list_name not in CHOSEN_LISTS:
        return None
    latest = latest_effect(effects, list_name)
    if latest is not None and latest.is_live(at):
        return None
    register = (
        f"harmspot lists register {list_name} --outcome TEXT --comparison TEXT --stop-on DATE --by NAME says what it "
        "should bring about, beside what, and until when"
    )
    if latest is None or at < latest.registered.at:
        return f"no effect of {list_name} is registered; {register}"
    if latest.evaluated is None:
        return (
            f"the registration of {list_name} by {latest.registered.actor} has come to its stop date and is not "
            f"evaluated; harmspot lists evaluate {list_name} --found TEXT --report FILE --by NAME, then register anew"
        )
    return f"the last registration of {list_name} is over and evaluated; {register}"
