"""Audits from the ledger: why lists are halted, and table audit_report."""

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.human_log.ledger import Ledger
from models.governance.audits import AUDIT_EVENTS, ReportStatus, halted_because, report_statuses
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import HumanEvent


def audit_events(ledger: Ledger) -> list[HumanEvent]:
    """Return the first run and the signed reports."""
    return ledger.about("run", "audit", kinds=AUDIT_EVENTS)


def halt_of(home: Home, ledger: Ledger, at: datetime) -> str | None:
    """Return why lists of people are halted at a moment, or None if they are not."""
    return halted_because(report_statuses(audit_events(ledger), at, home.settings.audits), at, ledger.zone)


def audit_report(home: Home, ledger: Ledger) -> pd.DataFrame:
    """Return audit_report, with the state at the home's clock."""
    now = home.now()
    rows = [
        _row(status, now, ledger.zone) for status in report_statuses(audit_events(ledger), now, home.settings.audits)
    ]
    return pd.DataFrame(rows, columns=read_tables().published["audit_report"].column_names)


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
