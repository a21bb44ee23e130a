"""Points of interest of known kinds only."""

from pathlib import Path

import geopandas as gpd
import pytest

from geo.points_of_interest import read_points_of_interest

POINTS = gpd.GeoDataFrame(
    {"kind": ["school", "park", "treatment", "transport"], "title": list("abcd")},
    geometry=gpd.points_from_xy([-75.1] * 4, [39.9, 39.95, 40.0, 40.05]),
    crs="EPSG:4326",
)


def test_points_come_in_metres_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    POINTS.to_file(tmp_path / "points.geojson")
    points = read_points_of_interest(tmp_path / "points.geojson", "EPSG:32618")
    assert points["kind"].tolist() == ["school", "park", "treatment", "transport"]
    assert points.crs == "EPSG:32618"
    assert points.geometry.x.tolist() == pytest.approx([491_450] * 4, abs=25)
    assert list(points.columns) == ["kind", "geometry"]


def test_unknown_kinds_are_listed(tmp_path: Path) -> None:
    POINTS.assign(kind=["school", "pub", "Park", None]).to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match=r"unknown kinds \['', 'Park', 'pub'\]; expected school, transport, park"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618")


def test_a_file_without_kinds_is_refused(tmp_path: Path) -> None:
    POINTS[["title", "geometry"]].to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match=r"no column 'kind'; it has \['title'\]"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618")


def test_degrees_are_refused(tmp_path: Path) -> None:
    POINTS.to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:4326")
