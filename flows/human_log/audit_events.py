"""Convert audit events to model objects and to table audit_report."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

import msgspec
import pandas as pd

from flows.home.home import Home
from models.governance.audits import AUDIT_EVENTS, AuditEvent, ReportStatus, halted_because, report_statuses
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import read_detail


def audit_events(events: pd.DataFrame) -> list[AuditEvent]:
    """Return the first run and the signed reports from all human events."""
    chosen = events[events["kind"].isin(AUDIT_EVENTS) & events["subject_kind"].isin(["run", "audit"])]
    return [_audit_event(row) for row in chosen.to_dict("records")]


def halt_of(home: Home, events: pd.DataFrame, at: datetime) -> str | None:
    """Return why lists of people are halted at a moment, or None if they are not."""
    return halted_because(report_statuses(audit_events(events), at, home.settings.audits), at, home.settings.force.zone)


def make_audit_projections(home: Home, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return audit_report from the audit events, with the state at the home's clock."""
    statuses = report_statuses(audit_events(events), home.now(), home.settings.audits)
    rows = [_row(status, home.now(), home.settings.force.zone) for status in statuses]
    return {"audit_report": pd.DataFrame(rows, columns=read_tables().published["audit_report"].column_names)}


def _audit_event(row: Mapping[Any, Any]) -> AuditEvent:
    detail = msgspec.structs.asdict(read_detail(row["kind"], row["detail"]))
    return AuditEvent(row["kind"], row["actor"], row["subject"], row["at"].to_pydatetime(), **detail)


def _row(status: ReportStatus, now: datetime, zone: tzinfo) -> dict[str, Any]:
    state = "stale" if status.is_stale(now) else "fresh" if status.made_at else "grace"
    return {
        "report": status.about,
        "state": state if status.fresh_until else "not_begun",
        "made_at": status.made_at,
        "signed_by": status.signed_by,
        "signed_at": status.signed_at,
        "fresh_until": status.fresh_until,
        "halted_because": halted_because([status], now, zone),
    }
