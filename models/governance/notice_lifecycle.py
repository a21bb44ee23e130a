"""The life of a notice: draft → reviewed → approved → served → kept | broken | withdrawn | expired.

What was done and when it was recorded are two moments: people write down on Monday what they handed over on Friday.
Such a fact is asked of the moment at which it happened, so a notice that a run let lapse over the weekend is served,
and one that was withdrawn over the weekend stays withdrawn and says that it is in somebody's hands.

The state is a pure function of what people did, in the order in which it was recorded. Every act is asked against one
table of rules; one that a rule forbids changes nothing, whoever recorded it. Two different named people stand behind
each notice, both of whom opened it (Data Protection Act 2018, sections 49 and 50: no significant decision by machine
alone). An objection reopens a notice: what was reviewed or approved must be looked at again, and a notice already
served stands again only once two people have looked anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from models.governance.actors import is_machine, is_thin, name_of, same_person
from models.governance.notice_drafts import check_notice

MANNERS = {"area": ("displayed", "posted"), "person": ("in_person",)}

# For each act: the state it leads to from each state in which it may be done.
CLOSED = ("kept", "broken", "withdrawn", "expired")
STATES = ("draft", "reviewed", "approved", "served", *CLOSED)
LIVE = ("reviewed", "approved", "served")
_SAME = {state: state for state in STATES}
_REOPENED = {"draft": "draft", "reviewed": "draft", "approved": "draft", "served": "draft"}
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "opened": _SAME,
    "reviewed": {"draft": "reviewed"},
    "approved": {"reviewed": "approved"},
    # What came about before a notice lapsed or was withdrawn can still be recorded after it.
    "served": {"approved": "served", "expired": "served", "withdrawn": "withdrawn"},
    "kept": {"served": "kept", "expired": "kept"},
    "broken": {"served": "broken", "expired": "broken"},
    "withdrawn": {"draft": "withdrawn", "reviewed": "withdrawn", "approved": "withdrawn", "served": "withdrawn"},
    "expired": {"draft": "expired", "reviewed": "expired", "approved": "expired", "served": "expired"},
    # An objection is heard at any time; it can no longer change what is closed.
    "represented": {**_SAME, **_REOPENED},
    "contested": {**_SAME, **_REOPENED},
}
OBJECTIONS = ("represented", "contested")


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """One act upon a notice: who, when it was recorded, on which local day, why; when and how it was handed over.

    `breach` is how it came to be served although that was held back.
    """

    kind: str
    actor: str
    at: datetime
    on: date
    reason: str = ""
    served_at: datetime | None = None
    served_on: date | None = None
    manner: str | None = None
    breach: str | None = None

    @property
    def moment(self) -> datetime:
        """When it came about, whenever it was recorded."""
        return self.served_at or self.at


@dataclass(frozen=True, slots=True)
class NoticeStatus:
    """Where a notice stands: its state, and who brought it there when. `opened_by` counts since it last was a draft.

    `served_at` is when it was handed over, on the local day `served_on`; `serving_recorded_at` when somebody said so.
    """

    state: str = "draft"
    opened_by: frozenset[str] = frozenset()
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    approved_on: date | None = None
    served_at: datetime | None = None
    served_on: date | None = None
    serving_recorded_at: datetime | None = None
    manner: str | None = None
    breach: str | None = None
    objection_count: int = 0
    closed_by: str | None = None
    closed_at: datetime | None = None
    closed_because: str | None = None


Test = Callable[[Mapping[str, Any], NoticeStatus, NoticeEvent], bool]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the rule book: the acts it looks at, when it forbids them, and why in words."""

    name: str
    events: Sequence[str]
    holds: Test
    words: str


REASONED = ("reviewed", "approved", "kept", "broken", "withdrawn", "expired", *OBJECTIONS)
BY_PEOPLE = ("opened", "reviewed", "approved", "served", *OBJECTIONS)
DECISIONS = ("reviewed", "approved", "served")
SERVED = ("served_at", "served_on", "serving_recorded_at", "manner", "breach")  # what no objection undoes
LONGEST_QUOTE = 1000  # characters of what another act says

