"""Outlines of markets and who sees them."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from geo.cells import Grid
from geo.market_shapes import ZONE_M, Ground, market_polygons, metres_outside, visibility

GRID = Grid("EPSG:32618", 150)
CELLS = pd.DataFrame(
    {"market_id": ["m2", "m1", "m1", "m1", "m1"], "cell_ix": [50, 10, 11, 11, 20], "cell_iy": [50, 10, 10, 10, 10]},
    index=list("abcde"),
)


def interest(**places: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"kind": list(places)}, geometry=list(places.values()), crs=GRID.crs)


def test_each_market_is_one_outline_half_a_cell_wider_than_its_cells() -> None:
    markets = market_polygons(CELLS, GRID)
    assert markets["market_id"].tolist() == ["m1", "m2"]
    assert markets["cell_count"].tolist() == [3, 1]
    assert isinstance(markets.geometry[0], MultiPolygon)  # its cells lie apart
    assert isinstance(markets.geometry[1], Polygon)
    assert markets.geometry[1].bounds == pytest.approx((7425, 7425, 7725, 7725))
    assert markets.geometry[1].contains(GRID.squares([50], [50])[0])
    assert 0.9 * 300**2 < markets["area_m2"][1] < 300**2  # corners are rounded off
    assert markets.crs == GRID.crs


def test_a_notch_in_the_cells_is_closed() -> None:
    horseshoe = pd.DataFrame({"market_id": "m", "cell_ix": [0, 0, 1, 2, 2], "cell_iy": [1, 0, 0, 0, 1]})
    assert market_polygons(horseshoe, GRID).geometry[0].contains(GRID.squares([1], [1])[0].centroid)


def test_no_cells_make_no_markets() -> None:
    markets = market_polygons(CELLS.head(0), GRID)
    assert list(markets.columns) == ["market_id", "cell_count", "area_m2", "geometry"]
    assert markets.empty
    assert markets.crs == GRID.crs


@pytest.mark.parametrize("kind", ["school", "transport", "park"])
def test_a_cell_is_visible_from_near(kind: str) -> None:
    # Cell "a" spans 7500 to 7650; the point stands 200 m east of its side.
    near = visibility(CELLS, GRID, interest(**{kind: Point(7850, 7600)}), distance_m=200)
    assert near.to_dict() == {"a": True, "b": False, "c": False, "d": False, "e": False}
    assert near.dtype == bool
    assert not visibility(CELLS, GRID, interest(**{kind: Point(7850, 7600)}), distance_m=199.9).any()


def test_treatment_makes_nothing_visible() -> None:
    assert not visibility(CELLS, GRID, interest(treatment=Point(7575, 7575)), distance_m=200).any()


def test_a_park_may_be_an_outline() -> None:
    # Cell "b" spans 1500 to 1650, "c" and "d" begin at 1650; the park ends 71 m off the corner of "b".
    park = interest(park=box(0, 0, 1450, 1450))
    assert visibility(CELLS, GRID, park, distance_m=100).tolist() == [False, True, False, False, False]
    assert visibility(CELLS, GRID, park, distance_m=300).tolist() == [False, True, True, True, False]


def test_without_points_or_cells_nothing_is_visible() -> None:
    assert not visibility(CELLS, GRID, interest(), distance_m=200).any()
    assert visibility(CELLS.head(0), GRID, interest(school=Point(0, 0)), distance_m=200).empty


def test_points_in_degrees_and_negative_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        visibility(CELLS, GRID, interest(school=Point(0, 0)).to_crs("EPSG:4326"), distance_m=200)
    with pytest.raises(ValueError, match="distance_m=-1"):
        visibility(CELLS, GRID, interest(school=Point(0, 0)), distance_m=-1)


def block(ix: int, iy: int, grid: Grid) -> Polygon:
    """The outline around three by three cells, drawn as every market is."""
    steps = [(ix + dx, iy + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    cells = pd.DataFrame(steps, columns=["cell_ix", "cell_iy"]).assign(market_id="m")
    return market_polygons(cells, grid).geometry[0]


def ground(points: np.ndarray, size_m: float = 150, across: int = 30) -> Ground:
    ix, iy = np.divmod(np.arange(across**2), across)
    cells = pd.DataFrame({"cell_ix": ix, "cell_iy": iy})
    return Ground(Grid("EPSG:32618", size_m), cells, pd.DataFrame(points, columns=["x_m", "y_m"]))


@pytest.mark.parametrize("size_m", [100, 150, 200, 250, 300])
def test_the_distance_from_a_ground_is_that_from_its_outline(size_m: float) -> None:
    """Arcs are drawn with a few straight lines, which cut them by 1.5% of a cell; no zone is empty at any cell size."""
    grid = Grid("EPSG:32618", size_m)
    points = np.random.default_rng(1).uniform(-800, 800, (2000, 2)) + (10.5 * size_m)
    outside = metres_outside(points[:, 0] - 10.5 * size_m, points[:, 1] - 10.5 * size_m, size_m)
    drawn = shapely.distance(block(10, 10, grid), shapely.points(points))
    assert np.abs(outside - drawn).max() <= 0.015 * size_m
    zones = ground(points, size_m).zones(np.array([[10, 10]]))
    marked = zones.toarray().astype(bool)
    assert marked.sum(axis=1).min() > 0
    ends = (-1.0, *ZONE_M)
    for zone, (low, high) in enumerate(pairwise(ends)):
        assert (marked[zone] == ((outside > low) & (outside <= high))).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_grounds_are_apart_as_their_outlines_are(ax: int, ay: int, bx: int, by: int) -> None:
    grid = Grid("EPSG:32618", 150)
    apart = float(ground(np.zeros((1, 2))).apart_m(np.array([[ax, ay]]), np.array([[bx, by]]))[0, 0])
    drawn = block(ax, ay, grid).distance(block(bx, by, grid))
    assert apart - 1e-6 <= drawn <= apart + 0.42 * 150 + 2


def test_the_heaviest_grounds_do_not_overlap_and_the_heaviest_comes_first() -> None:
    draw = np.random.default_rng(2)
    points = draw.uniform(0, 30 * 150, (400, 2))
    place = ground(points)
    weights = place.weights(draw.poisson(3, 400).astype(float))
    rows = place.heaviest(weights)
    middles = place.cells.to_numpy()[rows]
    assert rows[0] == np.argmax(weights)
    assert (np.diff(weights[rows]) <= 0).all() and weights[rows].min() > 0
    apart = np.abs(middles[:, None] - middles[None]).max(axis=2)
    assert apart[~np.eye(len(rows), dtype=bool)].min() >= 4
    left = np.setdiff1d(np.flatnonzero(weights > 0), rows)
    assert (np.abs(place.cells.to_numpy()[left][:, None] - middles[None]).max(axis=2).min(axis=1) < 4).all()
    assert weights.sum() > 0 and place.heaviest(0 * weights).size == 0


def test_a_ground_weighs_what_stands_on_its_nine_cells() -> None:
    points = np.array([[0.0, 0.0], [449.9, 449.9], [450.0, 0.0], [-1.0, 0.0], [9_999_999.0, 0.0]])
    weights = ground(points).weights(np.array([1.0, 2.0, 4.0, 8.0, 16.0])).reshape(30, 30)
    assert weights[1, 1] == 3
    assert weights[0, 0] == 9
    assert weights[3, 1] == 6
