"""Audits of a home: the first run starts their clock, named people sign reports, stale reports halt the lists."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.store_access import open_home_store, read_human_events
from flows.human_log.audit_events import audit_events, halt_of, make_audit_projections
from flows.human_log.projections import project_home
from flows.human_log.report_file import sealed_report, stated_day
from models.governance.actors import MACHINE
from models.governance.audits import AuditEvent, refusal
from pipeline.errors import PublicationError
from pipeline.store.human_events import HumanEvent


def begin_audits(home: Home, identity: RunIdentity) -> None:
    """Start the clock of the audits at the home's first run; later runs do not change it."""
    with open_home_store(home) as store:
        if not any(event.kind == "began" for event in audit_events(store.human_events())):
            store.record_human_event(HumanEvent("began", MACHINE, "run", identity.run_id, home.now()))


def record_audit(home: Home, about: str, *, report: Path, found: str, made_on: date | None, by: str) -> date:
    """Record that a named person read and signed a report; return the day before which the next one is due.

    Parameters
    ----------
    home : Home
        Home of the audits.
    about : str
        Kind of report: fairness, feedback or displacement.
    report : Path
        File of the report.
    found : str
        Finding of the report, in a sentence.
    made_on : date or None
        Day the report was made. It may be omitted if the file states it, and must not differ from the file.
    by : str
        Name of the person who signs.

    Returns
    -------
    date
        First day on which the report is no longer fresh.

    Raises
    ------
    PublicationError
        If a rule forbids it, the file cannot be read, the report is too old, or its date is unknown.
    """
    fresh_days, sealed = home.settings.audits.fresh_days, sealed_report(report)
    made_on = _day_made(about, report, made_on)
    details: dict[str, Any] = {"found": found, "made_at": home.midnight(made_on), **sealed}
    event = AuditEvent("audited", by, about, home.now(), **details)
    if home.now() >= details["made_at"] + timedelta(days=fresh_days):
        raise PublicationError(f"{about} report made on {made_on}: older than {fresh_days} days; sign a newer report")
    with open_home_store(home) as store:
        if problem := refusal(audit_events(store.human_events()), event):
            raise PublicationError(f"{about} report {report} is not recorded: {problem}")
        store.record_human_event(HumanEvent("audited", by, "audit", about, event.at, details))
    project_home(home)
    return made_on + timedelta(days=fresh_days)


def _day_made(about: str, report: Path, given: date | None) -> date:
    """Return the day on which a report was made, as stated in the file or given by the signer."""
    stated = stated_day(report)
    if stated and given not in (None, stated):
        raise PublicationError(f"{about} report {report}: made on {given}? It says {stated}; leave --made-on out")
    if made_on := stated or given:
        return made_on
    raise PublicationError(f"{about} report {report} does not say when it was made: add --made-on DATE")


def audit_reports(home: Home) -> pd.DataFrame:
    """Return table audit_report at the time of the home's clock."""
    return make_audit_projections(home, read_human_events(home))["audit_report"]


def halt(home: Home) -> str | None:
    """Return why lists that choose people are halted; None if they are not."""
    return halt_of(home, read_human_events(home), home.now())
