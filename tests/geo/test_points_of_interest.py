"""Points of interest of known kinds only."""

from pathlib import Path

import geopandas as gpd
import pytest
from shapely import Polygon

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
    assert list(points.columns) == ["kind", "repaired_m2", "geometry"]
    assert points["repaired_m2"].isna().all()


def test_unknown_kinds_are_listed(tmp_path: Path) -> None:
    POINTS.assign(kind=["school", "pub", "Park", None]).to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match=r"unknown kinds \['', 'Park', 'pub'\]; expected school, transport, park"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618")


def test_a_file_without_kinds_is_refused(tmp_path: Path) -> None:
    POINTS[["title", "geometry"]].to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match=r"no column 'kind'; it has \['title'\]"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618")


def test_an_outline_that_crosses_itself_is_repaired_and_one_without_ground_refused(tmp_path: Path) -> None:
    bow_tie = Polygon([(480_000, 4_420_000), (480_100, 4_420_100), (480_100, 4_420_000), (480_000, 4_420_100)])
    flat = Polygon([(480_000, 4_420_000), (480_100, 4_420_000), (480_050, 4_420_000)])
    for shape in (bow_tie, flat):
        shapes = gpd.GeoDataFrame({"kind": ["park"]}, geometry=[shape], crs="EPSG:32618")
        shapes.to_parquet(tmp_path / f"{shape.area:.0f}_{shape is flat}.parquet")
    points = read_points_of_interest(tmp_path / "0_False.parquet", "EPSG:32618")
    assert points["repaired_m2"].tolist() == pytest.approx([5000])
    assert points.is_valid.all()
    with pytest.raises(ValueError, match="the outline in feature 1 of 1 has no area"):
        read_points_of_interest(tmp_path / "0_True.parquet", "EPSG:32618")


def test_a_layer_of_several_is_read_by_name(tmp_path: Path) -> None:
    for layer in ("schools", "parks"):
        POINTS.assign(kind=layer.removesuffix("s")).to_file(tmp_path / "points.gpkg", layer=layer)
    parks = read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618", layer="parks")
    assert parks["kind"].unique().tolist() == ["park"]
    with pytest.raises(ValueError, match=r"2 layers with geometry.*; choose one with a\.setting"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:32618", choose_with="a.setting")


def test_degrees_are_refused(tmp_path: Path) -> None:
    POINTS.to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        read_points_of_interest(tmp_path / "points.gpkg", "EPSG:4326")
