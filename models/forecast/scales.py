"""Rates of each offence per cell at several scales of time and space, as of now and as of days in the past.

A rate at a scale is the decayed count around a cell over the decayed time and the number of cells counted, so there is
no dilution at the edge of the study area. Wide scales are smoothed on a coarser raster and interpolated, so every
kernel is a few pixels wide and the cost depends only on the number of cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, Ints
from models.forecast.cell_atlas import Atlas, pack, smooth
from models.forecast.history import History

# Mean lives of the decay in days, recent and long-run. Mixtures of the two give intermediate decay.
MEAN_LIVES = (60.0, 1500.0)
# Scales in space: (cells per side of a pixel, standard deviation in pixels); the last scale is the whole city.
SCALES = ((1, 0.0), (1, 1.2), (4, 1.6))
SCALE_COUNT = len(SCALES) + 1
# On the coarsest raster a Gaussian of this many pixels has, with binning and interpolation, a standard deviation of
# about four cells.
SPREAD_SIGMA = 0.87


@dataclass(frozen=True, slots=True)
class Level:
    """A raster with one pixel size: the pixel of each cell, and the pixels and weights of its interpolation."""

    atlas: Atlas
    pixel: Ints
    corner: Ints
    corner_weight: Floats

    def smoothed(self, per_cell: Floats, sigma: float) -> Floats:
        """Sum per_cell [layers, cells] into pixels, smooth, and return [layers, pixels]."""
        raster = np.empty((len(per_cell), self.atlas.size))
        for n, layer in enumerate(per_cell):
            raster[n] = np.bincount(self.pixel, layer, self.atlas.size)
        return smooth(raster.reshape(-1, *self.atlas.shape), sigma).reshape(len(per_cell), -1)

    def read(self, raster: Floats, rows: Ints) -> Floats:
        """Return the rasters interpolated at the cells `rows`, [layers, rows]."""
        if len(self.corner) == 1:
            return raster[:, self.corner[0, rows]]
        parts = zip(self.corner[:, rows], self.corner_weight[:, rows], strict=True)
        return sum((raster[:, corner] * weight for corner, weight in parts), start=np.zeros((len(raster), len(rows))))


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The rasters of all scales over one list of cells, and the number of cells in reach of each kernel."""

    cells: int
    levels: tuple[Level, ...]
    seen: tuple[Floats, ...]
    spread_seen: Floats

    def places(self, ix: npt.ArrayLike, iy: npt.ArrayLike) -> Ints:
        """Return the position of each (ix, iy) in the list of cells, −1 if it is not there."""
        fine = self.levels[0]
        place = np.full(fine.atlas.size + 1, -1)
        place[fine.pixel] = np.arange(self.cells)
        return place[fine.atlas.pixels(ix, iy)]  # the extra pixel at the end is read for −1

    def rates(self, per_cell: Floats, rows: Ints) -> Floats:
        """Return rates [layers, rows, scales] of the cells `rows` from rates per_cell [layers, cells] of all cells."""
        return np.stack([self.at_scale(per_cell, rows, scale) for scale in range(SCALE_COUNT)], axis=2)

    def at_scale(self, per_cell: Floats, rows: Ints, scale: int) -> Floats:
        """Return rates [layers, rows] at one scale."""
        if scale == len(SCALES):
            return np.repeat(per_cell.mean(axis=1)[:, None], len(rows), axis=1)
        level, seen, sigma = self.levels[scale], self.seen[scale], SCALES[scale][1]
        around = level.read(level.smoothed(per_cell, sigma), rows) if sigma else per_cell[:, rows]
        return around / seen[rows]

    def around(self, per_cell: Floats) -> Floats:
        """Smooth one value per cell over its nearest neighbours, as a mean over existing cells."""
        return self.near(per_cell[None])[0]

    def near(self, per_cell: Floats) -> Floats:
        """Smooth per_cell [layers, cells] over the nearest neighbours, as means over existing cells."""
        return self.at_scale(per_cell, np.arange(self.cells), 1)

    def spread(self, per_cell: Floats) -> Floats:
        """Smooth per_cell [layers, cells] with a Gaussian of about four cells, as means over existing cells."""
        level = self.levels[-1]
        return level.read(level.smoothed(per_cell, SPREAD_SIGMA), np.arange(self.cells)) / self.spread_seen


