"""Life cycle of a notice: draft → reviewed → approved → served → kept | broken | withdrawn | expired.

An event has two times: when it happened and when it was recorded. People may record on Monday what they served on
Friday. Service is judged by when it happened: a notice that expired over the weekend becomes served, and one that was
withdrawn over the weekend stays withdrawn and records that it was served.

The state is a pure function of the human events in the order of recording. One table of rules checks every event; an
event that a rule forbids changes nothing. Two different named people decide on each notice, and both open it first
(Data Protection Act 2018, sections 49 and 50: no significant decision by machine alone). An objection reopens a notice:
it must be reviewed and approved again, and a notice already served is in force again only after two people did so.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from models.governance.actors import NAMED, by_people, is_thin, name_of, same_person, with_reason
from models.governance.life_cycle import Event, LifeCycle, Rule
from models.governance.notice_drafts import check_notice
from models.governance.notice_kinds import KINDS, NoticeKind

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


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice: its fields, the run that drafted it, and its events in order of recording with the status after them.

    Days are local ones of `zone`. A draft that nobody opened has no events and is not recorded in the store.
    """

    fields: Mapping[str, Any]
    zone: tzinfo
    run_id: str = ""
    known_at: datetime | None = None
    events: tuple[Event, ...] = ()
    status: NoticeStatus = NoticeStatus()
    is_recorded: bool = False

    @property
    def notice_id(self) -> str:
        """Id of the notice."""
        return str(self.fields["notice_id"])

    @property
    def kind(self) -> NoticeKind:
        """Kind of the notice."""
        return KINDS[self.fields["kind"]]

    @property
    def subject(self) -> str:
        """Id of the market or person."""
        return str(self.fields[self.kind.subject])

    @property
    def last_day(self) -> date:
        """Last day of the announced period: of the operation, or of the offer of help."""
        day: date = self.fields[self.kind.days[-1]]
        return day

    @property
    def last_day_to_decide(self) -> date:
        """Last day for decisions: the last day to serve the notice or, once served, its own last day."""
        day: date = self.last_day if self.status.served_on else self.fields["serve_by"]
        return day

    @property
    def is_pending(self) -> bool:
        """Return whether it is open and has not been served: it may still be handed over."""
        return self.is_open and self.status.served_on is None

    @property
    def is_open(self) -> bool:
        """Whether the notice is not closed."""
        return self.status.state not in CLOSED

    def day_of(self, moment: datetime) -> date:
        """Return the local day of a moment."""
        return moment.astimezone(self.zone).date()

    def plus(self, *events: Event) -> "Notice":
        """Return the notice after further events; forbidden ones are kept but do not change its status."""
        after = NOTICE_LIFE_CYCLE.state_after(events, self)
        return replace(after, events=(*self.events, *events), is_recorded=True)

    def as_of(self, moment: datetime) -> "Notice":
        """Return the notice with only the events recorded by a moment."""
        before = replace(self, events=(), status=NoticeStatus())
        return before.plus(*(event for event in self.events if event.at <= moment))


DECISIONS = ("reviewed", "approved", "served")
SERVED = ("served_at", "served_on", "serving_recorded_at", "manner", "breach")  # kept after an objection
LONGEST_QUOTE = 1000  # characters quoted from another event


def moment_of(event: Event) -> datetime:
    """Return the time of the event itself: of the service, else of the recording."""
    return event.detail.get("served_at") or event.at


