"""Points find their area and cell."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import box

from geo.cells import Grid
from geo.placement import place_points

CRS = "EPSG:32618"
GRID = Grid(CRS, 150)
EAST, NORTH = 480_000, 4_420_000
# Given in falling order of id: the answer must not depend on the order of the file.
AREAS = gpd.GeoDataFrame(
    {"area_id": ["b@v1", "a@v1"]},
    geometry=[box(EAST + 1000, NORTH, EAST + 2000, NORTH + 1000), box(EAST, NORTH, EAST + 1000, NORTH + 1000)],
    crs=CRS,
)


def points_at(*metres: tuple[float, float]) -> pd.DataFrame:
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*np.transpose(metres))
    return pd.DataFrame(
        {"lon": lon, "lat": lat}, index=pd.Index([f"p{row}" for row in range(len(metres))], name="point")
    )


def test_points_are_placed_on_their_own_index() -> None:
    points = points_at((EAST + 75, NORTH + 80), (EAST + 1510, NORTH + 10), (EAST - 10, NORTH))
    placed = place_points(points, AREAS, GRID)
    assert placed.index.equals(points.index)
    assert placed["area_id"].tolist()[:2] == ["a@v1", "b@v1"]
    assert placed["area_id"].isna().tolist() == [False, False, True]
    assert placed["cell_ix"].tolist() == [3200, 3210, 3199]
    assert placed["cell_iy"].tolist() == [29467, 29466, 29466]
    assert placed["x_m"].to_numpy() == pytest.approx([EAST + 75, EAST + 1510, EAST - 10])
    assert placed["y_m"].to_numpy() == pytest.approx([NORTH + 80, NORTH + 10, NORTH])


def test_a_point_in_two_areas_goes_to_the_smallest_id() -> None:
    shared = gpd.GeoDataFrame({"area_id": ["b@v1", "a@v1"]}, geometry=[AREAS.geometry[0]] * 2, crs=CRS)
    point = points_at((EAST + 1500, NORTH + 500))
    assert place_points(point, shared, GRID)["area_id"].tolist() == ["a@v1"]
    assert place_points(point, shared.iloc[::-1], GRID)["area_id"].tolist() == ["a@v1"]


def test_a_point_on_the_common_border_goes_to_the_smallest_id() -> None:
    # A UTM zone maps its middle meridian to exactly 500 km, so that this border is hit to the last bit.
    west, east = box(499_000, NORTH, 500_000, NORTH + 1000), box(500_000, NORTH, 501_000, NORTH + 1000)
    areas = gpd.GeoDataFrame({"area_id": ["b@v1", "a@v1"]}, geometry=[west, east], crs=CRS)
    point = points_at((500_000, NORTH + 500)).assign(lon=-75.0)
    placed = place_points(point, areas, GRID)
    assert placed["x_m"].tolist() == [500_000.0]
    assert placed["area_id"].tolist() == ["a@v1"]
    assert place_points(point, areas.head(1), GRID)["area_id"].tolist() == ["b@v1"]


@pytest.mark.parametrize(
    ("lon", "lat", "said"),
    [(np.nan, 40.0, "1 values of 'lon'"), (-75.0, np.inf, "1 values of 'lat'"), (-75.0, 91.0, "1 values of 'lat'")],
)
def test_coordinates_that_are_none_are_refused(lon: float, lat: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        place_points(pd.DataFrame({"lon": [lon, -75.1], "lat": [lat, 40.0]}), AREAS, GRID)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'lat'"):
        place_points(pd.DataFrame({"lon": [1.0], "latitude": [1.0]}), AREAS, GRID)


def test_points_at_the_end_of_the_world_are_outside_and_break_nothing() -> None:
    # Swapped and zero coordinates, and the pole that a conic system cannot show.
    points = pd.DataFrame({"lon": [39.9, 0.0, 10.0], "lat": [-75.1, 0.0, -90.0]})
    areas = AREAS.to_crs("EPSG:2154")
    placed = place_points(points, areas, Grid("EPSG:2154", 150))
    assert placed["area_id"].isna().all()
    assert placed[["cell_ix", "cell_iy", "x_m", "y_m"]].isna().any(axis=1).tolist() == [False, False, True]


def test_no_points_give_no_places() -> None:
    placed = place_points(pd.DataFrame({"lon": [], "lat": []}), AREAS, GRID)
    assert list(placed.columns) == ["area_id", "cell_ix", "cell_iy", "x_m", "y_m"]
    assert placed.empty


def test_areas_in_degrees_are_refused() -> None:
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        place_points(points_at((EAST, NORTH)), AREAS.to_crs("EPSG:4326"), GRID)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.5, 1999.5), st.floats(0.5, 999.5)), min_size=1, max_size=40))
def test_a_point_inside_an_area_lies_in_a_cell_of_the_areas(offsets: list[tuple[float, float]]) -> None:
    points = points_at(*[(EAST + east, NORTH + north) for east, north in offsets])
    placed = place_points(points, AREAS, GRID)
    cells = set(GRID.cell_id(*GRID.cells_of(AREAS)[["cell_ix", "cell_iy"]].to_numpy().T))
    assert placed["area_id"].notna().all()
    assert set(GRID.cell_id(placed["cell_ix"].to_numpy(), placed["cell_iy"].to_numpy())) <= cells