REFUSALS = (
    Refusal(
        "unknown_act",
        (),
        lambda fields, status, event: event.kind not in TRANSITIONS,
        "no such act",
    ),
    Refusal(
        "wrong_state",
        (),
        lambda fields, status, event: status.state not in TRANSITIONS.get(event.kind, _SAME),
        "it cannot be {act} while it is {state}",
    ),
    Refusal("nobody", (), lambda fields, status, event: not event.actor.strip(), "nobody is named as doing it"),
    Refusal(
        "by_machine",
        BY_PEOPLE,
        lambda fields, status, event: is_machine(event.actor),
        "a named person must do it, not harmspot",
    ),
    Refusal(
        "thin_reason",
        REASONED,
        lambda fields, status, event: is_thin(event.reason),
        "a reason of one word is none; say why in a sentence",
    ),
    Refusal(
        "thin_breach",
        ("served",),
        lambda fields, status, event: event.breach is not None and is_thin(event.breach),
        "one word does not tell how a breach came about; say it in a sentence",
    ),
    Refusal(
        "unopened",
        ("reviewed", "approved"),
        lambda fields, status, event: name_of(event.actor) not in status.opened_by,
        "whoever decides must have opened it first: harmspot notices show NOTICE",
    ),
    Refusal(
        "self_approval",
        ("approved",),
        lambda fields, status, event: same_person(event.actor, status.reviewed_by or ""),
        "whoever reviewed it may not approve it, too",
    ),
    Refusal(
        "lapsed",
        ("reviewed", "approved"),
        lambda fields, status, event: event.on > last_day_to_decide(fields, status),
        "its time has passed; the next run drafts a new one",
    ),
    Refusal(
        "no_manner",
        ("served",),
        lambda fields, status, event: event.manner not in MANNERS[fields["kind"]],
        "say how it was served: {manners}",
    ),
    Refusal(
        "no_serving_day",
        ("served",),
        lambda fields, status, event: event.served_at is None or event.served_at > event.at,
        "say when it was served; a moment to come is none",
    ),
    Refusal(
        "served_too_early",
        ("served",),
        lambda fields, status, event: event.moment < (status.approved_at or event.moment),
        "it was served before it was approved",
    ),
    Refusal(
        "served_unapproved",
        ("served",),
        lambda fields, status, event: status.state in CLOSED and status.approved_at is None,
        "nobody had approved it",
    ),
    Refusal(
        "served_closed",
        ("served",),
        lambda fields, status, event: status.closed_at is not None and event.moment >= status.closed_at,
        "it was {state} by then",
    ),
    Refusal(
        "served_before",
        ("served",),
        lambda fields, status, event: status.served_on is not None,
        "it was served on {served_on}",
    ),
    Refusal(
        "never_served",
        ("kept", "broken"),
        lambda fields, status, event: status.served_on is None,
        "it was never served, so it promised nothing",
    ),
    Refusal(
        "short_lead_time",
        ("served",),
        lambda fields, status, event: (event.served_on or event.on) > fields["serve_by"],
        "it was served after {serve_by}, too late for people to change what they do before the first day",
    ),
    Refusal(
        "not_over",
        ("kept",),
        lambda fields, status, event: event.on < last_day(fields),
        "what was announced lasts until {last_day}; it can be kept no sooner",
    ),
    Refusal(
        "not_lapsed",
        ("expired",),
        lambda fields, status, event: event.on <= last_day_to_decide(fields, status),
        "its time has not passed yet",
    ),
)


def status_of(fields: Mapping[str, Any], events: Sequence[NoticeEvent]) -> NoticeStatus:
    """Return where the notice with `fields` stands after `steps`, in order of recording; forbidden ones count not."""
    status = NoticeStatus()
    for event in events:
        if not refusals(fields, status, event):
            status = _after(status, event)
    return status


def refusals(fields: Mapping[str, Any], status: NoticeStatus, event: NoticeEvent) -> list[str]:
    """Return why the act is forbidden, a sentence each; empty where it may be done.

    Parameters
    ----------
    fields : all that the notice says (AREA_FIELDS or PERSON_FIELDS). Whoever reviews, approves or serves
        it finds every missing and every forbidden field named.
    """
    if not _has_days(fields):
        return check_notice(fields)
    problems = check_notice(fields) if event.kind in DECISIONS else []
    words = {
        "act": event.kind,
        "state": status.state,
        "serve_by": fields["serve_by"],
        "manners": " or ".join(MANNERS[fields["kind"]]),
        "last_day": last_day(fields),
        "served_on": status.served_on,
    }
    found = [rule for rule in REFUSALS if not rule.events or event.kind in rule.events]
    return [rule.words.format(**words) for rule in found if rule.holds(fields, status, event)] + problems


def last_day(fields: Mapping[str, Any]) -> date:
    """Return the last day of what is announced: of the operation, or of the offer of help."""
    return fields["ends_on"] if fields["kind"] == "area" else fields["respond_by"]


