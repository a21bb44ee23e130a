"""Audits: fairness, feedback and displacement are looked into anew within a month, or lists of people halt.

The Gangs Matrix ran for years without an equality assessment, and nobody had to look. So the age of three reports
decides: whether the lists fall on groups alike (fairness), whether what police find feeds what police are told to look
at (feedback; Ensign et al. 2018, Proceedings of Machine Learning Research 81), and whether harm moved elsewhere or
changed its kind (displacement; Wheeler and Ratcliffe 2018, Crime Science 7:4). A report counts from the day on which it
was made, once a named person has read it, signed it and said what it found. Each is a file of its own: one that was
signed answers for no other kind, and is no younger for being signed again. The first run of a home starts the clock, so
that nobody is halted on the first day.

What halts are the lists on which harmspot chooses people. A halt takes from them and gives nothing: terms end,
revocations, exceptions and erasures go on, and so do warrants, referrals and safeguarding.
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
    """How many days a report stays fresh; a force may ask for less than a month, never for more."""

    fresh_days: int

    def __post_init__(self) -> None:
        if not 1 <= self.fresh_days <= LONGEST_FRESH_DAYS:
            raise ValueError(f"audits.fresh_days={self.fresh_days!r}: expected 1 to {LONGEST_FRESH_DAYS} days")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """`began`: a home's first run. `audited`: somebody signed a report, made at the midnight that begins its day."""

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
    """One of REPORTS: when the youngest signed one was made, who signed it when, and until when it is fresh.

    `fresh_until` counts from the first run where none was signed since; None before that run.
    """

    about: str
    fresh_until: datetime | None
    made_at: datetime | None = None
    signed_by: str | None = None
    signed_at: datetime | None = None

    def is_stale(self, now: datetime) -> bool:
        """Return whether its time has passed."""
        return self.fresh_until is not None and now >= self.fresh_until


# For each refusal: when it forbids signing, given what was signed before, and why.
_Test = Callable[[Sequence[AuditEvent], AuditEvent], bool]
REFUSALS: tuple[tuple[str, _Test, str], ...] = (
    ("nobody", lambda signed, a: not a.actor.strip(), "nobody is named"),
    ("by_machine", lambda signed, a: is_machine(a.actor), "a named person must read and sign it, not harmspot"),
    ("unknown", lambda signed, a: a.about not in REPORTS, f"expected one of {', '.join(REPORTS)}"),
    (
        "not_made",
        lambda signed, a: a.made_at is None or a.made_at > a.at,
        "it counts from the day on which it was made, and that day has not come",
    ),
    (
        "thin_finding",
        lambda signed, a: is_thin(a.found),
        "a finding of one word is none; say in a sentence what the report says",
    ),
    ("no_report", lambda signed, a: not (a.report and a.report_sha256), "it names no file"),
    (
        "signed_before",
        lambda signed, a: any(s.report_sha256 == a.report_sha256 for s in signed),
        "this very file was signed before; each report is a file of its own, and signed again it is no younger",
    ),
)


def refusal(events: Iterable[AuditEvent], event: AuditEvent) -> str | None:
    """Return why a report may not be signed after `acts`, in words, or None where it may."""
    signed = signed_reports(events)
    return next((words for _, forbids, words in REFUSALS if forbids(signed, event)), None)


def signed_reports(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Return the reports that were signed, in the order of recording; what a rule forbids counts not."""
    signed: list[AuditEvent] = []
    for event in events:
        if event.kind == "audited" and not any(forbids(signed, event) for _, forbids, _ in REFUSALS):
            signed.append(event)
    return signed


def report_statuses(events: Iterable[AuditEvent], now: datetime, config: AuditsConfig) -> list[ReportStatus]:
    """Return where each of REPORTS stands at `now`; what was done later does not count."""
    known = [event for event in events if event.at <= now]
    began_at = min((event.at for event in known if event.kind == "began"), default=None)
    return [_status(about, signed_reports(known), began_at, config) for about in REPORTS]


def halted_because(statuses: Iterable[ReportStatus], now: datetime, zone: tzinfo) -> str | None:
    """Return in a sentence why lists that choose people are halted, with the way out; None where they are not.

    Days are told in `zone`, the force's.
    """
    stale = [each for each in statuses if each.is_stale(now)]
    if not stale:
        return None
    why = " and ".join(_why(each, zone) for each in stale)
    return (
        f"HALTED: {', '.join(CHOSEN_LISTS)} may be neither approved nor used, because {why}; "
        f"harmspot audit record {stale[0].about} --report FILE --made-on DATE --found TEXT --by NAME"
    )


def is_halted(list_name: str, halt: str | None) -> bool:
    """Return whether a halt stops a list: not where a court or a duty of care chose the people."""
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
