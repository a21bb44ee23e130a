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

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.governance.actors import NAMED, by_people, is_thin
from models.governance.life_cycle import Event, LifeCycle, Rule

CHOSEN_LISTS = ("person_tier", "dealer_ranking", "call_in")
LONGEST_REGISTRATION = timedelta(days=366)
EFFECT_EVENTS = ("registered", "evaluated")


@dataclass(frozen=True, slots=True)
class Effect:
    """A registration and, once it exists, its evaluation.

    Detail stops_at of the registration is the local midnight that begins the stop date.
    """

    registered: Event
    evaluated: Event | None = None

    @property
    def ends_at(self) -> datetime:
        """Return the end of the registration: its stop date or an earlier evaluation."""
        stops_at: datetime = self.registered.detail["stops_at"]
        return min(stops_at, self.evaluated.at) if self.evaluated else stops_at

    def is_live(self, at: datetime) -> bool:
        """Return whether a list may be approved under it at a moment; the start is included, the end is not."""
        return self.registered.at <= at < self.ends_at


Effects = tuple[Effect, ...]  # of one list, in the order of registration


def _has_thin_words(event: Event) -> bool:
    return is_thin(event.detail.get("outcome", "")) or is_thin(event.detail.get("comparison", ""))


def _has_no_stop(event: Event) -> bool:
    stops_at = event.detail.get("stops_at")
    return stops_at is None or not event.at < stops_at <= event.at + LONGEST_REGISTRATION


def has_report(event: Event) -> bool:
    """Return whether the event has a report with its hash."""
    return bool(event.detail.get("report") and event.detail.get("report_sha256"))


RULES: tuple[Rule[Effects], ...] = (
    NAMED,
    by_people(),
    Rule(
        "not_chosen",
        (),
        lambda effects, event: event.subject not in CHOSEN_LISTS,
        f"only {', '.join(CHOSEN_LISTS)} need it: courts fill the warrant queue, and help is not delayed to compare",
    ),
    Rule(
        "thin_words",
        ("registered",),
        lambda effects, event: _has_thin_words(event),
        "outcome and comparison need at least two different words each: what is measured, and compared with what",
    ),
    Rule(
        "no_stop",
        ("registered",),
        lambda effects, event: _has_no_stop(event),
        f"the stop date must be after today and within {LONGEST_REGISTRATION.days} days",
    ),
    Rule(
        "unchangeable",
        ("registered",),
        lambda effects, event: any(effect.is_live(event.at) for effect in effects[-1:]),
        "it is already registered; a registration cannot be changed and lasts until its stop date or evaluation",
    ),
    Rule(
        "unevaluated",
        ("registered",),
        lambda effects, event: any(effect.evaluated is None for effect in effects[-1:]),
        "the last registration is not evaluated: harmspot lists evaluate LIST --found TEXT --report FILE --by NAME",
    ),
    Rule(
        "nothing_to_evaluate",
        ("evaluated",),
        lambda effects, event: not effects or effects[-1].evaluated is not None or event.at < effects[-1].registered.at,
        "there is no registration to evaluate",
    ),
    Rule(
        "thin_finding",
        ("evaluated",),
        lambda effects, event: is_thin(event.detail.get("found", "")),
        "finding too short: give at least two different words on the result against the comparison",
    ),
    Rule(
        "no_report",
        ("evaluated",),
        lambda effects, event: not has_report(event),
        "the report file that contains the evaluation is missing",
    ),
)


def _after(effects: Effects, event: Event) -> Effects:
    if event.kind == "registered":
        return (*effects, Effect(event))
    return (*effects[:-1], replace(effects[-1], evaluated=event))


EFFECT: LifeCycle[Effects] = LifeCycle((), RULES, _after)  # of the events about one list name


def missing_effect(effects: Effects, list_name: str, at: datetime) -> str | None:
    """Return why a list with these effects may not be approved at a moment, and how to allow it; None if it may."""
    if list_name not in CHOSEN_LISTS:
        return None
    latest = effects[-1] if effects else None
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
