"""Address piles of a run: found, published, counted, left out of visits and hot spots unless the force allows them."""

from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd

from flows.home.settings import Settings, SettingsError
from flows.inputs.assembly import Map, query
from flows.run.quality import Measure
from geo.area_centres import metres_to_centre
from geo.institutions import institutions_at, read_institutions
from models.places.address_piles import CELL, CELL_COLUMNS, POINT, AddressPiles, find_address_piles
from pipeline.near_words import did_you_mean
from pipeline.reference_table import Column, TableFile

OF_RECORDING = ("rounded_point", "area_centre", "default_point")
INSTITUTIONS = {
    "name": Column("a name"),
    "kind": Column("a kind, such as police or hospital"),
    "lon": Column("degrees from -180 to 180", "number", least=-180, most=180),
    "lat": Column("degrees from -90 to 90", "number", least=-90, most=90),
    "radius_m": Column("metres, 0 or more, or blank", "number", least=0, is_optional=True),
}
PUBLISHED = ("cell_id", "area_id", "rank", "is_allowed", *(name for name in CELL_COLUMNS if name not in CELL))


def address_piles(
    connection: duckdb.DuckDBPyConnection, geography: Map, codebook: pd.DataFrame, settings: Settings
) -> AddressPiles:
    """Return the address piles of the window; call `place_incidents` first.

    Raises
    ------
    SettingsError
        `visits.allowed_addresses` names neither a cell of the grid nor an institution.
    ValueError
        The file of institutions cannot be used.
    """
    places, config = settings.places, settings.address_piles
    events = query(connection, "address_point", window_days=places.window_days, discoveries=list(places.discoveries))
    points = events.drop_duplicates(POINT, ignore_index=True)
    marks = points[POINT].assign(centre_m=metres_to_centre(points, geography.areas), name=None, institution_kind=None)
    names: list[str] = []
    if (path := settings.force.institutions) is not None:
        institutions = known_institutions(path, geography.areas.crs, radius_m=config.institution_m)
        marks[["name", "institution_kind"]] = institutions_at(points, institutions)
        names = institutions["name"].tolist()
    for allowed in settings.visits.allowed_addresses:
        if allowed not in names and allowed not in set(geography.cells["cell_id"]):
            raise SettingsError(
                f"visits.allowed_addresses: {allowed!r} is neither a cell_id of today's grid nor the name of an "
                f"institution in force.institutions; {did_you_mean(allowed, names, listing='named are')} "
                "`harmspot show piles` lists the address piles"
            )
    return find_address_piles(events.drop(columns=["x_m", "y_m"]), marks, codebook, config=config)


def known_institutions(path: Path, crs: Any, *, radius_m: float) -> gpd.GeoDataFrame:
    """Return `read_institutions` of a CSV or map file; SettingsError names row and column of a wrong cell."""
    is_csv = path.suffix.lower() == ".csv"
    table = TableFile(path, "institutions").read(INSTITUTIONS, key=("name",)) if is_csv else None
    return read_institutions(path, crs, radius_m=radius_m, table=table)


def pile_table(piles: AddressPiles, forecast: pd.DataFrame, geography: Map, settings: Settings) -> pd.DataFrame:
    """Return address_pile less run columns and is_visited, by rank of the forecast; `forecast` is cell_forecast."""
    cells = piles.cells.merge(geography.cells[[*CELL, "cell_id"]], on=CELL)
    cells = cells.merge(forecast[["cell_id", "area_id", "rank"]], on="cell_id")
    allowed = frozenset(settings.visits.allowed_addresses)
    named = piles.points.dropna(subset="name").groupby(CELL)["name"].agg(frozenset)
    names = [named.get(cell, frozenset()) for cell in cells[list(CELL)].itertuples(index=False, name=None)]
    is_named = np.array([bool(here) and here <= allowed for here in names], dtype=bool)  # all institutions of the cell
    cells = cells.assign(is_allowed=cells["cell_id"].isin(allowed) | is_named)
    return cells.sort_values("rank", ignore_index=True)[list(PUBLISHED)]


def with_pile_mark(forecast: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return cell_forecast with is_address_pile; ranks and harm stay."""
    piles = table.loc[table["is_address_pile"], "cell_id"]
    return forecast.assign(is_address_pile=forecast["cell_id"].isin(piles))


def left_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the address piles that get no visit for their rank."""
    return table[table["is_address_pile"] & ~table["is_allowed"]]


def not_left_out(forecast: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of the forecast that may be visited."""
    return forecast[~forecast["cell_id"].isin(left_out(table)["cell_id"])]


def pile_measures(
    piles: AddressPiles, table: pd.DataFrame, forecast: pd.DataFrame, settings: Settings
) -> list[Measure]:
    """Return the rows of data_quality about address piles; `table` is address_pile."""
    count = settings.visits.forecast_cells
    out = left_out(table[~table["is_visited"]])
    visited = not_left_out(forecast, table).nsmallest(count, "rank")["rank"]
    passed_over = out[out["rank"] < visited.max()] if len(visited) else out
    cells = "; ".join(passed_over["cell_id"] + " (rank " + passed_over["rank"].astype(str) + ")")
    recording = piles.points[piles.points["kind"].isin(OF_RECORDING)]
    outside = int(recording.loc[recording["area_id"].isna(), "incident_count"].sum())
    points = "1 point" if len(recording) == 1 else f"{len(recording)} points"
    return [
        ("address_piles", len(table.loc[table["is_address_pile"]]), "cells", False,
         "squares where incidents are recorded that did not happen there"),
        ("address_piles_passed_over", len(passed_over), "cells", len(passed_over) > 0,
         f"squares that would be among the {count} to visit get no visit, since most of what is recorded there did "
         f"not happen there: {cells}" if len(passed_over)
         else "squares that would be visited if they were no address piles"),
        ("recording_point_incidents", int(recording["incident_count"].sum()), "incidents", len(recording) > 0,
         f"incidents are recorded at {points} where the recording system puts what it cannot place; {outside:,} of "
         "them lie outside every area, among those not ranked"),
    ]  # fmt: skip