RULES: tuple[Rule[Notice], ...] = (
    Rule(
        "unknown_kind",
        (),
        lambda notice, event: event.kind not in TRANSITIONS,
        lambda notice, event: f"unknown decision {event.kind!r}: expected one of {', '.join(TRANSITIONS)}",
    ),
    Rule(
        "wrong_state",
        (),
        lambda notice, event: notice.status.state not in TRANSITIONS.get(event.kind, _SAME),
        lambda notice, event: f"it cannot be {event.kind} while it is {notice.status.state}",
    ),
    NAMED,
    by_people("opened", "reviewed", "approved", "served", *OBJECTIONS),
    with_reason("reviewed", "approved", "kept", "broken", "withdrawn", "expired", *OBJECTIONS),
    Rule(
        "thin_breach",
        ("served",),
        lambda notice, event: event.detail.get("breach") is not None and is_thin(event.detail["breach"]),
        "breach too short: give at least two different words on how it happened",
    ),
    Rule(
        "unopened",
        ("reviewed", "approved"),
        lambda notice, event: name_of(event.actor) not in notice.status.opened_by,
        "the actor must open the notice first: Open on the board, or harmspot notices show NOTICE",
    ),
    Rule(
        "self_approval",
        ("approved",),
        lambda notice, event: same_person(event.actor, notice.status.reviewed_by or ""),
        "the reviewer may not approve the notice; a second person must",
    ),
    Rule(
        "lapsed",
        ("reviewed", "approved"),
        lambda notice, event: notice.day_of(event.at) > notice.last_day_to_decide,
        lambda notice, _: f"the last day to decide was {notice.last_day_to_decide}; the next run drafts a new notice",
    ),
    Rule(
        "no_manner",
        ("served",),
        lambda notice, event: event.detail.get("manner") not in notice.kind.manners,
        lambda notice, _: f"manner of service is missing or unknown: expected {' or '.join(notice.kind.manners)}",
    ),
    Rule(
        "no_serving_day",
        ("served",),
        lambda notice, event: event.detail.get("served_at") is None or event.detail["served_at"] > event.at,
        "served_at is missing or in the future",
    ),
    Rule(
        "served_too_early",
        ("served",),
        lambda notice, event: moment_of(event) < (notice.status.approved_at or moment_of(event)),
        "served_at is before the approval",
    ),
    Rule(
        "served_unapproved",
        ("served",),
        lambda notice, event: not notice.is_open and notice.status.approved_at is None,
        "the notice was never approved",
    ),
    Rule(
        "served_closed",
        ("served",),
        lambda notice, event: notice.status.closed_at is not None and moment_of(event) >= notice.status.closed_at,
        lambda notice, _: f"the notice was already {notice.status.state} at the time of service",
    ),
    Rule(
        "served_before",
        ("served",),
        lambda notice, event: notice.status.served_on is not None,
        lambda notice, _: f"it was already served on {notice.status.served_on}",
    ),
    Rule(
        "never_served",
        ("kept", "broken"),
        lambda notice, event: notice.status.served_on is None,
        "the notice was never served, so nothing was announced",
    ),
    Rule(
        "short_lead_time",
        ("served",),
        lambda notice, event: notice.day_of(moment_of(event)) > notice.fields["serve_by"],
        lambda notice, _: (
            f"served too late: {notice.fields['serve_by']} was the last day that leaves people time to change before "
            "the first day"
        ),
    ),
    Rule(
        "not_over",
        ("kept",),
        lambda notice, event: notice.day_of(event.at) < notice.last_day,
        lambda notice, _: f"cannot be marked kept before {notice.last_day}, the end of the announced period",
    ),
    Rule(
        "not_lapsed",
        ("expired",),
        lambda notice, event: notice.day_of(event.at) <= notice.last_day_to_decide,
        lambda notice, _: f"cannot expire yet: {notice.last_day_to_decide} has not passed",
    ),
)


# An objection undoes what led to a decision, but not a service.
_REOPENED_STATUS = {name: value for name, value in asdict(NoticeStatus()).items() if name not in SERVED}


def _after(notice: Notice, event: Event) -> Notice:
    """Return the notice after an allowed event."""
    return replace(notice, status=replace(notice.status, **_changes(notice, event)))


