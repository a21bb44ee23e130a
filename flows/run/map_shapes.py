"""The shapes that a run is drawn with: published with it, so that a kept run never gets those of another day."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from flows.home.run_identity import earlier_hashes_of_boundaries
from flows.home.settings import Settings
from flows.inputs.assembly import Map, read_map
from pipeline.errors import PublicationError

AREAS = "area"
POINTS_OF_INTEREST = "point_of_interest"
SHOWN_AREAS = 5  # in an error message
COLUMNS = ["shape_set", "shape_id", "shape_name", "geometry_wkb"]


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """What a run is drawn with, in its own coordinate system."""

    areas: gpd.GeoDataFrame  # area_id, area_name, geometry
    further: gpd.GeoDataFrame  # area_set, area_id, area_name, geometry of the further sets of areas
    points_of_interest: gpd.GeoDataFrame  # kind, geometry


def map_shape(geography: Map) -> pd.DataFrame:
    """Return table map_shape of a map: the sets of areas, then the points of interest in the order of their file."""
    points = geography.points_of_interest
    places = [f"{place:06d}" for place in range(len(points))]
    sets = [
        *(
            shapes_of_set(name, areas["area_id"], areas["area_name"], areas.geometry)
            for name, areas in {AREAS: geography.areas, **geography.further}.items()
        ),
        shapes_of_set(POINTS_OF_INTEREST, places, points["kind"], points.geometry),
    ]
    shapes = pd.concat(sets, ignore_index=True)
    return shapes.assign(shapes_id=_hash_of(shapes, geography.grid.crs))


def shapes_of_set(shape_set: str, ids: Any, names: Any, shapes: gpd.GeoSeries) -> pd.DataFrame:
    """Return shape_set, shape_id, shape_name, geometry_wkb of one set of shapes."""
    rows = {"shape_id": list(ids), "shape_name": list(names), "geometry_wkb": list(shapes.to_wkb())}
    return pd.DataFrame(rows, dtype=object).assign(shape_set=shape_set)[COLUMNS]


def _hash_of(shapes: pd.DataFrame, crs: str) -> str:
    digest = hashlib.sha256(crs.encode())
    for row in shapes.itertuples(index=False):
        for value in (row.shape_set, row.shape_id, row.shape_name, row.geometry_wkb):
            content = value if isinstance(value, bytes) else str(value).encode()
            digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:16]


def drawn_map(run: Mapping[str, Any], shapes: pd.DataFrame, area_ids: pd.Series, settings: Settings) -> DrawnMap:
    """Return the map that a run is drawn with: its own, or for a run that kept none the one of the settings.

    Parameters
    ----------
    run : Mapping[str, Any]
        row of table run.
    shapes : pd.DataFrame
        its rows of table map_shape.
    area_ids : pd.Series
        areas that it ranked.
    settings : Settings
        settings of the home, of which only a run without shapes takes the map.

    Raises
    ------
    PublicationError
        The run kept no shapes, and the boundaries or another file of the same hash have changed since.
    """
    if len(shapes):
        drawn = _shapes(shapes, run["crs"])
        points = drawn[drawn["shape_set"] == POINTS_OF_INTEREST]
        areas = drawn[drawn["shape_set"] != POINTS_OF_INTEREST].rename(
            columns={"shape_set": "area_set", "shape_id": "area_id", "shape_name": "area_name"}
        )
        is_main = areas["area_set"] == AREAS
        return DrawnMap(
            areas[is_main].drop(columns="area_set").reset_index(drop=True),
            areas[~is_main].reset_index(drop=True),
            points.rename(columns={"shape_name": "kind"})[["kind", "geometry"]].reset_index(drop=True),
        )
    today = read_map(settings)
    if why := _difference(run, set(area_ids), today, settings):
        day = run["as_of"].astimezone(settings.force.zone)
        raise PublicationError(
            f"run {run['run_id']} was published by a harmspot that kept no shapes, and {why}. Run the day again with "
            f"`harmspot run --as-of {day:%Y-%m-%d}`, or name settings with the files of that day with --config"
        )
    areas = today.areas[["area_id", "area_name", "geometry"]]
    return DrawnMap(areas, areas.iloc[:0].assign(area_set=""), today.points_of_interest)  # such a run has no other set


def _difference(run: Mapping[str, Any], area_ids: set[str], today: Map, settings: Settings) -> str | None:
    """Return why today's map may not be that of a run of harmspot 0.1 or 0.2, None if it certainly is."""
    if missing := sorted(area_ids - set(today.areas["area_id"])):
        named = ", ".join(missing[:SHOWN_AREAS]) + (" …" if len(missing) > SHOWN_AREAS else "")
        return f"its areas are not those of force.areas (missing: {named})"
    if today.grid.crs != run["crs"]:
        return f"its coordinate system is {run['crs']}, that of the settings {today.grid.crs}; set force.crs"
    areas = settings.force.areas.path
    is_folder = areas is not None and areas.is_dir()  # which it could not read
    if is_folder or run["boundaries_hash"] not in earlier_hashes_of_boundaries(settings.force):
        return (
            "at least one of the files that it was made with is another today; it kept one hash for all of them, "
            "which does not say whether its map is among them: force.areas, force.points_of_interest, "
            f"force.staffing, force.equity_shares, force.fidelity ({settings.force.fidelity})"
        )
    return None


def _shapes(shapes: pd.DataFrame, crs: str) -> gpd.GeoDataFrame:
    geometry = gpd.GeoSeries.from_wkb(shapes["geometry_wkb"].map(bytes), crs=crs)
    columns = shapes[["shape_set", "shape_id", "shape_name"]].reset_index(drop=True)
    return gpd.GeoDataFrame(columns, geometry=geometry.to_numpy(), crs=crs)
