"""Audits of a home: its first run starts the clock, named people sign reports, and lists halt where none is fresh."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.audit_acts import audit_acts, halt_of, make_audit_projections
from flows.home import Home
from flows.identity import RunIdentity
from flows.ingest import open_home_store
from flows.projections import project_home
from flows.report_file import sealed_report
from models.actors import MACHINE
from models.audits import AuditAct, ReportStanding, halted_because, refusal
from pipeline.acts import Act
from pipeline.errors import PublicationError
from pipeline.publication import read_published, runs


def begin_audits(home: Home, identity: RunIdentity) -> None:
    """Start the clock of the audits with the home's first run; later runs leave it alone."""
    with open_home_store(home) as store:
        if not any(act.kind == "began" for act in audit_acts(store.human_events())):
            store.record_human_event(Act("began", MACHINE, "run", identity.run_id, home.now()))


def record_audit(home: Home, about: str, *, report: Path, found: str, made_on: date, by: str) -> date:
    """Record that a named person read and signed a report on fairness, feedback or displacement; return when it ages.

    Raises
    ------
    PublicationError : a rule forbids it, the file cannot be read, or the report is too old to be fresh.
    """
    fresh_days = home.settings.audits.fresh_days
    said: dict[str, Any] = {"found": found, "made_at": home.midnight(made_on), **sealed_report(report)}
    act = AuditAct("audited", by, about, home.now(), **said)
    if home.now() >= said["made_at"] + timedelta(days=fresh_days):
        raise PublicationError(f"{about} report made on {made_on}: older than {fresh_days} days; sign one made since")
    with open_home_store(home) as store:
        if words := refusal(audit_acts(store.human_events()), act):
            raise PublicationError(f"{about} report {report} is not recorded: {words}")
        store.record_human_event(Act("audited", by, "audit", about, act.at, said))
    project_home(home)
    return made_on + timedelta(days=fresh_days)


def audit_reports(home: Home) -> pd.DataFrame:
    """Return table audit_report as it stands at the home's clock."""
    with open_home_store(home) as store:
        return make_audit_projections(home, store.human_events())["audit_report"]


def halt(home: Home) -> str | None:
    """Return why lists that choose people are halted, from the store; None where they are not."""
    with open_home_store(home) as store:
        return halt_of(home, store.human_events(), home.now())


def shown_halt(home: Home) -> str | None:
    """Return the same from the publication, so that readers need not wait for the store."""
    if runs(home.path).empty:
        return None
    shown = read_published(home.path, "audit_report").dropna(subset="fresh_until")
    known = [
        ReportStanding(about, fresh_until, None if pd.isna(made_at) else made_at)
        for about, fresh_until, made_at in shown[["report", "fresh_until", "made_at"]].itertuples(index=False)
    ]
    return halted_because(known, home.now(), home.settings.force.zone)
