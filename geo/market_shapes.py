"""Outlines of street markets and their visibility, and the ground of operations with the zones around it."""

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy import sparse
from scipy.spatial import KDTree

from geo.cells import Floats, Grid, Integers
from geo.crs import same_crs

# Places whose users should not have to pass dealing. Treatment centres are not included, because proximity to
# treatment must never count against anybody.
VISIBLE_FROM = ("school", "transport", "park")

ARC_SEGMENTS = 4  # per quarter circle; corners look round at street scale and files are small

PATROL_CELLS = 1.5  # distance of the patrolled cells from the middle of a market, in cells: its eight neighbours
WIDE_CELLS = 4  # width of the outline around them, half a cell wider on each side
ZONE_M = (0.0, 250.0, 500.0)  # outer ends of the zones: the ground of an operation and two rings around it


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


@dataclass(frozen=True)
class Ground:
    """The ground of operations on one map: three by three patrolled cells, drawn like a market by `market_polygons`.

    It hangs on the cell in the middle alone, so it does not follow the reports that an operation moves, and it can be
    laid anywhere else on the map to compare.

    Parameters
    ----------
    grid : Grid
        the map's grid.
    cells : pd.DataFrame
        cell_ix, cell_iy of the map.
    points : pd.DataFrame
        x_m, y_m: distinct points of reports in the grid's system, metres.
    """

    grid: Grid
    cells: pd.DataFrame
    points: pd.DataFrame
    _tree: KDTree = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tree", KDTree(self.points[["x_m", "y_m"]].to_numpy(np.float64)))

    def weights(self, of_points: Floats) -> Floats:
        """Return what stands on the patrolled cells around each cell of the map; `of_points` weighs each point."""
        ix, iy = self.cells["cell_ix"].to_numpy(np.int64), self.cells["cell_iy"].to_numpy(np.int64)
        if not len(ix):
            return np.zeros(0)
        west, south = ix.min() - 1, iy.min() - 1
        shape = (int(ix.max() - west) + 2, int(iy.max() - south) + 2)
        px, py = self.grid.index(self.points["x_m"], self.points["y_m"])
        is_on_map = (px >= west) & (px < west + shape[0]) & (py >= south) & (py < south + shape[1])
        by_cell = np.zeros(shape)
        np.add.at(by_cell, (px[is_on_map] - west, py[is_on_map] - south), of_points[is_on_map])
        column, row = ix - west, iy - south
        return np.sum([by_cell[column + dx, row + dy] for dx in (-1, 0, 1) for dy in (-1, 0, 1)], axis=0)

    def heaviest(self, weights: Floats) -> Integers:
        """Return the rows of the cells in the middle of the heaviest grounds whose outlines do not overlap.

        The heaviest comes first, of equal ones that with the smallest cell_ix, cell_iy; those without weight are left
        out.
        """
        ix, iy = self.cells["cell_ix"].to_numpy(np.int64), self.cells["cell_iy"].to_numpy(np.int64)
        order = np.lexsort((iy, ix, -weights))
        order = order[weights[order] > 0]
        if not len(order):
            return order.astype(np.int64)
        column, row = ix - ix.min() + WIDE_CELLS, iy - iy.min() + WIDE_CELLS
        is_covered = np.zeros((column.max() + WIDE_CELLS + 1, row.max() + WIDE_CELLS + 1), dtype=bool)
        near, chosen = WIDE_CELLS - 1, []
        for cell in order.tolist():
            x, y = column[cell], row[cell]
            if not is_covered[x, y]:
                chosen.append(cell)
                is_covered[x - near : x + near + 1, y - near : y + near + 1] = True
        return np.array(chosen, dtype=np.int64)

    def apart_m(self, left: Integers, right: Integers) -> Floats:
        """Return the metres between the outlines around each pair of middles, 0 where they touch or overlap.

        Middles are (cell_ix, cell_iy) in rows. Rounded corners make the true distance of two that stand diagonally up
        to 0.41 cells longer.
        """
        away = np.abs(left[:, None, :] - right[None, :, :]) - WIDE_CELLS
        gap = np.maximum(away, 0) * float(self.grid.size_m)
        return np.hypot(gap[..., 0], gap[..., 1])

    def zones(self, middles: Integers) -> sparse.csr_matrix:
        """Return which points lie in which zone (ZONE_M) around which middle, by their distance from the outline.

        Row 3·i + z is zone z around middle i, a column is a row of `points`.
        """
        size = float(self.grid.size_m)
        centres = (middles + 0.5) * size
        reach = np.hypot(1, 1) * WIDE_CELLS / 2 * size + ZONE_M[-1]
        found = self._tree.query_ball_point(centres, reach) if len(middles) else []
        place = np.repeat(np.arange(len(middles)), [len(points) for points in found])
        point = np.concatenate([np.sort(np.array(points, dtype=np.int64)) for points in [*found, []]])
        offset = self.points[["x_m", "y_m"]].to_numpy(np.float64)[point] - centres[place]
        outside = metres_outside(offset[:, 0], offset[:, 1], size)
        zone = np.searchsorted(ZONE_M, outside)
        is_near = zone < len(ZONE_M)
        rows = len(ZONE_M) * place[is_near] + zone[is_near]
        shape = (len(ZONE_M) * len(middles), len(self.points))
        return sparse.csr_matrix((np.ones(len(rows)), (rows, point[is_near])), shape=shape)

    def ring_share(self, middle: Integers) -> float:
        """Return the share of the rings around a middle that lies on the map, by the centres of its cells."""
        size = float(self.grid.size_m)
        reach = int(WIDE_CELLS + ZONE_M[-1] // size)
        steps = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
        outside = metres_outside(steps[0] * size, steps[1] * size, size)
        ring = middle.reshape(2) + steps.T[(outside > 0) & (outside <= ZONE_M[-1])]
        cells = pd.MultiIndex.from_frame(self.cells[["cell_ix", "cell_iy"]])
        return float(pd.MultiIndex.from_arrays([ring[:, 0], ring[:, 1]]).isin(cells).mean())


def metres_outside(dx: Floats, dy: Floats, size_m: float) -> Floats:
    """Return metres to the outline of a ground for points dx, dy metres from its centre, 0 inside."""
    square = PATROL_CELLS * size_m
    away = np.hypot(np.maximum(np.abs(dx) - square, 0), np.maximum(np.abs(dy) - square, 0))
    return np.maximum(away - (WIDE_CELLS / 2 - PATROL_CELLS) * size_m, 0)
