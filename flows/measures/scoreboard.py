"""The table scoreboard, from what was reported, promised and offered."""

from dataclasses import replace

import duckdb
import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import query
from flows.measures.done import Done
from models.operations.promises import track_promises
from models.outcomes.scoreboard import STEPS, scoreboard

YEAR_DAYS = 366  # promises of every month shown are followed, whatever promises.window_days


def scoreboard_table(
    connection: duckdb.DuckDBPyConnection,
    identity: RunIdentity,
    done: Done,
    place_actions: pd.DataFrame,
    site_events: pd.DataFrame,
    displacement: pd.DataFrame,
) -> pd.DataFrame:
    """Return scoreboard less run columns; `place_actions` and `site_events` are those of `plan_frames`."""
    settings, as_of = identity.settings, pd.Timestamp(identity.as_of)
    incidents = query(connection, "ledger#incident", discoveries=list(settings.places.discoveries))
    last_on = done.periods["to_on"].max()
    dealing = site_events[site_events["is_core"] & (site_events["kind"] == "dealing")]
    promises = track_promises(
        done.operations,
        dealing[["incident_id", "market_id", "occurred_at"]],
        place_actions,
        as_of=as_of,
        time_zone=settings.force.time_zone,
        lead_days=settings.notices.lead_days,
        operation_days=settings.notices.operation_days,
        config=replace(settings.promises, window_days=YEAR_DAYS),
    )
    return scoreboard(
        done.periods,
        incidents.assign(on=last_on - pd.to_timedelta(incidents["age_days"], unit="D")),
        promises.promises,
        promises.answers,
        done.actions[done.actions["kind"].isin(STEPS)],
        done.arrests,
        displacement,
        as_of=as_of,
        time_zone=settings.force.time_zone,
    )
