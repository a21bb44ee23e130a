"""Areas come from a file, from the districts that incidents name, or from a grid."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from flows.new_city.areas import WANTED, draw_districts, read_given, square_grid
from pipeline.errors import SourceError


def boundaries(path: Path, **columns: list[object]) -> Path:
    squares = [shapely.box(-75.2 + i / 10, 40.0, -75.1 + i / 10, 40.1) for i in range(3)]
    gpd.GeoDataFrame(columns, geometry=squares, crs="EPSG:4326").to_file(path, driver="GeoJSON")
    return path


NOBODY = pd.DataFrame({"offence": ["THEFT"]}, dtype="object")


@pytest.mark.parametrize(
    ("columns", "id_column", "name_column"),
    [
        ({"OBJECTID": [1, 2, 3], "DIST_NUM": [7, 9, 14]}, "DIST_NUM", None),
        ({"objectid": [1, 2, 3], "shape_area": [1.5, 2.5, 3.5], "beat": ["1A", "1B", "2A"]}, "beat", None),
        ({"district": ["1", "2", "3"], "district_name": ["Old Mill", "North", "East"]}, "district", "district_name"),
        ({"name": ["Old Mill", "North", "East"], "kind": ["a", "a", "b"]}, "name", None),
    ],
)
def test_the_id_of_areas_is_unique_short_and_named_like_one(
    tmp_path: Path, columns: dict[str, list[object]], id_column: str, name_column: str | None
) -> None:
    areas = read_given(boundaries(tmp_path / "areas.geojson", **columns), NOBODY)
    assert (areas.id_column, areas.name_column) == (id_column, name_column)


def test_the_incidents_district_decides_which_column_is_the_id(tmp_path: Path) -> None:
    path = boundaries(tmp_path / "areas.geojson", code=["N", "E", "S"], district=[1, 2, 3])
    incidents = pd.DataFrame({"precinct": ["N", "N", "S", "E"]}, dtype="object")
    areas = read_given(path, incidents)
    assert (areas.id_column, areas.matches_column) == ("code", "precinct")


def test_a_file_without_ids_or_polygons_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="add one with an id"):
        read_given(boundaries(tmp_path / "same.geojson", kind=["a", "a", "b"]), NOBODY)
    points = tmp_path / "points.geojson"
    gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(0, 0)], crs="EPSG:4326").to_file(points, driver="GeoJSON")
    with pytest.raises(SourceError, match="expected polygons, found Point"):
        read_given(points, NOBODY)
    with pytest.raises(SourceError, match="no such file"):
        read_given(tmp_path / "absent.geojson", NOBODY)


def scattered(rows: int, spread: float = 0.05) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame({"lon": -75.1 + random.normal(0, spread, rows), "lat": 40.0 + random.normal(0, spread, rows)})


@pytest.mark.parametrize("spread", [0.002, 0.02, 0.2, 1.0])
def test_a_grid_has_some_forty_squares_with_incidents_and_holds_the_bulk_of_them(spread: float) -> None:
    points = scattered(3_000, spread)
    areas = square_grid(points)
    assert WANTED / 2 <= len(areas.frame) <= 1.5 * WANTED
    assert areas.frame["area_id"].is_unique
    assert areas.frame["area_id"].str.fullmatch("[A-Z]+[0-9]+").all()
    inside = shapely.contains_xy(areas.frame.geometry.union_all(), points["lon"], points["lat"])
    assert inside.mean() > 0.95
    metric = areas.frame.to_crs(areas.frame.estimate_utm_crs())
    assert metric.area.to_numpy() == pytest.approx(areas.side_m**2, rel=0.01)
    assert "without meaning to police" in areas.saw


def test_one_far_point_does_not_stretch_the_grid() -> None:
    far = pd.concat([scattered(2_000), pd.DataFrame({"lon": [-60.0], "lat": [45.0]})], ignore_index=True)
    assert square_grid(far).side_m == square_grid(scattered(2_000)).side_m


def test_drawn_districts_lie_where_their_incidents_do() -> None:
    points = scattered(4_000)
    districts = pd.Series(np.where(points["lon"] < -75.1, "07", "12"), index=points.index, dtype="object")
    districts[points.index % 50 == 0] = "12"  # a fiftieth names the wrong one
    districts[points.index % 51 == 0] = None
    areas = draw_districts(points, districts)
    assert list(areas.frame["area_id"]) == ["07", "12"]
    west, east = areas.frame.geometry
    assert west.intersection(east).area == pytest.approx(0, abs=1e-9)
    assert west.contains(shapely.Point(-75.11, 40.0))
    assert east.contains(shapely.Point(-75.09, 40.0))
