"""Audits: lists of people are halted unless reports on fairness, feedback and displacement are at most a month old.

The Gangs Matrix ran for years without an equality assessment, because nothing required one. The ages of three reports
therefore decide: whether the lists affect groups alike (fairness), whether police discoveries drive later police
attention (feedback; Ensign et al. 2018, Proceedings of Machine Learning Research 81), and whether harm moved elsewhere
or changed its kind (displacement; Wheeler and Ratcliffe 2018, Crime Science 7:4). The age of a report counts from the
day on which it was made, once a named person has read it, signed it and recorded its finding. Each report is a file of
its own: a signed file counts for one kind only, and signing it again does not renew it. The first run of a home starts
the clock, so that no list is halted on the first day.

A halt applies to the lists on which harmspot chooses people. It only restricts: terms still end, and revocations,
exceptions, erasures, warrants, referrals and safeguarding continue.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from models.governance.actors import is_machine, is_thin
from models.governance.list_effects import CHOSEN_LISTS

REPORTS = ("fairness", "feedback", "displacement")
LONGEST_FRESH_DAYS = 31
AUDIT_EVENTS = ("began", "audited")


@dataclass(frozen=True, slots=True)
class AuditsConfig:
    """Number of days for which a report stays fresh; a force may set less than a month but not more."""

    fresh_days: int

    def __post_init__(self) -> None:
        if not 1 <= self.fresh_days <= LONGEST_FRESH_DAYS:
            raise ValueError(f"audits.fresh_days={self.fresh_days!r}: expected 1 to {LONGEST_FRESH_DAYS} days")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Audit event: `began` is the first run of a home; `audited` is the signature of a report.

    `made_at` is the local midnight at the start of the day on which the report was made.
    """

    kind: str
    actor: str
    about: str
    at: datetime
    made_at: datetime | None = None
    found: str = ""
    report: str = ""
    report_sha256: str = ""


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """Status of one of REPORTS: when the newest signed report was made, who signed it, when, and its expiry.

    `fresh_until` counts from the first run if no report was signed since; it is None before that run.
    """

    about: str
    fresh_until: datetime | None
    made_at: datetime | None = None
    signed_by: str | None = None
    signed_at: datetime | None = None

    def is_stale(self, now: datetime) -> bool:
        """Return whether the report is stale at `now`."""
        return self.fresh_until is not None and now >= self.fresh_until


# For each refusal: its name, the test on earlier signatures and the event, and the message.
_Test = Callable[[Sequence[AuditEvent], AuditEvent], bool]
REFUSALS: tuple[tuple[str, _Test, str], ...] = (
    ("nobody", lambda signed, a: not a.actor.strip(), "actor is missing; give the name of the person who signs"),
    ("by_machine", lambda signed, a: is_machine(a.actor), "a named person must read and sign the report, not harmspot"),
    (
        "unknown",
        lambda signed, a: a.about not in REPORTS,
        f"unknown kind of report; expected one of {', '.join(REPORTS)}",
    ),
    (
        "not_made",
        lambda signed, a: a.made_at is None or a.made_at > a.at,
        "the day on which the report was made is missing or in the future; its age counts from that day",
    ),
    (
        "thin_finding",
        lambda signed, a: is_thin(a.found),
        "finding too short: give at least two different words on what the report says",
    ),
    ("no_report", lambda signed, a: not (a.report and a.report_sha256), "the report file is missing"),
    (
        "signed_before",
        lambda signed, a: any(s.report_sha256 == a.report_sha256 for s in signed),
        "this file was signed before; each report needs a file of its own, and a second signature does not renew it",
    ),
)


def refusal(events: Iterable[AuditEvent], event: AuditEvent) -> str | None:
    """Return why a report may not be signed after the earlier `events`; None if it may."""
    signed = signed_reports(events)
    return next((message for _, forbids, message in REFUSALS if forbids(signed, event)), None)


def signed_reports(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Return the signed reports in the order of recording; events that a rule forbids are ignored."""
    signed: list[AuditEvent] = []
    for event in events:
        if event.kind == "audited" and not any(forbids(signed, event) for _, forbids, _ in REFUSALS):
            signed.append(event)
    return signed


def report_statuses(events: Iterable[AuditEvent], now: datetime, config: AuditsConfig) -> list[ReportStatus]:
    """Return the status of each of REPORTS at `now`; later events are ignored."""
    past = [event for event in events if event.at <= now]
    began_at = min((event.at for event in past if event.kind == "began"), default=None)
    return [_status(about, signed_reports(past), began_at, config) for about in REPORTS]


def halted_because(statuses: Iterable[ReportStatus], now: datetime, zone: tzinfo) -> str | None:
    """Return in a sentence why lists that choose people are halted, and how to end that; None if they are not.

    Days are in `zone`, the time zone of the force.
    """
    stale = [each for each in statuses if each.is_stale(now)]
    if not stale:
        return None
    reasons = " and ".join(_why(each, zone) for each in stale)
    return (
        f"HALTED: {', '.join(CHOSEN_LISTS)} may be neither approved nor used, because {reasons}; "
        f"harmspot audit record {stale[0].about} --report FILE --made-on DATE --found TEXT --by NAME"
    )


def is_halted(list_name: str, halt: str | None) -> bool:
    """Return whether a halt applies to a list; it does not if a court or a duty of care chose the people."""
    return halt is not None and list_name in CHOSEN_LISTS


def _status(about: str, signed: Sequence[AuditEvent], began_at: datetime | None, config: AuditsConfig) -> ReportStatus:
    own = [event for event in signed if event.about == about and event.made_at is not None]
    latest = max(own, key=lambda event: (event.made_at, event.at), default=None)
    moments = [moment for moment in (began_at, latest and latest.made_at) if moment]
    fresh_until = max(moments) + timedelta(days=config.fresh_days) if began_at else None
    if latest is None:
        return ReportStatus(about, fresh_until)
    return ReportStatus(about, fresh_until, latest.made_at, latest.actor, latest.at)


def _why(status: ReportStatus, zone: tzinfo) -> str:
    due_on = status.fresh_until and status.fresh_until.astimezone(zone).date()
    if status.made_at is None:
        return f"nobody has signed a {status.about} report (due on {due_on})"
    return f"the {status.about} report is stale (a new one was due on {due_on})"
