"""Pack scattered grid cells into one small dense raster, so that the cost of smoothing depends on the number of cells.

Study areas have outliers: one mistyped coordinate can lie fifty kilometres away, and the bounding rectangle would have
millions of empty pixels. The atlas avoids that rectangle. It groups cells into islands that are further apart than the
reach of a kernel, and packs the rectangles of the islands side by side on shelves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.arrays import Floats, Ints

# Pixels per side of a block, and maximum reach of a kernel: every island has a margin of one empty block.
REACH = 4


@dataclass(frozen=True, slots=True)
class Atlas:
    """Position of each block of pixels on the raster.

    Attributes
    ----------
    shape : tuple[int, int]
        rows and columns of the raster.
    origin, span : tuple[int, int]
        offset and size that convert the indices of a block into its key.
    block_keys : Ints
        keys of the blocks, sorted.
    block_row, block_column : Ints
        first pixel of each block.
    """

    shape: tuple[int, int]
    origin: tuple[int, int]
    span: tuple[int, int]
    block_keys: Ints
    block_row: Ints
    block_column: Ints

    @property
    def size(self) -> int:
        """Number of pixels of the raster."""
        return self.shape[0] * self.shape[1]

    def pixels(self, ix: npt.ArrayLike, iy: npt.ArrayLike) -> Ints:
        """Return the flat pixel of each cell, −1 if it is more than one block from every packed cell."""
        ix, iy = np.asarray(ix, dtype=np.int64), np.asarray(iy, dtype=np.int64)
        block_x, block_y = ix // REACH - self.origin[0], iy // REACH - self.origin[1]
        inside = (block_x >= 0) & (block_x < self.span[0]) & (block_y >= 0) & (block_y < self.span[1])
        key = np.where(inside, block_x * self.span[1] + block_y, -1)
        place = np.minimum(np.searchsorted(self.block_keys, key), len(self.block_keys) - 1)
        row, column = self.block_row[place] + iy % REACH, self.block_column[place] + ix % REACH
        return np.where(inside & (self.block_keys[place] == key), row * self.shape[1] + column, -1)


def pack(ix: npt.ArrayLike, iy: npt.ArrayLike) -> Atlas:
    """Pack the cells (ix, iy) and one empty block around them.

    Raises
    ------
    ValueError
        There are no cells.
    """
    ix, iy = np.asarray(ix, dtype=np.int64), np.asarray(iy, dtype=np.int64)
    if not ix.size:
        raise ValueError("no cells to pack: expected at least one")
    origin = (int(ix.min()) // REACH - 1, int(iy.min()) // REACH - 1)
    span = (int(ix.max()) // REACH + 2 - origin[0], int(iy.max()) // REACH + 2 - origin[1])
    keys = _surrounded(np.unique((ix // REACH - origin[0]) * span[1] + iy // REACH - origin[1]), span[1])
    block_x, block_y = np.divmod(keys, span[1])
    island = _islands(keys, span[1])
    left, bottom = _least(block_x, island), _least(block_y, island)
    width, height = -_least(-block_x, island) - left + 1, -_least(-block_y, island) - bottom + 1
    shelf_x, shelf_y, shape = _shelve(width, height)
    return Atlas(
        shape=(shape[0] * REACH, shape[1] * REACH),
        origin=origin,
        span=span,
        block_keys=keys,
        block_row=(block_y - bottom[island] + shelf_y[island]) * REACH,
        block_column=(block_x - left[island] + shelf_x[island]) * REACH,
    )


def smooth(rasters: Floats, sigma: float) -> Floats:
    """Smooth [..., rows, columns] with a Gaussian of `sigma` pixels, truncated at REACH; zero sigma changes nothing.

    The kernel sums to one; mass beyond the edge of the raster is lost.
    """
    if sigma == 0:
        return rasters
    offset = np.arange(-REACH, REACH + 1)
    kernel = np.exp(-0.5 * (offset / sigma) ** 2)
    kernel /= kernel.sum()
    along_columns = correlate1d(rasters, kernel, axis=-1, mode="constant")
    return correlate1d(along_columns, kernel, axis=-2, mode="constant")


def _surrounded(keys: Ints, stride: int) -> Ints:
    around = np.add.outer([-stride, 0, stride], [-1, 0, 1]).ravel()
    return np.unique(keys[:, None] + around)


def _islands(keys: Ints, stride: int) -> Ints:
    """Return the island number of each block; blocks that share a side or corner are in one island."""
    pairs = [_touching(keys, step) for step in (1, stride - 1, stride, stride + 1)]
    one, other = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(len(keys), len(keys)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _touching(keys: Ints, step: int) -> tuple[Ints, Ints]:
    place = np.minimum(np.searchsorted(keys, keys + step), len(keys) - 1)
    one = np.flatnonzero(keys[place] == keys + step)
    return one, place[one]


def _least(values: Ints, group: Ints) -> Ints:
    order = np.lexsort((values, group))
    return values[order][np.searchsorted(group[order], np.arange(group.max() + 1))]


def _shelve(width: Sequence[int] | Ints, height: Sequence[int] | Ints) -> tuple[Ints, Ints, tuple[int, int]]:
    """Pack rectangles on shelves, tallest first; return left, bottom and the (rows, columns) of the raster."""
    width, height = np.asarray(width, dtype=np.int64), np.asarray(height, dtype=np.int64)
    room = max(int(width.max()), int(np.ceil(np.sqrt((width * height).sum()))))
    left, bottom = np.empty_like(width), np.empty_like(height)
    at_x = at_y = shelf_height = 0
    for n in np.lexsort((np.arange(len(width)), -width, -height)):
        if at_x + width[n] > room:
            at_x, at_y, shelf_height = 0, at_y + shelf_height, 0
        left[n], bottom[n] = at_x, at_y
        at_x, shelf_height = at_x + int(width[n]), max(shelf_height, int(height[n]))
    return left, bottom, (at_y + shelf_height, room)
