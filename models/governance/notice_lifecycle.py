"""Life cycle of a notice: draft → reviewed → approved → served → kept | broken | withdrawn | expired.

An event has two times: when it happened and when it was recorded. People may record on Monday what they served on
Friday. Service is judged by when it happened: a notice that expired over the weekend becomes served, and one that was
withdrawn over the weekend stays withdrawn and records that it was served.

The state is a pure function of the human events in the order of recording. One table of rules checks every event; an
event that a rule forbids changes nothing. Two different named people decide on each notice, and both open it first
(Data Protection Act 2018, sections 49 and 50: no significant decision by machine alone). An objection reopens a notice:
it must be reviewed and approved again, and a notice already served is in force again only after two people did so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from models.governance.actors import is_machine, is_thin, name_of, same_person
from models.governance.notice_drafts import check_notice

MANNERS = {"area": ("displayed", "posted"), "person": ("in_person",)}

# For each kind of event: the next state by each state in which the event is allowed.
CLOSED = ("kept", "broken", "withdrawn", "expired")
STATES = ("draft", "reviewed", "approved", "served", *CLOSED)
LIVE = ("reviewed", "approved", "served")
_SAME = {state: state for state in STATES}
_REOPENED = {"draft": "draft", "reviewed": "draft", "approved": "draft", "served": "draft"}
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "opened": _SAME,
    "reviewed": {"draft": "reviewed"},
    "approved": {"reviewed": "approved"},
    # A service before a notice expired or was withdrawn can still be recorded afterwards.
    "served": {"approved": "served", "expired": "served", "withdrawn": "withdrawn"},
    "kept": {"served": "kept", "expired": "kept"},
    "broken": {"served": "broken", "expired": "broken"},
    "withdrawn": {"draft": "withdrawn", "reviewed": "withdrawn", "approved": "withdrawn", "served": "withdrawn"},
    "expired": {"draft": "expired", "reviewed": "expired", "approved": "expired", "served": "expired"},
    # An objection is recorded in any state; it does not change a closed notice.
    "represented": {**_SAME, **_REOPENED},
    "contested": {**_SAME, **_REOPENED},
}
OBJECTIONS = ("represented", "contested")


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """One human event on a notice: actor, time of recording, local day, reason; time and manner of service.

    `breach` explains why the notice was served although service was barred.
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
        """Time of the event itself: of the service, else of the recording."""
        return self.served_at or self.at


