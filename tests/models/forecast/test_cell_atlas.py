import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from models.forecast.cell_atlas import REACH, pack, smooth

BLOCK = [(x, y) for x in range(6) for y in range(5)]


def smoothed_on_the_atlas(cells, values, sigma):
    ix, iy = np.transpose(cells)
    atlas = pack(ix, iy)
    raster = np.zeros(atlas.size)
    raster[atlas.pixels(ix, iy)] = values
    return smooth(raster.reshape(atlas.shape), sigma).ravel()[atlas.pixels(ix, iy)]


def test_smoothing_on_the_atlas_is_smoothing_on_the_plane():
    cells = BLOCK + [(40 + x, 7 + y) for x, y in BLOCK] + [(9, 30)]
    values = np.random.default_rng(0).random(len(cells))
    plane = np.zeros((80, 80))
    rows, columns = np.transpose(cells)
    plane[rows + 10, columns + 10] = values
    offset = np.arange(-REACH, REACH + 1)
    kernel = np.exp(-0.5 * (offset / 1.2) ** 2)
    kernel /= kernel.sum()
    expected = correlate1d(correlate1d(plane, kernel, axis=0), kernel, axis=1)[rows + 10, columns + 10]
    np.testing.assert_allclose(smoothed_on_the_atlas(cells, values, 1.2), expected, atol=1e-14)


def test_a_stray_cell_costs_a_few_pixels():
    near = pack(*np.transpose(BLOCK))
    far = pack(*np.transpose([*BLOCK, (10**9, -(10**9))]))
    assert far.size < near.size + 40 * REACH * REACH


def test_islands_do_not_leak_into_each_other():
    cells = [*BLOCK, (500, 500), (-300, 900)]
    values = np.zeros(len(cells))
    values[-2] = 1.0
    smoothed = smoothed_on_the_atlas(cells, values, 2.0)
    assert smoothed[-2] > 0
    assert smoothed[:-2].max() == 0
    assert smoothed[-1] == 0


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=40, unique=True))
def test_every_cell_has_a_pixel_of_its_own(cells):
    ix, iy = np.transpose(cells)
    pixels = pack(ix, iy).pixels(ix, iy)
    assert (pixels >= 0).all()
    assert len(np.unique(pixels)) == len(cells)


def test_cells_far_from_every_packed_one_have_no_pixel():
    atlas = pack([0], [0])
    assert list(atlas.pixels([0, 3 * REACH, -(10**12)], [0, 0, 10**12]) >= 0) == [True, False, False]


def test_no_cells_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        pack([], [])
