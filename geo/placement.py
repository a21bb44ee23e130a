"""Assign distinct points to areas and cells."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from geo.cells import Floats, Grid
from geo.crs import same_crs


def place_points(points: pd.DataFrame, areas: gpd.GeoDataFrame, grid: Grid) -> pd.DataFrame:
    """Assign distinct points to areas and cells.

    Parameters
    ----------
    points : pd.DataFrame
        lon, lat in degrees (WGS84); any index.
    areas : gpd.GeoDataFrame
        area_id, geometry, in the grid's coordinate system.
    grid : Grid
        the cells.

    Returns
    -------
    pd.DataFrame
        On the index of `points`: area_id (missing outside every area; the smallest id if several cover the point, as on
        a common border), cell_ix, cell_iy (Int64), x_m, y_m (metres). A point outside the domain of the coordinate
        system has neither cell nor metres.

    Raises
    ------
    ValueError
        A column is missing, a coordinate is missing or not in degrees, or the areas have another or no coordinate
        system.
    """
    same_crs(areas, grid.crs, what="areas")
    lon, lat = _degrees(points, "lon", 180), _degrees(points, "lat", 90)
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(lon, lat)
    has_place = np.isfinite(x) & np.isfinite(y)
    ix, iy = grid.index(np.where(has_place, x, 0), np.where(has_place, y, 0))
    return pd.DataFrame(
        {
            "area_id": _area_ids(x, y, has_place, areas),
            "cell_ix": pd.arrays.IntegerArray(ix, ~has_place),
            "cell_iy": pd.arrays.IntegerArray(iy, ~has_place),
            "x_m": np.where(has_place, x, np.nan),
            "y_m": np.where(has_place, y, np.nan),
        },
        index=points.index,
    )


def _degrees(points: pd.DataFrame, column: str, limit: float) -> Floats:
    if column not in points.columns:
        raise ValueError(f"points: no column {column!r}; they have {list(points.columns)}")
    values = points[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.count_nonzero(~(np.abs(values) <= limit))
    if bad:
        raise ValueError(f"points: {bad} values of {column!r} are missing or outside ±{limit}°; leave them out first")
    return values


def _area_ids(x: Floats, y: Floats, has_place: np.ndarray, areas: gpd.GeoDataFrame) -> np.ndarray:
    ordered = areas.sort_values("area_id")
    tree_points = shapely.points(x[has_place], y[has_place])
    area_row, point_row = shapely.STRtree(tree_points).query(ordered.geometry.to_numpy(), predicate="covers")
    # Areas are in order of id, so the lowest row that covers a point has the smallest id.
    first_row = np.full(len(tree_points), len(ordered), dtype=np.int64)
    np.minimum.at(first_row, point_row, area_row)
    ids = np.array([*ordered["area_id"], None], dtype=object)
    area_ids = np.full(len(x), None, dtype=object)
    area_ids[has_place] = ids[first_row]
    return area_ids
