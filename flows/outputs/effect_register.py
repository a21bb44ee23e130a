"""The register of what operations and lists should bring about, and of what came of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from flows.human_log.list_events import effect_rows
from models.effects.register import REGISTER_COLUMNS
from pipeline.publication.publish import read_published

TOLD = REGISTER_COLUMNS[1:]  # less position
SHOWN = (
    "kind", "subject", "area_id", "outcome", "comparison", "registered_at", "started_at", "stop_on", "state",
    "due_since", "found", "measured",
)  # fmt: skip


def read_register(home: Home, run_id: str | None) -> pd.DataFrame:
    """Return the operations of a run (default: the latest) and every registration of a list, the latest first.

    Columns are kind (operation or list), subject (a market, or a table that is a list) and TOLD; a list's
    registration runs from when it is registered. Nobody is named.
    """
    operations = read_published(home.path, "operation_register", run_id)[list(TOLD)]
    operations = operations.rename(columns={"market_id": "subject"}).assign(kind="operation")
    lists = _lists(effect_rows(read_ledger(home)), home.now(), home.settings.force.zone)
    parts = [part.astype(object) for part in (operations, lists) if len(part)]
    whole = pd.concat(parts) if parts else operations
    begun = pd.to_datetime(whole["registered_at"].fillna(whole["started_at"]), utc=True)
    whole = whole.assign(begun=begun).sort_values("begun", ascending=False, kind="stable", ignore_index=True)
    return whole[["kind", "subject", *TOLD[1:]]]


def _lists(rows: pd.DataFrame, now: datetime, zone: ZoneInfo) -> pd.DataFrame:
    """Return the registrations of lists in the columns of operations."""
    stops = pd.to_datetime(rows["stops_at"], utc=True).dt.tz_convert(zone).dt.date
    is_evaluated = rows["evaluated_at"].notna()
    is_over = pd.to_datetime(rows["ends_at"], utc=True) <= pd.Timestamp(now)
    state = pd.Series("running", index=rows.index).mask(is_over, "due").mask(is_evaluated, "evaluated")
    return pd.DataFrame(
        {
            **dict.fromkeys(TOLD[1:]),
            "kind": "list",
            "subject": rows["list"],
            **{name: rows[name] for name in ("outcome", "comparison", "registered_at", "evaluated_at", "found")},
            "started_at": rows["registered_at"],
            "stop_on": stops,
            "ended_at": rows["ends_at"].where(is_over),
            "state": state,
            "due_since": stops.where(state == "due"),
        },
        index=rows.index,
    )