def last_day_to_decide(fields: Mapping[str, Any], status: NoticeStatus) -> date:
    """Return until when it may be decided upon: the last day to serve it, or, once it is served, its own last day."""
    return last_day(fields) if status.served_on else fields["serve_by"]


def is_live(fields: Mapping[str, Any], status: NoticeStatus, on: date) -> bool:
    """Return whether a notice binds on a day: somebody stands by it or it is in people's hands, and its time runs."""
    in_hands = status.served_on is not None and status.state not in CLOSED
    return (status.state in LIVE or in_hands) and on <= last_day_to_decide(fields, status)


def is_superseded(fields: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether a notice says something else than the `live` one to the same market or person.

    The same announcement of the same day in another language does not: the two go out together.
    """
    subject = {"area": "market_id", "person": "person_id"}[fields["kind"]]
    is_same_subject = fields["kind"] == live["kind"] and fields[subject] == live[subject]
    is_translation = fields["written_on"] == live["written_on"] and fields["language"] != live["language"]
    return is_same_subject and fields["notice_id"] != live["notice_id"] and not is_translation


def is_outdated(fields: Mapping[str, Any], status: NoticeStatus, other: Mapping[str, Any]) -> bool:
    """Return whether a draft that nobody has handed over says something else than a later one to the same subject."""
    is_draft = status.state == "draft" and status.served_on is None
    return is_draft and is_superseded(fields, other) and fields["written_on"] < other["written_on"]


def withdrawal_reason(fields: Mapping[str, Any], status: NoticeStatus, off: Mapping[str, str]) -> str | None:
    """Return why a letter must be withdrawn now that its person is off the list of people; None where it may stand.

    Parameters
    ----------
    off : by person_id of those who are off the list, why. What is in a person's hands already stays as it is: people
        withdraw that, or a run where a record no longer holds, and the person is told.
    """
    is_pending = status.state not in CLOSED and status.served_on is None
    if fields["kind"] != "person" or not is_pending or fields["person_id"] not in off:
        return None
    why = off[fields["person_id"]]
    cut = why if len(why) <= LONGEST_QUOTE else f"{why[: LONGEST_QUOTE - 1]}…"  # the act it quotes has all of it
    return f"Withdrawn because {cut.rstrip('. ')}."


def start_refusal(fields: Mapping[str, Any], status: NoticeStatus, on: date) -> str | None:
    """Return why the announced operation may not start on a day; None where it may."""
    if status.state != "served":
        return f"it is {status.state}: nothing starts that was not announced"
    if on < fields["starts_on"]:
        return f"it was announced for {fields['starts_on']} and no sooner"
    return None


def _has_days(fields: Mapping[str, Any]) -> bool:
    last = {"area": "ends_on", "person": "respond_by"}.get(fields.get("kind", ""))
    return all(isinstance(fields.get(name), date) for name in (last or "", "serve_by"))


def _after(status: NoticeStatus, event: NoticeEvent) -> NoticeStatus:
    state = TRANSITIONS[event.kind][status.state]
    if event.kind == "opened":
        return replace(status, opened_by=status.opened_by | {name_of(event.actor)})
    if event.kind in OBJECTIONS:
        return _reopened(status, state)
    if event.kind == "reviewed":
        return replace(status, state=state, reviewed_by=event.actor, reviewed_at=event.at)
    if event.kind == "approved":
        # What people hold in their hands already is served, once two others have stood by it.
        state = "served" if status.served_on else state
        return replace(status, state=state, approved_by=event.actor, approved_at=event.at, approved_on=event.on)
    if event.kind == "served":
        return _served(status, event, state)
    return replace(status, state=state, closed_by=event.actor, closed_at=event.at, closed_because=event.reason)


def _served(status: NoticeStatus, event: NoticeEvent, state: str) -> NoticeStatus:
    """Say that it was handed over; one that had lapsed meanwhile has not."""
    status = status if state in CLOSED else replace(status, closed_by=None, closed_at=None, closed_because=None)
    return replace(
        status,
        state=state,
        served_at=event.served_at,
        served_on=event.served_on,
        serving_recorded_at=event.at,
        manner=event.manner,
        breach=event.breach,
    )


def _reopened(status: NoticeStatus, state: str) -> NoticeStatus:
    count = status.objection_count + 1
    if status.state in CLOSED:
        return replace(status, objection_count=count)
    served = {name: getattr(status, name) for name in SERVED}
    return NoticeStatus(state=state, objection_count=count, **served)