@dataclass(frozen=True, slots=True)
class NoticeStatus:
    """Status of a notice: its state, and who set it when. `opened_by` names who opened it since it was last a draft.

    `served_at` is the time of service, on the local day `served_on`; `serving_recorded_at` is when that was recorded.
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
    """One rule: its name, the kinds of event it applies to (all if empty), its test, and its message."""

    name: str
    events: Sequence[str]
    holds: Test
    message: str


REASONED = ("reviewed", "approved", "kept", "broken", "withdrawn", "expired", *OBJECTIONS)
BY_PEOPLE = ("opened", "reviewed", "approved", "served", *OBJECTIONS)
DECISIONS = ("reviewed", "approved", "served")
SERVED = ("served_at", "served_on", "serving_recorded_at", "manner", "breach")  # kept after an objection
LONGEST_QUOTE = 1000  # characters quoted from another event

REFUSALS = (
    Refusal(
        "unknown_kind",
        (),
        lambda fields, status, event: event.kind not in TRANSITIONS,
        "unknown decision {kind!r}: expected one of {kinds}",
    ),
    Refusal(
        "wrong_state",
        (),
        lambda fields, status, event: status.state not in TRANSITIONS.get(event.kind, _SAME),
        "it cannot be {kind} while it is {state}",
    ),
    Refusal(
        "nobody",
        (),
        lambda fields, status, event: not event.actor.strip(),
        "actor is missing; give the name of the person",
    ),
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
        "reason too short: give at least two different words",
    ),
    Refusal(
        "thin_breach",
        ("served",),
        lambda fields, status, event: event.breach is not None and is_thin(event.breach),
        "breach too short: give at least two different words on how it happened",
    ),
    Refusal(
        "unopened",
        ("reviewed", "approved"),
        lambda fields, status, event: name_of(event.actor) not in status.opened_by,
        "the actor must open the notice first: harmspot notices show NOTICE",
    ),
    Refusal(
        "self_approval",
        ("approved",),
        lambda fields, status, event: same_person(event.actor, status.reviewed_by or ""),
        "the reviewer may not approve the notice; a second person must",
    ),
    Refusal(
        "lapsed",
        ("reviewed", "approved"),
        lambda fields, status, event: event.on > last_day_to_decide(fields, status),
        "the last day to decide was {decide_by}; the next run drafts a new notice",
    ),
    Refusal(
        "no_manner",
        ("served",),
        lambda fields, status, event: event.manner not in MANNERS[fields["kind"]],
        "manner of service is missing or unknown: expected {manners}",
    ),
    Refusal(
        "no_serving_day",
        ("served",),
        lambda fields, status, event: event.served_at is None or event.served_at > event.at,
        "served_at is missing or in the future",
    ),
    Refusal(
        "served_too_early",
        ("served",),
        lambda fields, status, event: event.moment < (status.approved_at or event.moment),
        "served_at is before the approval",
    ),
    Refusal(
        "served_unapproved",
        ("served",),
        lambda fields, status, event: status.state in CLOSED and status.approved_at is None,
        "the notice was never approved",
    ),
    Refusal(
        "served_closed",
        ("served",),
        lambda fields, status, event: status.closed_at is not None and event.moment >= status.closed_at,
        "the notice was already {state} at the time of service",
    ),
    Refusal(
        "served_before",
        ("served",),
        lambda fields, status, event: status.served_on is not None,
        "it was already served on {served_on}",
    ),
    Refusal(
        "never_served",
        ("kept", "broken"),
        lambda fields, status, event: status.served_on is None,
        "the notice was never served, so nothing was announced",
    ),
    Refusal(
        "short_lead_time",
        ("served",),
        lambda fields, status, event: (event.served_on or event.on) > fields["serve_by"],
        "served too late: {serve_by} was the last day that leaves people time to change before the first day",
    ),
    Refusal(
        "not_over",
        ("kept",),
        lambda fields, status, event: event.on < last_day(fields),
        "cannot be marked kept before {last_day}, the end of the announced period",
    ),
    Refusal(
        "not_lapsed",
        ("expired",),
        lambda fields, status, event: event.on <= last_day_to_decide(fields, status),
        "cannot expire yet: {decide_by} has not passed",
    ),
)


def status_of(fields: Mapping[str, Any], events: Sequence[NoticeEvent]) -> NoticeStatus:
    """Return the status of the notice with `fields` after `events` in recording order; forbidden ones are ignored."""
    status = NoticeStatus()
    for event in events:
        if not refusals(fields, status, event):
            status = _after(status, event)
    return status


def refusals(fields: Mapping[str, Any], status: NoticeStatus, event: NoticeEvent) -> list[str]:
    """Return why the event is forbidden, one message for each rule; empty if it is allowed.

    Parameters
    ----------
    fields : Mapping of str to Any
        All fields of the notice (AREA_FIELDS or PERSON_FIELDS). For reviewed, approved and served, the messages
        also name every missing and every forbidden field.
    status : NoticeStatus
        Status before the event.
    event : NoticeEvent
        The event to check.
    """
    if not _has_days(fields):
        return check_notice(fields)
    problems = check_notice(fields) if event.kind in DECISIONS else []
    values = {
        "kind": event.kind,
        "kinds": ", ".join(TRANSITIONS),
        "state": status.state,
        "serve_by": fields["serve_by"],
        "manners": " or ".join(MANNERS[fields["kind"]]),
        "last_day": last_day(fields),
        "decide_by": last_day_to_decide(fields, status),
        "served_on": status.served_on,
    }
    rules = [rule for rule in REFUSALS if not rule.events or event.kind in rule.events]
    return [rule.message.format(**values) for rule in rules if rule.holds(fields, status, event)] + problems


def last_day(fields: Mapping[str, Any]) -> date:
    """Return the last day of the announced period: of the operation, or of the offer of help."""
    return fields["ends_on"] if fields["kind"] == "area" else fields["respond_by"]


def last_day_to_decide(fields: Mapping[str, Any], status: NoticeStatus) -> date:
    """Return the last day for decisions: the last day to serve the notice or, once served, its own last day."""
    return last_day(fields) if status.served_on else fields["serve_by"]


def is_live(fields: Mapping[str, Any], status: NoticeStatus, on: date) -> bool:
    """Return whether a notice is in force on a day: reviewed, approved or served, not closed, and not past its end."""
    is_served = status.served_on is not None and status.state not in CLOSED
    return (status.state in LIVE or is_served) and on <= last_day_to_decide(fields, status)


def is_superseded(fields: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether a notice differs from the `live` one to the same market or person.

    A translation (same day, another language) does not count: the two are served together.
    """
    subject = {"area": "market_id", "person": "person_id"}[fields["kind"]]
    is_same_subject = fields["kind"] == live["kind"] and fields[subject] == live[subject]
    is_translation = fields["written_on"] == live["written_on"] and fields["language"] != live["language"]
    return is_same_subject and fields["notice_id"] != live["notice_id"] and not is_translation


def is_outdated(fields: Mapping[str, Any], status: NoticeStatus, other: Mapping[str, Any]) -> bool:
    """Return whether a draft that was not served differs from a later notice to the same subject."""
    is_draft = status.state == "draft" and status.served_on is None
    return is_draft and is_superseded(fields, other) and fields["written_on"] < other["written_on"]


def withdrawal_reason(fields: Mapping[str, Any], status: NoticeStatus, off: Mapping[str, str]) -> str | None:
    """Return why a person notice must be withdrawn because its person is off the list; None if it need not be.

    Parameters
    ----------
    fields : Mapping of str to Any
        All fields of the notice.
    status : NoticeStatus
        Status of the notice. A served notice is not withdrawn here: people withdraw it, or a run does if a record
        no longer holds, and the person is told.
    off : Mapping of str to str
        Reason by person_id, for those who are off the list.
    """
    is_pending = status.state not in CLOSED and status.served_on is None
    if fields["kind"] != "person" or not is_pending or fields["person_id"] not in off:
        return None
    reason = off[fields["person_id"]]
    quoted = reason if len(reason) <= LONGEST_QUOTE else f"{reason[: LONGEST_QUOTE - 1]}…"  # its event has the whole
    return f"Withdrawn because {quoted.rstrip('. ')}."


def start_refusal(fields: Mapping[str, Any], status: NoticeStatus, on: date) -> str | None:
    """Return why the announced operation may not start on a day; None if it may."""
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
        # A notice that was served before an objection is served again once two people have approved it.
        state = "served" if status.served_on else state
        return replace(status, state=state, approved_by=event.actor, approved_at=event.at, approved_on=event.on)
    if event.kind == "served":
        return _served(status, event, state)
    return replace(status, state=state, closed_by=event.actor, closed_at=event.at, closed_because=event.reason)


def _served(status: NoticeStatus, event: NoticeEvent, state: str) -> NoticeStatus:
    """Return the status after the service was recorded; an expired notice is open again."""
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
