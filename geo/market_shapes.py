"""Outlines of street markets, and their visibility from schools, transport stops and parks."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.cells import Grid
from geo.crs import same_crs

# Places whose users should not have to pass dealing. Treatment centres are not included, because proximity to
# treatment must never count against anybody.
VISIBLE_FROM = ("school", "transport", "park")

ARC_SEGMENTS = 4  # per quarter circle; corners look round at street scale and files are small


def market_polygons(cells: pd.DataFrame, grid: Grid) -> gpd.GeoDataFrame:
    """Draw each market as the outline of its cells, half a cell wider and with rounded corners.

    Reports are placed to the nearest address or block at best, so the street corners around a cell belong to the market
    too; the rounding closes notches narrower than half a cell.

    Parameters
    ----------
    cells : pd.DataFrame
        market_id, cell_ix, cell_iy; other columns are ignored.
    grid : Grid
        the cells' grid.

    Returns
    -------
    gpd.GeoDataFrame
        In the grid's system, sorted by market_id: market_id, cell_count, area_m2 (of the outline), geometry. Disjoint
        cells give a multipart polygon. Outlines of neighbouring markets may overlap.
    """
    distinct = cells[["market_id", "cell_ix", "cell_iy"]].drop_duplicates().reset_index(drop=True)
    squares = gpd.GeoDataFrame(distinct, geometry=grid.squares(distinct["cell_ix"], distinct["cell_iy"]))
    markets = squares.dissolve(by="market_id", method="coverage", aggfunc={"cell_ix": "size"})
    markets = markets.rename(columns={"cell_ix": "cell_count"}).reset_index()
    size = grid.size_m
    wide = shapely.buffer(markets.geometry.to_numpy(), 0.75 * size, quad_segs=ARC_SEGMENTS)
    outline = shapely.buffer(wide, -0.25 * size, quad_segs=ARC_SEGMENTS)
    markets = markets.set_geometry(gpd.GeoSeries(outline, index=markets.index, crs=grid.crs))
    markets["area_m2"] = markets.area
    return markets[["market_id", "cell_count", "area_m2", "geometry"]]


def visibility(
    cells: pd.DataFrame, grid: Grid, points_of_interest: gpd.GeoDataFrame, *, distance_m: float
) -> pd.Series:
    """Return on the index of `cells` whether a school, transport stop or park is near.

    Parameters
    ----------
    cells : pd.DataFrame
        cell_ix, cell_iy.
    grid : Grid
        the cells' grid.
    points_of_interest : gpd.GeoDataFrame
        kind, geometry, in the grid's system; treatment centres are ignored.
    distance_m : float
        maximum distance from the nearest side of the cell; 0 inside it.

    Raises
    ------
    ValueError
        The points have another or no coordinate system, or the distance is negative or not finite.
    """
    return _near(cells, grid, points_of_interest, VISIBLE_FROM, distance_m).rename("is_visible")


def near_treatment(
    cells: pd.DataFrame, grid: Grid, points_of_interest: gpd.GeoDataFrame, *, distance_m: float
) -> pd.Series:
    """Return on the index of `cells` whether treatment or a needle exchange is near, where no operation is allowed.

    Parameters and errors are those of `visibility`.
    """
    return _near(cells, grid, points_of_interest, ("treatment",), distance_m).rename("is_near_treatment")


def _near(
    cells: pd.DataFrame, grid: Grid, points_of_interest: gpd.GeoDataFrame, kinds: tuple[str, ...], distance_m: float
) -> pd.Series:
    same_crs(points_of_interest, grid.crs, what="points of interest")
    if not (np.isfinite(distance_m) and distance_m >= 0):
        raise ValueError(f"distance_m={distance_m!r}: expected metres ≥ 0")
    places = points_of_interest.loc[points_of_interest["kind"].isin(kinds)].geometry.to_numpy()
    squares = grid.squares(cells["cell_ix"], cells["cell_iy"]).to_numpy()
    near = shapely.STRtree(places).query(squares, predicate="dwithin", distance=distance_m)[0]
    return pd.Series(np.isin(np.arange(len(cells)), near), index=cells.index)
