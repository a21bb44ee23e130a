"""Outlines of markets and who sees them."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely import MultiPolygon, Point, Polygon, box

from geo.cells import Grid
from geo.market_shapes import market_polygons, visibility

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
