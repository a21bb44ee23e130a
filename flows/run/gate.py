"""The gate between input and publication: a run whose input fails a check is refused, or published as unusable."""

from typing import Any

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import PlaceFrames, query
from flows.run.outcomes import predecessors
from flows.run.quality import in_window
from models.places.axes import AXES
from models.places.quality_checks import RANKED, InputMeasures, check_input, ranked_unit, refusal
from models.places.ranking import axes_without_data
from pipeline.errors import QualityError
from pipeline.publication.publish import read_published, runs

COMPARED_RUNS = 5  # kept runs with whose number of incidents a run is compared


def examine_input(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    frames: PlaceFrames,
    codebook: pd.DataFrame,
) -> pd.DataFrame:
    """Return the checks of a run's input (`check_input`); call `place_incidents` on the connection first."""
    return check_input(_measures(home, identity, connection, frames, codebook), identity.settings.quality)


def pass_gate(identity: RunIdentity, checks: pd.DataFrame, *, allow_empty: bool) -> str | None:
    """Return why the run is unusable, None if it passes the gate.

    Raises
    ------
    QualityError
        A check failed, and `allow_empty` is False; the message names each, with figures and the way out.
    """
    problems = refusal(checks)
    if problems is None or allow_empty:
        return " ".join(checks.loc[checks["outcome"] == "failed", "detail"]) or None
    day = identity.as_of.astimezone(identity.settings.force.zone).date()
    raise QualityError(
        f"the run as of {day} is refused and nothing is published:\n{problems}\n"
        "The limits stand in section quality of the settings. `harmspot run --allow-empty` publishes the run marked "
        "unusable, without list, visit, notice or plan."
    )


def _measures(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    frames: PlaceFrames,
    codebook: pd.DataFrame,
) -> InputMeasures:
    settings, as_of = identity.settings, identity.as_of
    places = settings.places
    newest = _row(connection, "quality#newest", discoveries=list(places.discoveries))["age_days"]
    read = _row(connection, "quality#unlocated")
    missing = axes_without_data(frames.area_events, codebook, frames.officer_hours, config=places)
    is_assumed = frames.officer_hours["is_assumed"].mean() > 0.5  # of most areas
    return InputMeasures(
        days_ahead=(home.day_of(as_of) - home.today()).days,
        window_days=places.window_days,
        incidents=in_window(frames.placement),
        outside=frames.placement["outside_count"],
        unknown_area=frames.placement["unknown_area_count"],
        ranked=frames.placement["ranked_count"],
        unstated=frames.placement["unstated_count"],
        read=int(read["incidents_read"]),
        unlocated=int(read["unlocated"]),
        newest_age_days=None if pd.isna(newest) else int(newest),
        ranked_before=_ranked_before(home, identity),
        weights=places.weights,
        missing_axes=missing,
        unreachable=identity.unreachable,
        assumed_axes=[axis for axis in AXES if AXES[axis].draw and axis not in missing and is_assumed],
    )


def _row(connection: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> "pd.Series[Any]":
    return query(connection, name, **parameters).iloc[0]


def _ranked_before(home: Home, identity: RunIdentity) -> list[float]:
    """Return how many incidents the last runs on the chain of predecessors ranked, in a window of the same length."""
    chain = predecessors(runs(home.path), identity.predecessor_run_id).head(COMPARED_RUNS)
    unit = ranked_unit(identity.settings.places.window_days)
    checks = [read_published(home.path, "quality_check", run_id) for run_id in chain["run_id"]]
    counts = [table.loc[table["check_name"].eq(RANKED) & table["unit"].eq(unit), "value"] for table in checks]
    return [float(value) for values in counts for value in values]
