"""Cells partition the ground, on the same lines for everybody."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box, union_all

from geo.areas import read_areas
from geo.cells import Grid

CRS = "EPSG:32618"
GRID = Grid(CRS, 150)
PHILADELPHIA = Path(__file__).parents[3] / "shared" / "data" / "philadelphia_police_districts.geojson"


def areas_of(*shapes: object) -> gpd.GeoDataFrame:
    ids = [f"{chr(97 + row)}@v1" for row in range(len(shapes))]
    return gpd.GeoDataFrame({"area_id": ids}, geometry=list(shapes), crs=CRS)


def test_a_cell_id_names_system_size_and_place() -> None:
    assert GRID.cell_id([3220], [29511]).tolist() == ["EPSG:32618:150:3220:29511"]
    assert Grid(CRS, 76.2).cell_id([-1], [0]).tolist() == ["EPSG:32618:76.2:-1:0"]
    assert Grid("epsg:32618", 150.0) == GRID


@pytest.mark.parametrize(
    ("crs", "size_m"), [("EPSG:4326", 150), ("EPSG:2913", 150), (CRS, 0), (CRS, -1), (CRS, np.nan)]
)
def test_a_grid_without_metres_or_size_is_refused(crs: str, size_m: float) -> None:
    with pytest.raises(ValueError, match="expected metres"):
        Grid(crs, size_m)


@given(
    metres=st.lists(st.floats(-2e7, 2e7), min_size=1, max_size=50),
    size_m=st.sampled_from([150.0, 250.0, 76.2, 0.1, 1 / 3]),
    lines=st.lists(st.integers(-100_000, 100_000), max_size=20),
)
def test_every_point_lies_in_its_cell_and_lines_belong_to_the_cell_above(
    metres: list[float], size_m: float, lines: list[int]
) -> None:
    grid = Grid(CRS, size_m)
    x = np.append(metres, np.array(lines) * size_m)
    ix, iy = grid.index(x, x)
    assert (ix == iy).all()
    assert (ix * size_m <= x).all()
    assert (x < (ix + 1) * size_m).all()
    assert ix[len(metres) :].tolist() == lines


def test_a_coordinate_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="y: 1 coordinates are not finite"):
        GRID.index([1.0, 2.0], [1.0, np.inf])


def test_squares_are_the_cells() -> None:
    squares = GRID.squares([0, -1], [2, 0])
    assert squares.crs == CRS
    assert squares.iloc[0].equals(box(0, 300, 150, 450))
    assert squares.iloc[1].equals(box(-150, 0, 0, 150))
    assert GRID.squares([], []).empty


def test_the_cells_of_a_rectangle() -> None:
    cells = GRID.cells_of(areas_of(box(75, 0, 375, 150)))
    assert cells[["cell_ix", "cell_iy"]].to_numpy().tolist() == [[0, 0], [1, 0], [2, 0]]
    assert cells["inside_m2"].tolist() == pytest.approx([75 * 150, 150 * 150, 75 * 150])
    assert cells["x_min_m"].tolist() == [0.0, 150.0, 300.0]
    assert cells["y_min_m"].tolist() == [0.0, 0.0, 0.0]
    assert cells["cell_id"].tolist() == [f"EPSG:32618:150:{ix}:0" for ix in range(3)]


def test_a_border_on_a_grid_line_takes_no_cell_beyond_it() -> None:
    assert len(GRID.cells_of(areas_of(box(0, 0, 300, 300)))) == 4


def test_a_cell_belongs_to_the_area_of_its_largest_part_and_to_the_first_where_parts_are_equal() -> None:
    cells = GRID.cells_of(areas_of(box(0, 0, 50, 150), box(50, 0, 225, 150), box(225, 0, 300, 150)))
    assert cells["area_id"].tolist() == ["b@v1", "b@v1"]
    assert cells["inside_m2"].tolist() == pytest.approx([22_500, 22_500])
    assert GRID.cells_of(areas_of(box(75, 0, 150, 150), box(0, 0, 75, 150)))["area_id"].tolist() == ["a@v1"]


def test_ground_shared_by_two_areas_counts_once() -> None:
    cells = GRID.cells_of(areas_of(box(0, 0, 100, 150), box(20, 0, 150, 150)))
    assert cells["inside_m2"].tolist() == pytest.approx([22_500])
    assert cells["area_id"].tolist() == ["a@v1"]


blobs = st.lists(
    st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.floats(1, 700)).map(lambda c: Point(*c[:2]).buffer(c[2])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30)
@given(shapes=blobs, size_m=st.sampled_from([50.0, 150.0, 400.0]))
def test_cells_partition_the_areas(shapes: list[object], size_m: float) -> None:
    grid = Grid(CRS, size_m)
    cells = grid.cells_of(areas_of(*shapes))
    assert cells["inside_m2"].sum() == pytest.approx(union_all(shapes).area, rel=1e-6)
    assert (cells["inside_m2"] <= size_m**2 * (1 + 1e-9)).all()
    assert not cells.duplicated(["cell_ix", "cell_iy"]).any()
    assert cells["cell_id"].is_unique


def test_areas_of_another_system_are_refused() -> None:
    with pytest.raises(ValueError, match="areas: in EPSG:32617"):
        GRID.cells_of(areas_of(box(0, 0, 1, 1)).set_crs("EPSG:32617", allow_override=True))
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        GRID.cells_of(areas_of(box(0, 0, 1, 1)).set_crs("EPSG:4326", allow_override=True))


def test_a_grid_too_fine_for_the_ground_is_refused() -> None:
    with pytest.raises(ValueError, match="boxes cover these areas; choose larger cells"):
        Grid(CRS, 0.01).cells_of(areas_of(box(0, 0, 1000, 1000)))


@pytest.mark.skipif(not PHILADELPHIA.exists(), reason="real boundaries of Philadelphia are not beside the project")
def test_the_cells_of_philadelphia() -> None:
    areas = read_areas(PHILADELPHIA, id_column="dist_num", name_column=None, version="2024", crs=CRS)
    cells = GRID.cells_of(areas)
    assert 16_000 < len(cells) < 18_000
    assert cells["inside_m2"].sum() == pytest.approx(areas.union_all().area, rel=1e-6)
    assert set(cells["area_id"]) == set(areas["area_id"])
