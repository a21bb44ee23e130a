"""What was promised at operations and whether it was kept, followed as the settings say."""

from datetime import datetime

import pandas as pd

from flows.home.settings import Settings
from models.operations.promises import Promises, PromisesConfig, track_promises


def follow_promises(
    operations: pd.DataFrame,
    site_events: pd.DataFrame,
    actions: pd.DataFrame,
    as_of: datetime,
    settings: Settings,
    config: PromisesConfig,
) -> Promises:
    """Return every promise with its state; `site_events` and `actions` are those of `flows.run.plans.plan_frames`."""
    dealing = site_events[site_events["is_core"] & (site_events["kind"] == "dealing")]
    return track_promises(
        operations,
        dealing[["incident_id", "market_id", "occurred_at"]],
        actions,
        as_of=pd.Timestamp(as_of),
        time_zone=settings.force.time_zone,
        lead_days=settings.notices.lead_days,
        operation_days=settings.notices.operation_days,
        config=config,
    )