def _changes(notice: Notice, event: Event) -> dict[str, Any]:
    """Return the fields of the status that an allowed event changes."""
    status = notice.status
    state = {"state": TRANSITIONS[event.kind][status.state]}
    if event.kind == "opened":
        return {"opened_by": status.opened_by | {name_of(event.actor)}}
    if event.kind in OBJECTIONS:
        count = {"objection_count": status.objection_count + 1}
        return _REOPENED_STATUS | state | count if notice.is_open else count
    if event.kind == "reviewed":
        return state | {"reviewed_by": event.actor, "reviewed_at": event.at}
    if event.kind == "approved":
        # A notice that was served before an objection is served again once two people have approved it.
        state = {"state": "served"} if status.served_on else state
        return state | {"approved_by": event.actor, "approved_at": event.at, "approved_on": notice.day_of(event.at)}
    if event.kind == "served":
        served_at = event.detail["served_at"]
        service = {"served_at": served_at, "served_on": notice.day_of(served_at), "serving_recorded_at": event.at}
        # An expired notice is open again.
        closing = {} if state["state"] in CLOSED else dict.fromkeys(("closed_by", "closed_at", "closed_because"))
        return state | service | closing | {name: event.detail.get(name) for name in ("manner", "breach")}
    return state | {"closed_by": event.actor, "closed_at": event.at, "closed_because": event.detail.get("reason", "")}


class NoticeLifeCycle(LifeCycle[Notice]):
    """The life cycle of a notice; every decision also requires that its fields break no rule."""

    def refusals(self, state: Notice, event: Event, *, is_recorded: bool = False) -> list[str]:
        """Return why the event is forbidden; of a notice without its days, only what is wrong with its fields."""
        if not _has_days(state.fields):
            return check_notice(state.fields)
        problems = check_notice(state.fields) if event.kind in DECISIONS else []
        return [*super().refusals(state, event, is_recorded=is_recorded), *problems]


# Each notice starts from its own fields (`Notice.plus`), so the common start is empty.
NOTICE_LIFE_CYCLE = NoticeLifeCycle(Notice({}, UTC), RULES, _after)


def is_live(notice: Notice, on: date) -> bool:
    """Return whether a notice is in force on a day: reviewed, approved or served, not closed, and not past its end."""
    is_in_force = notice.status.state in LIVE or (notice.is_open and notice.status.served_on is not None)
    return is_in_force and on <= notice.last_day_to_decide


def is_superseded(notice: Notice, live: Notice) -> bool:
    """Return whether a notice differs from the `live` one to the same market or person.

    A translation (same day, another language) does not count: the two are served together.
    """
    mine, theirs = notice.fields, live.fields
    is_translation = mine["written_on"] == theirs["written_on"] and mine["language"] != theirs["language"]
    is_same_subject = notice.kind == live.kind and notice.subject == live.subject
    return is_same_subject and notice.notice_id != live.notice_id and not is_translation


def is_outdated(notice: Notice, other: Notice) -> bool:
    """Return whether a draft that was not served differs from a later notice to the same subject."""
    is_draft = notice.status.state == "draft" and notice.status.served_on is None
    return is_draft and is_superseded(notice, other) and notice.fields["written_on"] < other.fields["written_on"]


def withdrawal_reason(notice: Notice, off: Mapping[str, str]) -> str | None:
    """Return why a person notice must be withdrawn because its person is off the list; None if it need not be.

    Parameters
    ----------
    notice : Notice
        A served notice is not withdrawn here: people withdraw it, or a run does if a record no longer holds, and the
        person is told.
    off : Mapping of str to str
        Reason by person_id, for those who are off the list.
    """
    if not notice.kind.is_to_person or not notice.is_pending or notice.subject not in off:
        return None
    reason = off[notice.subject]
    quoted = reason if len(reason) <= LONGEST_QUOTE else f"{reason[: LONGEST_QUOTE - 1]}…"  # its event has the whole
    return f"Withdrawn because {quoted.rstrip('. ')}."


def start_refusal(notice: Notice, on: date) -> str | None:
    """Return why the announced operation may not start on a day; None if it may."""
    if notice.status.state != "served":
        return f"it is {notice.status.state}: nothing starts that was not announced"
    if on < notice.fields["starts_on"]:
        return f"it was announced for {notice.fields['starts_on']} and no sooner"
    return None


def _has_days(fields: Mapping[str, Any]) -> bool:
    kind = KINDS.get(fields.get("kind", ""))
    return kind is not None and all(isinstance(fields.get(name), date) for name in ("serve_by", kind.days[-1]))
