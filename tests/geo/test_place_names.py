"""Names of places: the nearest name counts, ties go by alphabet, areas stand in with a part by compass."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.place_names import PlaceNames, area_parts, read_place_names, readable

CRS = "EPSG:32618"
METRES = st.integers(-400, 400)
POINTS = st.lists(st.tuples(METRES, METRES), min_size=1, max_size=12)


def named_points(points: list[tuple[int, int]], within_m: float = 250.0) -> PlaceNames:
    names = [f"Street {chr(65 + i % 5)}" for i in range(len(points))]
    shapes = gpd.points_from_xy([x for x, _ in points], [y for _, y in points])
    named = gpd.GeoDataFrame({"name": names}, geometry=shapes, crs=CRS).sort_values("name", ignore_index=True)
    return PlaceNames(named, within_m)


def points_of(places: PlaceNames) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in places.named.geometry]


@given(named=POINTS, asked=POINTS, within=st.sampled_from([50.0, 250.0]))
def test_the_nearest_name_counts_and_of_equally_near_ones_the_first_by_alphabet(
    named: list[tuple[int, int]], asked: list[tuple[int, int]], within: float
) -> None:
    places = named_points(named, within)
    found = places.of_points(*np.array(asked, dtype=float).T)
    table = [(name, *point) for name, point in zip(places.named["name"], points_of(places), strict=True)]
    for (x, y), name in zip(asked, found, strict=True):
        nearest, first = min(((px - x) ** 2 + (py - y) ** 2, label) for label, px, py in table)
        assert name == (first if nearest <= within**2 else None)


def test_the_order_of_the_file_changes_no_name(tmp_path: Path) -> None:
    rows = [("B St", -75.0, 40.0), ("A St", -75.0, 40.0), ("C St", -75.001, 40.0)]
    read = []
    for i, order in enumerate([rows, rows[::-1]]):
        file = tmp_path / f"{i}.csv"
        pd.DataFrame(order, columns=["name", "lon", "lat"]).to_csv(file, index=False)
        read.append(read_place_names(file, CRS, within_m=250))
    pd.testing.assert_frame_equal(read[0].named, read[1].named)
    x, y = shapely.get_coordinates(read[0].named.geometry.iloc[0])[0]
    assert read[0].of_points(np.array([x, x + 300]), np.array([y, y])).tolist() == ["A St", None]


def square(x: float, y: float, side: float = 1000.0) -> shapely.Polygon:
    return shapely.box(x, y, x + side, y + side)


AREAS = gpd.GeoDataFrame(
    {"area_id": ["24@1", "harbour@1"], "area_name": ["District 24", "Harbour"]},
    geometry=[square(0, 0), square(1000, 0)],
    crs=CRS,
)


@pytest.mark.parametrize(
    ("x", "y", "area_id", "said"),
    [
        (500, 500, "24@1", "District 24, centre"),
        (900, 900, "24@1", "District 24, north-east"),
        (500, 900, "24@1", "District 24, north"),
        (100, 100, "24@1", "District 24, south-west"),
        (1900, 500, "harbour@1", "Harbour, east"),
        (1600, 50, "harbour@1", "Harbour, south"),
        (5000, 5000, None, None),
    ],
)
def test_without_a_name_near_a_place_goes_by_its_area_and_the_part_of_it(
    x: float, y: float, area_id: str | None, said: str | None
) -> None:
    assert area_parts(np.array([x]), np.array([y]), pd.Series([area_id]), AREAS).tolist() == [said]


@pytest.mark.parametrize(
    ("written", "read"),
    [("5200 BLOCK FRANKFORD AVE", "5200 Block Frankford Ave"), ("DeKalb St", "DeKalb St"), ("SE 3RD ST", "SE 3rd St"),
     ("O'NEIL'S WAY", "O'Neil's Way")],
)  # fmt: skip
def test_capitals_are_read_as_titles(written: str, read: str) -> None:
    assert readable(written) == read


def geojson(path: Path, features: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def feature(name: Any, geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def test_lines_and_outlines_name_what_is_near_them(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[-75.01, 40.0], [-74.99, 40.0]]}
    park = {"type": "Polygon", "coordinates": [[[-75.0, 40.01], [-74.99, 40.01], [-74.99, 40.02], [-75.0, 40.01]]]}
    file = geojson(tmp_path / "streets.geojson", [feature("MAIN ST", line), feature("Park", park), feature(None, line)])
    places = read_place_names(file, CRS, within_m=100)
    asked = gpd.GeoSeries.from_xy([-75.005, -74.992, -75.3], [40.0005, 40.013, 40.3], crs="EPSG:4326").to_crs(CRS)
    assert places.of_points(asked.x.to_numpy(), asked.y.to_numpy()).tolist() == ["Main St", "Park", None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("street,lon,lat\nA,-75,40\n", ["name", "street"]),
        ("name,lon,lat\n,-75,40\n", ["'name'", "blank in every row"]),
        ("name,lon,lat\nA,-75,4000\n", ["'A'", "lat='4000'", "force.place_names"]),
        ("name,lon,lat\nA,west,40\n", ["'A'", "lon='west'"]),
        ("", ["cannot be read"]),
    ],
)
def test_a_bad_table_is_refused_by_file_column_and_value(content: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text(content)
    with pytest.raises(ValueError) as refused:
        read_place_names(file, CRS, within_m=250)
    assert all(word in str(refused.value) for word in [str(file), *words])


def test_a_row_without_point_or_name_names_nothing(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("name,lon,lat\nA,-75,40\nB,,\n ,-75.1,40\n")
    assert read_place_names(file, CRS, within_m=250).named["name"].tolist() == ["A"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("absent.csv", "absent.parquet", "absent.geojson"):
        with pytest.raises(ValueError, match=name):
            read_place_names(tmp_path / name, CRS, within_m=250)
