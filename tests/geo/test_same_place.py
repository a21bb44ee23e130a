"""Ground of a place: a drift of a few cells stays on it, at any cell size and in another coordinate system."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.cells import Grid
from geo.market_shapes import market_polygons
from geo.same_place import cells_under, ground_of

GRID = Grid("EPSG:32618", 150)
CELLS = st.lists(st.tuples(st.integers(3200, 3206), st.integers(29500, 29506)), min_size=1, max_size=8, unique=True)


def outline(cells: list[tuple[int, int]]) -> bytes:
    ix, iy = zip(*cells, strict=True)
    frame = pd.DataFrame({"market_id": "market_0_0", "cell_ix": ix, "cell_iy": iy})
    return bytes(market_polygons(frame, GRID).geometry.to_wkb().iloc[0])


@settings(max_examples=60)
@given(CELLS, st.integers(-6, 6), st.integers(-6, 6))
def test_a_market_is_covered_up_to_its_drift_by_its_cells_as_by_its_outline(
    cells: list[tuple[int, int]], dx: int, dy: int
) -> None:
    ground = ground_of(GRID.cell_id(*zip(*cells, strict=True)), GRID.crs, reach_cells=3)
    x, y = cells[0][0] + dx, cells[0][1] + dy
    is_near = min(max(abs(x - ix), abs(y - iy)) for ix, iy in cells) <= 3
    assert ground.holds_cells([x], [y], GRID).tolist() == [is_near]
    assert ground.meets_outlines([outline([(x, y)])], GRID.size_m).tolist() == [is_near]


@settings(max_examples=60)
@given(CELLS)
def test_the_cells_of_an_outline_are_those_it_was_drawn_from(cells: list[tuple[int, int]]) -> None:
    found = set(cells_under(outline(cells), GRID))
    own = set(GRID.cell_id(*zip(*cells, strict=True)))
    assert own <= found
    for cell_id in found - own:  # rounding closes notches between cells of the market
        ix, iy = map(int, cell_id.rsplit(":", 2)[1:])
        assert min(max(abs(ix - x), abs(iy - y)) for x, y in cells) == 1


@pytest.mark.parametrize(("crs", "size"), [("EPSG:32618", 50), ("EPSG:32618", 300), ("EPSG:32617", 150)])
def test_ground_stays_where_it_is_on_another_grid(crs: str, size: float) -> None:
    """Its middle, in metres of the other system, lies on it; a point two kilometres away does not."""
    other = Grid(crs, size)
    ground = ground_of(["EPSG:32618:150:3220:29511"], other.crs, reach_cells=3)
    middle = np.array([(ground.boxes[0, 0] + ground.boxes[0, 2]) / 2, (ground.boxes[0, 1] + ground.boxes[0, 3]) / 2])
    near, far = (other.index([at[0]], [at[1]]) for at in (middle, middle + 2000))
    assert ground.holds_cells(*near, other).tolist() == [True]
    assert ground.holds_cells(*far, other).tolist() == [False]
    assert ground.boxes[0, 2] - ground.boxes[0, 0] == pytest.approx(7 * 150, rel=0.15)
