"""The forecast record of a run: scores of the forecasts of earlier runs whose horizon has ended.

A run's record is its predecessor's record plus a row for each forecast on the chain of predecessors that has come due
since. It therefore depends only on the run's identity, not on other runs in the files.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
from pyproj import Transformer

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import earliest, query
from geo.cells import Grid
from models.evaluation.flags import FLAG_COLUMNS, flag_forecasts
from models.evaluation.outcomes import OUTCOME_COLUMNS, score_forecast
from pipeline.publication.publish import read_published, runs

RECORD_DAYS = 365
RECORD_COLUMNS = ["forecast_run_id", "forecast_as_of", "horizon_days", *OUTCOME_COLUMNS, *FLAG_COLUMNS]


def monitor_outcomes(
    home: Home, identity: RunIdentity, connection: duckdb.DuckDBPyConnection, codebook: pd.DataFrame
) -> pd.DataFrame:
    """Return outcome_monitor less run columns, the latest forecast last; call `place_incidents` first.

    Forecasts older than a year are dropped. A score is never changed: later corrections take effect when the affected
    days are rerun.
    """
    before = _record_of(home, identity)
    chain = predecessors(runs(home.path), identity.predecessor_run_id)
    since = max(identity.as_of - timedelta(days=RECORD_DAYS), earliest(identity.as_of, identity.settings))
    is_open = (chain["as_of"] >= since) & ~chain["run_id"].isin(before["forecast_run_id"])
    fresh = [_score(home, identity, connection, codebook, run) for _, run in chain[is_open].iterrows()]
    rows = [part for part in (before, *fresh) if len(part)]
    record = pd.concat(rows, ignore_index=True) if rows else before
    record = record.sort_values(["forecast_as_of", "forecast_run_id"], ignore_index=True)
    return record.assign(**flag_forecasts(record))


def predecessors(kept: pd.DataFrame, run_id: str | None) -> pd.DataFrame:
    """Return run `run_id` and its chain of predecessors among the `kept` runs, the latest first."""
    predecessor_of = dict(zip(kept["run_id"], kept["predecessor_run_id"], strict=True))
    chain: list[str] = []
    while run_id is not None and run_id in predecessor_of:
        chain.append(run_id)
        run_id = predecessor_of[run_id]
    return kept.set_index("run_id", drop=False).loc[chain].reset_index(drop=True)


def _record_of(home: Home, identity: RunIdentity) -> pd.DataFrame:
    """Return the predecessor's record without rows older than a year."""
    if identity.predecessor_run_id is None:
        return pd.DataFrame(columns=RECORD_COLUMNS)
    record = read_published(home.path, "outcome_monitor", identity.predecessor_run_id)[RECORD_COLUMNS]
    return record[record["forecast_as_of"] >= pd.Timestamp(identity.as_of) - pd.Timedelta(days=RECORD_DAYS)]


def _score(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    codebook: pd.DataFrame,
    run: pd.Series,
) -> pd.DataFrame:
    """Return the row of an earlier run, or no row while its horizon has not ended."""
    forecast = read_published(home.path, "cell_forecast", run["run_id"])
    horizon_days = int(forecast["horizon_days"].max()) if len(forecast) else 0
    begin = run["as_of"].to_pydatetime()
    end = horizon_end(begin, horizon_days, run["time_zone"])
    if forecast.empty or end > identity.as_of:
        return pd.DataFrame(columns=RECORD_COLUMNS)
    incidents = query(
        connection,
        "realised",
        begin=begin,
        end=end,
        discoveries=list(identity.settings.places.discoveries),
    )
    grid = Grid(crs=run["crs"], size_m=float(forecast["cell_size_m"].iloc[0]))
    realised = realised_by_cell(incidents, codebook["harm_days"], grid)
    row = score_forecast(forecast, realised, seed=int(begin.timestamp()))
    stamped = row.assign(
        forecast_run_id=run["run_id"],
        forecast_as_of=run["as_of"],
        horizon_days=horizon_days,
        is_off=None,
        off_because=None,
    )
    return stamped[RECORD_COLUMNS]


def horizon_end(as_of: datetime, horizon_days: int, time_zone: str) -> datetime:
    """Return the moment `horizon_days` local days after `as_of`, at the same wall-clock time."""
    # Addition to a time with a zone changes the wall-clock time, not the elapsed hours.
    return (as_of.astimezone(ZoneInfo(time_zone)) + timedelta(days=horizon_days)).astimezone(UTC)


def realised_by_cell(incidents: pd.DataFrame, harm_days: pd.Series, grid: Grid) -> pd.DataFrame:
    """Return cell_id, n, harm of incidents given as lon, lat, offence_code, n, on the grid of the forecast."""
    to_metres = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    x, y = to_metres.transform(incidents["lon"].to_numpy(float), incidents["lat"].to_numpy(float))
    harm = incidents["n"] * incidents["offence_code"].map(harm_days).astype(float)
    placed = pd.DataFrame({"cell_id": grid.cell_id(*grid.index(x, y)), "n": incidents["n"], "harm": harm})
    return placed.groupby("cell_id", as_index=False)[["n", "harm"]].sum()
