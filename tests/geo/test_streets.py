"""Streets of an area: cut to it, one row a name, the longest first."""

from pathlib import Path

import geopandas as gpd
from shapely.geometry import LineString, Point, box

from geo.place_names import PlaceNames, is_table, streets_in

CRS = "EPSG:32618"
AREA = box(0, 0, 1000, 1000)


def test_streets_are_cut_to_the_area_and_the_longest_come_first() -> None:
    named = gpd.GeoDataFrame(
        {"name": ["Harbour Street", "High Street", "High Street", "Elsewhere", "Clock", "Along"]},
        geometry=[LineString([(-500, 500), (900, 500)]), LineString([(0, 100), (600, 100)]),
                  LineString([(0, 200), (600, 200)]), LineString([(2000, 0), (3000, 0)]), Point(5, 5),
                  LineString([(1000, -10), (1000, -5)])],
        crs=CRS,
    )  # fmt: skip
    found = streets_in(PlaceNames(named, 250.0), AREA, 1.0)
    assert found["name"].tolist() == ["High Street", "Harbour Street"]
    assert found["length_m"].tolist() == [1200.0, 900.0]
    assert all(AREA.buffer(1e-6).covers(line) for line in found.geometry)


def test_an_area_without_streets_has_none() -> None:
    points = gpd.GeoDataFrame({"name": ["Clock"]}, geometry=[Point(5, 5)], crs=CRS)
    assert streets_in(PlaceNames(points, 250.0), AREA, 1.0).empty


def test_a_table_holds_no_lines(tmp_path: Path) -> None:
    assert is_table(tmp_path / "names.csv")
    assert not is_table(tmp_path / "streets.geojson")
    streets = tmp_path / "streets.parquet"
    gpd.GeoDataFrame({"name": ["A"]}, geometry=[LineString([(0, 0), (1, 1)])], crs=CRS).to_parquet(streets)
    assert not is_table(streets)
