"""Audits of a home: its first run starts the clock, named people sign reports, and lists halt where none is fresh."""

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
    """Start the clock of the audits with the home's first run; later runs leave it alone."""
    with open_home_store(home) as store:
        if not any(event.kind == "began" for event in audit_events(store.human_events())):
            store.record_human_event(HumanEvent("began", MACHINE, "run", identity.run_id, home.now()))


def record_audit(home: Home, about: str, *, report: Path, found: str, made_on: date | None, by: str) -> date:
    """Record that a named person read and signed a report on fairness, feedback or displacement; return when it ages.

    `made_on` may be left out where the file says when it was made, and can say nothing else.

    Raises
    ------
    PublicationError : a rule forbids it, the file cannot be read, or it was made too long ago or nobody says when.
    """
    fresh_days, sealed = home.settings.audits.fresh_days, sealed_report(report)
    made_on = _day_made(about, report, made_on)
    said: dict[str, Any] = {"found": found, "made_at": home.midnight(made_on), **sealed}
    event = AuditEvent("audited", by, about, home.now(), **said)
    if home.now() >= said["made_at"] + timedelta(days=fresh_days):
        raise PublicationError(f"{about} report made on {made_on}: older than {fresh_days} days; sign one made since")
    with open_home_store(home) as store:
        if words := refusal(audit_events(store.human_events()), event):
            raise PublicationError(f"{about} report {report} is not recorded: {words}")
        store.record_human_event(HumanEvent("audited", by, "audit", about, event.at, said))
    project_home(home)
    return made_on + timedelta(days=fresh_days)


def _day_made(about: str, report: Path, told: date | None) -> date:
    """Return the day on which a report was made, as it says itself, or as whoever signs it does."""
    stated = stated_day(report)
    if stated and told not in (None, stated):
        raise PublicationError(f"{about} report {report}: made on {told}? It says {stated}; leave --made-on out")
    if made_on := stated or told:
        return made_on
    raise PublicationError(f"{about} report {report} does not say when it was made: add --made-on DATE")


def audit_reports(home: Home) -> pd.DataFrame:
    """Return table audit_report as it stands at the home's clock."""
    return make_audit_projections(home, read_human_events(home))["audit_report"]


def halt(home: Home) -> str | None:
    """Return why lists that choose people are halted; None where they are not."""
    return halt_of(home, read_human_events(home), home.now())