def build_pyramid(ix: npt.ArrayLike, iy: npt.ArrayLike) -> Pyramid:
    """Build the rasters over the cells (ix, iy)."""
    ix, iy = np.asarray(ix, dtype=np.int64), np.asarray(iy, dtype=np.int64)
    by_factor = {factor: _level(ix, iy, factor) for factor in sorted({factor for factor, _ in SCALES})}
    levels = tuple(by_factor[factor] for factor, _ in SCALES)
    every, one = np.arange(len(ix)), np.ones((1, len(ix)))
    seen = tuple(
        level.read(level.smoothed(one, sigma), every)[0] if sigma else one[0]
        for (_, sigma), level in zip(SCALES, levels, strict=True)
    )
    spread_seen = levels[-1].read(levels[-1].smoothed(one, SPREAD_SIGMA), every)[0]
    return Pyramid(len(ix), levels, seen, spread_seen)


def decayed_rates(history: History, cells: int, ages: list[int]) -> Iterator[Floats]:
    """Yield events per day and cell as known `age` days ago, for each of the decreasing `ages`.

    Yields
    ------
    Floats
        [offences × mean lives, cells].
    """
    place = history.code * cells + history.cell
    sums = decayed_sums(place, history.age, history.n, len(history.codes) * cells, MEAN_LIVES, ages)
    for age, sum_ in zip(ages, sums, strict=True):
        yield per_day(sum_, len(history.codes), max(history.span_days - age, 1.0))


def decayed_sums(
    place: Ints, age: Ints, n: Floats, places: int, mean_lives: Sequence[float], ages: Sequence[int]
) -> Iterator[Floats]:
    """Yield sums of `n` per place [mean lives, places], decayed as of each of the decreasing `ages`.

    Events come oldest first. Every event is added once per mean life, decayed as of the first of `ages`; later events
    weigh more than one there.
    """
    lives = np.asarray(mean_lives, dtype=np.float64)[:, None]
    fades = np.exp((ages[0] - np.arange(age.max(initial=0) + 1)) / lives)
    stops = [0, *np.searchsorted(-age, -np.asarray(ages), side="right").tolist()]
    sums = np.zeros((len(lives), places))
    for now, (start, stop) in zip(ages, pairwise(stops), strict=True):
        new = slice(start, stop)
        for row, fade in zip(sums, fades, strict=True):
            np.add.at(row, place[new], n[new] * fade[age[new]])
        yield sums * np.exp((now - ages[0]) / lives)


def per_day(sums: Floats, codes: int, days: float) -> Floats:
    """Return rates [codes × mean lives, cells] from sums [mean lives, codes × cells] decayed over `days`."""
    lives = np.asarray(MEAN_LIVES)
    seen = -lives * np.expm1(-days / lives)
    rates = (sums / seen[:, None]).reshape(len(lives), codes, -1)
    return np.ascontiguousarray(rates.transpose(1, 0, 2)).reshape(codes * len(lives), -1)


def _level(ix: Ints, iy: Ints, factor: int) -> Level:
    atlas = pack(ix // factor, iy // factor)
    pixel = atlas.pixels(ix // factor, iy // factor)
    if factor == 1:
        return Level(atlas, pixel, pixel[None], np.ones((1, len(ix))))
    # The centre of a cell, in pixels from the centre of the pixel to its lower left.
    x, y = (ix + 0.5) / factor - 0.5, (iy + 0.5) / factor - 0.5
    left, bottom = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_part, upper_part = x - left, y - bottom
    corner = np.stack([atlas.pixels(left + right, bottom + upper) for right in (0, 1) for upper in (0, 1)])
    weight = np.stack([across * up for across in (1 - right_part, right_part) for up in (1 - upper_part, upper_part)])
    return Level(atlas, pixel, corner, weight)
