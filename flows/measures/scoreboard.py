"""The table scoreboard, from what was reported, promised and offered."""

from dataclasses import replace

import duckdb
import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import query
from flows.inputs.promises import follow_promises
from flows.measures.done import Done
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
    config = replace(settings.promises, window_days=YEAR_DAYS)
    promises = follow_promises(done.operations, site_events, place_actions, as_of, settings, config)
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
