"""Known institutions, such as police stations, hospitals and courts, at whose address incidents are recorded."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import metric_crs
from geo.vector_file import read_vector_file

COLUMNS = ("name", "kind")


def read_institutions(path: Path, crs: Any, *, radius_m: float, table: pd.DataFrame | None = None) -> gpd.GeoDataFrame:
    """Read institutions and return the ground on which incidents count as recorded there.

    Parameters
    ----------
    path : Path
        CSV with name, kind, lon, lat (degrees), or GeoJSON, GeoPackage or GeoParquet with name, kind and points or
        outlines; optionally radius_m, metres around each.
    crs : Any
        Metric coordinate system of the result.
    radius_m : float
        Metres around an institution without a radius of its own.
    table : pd.DataFrame | None
        Rows of a CSV file, checked: name, kind, lon, lat (degrees), maybe radius_m. None for a map file.

    Returns
    -------
    gpd.GeoDataFrame
        By name: name, kind, geometry (polygons).

    Raises
    ------
    ValueError
        The file cannot be read, a column is missing, a name or kind is blank, a name occurs twice, a coordinate is not
        in degrees, or a radius is below zero.
    """
    target = metric_crs(crs, what="institutions")
    if table is None:
        source = read_vector_file(path, columns=list(COLUMNS))
    else:
        source = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326")
    names, kinds = (source[column].astype("str").str.strip().where(source[column].notna(), "") for column in COLUMNS)
    if (is_blank := names.eq("") | kinds.eq("")).any():
        raise ValueError(f"{path}: institution {int(np.flatnonzero(is_blank)[0]) + 1} has no name or no kind")
    if (is_double := names.duplicated()).any():
        raise ValueError(f"{path}: two institutions are named {names[is_double].iloc[0]!r}; name each differently")
    shapes = source.geometry.to_crs(target)
    ground = shapes.buffer(_radii(source, path, radius_m).to_numpy())
    made = gpd.GeoDataFrame({"name": names, "kind": kinds}, geometry=ground.to_numpy(), crs=target)
    return made.sort_values("name", ignore_index=True)


def institutions_at(points: pd.DataFrame, institutions: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return name and kind of the institution on whose ground each point lies.

    Parameters
    ----------
    points : pd.DataFrame
        x_m, y_m in the coordinate system of the institutions.
    institutions : gpd.GeoDataFrame
        As `read_institutions` returns it.

    Returns
    -------
    pd.DataFrame
        On the index of `points`: name, kind; missing where there is none, the first by name where several overlap.
    """
    tree = shapely.STRtree(shapely.points(points["x_m"].to_numpy(), points["y_m"].to_numpy()))
    of_institution, of_point = tree.query(institutions.geometry.to_numpy(), predicate="covers")
    first = np.full(len(points), len(institutions), dtype=np.int64)
    np.minimum.at(first, of_point, of_institution)
    return pd.DataFrame(
        {column: np.array([*institutions[column], None], dtype=object)[first] for column in COLUMNS}, index=points.index
    )


def _radii(source: gpd.GeoDataFrame, path: Path, radius_m: float) -> pd.Series:
    if "radius_m" not in source.columns:
        return pd.Series(radius_m, index=source.index)
    own = pd.to_numeric(source["radius_m"], errors="coerce")
    is_bad = ~own.ge(0) & source["radius_m"].notna()
    if is_bad.any():
        raise ValueError(f"{path}: radius_m={str(source['radius_m'][is_bad].iloc[0])!r}: expected metres from zero")
    return own.fillna(radius_m)
