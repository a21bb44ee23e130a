"""Frames for the models, assembled from a snapshot: SQL counts integers, geometry places distinct points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd

from flows.home.settings import AreaFile, ForceSettings, Settings, SettingsError
from geo.areas import read_areas
from geo.cells import Grid
from geo.crs import crs_name
from geo.placement import place_points
from geo.points_of_interest import read_points_of_interest
from models.operations.carried_hours import DAYS
from models.operations.shifts import DAY_MINUTES
from models.places.axes import codebook_axes
from pipeline.database import named_queries
from pipeline.events.codebook import read_codebook
from pipeline.reference_table import Column, TableFile
from pipeline.store.same_people import SamePeople, same_people_in
from pipeline.wording.area_names import area_label

SQL = Path(__file__).parents[1] / "sql"
# Explicit, because types cannot be inferred when there is no incident.
POINT_TYPES = {"area_id": "str", "cell_ix": "Int64", "cell_iy": "Int64"}


@dataclass(frozen=True, slots=True)
class Map:
    """The geography of a run: areas and points of interest in metres, and the grid laid over them."""

    areas: gpd.GeoDataFrame  # as read by `geo.areas.read_areas`
    grid: Grid
    cells: pd.DataFrame  # cell_ix, cell_iy, cell_id, area_id, x_min_m, y_min_m, inside_m2
    points_of_interest: gpd.GeoDataFrame  # kind, geometry
    further: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)  # by name of the set: as `areas`


@dataclass(frozen=True, slots=True)
class AreaFrames:
    """Input frames of the ranking of one set of areas, and counts of what was placed in them."""

    area_events: pd.DataFrame
    area_evidence: pd.DataFrame
    officer_hours: pd.DataFrame
    placement: dict[str, int]


@dataclass(frozen=True, slots=True)
class PlaceFrames(AreaFrames):
    """Input frames of the models of places, areas those of the main set; each model documents its columns."""

    cell_events: pd.DataFrame
    market_reports: pd.DataFrame


def query(
    connection: duckdb.DuckDBPyConnection, name: str, *, categories: Sequence[str] = (), **parameters: Any
) -> pd.DataFrame:
    """Return the rows of a query of `sql_text` with `$parameters` bound; read text columns in `categories` as such."""
    return connection.execute(sql_text(name), parameters or None).to_arrow_table().to_pandas(categories=categories)


def execute(connection: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> None:
    """Run a query of `sql_text`, which makes a table, with `$parameters` bound."""
    connection.execute(sql_text(name), parameters or None)


def sql_text(name: str) -> str:
    """Return the text of `flows/sql/<name>.sql`; of `topic#part`, that below `-- name: part` in `topic.sql`."""
    file, _, part = name.partition("#")
    text = (SQL / f"{file}.sql").read_text(encoding="utf-8")
    return named_queries(text)[part] if part else text


def read_map(settings: Settings) -> Map:
    """Return the areas, grid and points of interest named in the settings; further sets in the system of the main one.

    Raises
    ------
    SettingsError
        The settings name no areas.
    ValueError
        The areas cannot be used.
    """
    force = settings.force
    areas = areas_of(force)
    grid = Grid(crs=crs_name(areas.crs), size_m=settings.places.cell_size_m)
    further = further_areas_of(force, areas.crs)
    return Map(areas, grid, grid.cells_of(areas), _read_points_of_interest(force, areas.crs), further)


def areas_of(force: ForceSettings) -> gpd.GeoDataFrame:
    """Return the main set of areas; raises as `read_map`."""
    return _read_areas(force.areas, "force.areas", force.crs, force.areas.set)


def further_areas_of(force: ForceSettings, crs: Any) -> dict[str, gpd.GeoDataFrame]:
    """Return the further sets of areas by name, in the system of the main set."""
    return {
        name: _read_areas(of_set, f"force.areas.further.{name}", crs, name)
        for name, of_set in force.areas.further.items()
    }


def _read_areas(file: AreaFile, section: str, crs: Any, called: str) -> gpd.GeoDataFrame:
    if file.path is None:
        raise SettingsError(f"{section}.path is not set; name a GeoJSON, GeoPackage or GeoParquet file of areas")
    areas = read_areas(
        file.path,
        id_column=file.id_column,
        name_column=file.name_column,
        version=str(file.version),
        crs=crs,
        layer=file.layer,
        choose_with=f"{section}.layer",
        figures=file.figures,
    )
    return areas.assign(area_name=[area_label(name, called) for name in areas["area_name"]])


def count_outside(points: pd.DataFrame, areas: gpd.GeoDataFrame, settings: Settings) -> int:
    """Return how many incidents lie outside every area; `points` has lon, lat, incidents."""
    return int(points.loc[~lies_in_an_area(points, areas, settings), "incidents"].sum())


def lies_in_an_area(points: pd.DataFrame, areas: gpd.GeoDataFrame, settings: Settings) -> pd.Series:
    """Return which points lie in an area; `points` has lon, lat."""
    grid = Grid(crs=crs_name(areas.crs), size_m=settings.places.cell_size_m)
    return place_points(points[["lon", "lat"]], areas, grid)["area_id"].notna()


def _read_points_of_interest(force: ForceSettings, crs: Any) -> gpd.GeoDataFrame:
    if force.points_of_interest is None:
        none = {"kind": pd.Series(dtype="str"), "repaired_m2": pd.Series(dtype=float)}
        return gpd.GeoDataFrame(none, geometry=gpd.GeoSeries([], crs=crs))
    choose_with = "force.points_of_interest_layer"
    return read_points_of_interest(
        force.points_of_interest, crs, layer=force.points_of_interest_layer, choose_with=choose_with
    )


def earliest(as_of: datetime, settings: Settings) -> datetime:
    """Return the moment before which no incident affects the run."""
    return as_of - timedelta(days=settings.reach_days)


def _earliest_of_places(as_of: datetime, settings: Settings) -> datetime:
    days = max(settings.places.learning_days, settings.forecast.history_days, 7 * settings.markets.window_weeks)
    return as_of - timedelta(days=days + 1)


def local_clock(as_of: datetime, settings: Settings) -> dict[str, Any]:
    """Return as_of as local wall-clock time: days are local days, also across clock changes."""
    return {
        "as_of_local": as_of.astimezone(settings.force.zone).replace(tzinfo=None),
        "time_zone": settings.force.time_zone,
    }


def local_zone_clock(as_of: datetime, settings: Settings) -> pd.Timestamp:
    """Return as_of in the force's zone, as the models of people take it."""
    return pd.Timestamp(as_of.astimezone(settings.force.zone))


