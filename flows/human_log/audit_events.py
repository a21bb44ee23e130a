"""What people signed in audits, as the model reads it, and the table that shows it."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

import msgspec
import pandas as pd

from flows.home.home import Home
from models.governance.audits import AUDIT_ACTS, AuditAct, ReportStanding, halted_because, report_standings
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import read_detail


def audit_acts(events: pd.DataFrame) -> list[AuditAct]:
    """Return the first run and the signed reports, from what was done at all."""
    chosen = events[events["kind"].isin(AUDIT_ACTS) & events["subject_kind"].isin(["run", "audit"])]
    return [_audit_act(row) for row in chosen.to_dict("records")]


def halt_of(home: Home, events: pd.DataFrame, at: datetime) -> str | None:
    """Return why lists that choose people are halted at a moment, None where they are not."""
    return halted_because(report_standings(audit_acts(events), at, home.settings.audits), at, home.settings.force.zone)


def make_audit_projections(home: Home, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return audit_report from what people signed; its state is that at the home's clock."""
    standings = report_standings(audit_acts(events), home.now(), home.settings.audits)
    rows = [_row(standing, home.now(), home.settings.force.zone) for standing in standings]
    return {"audit_report": pd.DataFrame(rows, columns=read_tables().published["audit_report"].column_names)}


def _audit_act(row: Mapping[Any, Any]) -> AuditAct:
    detail = msgspec.structs.asdict(read_detail(row["kind"], row["detail"]))
    return AuditAct(row["kind"], row["actor"], row["subject"], row["at"].to_pydatetime(), **detail)


def _row(standing: ReportStanding, now: datetime, zone: tzinfo) -> dict[str, Any]:
    state = "stale" if standing.is_stale(now) else "fresh" if standing.made_at else "grace"
    return {
        "report": standing.about,
        "state": state if standing.fresh_until else "not_begun",
        "made_at": standing.made_at,
        "signed_by": standing.signed_by,
        "signed_at": standing.signed_at,
        "fresh_until": standing.fresh_until,
        "halted_because": halted_because([standing], now, zone),
    }
