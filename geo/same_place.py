"""Ground on which a place counts as one that was named before: its cells, and the cells that it may have drifted to."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from geo.cells import Grid

_LESS = 0.51  # of a cell: outlines of markets are half a cell wider than their cells (`geo.market_shapes`)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of ground in one metric coordinate system: west, south, east and north of each, in metres."""

    crs: str
    boxes: npt.NDArray[np.float64]

    def holds_cells(self, ix: npt.ArrayLike, iy: npt.ArrayLike, grid: Grid) -> npt.NDArray[np.bool_]:
        """Return which cells of a grid of the same system have their middle on the ground."""
        x, y = ((np.asarray(at, dtype=np.float64) + 0.5) * grid.size_m for at in (ix, iy))
        west, south, east, north = self.boxes.T
        x, y = x[:, None], y[:, None]
        return ((west <= x) & (x < east) & (south <= y) & (y < north)).any(axis=1)

    def meets_outlines(self, outlines: Iterable[bytes], size_m: float) -> npt.NDArray[np.bool_]:
        """Return which outlines of markets (well-known binary, in the same system) have a cell on the ground."""
        shapes = shapely.buffer(shapely.from_wkb([bytes(outline) for outline in outlines]), -_LESS * size_m)
        return np.asarray(shapely.intersects(shapes, shapely.union_all(shapely.box(*self.boxes.T))), dtype=np.bool_)


def ground_of(cell_ids: Iterable[str], crs: str, *, reach_cells: int) -> Boxes:
    """Return the ground of cells and of those up to `reach_cells` away, sideways or diagonally.

    Parameters
    ----------
    cell_ids : iterable of str
        Cells as `Grid.cell_id` returns them, of any grid.
    crs : str
        Metric coordinate system of the ground; cells of another one count with the box around them.
    reach_cells : int
        Largest drift, in cells of their own size.
    """
    boxes = [_box(cell_id, crs, reach_cells) for cell_id in sorted(set(cell_ids))]
    return Boxes(crs, np.array(boxes, dtype=np.float64).reshape(-1, 4))


def _box(cell_id: str, crs: str, reach_cells: int) -> tuple[float, float, float, float]:
    own_crs, size, ix, iy = cell_id.rsplit(":", 3)
    west, south = (int(ix) - reach_cells) * float(size), (int(iy) - reach_cells) * float(size)
    wide = (2 * reach_cells + 1) * float(size)
    box = (west, south, west + wide, south + wide)
    if own_crs == crs:
        return box
    across: tuple[float, float, float, float] = pyproj.Transformer.from_crs(
        own_crs, crs, always_xy=True
    ).transform_bounds(*box)
    return across


def cells_under(outline: bytes, grid: Grid) -> npt.NDArray[np.object_]:
    """Return the ids of the cells from which the outline of a market (well-known binary) was drawn."""
    shape = shapely.buffer(shapely.from_wkb(bytes(outline)), -_LESS * grid.size_m)
    west, south, east, north = shape.bounds
    (first_x, last_x), (first_y, last_y) = grid.index([west, east], [south, north])
    ix, iy = (at.ravel() for at in np.mgrid[first_x : last_x + 1, first_y : last_y + 1])
    is_under = shapely.intersects(grid.squares(ix, iy).to_numpy(), shape)
    return grid.cell_id(ix[is_under], iy[is_under])