def place_incidents(
    connection: duckdb.DuckDBPyConnection, geography: Map, codebook: pd.DataFrame, as_of: datetime, settings: Settings
) -> None:
    """Add tables `codebook`, `area_name`, `point_placed` and `incident_placed` to a snapshot's connection."""
    prepare_placing(connection, geography, codebook)
    place_snapshot(connection, geography, as_of, settings)


def prepare_placing(connection: duckdb.DuckDBPyConnection, geography: Map, codebook: pd.DataFrame) -> None:
    """Add tables `codebook` and `area_name`, and the macros of `report_macros.sql`."""
    execute(connection, "report_macros")
    area_names_of(connection, geography.areas)
    _create(connection, "codebook", codebook.reset_index())


def place_snapshot(connection: duckdb.DuckDBPyConnection, geography: Map, as_of: datetime, settings: Settings) -> None:
    """Add tables `point_placed` and `incident_placed`; call `prepare_placing` first."""
    points = query(connection, "distinct_point")
    placed = pd.concat([points, place_points(points, geography.areas, geography.grid)], axis=1).astype(POINT_TYPES)
    _create(connection, "point_placed", placed)
    execute(connection, "incident_placed", since=_earliest_of_places(as_of, settings), **local_clock(as_of, settings))


def place_nothing(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Add an empty `point_placed` instead of `place_incidents`; return no cells, as `people_frames` takes them."""
    columns = {"lon": "float", "lat": "float", **POINT_TYPES}
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    _create(connection, "point_placed", nothing)
    return nothing[["cell_ix", "cell_iy"]]


def area_names_of(connection: duckdb.DuckDBPyConnection, areas: pd.DataFrame) -> None:
    """Add table `area_name`: the raw and the full id of each area."""
    _create(connection, "area_name", pd.DataFrame(areas[["raw_area_id", "area_id"]]))


def _create(connection: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    connection.register("incoming", frame)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608 - callers name literals
    connection.unregister("incoming")


def place_frames(
    connection: duckdb.DuckDBPyConnection, geography: Map, as_of: datetime, settings: Settings
) -> PlaceFrames:
    """Return the frames of places; call `place_incidents` on the connection first."""
    return PlaceFrames(
        **area_tables(connection, settings),
        officer_hours=officer_hours(connection, geography.areas, as_of, settings),
        cell_events=query(
            connection,
            "cell_events",
            categories=["offence_code"],
            history_days=settings.forecast.history_days,
            discoveries=list(settings.places.discoveries),
        ),
        market_reports=market_reports(connection, settings),
    )


def market_reports(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """Return the reports that can indicate a street market; call `place_incidents` on the connection first."""
    window_days = 7 * settings.markets.window_weeks
    return query(connection, "market_report", time_zone=settings.force.time_zone, window_days=window_days)


def area_events(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """Return the events of `rank_areas`: those of the window, and older ones to learn from where they are known."""
    return query(
        connection,
        "area_events",
        categories=["area_id", "offence_code", "discovery"],
        learning_days=settings.places.learning_days,
    )


def area_tables(connection: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, Any]:
    """Return the fields of `AreaFrames` that are counted from placed incidents: all but the officer hours."""
    window_days, discoveries = settings.places.window_days, list(settings.places.discoveries)
    placement = query(connection, "quality#placement", window_days=window_days, discoveries=discoveries).iloc[0]
    return {
        "area_events": area_events(connection, settings),
        "area_evidence": query(
            connection,
            "area_evidence",
            window_days=window_days,
            half_life_days=settings.places.half_life_days,
            discoveries=discoveries,
        ),
        "placement": {str(name): int(count) for name, count in placement.items()},
    }


def offence_counts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """Return the counts of `rank_offences` for the set of areas that is placed."""
    minutes = np.arange(DAY_MINUTES)
    spans = [(shift.name, minutes[shift.holds(minutes)]) for shift in settings.force.day_shifts]
    of_shifts = pd.DataFrame(
        {
            "shift": pd.Series([name for name, held in spans for _ in held], dtype="str"),
            "local_minute": np.array([minute for _, held in spans for minute in held], np.int64),
        }
    )
    connection.register("shift_minute", of_shifts)
    counts = query(
        connection,
        "offence_counts",
        categories=["area_id", "offence_code", "shift"],
        time_zone=settings.force.time_zone,
        learning_days=settings.places.learning_days,
        discoveries=list(settings.places.discoveries),
    )
    connection.unregister("shift_minute")
    return counts


def officer_hours(
    connection: duckdb.DuckDBPyConnection, areas: gpd.GeoDataFrame, as_of: datetime, settings: Settings
) -> pd.DataFrame:
    """Return area_id, hours_per_day, is_assumed, and the days of `reported_hours` of each area.

    Hours come from staffing events, else from the file, else from the assumption. An area that none of them covers has
    zero hours and counts as assumed. The days are missing where no event reports the area.
    """
    area_ids = areas["area_id"].to_numpy()
    reported = reported_hours(connection, as_of, settings).reindex(area_ids)
    filed = _staffing_file(settings.force.staffing.path, areas)
    total = settings.force.staffing.assumed_total_hours_per_day or 0.0
    snapshot = reported["hours_per_day"].fillna(filed.reindex(area_ids))
    return pd.DataFrame(
        {
            "area_id": area_ids,
            "hours_per_day": snapshot.fillna(total / len(area_ids)).to_numpy(dtype=float),
            "is_assumed": snapshot.isna().to_numpy(),
            **{name: reported[name].to_numpy(dtype=float) for name in DAYS},
        }
    )


def reported_hours(connection: duckdb.DuckDBPyConnection, as_of: datetime, settings: Settings) -> pd.DataFrame:
    """Return officer hours per day as staffing events report them in the last four weeks.

    Index area_id; hours_per_day over the days on which the force reports any area (force_days); reported_days, on how
    many of these it reports the area; expected_days, on how many reports are due since its first one; report_age_days,
    how old its last one is, which is told also of areas that it last reported earlier.
    """
    return query(connection, "officer_hours", **local_clock(as_of, settings)).set_index("area_id")


def _staffing_file(path: Path | None, areas: gpd.GeoDataFrame) -> pd.Series:
    if path is None:
        return pd.Series(dtype=float)
    hours = Column("hours a day, 0 or more", "number", least=0)
    return _by_area(path, "staffing file", {"available_hours_per_day": hours}, areas).set_index("area_id")[
        "available_hours_per_day"
    ]


SHARES = {"group": Column("a group"), "share": Column("a share from 0 to 1", "number", least=0, most=1)}


def group_shares(areas: gpd.GeoDataFrame, settings: Settings) -> pd.DataFrame | None:
    """Return area_id, group, share from the file of equity shares, or None if the settings name none."""
    path = settings.force.equity_shares
    return None if path is None else shares_in(path, areas)


def shares_in(path: Path, areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return area_id, group, share from a file as of `force.equity_shares`."""
    return _by_area(path, "equity shares", SHARES, areas)


def _by_area(path: Path, what: str, columns: dict[str, Column], areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Read a CSV with area_id and `columns`; area_id may be the full id or the one in the boundary file."""
    file = TableFile(path, what)
    table = file.read({"area_id": Column("an area"), **columns})
    full_id = dict(zip(areas["raw_area_id"].astype(str), areas["area_id"], strict=True))
    file.refuse_unknown(table["area_id"], [*full_id, *full_id.values()])
    known = table.assign(area_id=table["area_id"].replace(full_id))[["area_id", *columns]]
    file.refuse_repeats(known, [name for name in ("area_id", "group") if name in known])
    return known.reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class PeopleFrames:
    """Input frames of the models of people; they stay in the process that made them."""

    events: pd.DataFrame = field(repr=False)
    persons: pd.DataFrame = field(repr=False)
    custody: pd.DataFrame = field(repr=False)
    warrants: pd.DataFrame = field(repr=False)
    actions: pd.DataFrame = field(repr=False)
    same: SamePeople = field(default_factory=SamePeople, repr=False)


def people_frames(
    connection: duckdb.DuckDBPyConnection, flagrant_cells: pd.DataFrame, as_of: datetime, settings: Settings
) -> PeopleFrames:
    """Return the frames of people; `flagrant_cells` has cell_ix, cell_iy."""
    cells = flagrant_cells[["cell_ix", "cell_iy"]].astype(np.int64).drop_duplicates()
    connection.register("flagrant_cell", cells)
    events = query(connection, "person_events", **local_clock(as_of, settings))
    connection.unregister("flagrant_cell")
    persons, custody, warrants, actions = (
        connection.table(f"{name}_snapshot").order("ALL").to_arrow_table().to_pandas()
        for name in ("person", "custody", "warrant", "action")
    )
    return PeopleFrames(events, persons, custody, warrants, actions, same_people_in(connection))


def read_run_codebook(settings: Settings, as_of: datetime) -> pd.DataFrame:
    """Return the codebook in force at `as_of`, by local date."""
    day = as_of.astimezone(settings.force.zone).date()
    return read_codebook(settings.ingest.codebook, day, codebook_axes())
