"""Square cells aligned to whole multiples of their size, so that all runs, forces and days have the same grid."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo.areas import without_overlaps
from geo.crs import crs_name, metric_crs, same_crs

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Share of a cell: a smaller part is rounding of a border along a grid line.
SMALLEST_SHARE = 1e-9

# More boxes than this indicate an error of units, and would exhaust memory.
MOST_BOXES = 4_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of one metric coordinate system and one cell size in metres.

    Cell (ix, iy) covers ix·size_m ≤ x < (ix + 1)·size_m, and y likewise: every point is in exactly one cell.

    >>> grid = Grid("EPSG:32618", 150)
    >>> ix, iy = grid.index([483_000.0, 483_149.9], [4_426_650.0, 4_426_649.9])
    >>> [str(cell_id) for cell_id in grid.cell_id(ix, iy)]
    ['EPSG:32618:150:3220:29511', 'EPSG:32618:150:3220:29510']
    """

    crs: str
    size_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "crs", crs_name(metric_crs(self.crs, what="grid")))
        if not (np.isfinite(self.size_m) and self.size_m > 0):
            raise ValueError(f"size_m={self.size_m!r}: expected metres above zero")

    def index(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Integers, Integers]:
        """Return cell indices of points in metres; raise ValueError if a coordinate is not finite."""
        return self._axis_index(x, "x"), self._axis_index(y, "y")

    def _axis_index(self, metres: npt.ArrayLike, axis: str) -> Integers:
        values = np.asarray(metres, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"{axis}: {np.count_nonzero(~np.isfinite(values))} coordinates are not finite metres")
        index = np.floor(values / self.size_m)
        # The quotient may round across a grid line, so compare with the line itself, index × size.
        index = index - (index * self.size_m > values) + ((index + 1) * self.size_m <= values)
        return index.astype(np.int64)

    def cell_id(self, ix: npt.ArrayLike, iy: npt.ArrayLike) -> npt.NDArray[np.object_]:
        """Return `<crs>:<size_m>:<ix>:<iy>` for each cell."""
        east = pd.Series(np.asarray(ix, dtype=np.int64)).astype("str")
        north = pd.Series(np.asarray(iy, dtype=np.int64)).astype("str")
        return (f"{self.crs}:{self.size_m:.15g}:" + east + ":" + north).to_numpy(dtype=object)

    def squares(self, ix: npt.ArrayLike, iy: npt.ArrayLike) -> gpd.GeoSeries:
        """Return each cell as a square polygon, on a fresh index."""
        return gpd.GeoSeries(self._boxes(np.asarray(ix, dtype=np.int64), np.asarray(iy, dtype=np.int64)), crs=self.crs)

    def _boxes(self, ix: Integers, iy: Integers) -> npt.NDArray[np.object_]:
        size = self.size_m
        return shapely.box(ix * size, iy * size, (ix + 1) * size, (iy + 1) * size)

    def cells_of(self, areas: gpd.GeoDataFrame) -> pd.DataFrame:
        """Return every cell that overlaps the areas.

        Parameters
        ----------
        areas : gpd.GeoDataFrame
            area_id, geometry (polygons), in the grid's coordinate system.

        Returns
        -------
        pd.DataFrame
            Sorted by cell_ix, cell_iy: cell_ix, cell_iy, cell_id, area_id of the largest part (the smallest id where
            parts are equal), x_min_m, y_min_m, inside_m2 (ground inside the areas, square metres; it sums to the area
            of their union).

        Raises
        ------
        ValueError
            The areas have another or no coordinate system, or the grid has more than 4 million boxes.
        """
        same_crs(areas, self.crs, what="areas")
        own = without_overlaps(areas)
        parts = self._parts(own[~own.is_empty])
        largest = parts.sort_values(["cell_ix", "cell_iy", "part_m2", "area_id"], ascending=[True, True, False, True])
        by_cell = largest.groupby(["cell_ix", "cell_iy"], sort=True)
        cells = by_cell.agg(area_id=("area_id", "first"), inside_m2=("part_m2", "sum")).reset_index()
        ix, iy = cells["cell_ix"].to_numpy(), cells["cell_iy"].to_numpy()
        cells["cell_id"] = self.cell_id(ix, iy).astype("str")
        cells["x_min_m"], cells["y_min_m"] = ix * float(self.size_m), iy * float(self.size_m)
        return cells[["cell_ix", "cell_iy", "cell_id", "area_id", "x_min_m", "y_min_m", "inside_m2"]]

    def _parts(self, areas: gpd.GeoDataFrame) -> pd.DataFrame:
        """Return one row per overlapping area and cell; only boxes on a border are clipped."""
        shapes = areas.geometry.to_numpy()
        shapely.prepare(shapes)
        row, ix, iy = self._candidates(shapes)
        boxes = self._boxes(ix, iy)
        part_m2 = np.where(shapely.contains_properly(shapes[row], boxes), self.size_m**2, 0.0)
        on_border = np.flatnonzero((part_m2 == 0) & shapely.intersects(shapes[row], boxes))
        part_m2[on_border] = shapely.area(shapely.intersection(shapes[row[on_border]], boxes[on_border]))
        kept = part_m2 > SMALLEST_SHARE * self.size_m**2
        area_ids = areas["area_id"].to_numpy()[row[kept]]
        return pd.DataFrame({"cell_ix": ix[kept], "cell_iy": iy[kept], "area_id": area_ids, "part_m2": part_m2[kept]})

    def _candidates(self, shapes: npt.NDArray[np.object_]) -> tuple[Integers, Integers, Integers]:
        """Return every grid box under each shape's bounding box: the row of the shape, and ix and iy of the box."""
        bounds = shapely.bounds(shapes)
        (west, south), (east, north) = self.index(bounds[:, 0], bounds[:, 1]), self.index(bounds[:, 2], bounds[:, 3])
        width, count = east - west + 1, (east - west + 1) * (north - south + 1)
        if count.sum() > MOST_BOXES:
            raise ValueError(f"size_m={self.size_m!r}: {count.sum():,} boxes cover these areas; choose larger cells")
        row = np.repeat(np.arange(len(shapes)), count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return row, west[row] + place % width[row], south[row] + place // width[row]
