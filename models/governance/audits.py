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

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from models.governance.actors import NAMED, is_machine, is_thin
from models.governance.life_cycle import Event, LifeCycle, Rule
from models.governance.list_effects import CHOSEN_LISTS, has_report

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
class Audits:
    """The first run of a home, from which the ages count, and the signed reports in the order of recording.

    A signature has the kind of report as its subject. Its detail made_at is the local midnight at the start of the day
    on which the report was made.
    """

    began_at: datetime | None = None
    signed: tuple[Event, ...] = ()


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


def _is_not_made(event: Event) -> bool:
    made_at = event.detail.get("made_at")
    return made_at is None or made_at > event.at


RULES: tuple[Rule[Audits], ...] = (
    replace(NAMED, kinds=("audited",)),
    Rule(
        "by_machine",
        ("audited",),
        lambda audits, event: is_machine(event.actor),
        "a named person must read and sign the report, not harmspot",
    ),
    Rule(
        "unknown",
        ("audited",),
        lambda audits, event: event.subject not in REPORTS,
        f"unknown kind of report; expected one of {', '.join(REPORTS)}",
    ),
    Rule(
        "not_made",
        ("audited",),
        lambda audits, event: _is_not_made(event),
        "the day on which the report was made is missing or in the future; its age counts from that day",
    ),
    Rule(
        "thin_finding",
        ("audited",),
        lambda audits, event: is_thin(event.detail.get("found", "")),
        "finding too short: give at least two different words on what the report says",
    ),
    Rule("no_report", ("audited",), lambda audits, event: not has_report(event), "the report file is missing"),
    Rule(
        "signed_before",
        ("audited",),
        lambda audits, event: any(
            signed.detail["report_sha256"] == event.detail.get("report_sha256") for signed in audits.signed
        ),
        "this file was signed before; each report needs a file of its own, and a second signature does not renew it",
    ),
)


def _after(audits: Audits, event: Event) -> Audits:
    if event.kind == "began":
        return replace(audits, began_at=min(audits.began_at or event.at, event.at))
    return replace(audits, signed=(*audits.signed, event))


AUDIT = LifeCycle(Audits(), RULES, _after)  # of the AUDIT_EVENTS of a home


def report_statuses(events: Iterable[Event], now: datetime, config: AuditsConfig) -> list[ReportStatus]:
    """Return the status of each of REPORTS at `now`; later events are ignored."""
    audits = AUDIT.state_after(event for event in events if event.at <= now)
    return [_status(about, audits, config) for about in REPORTS]


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


def _status(about: str, audits: Audits, config: AuditsConfig) -> ReportStatus:
    own = [event for event in audits.signed if event.subject == about]
    latest = max(own, key=lambda event: (event.detail["made_at"], event.at), default=None)
    made_at = latest.detail["made_at"] if latest else None
    fresh_until = None
    if audits.began_at:
        fresh_until = max(audits.began_at, made_at or audits.began_at) + timedelta(days=config.fresh_days)
    if latest is None:
        return ReportStatus(about, fresh_until)
    return ReportStatus(about, fresh_until, made_at, latest.actor, latest.at)


def _why(status: ReportStatus, zone: tzinfo) -> str:
    due_on = status.fresh_until and status.fresh_until.astimezone(zone).date()
    if status.made_at is None:
        return f"nobody has signed a {status.about} report (due on {due_on})"
    return f"the {status.about} report is stale (a new one was due on {due_on})"
