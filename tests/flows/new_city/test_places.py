"""Points are placed: marks in numbers, coordinate system, swapped axes, time zone."""

from itertools import product

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from flows.new_city.places import Marks, locate, number_marks, numbers, split_points, zone_of
from tests.soak import sample

AREAS = gpd.GeoDataFrame(
    {"district": ["1", "2"]},
    geometry=[shapely.box(-75.20, 39.95, -75.15, 40.05), shapely.box(-75.15, 39.95, -75.10, 40.05)],
    crs="EPSG:4326",
)
DEGREES = pd.DataFrame(
    [(-75.2 + 0.1 * (i + 0.5) / 12, 39.95 + 0.1 * (j + 0.5) / 12) for i, j in product(range(12), range(12))],
    columns=["x", "y"],
)


def in_system(crs: str) -> pd.DataFrame:
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(DEGREES["x"], DEGREES["y"])
    return pd.DataFrame({"x": x, "y": y})


def error_m(located: pd.DataFrame) -> float:
    return float(np.hypot((located["lon"] - DEGREES["x"]) * 85_000, (located["lat"] - DEGREES["y"]) * 111_000).max())


@pytest.mark.parametrize("crs", ["EPSG:2272", "EPSG:32618", "EPSG:26918", "EPSG:6565", "EPSG:3857"])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_metres_and_feet_are_recognised_by_the_areas_into_which_the_points_fall(crs: str, is_swapped: bool) -> None:
    points = in_system(crs)
    found = locate(points.rename(columns={"x": "y", "y": "x"}) if is_swapped else points, AREAS, None)
    assert found is not None
    assert found.is_swapped == is_swapped
    assert found.share_inside == 1.0
    assert error_m(found.points) < 5  # today's datums differ by metres


def test_without_areas_metres_stay_a_question_and_a_person_s_answer_is_taken() -> None:
    points = in_system("EPSG:2272")
    assert locate(points, None, None) is None
    found = locate(points, None, "EPSG:2272")
    assert found is not None
    assert error_m(found.points) < 1


def test_swapped_degrees_are_noticed_by_areas_or_by_the_sea() -> None:
    swapped = DEGREES.rename(columns={"x": "y", "y": "x"})
    for areas in (AREAS, None):
        found = locate(swapped, areas, None)
        assert found is not None
        assert found.is_swapped
        assert error_m(found.points) < 1
        found = locate(DEGREES, areas, None)
        assert found is not None
        assert not found.is_swapped


def test_zeros_and_blanks_are_no_points() -> None:
    points = pd.DataFrame({"x": [0.0, np.nan, 1.0], "y": [0.0, 1.0, np.nan]})
    assert locate(points, AREAS, None) is None
    both = pd.concat([points, DEGREES], ignore_index=True)
    found = locate(both, AREAS, None)
    assert found is not None
    assert found.share_inside == 1.0


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("POINT (-75.1 40.0)", -75.1, 40.0),
        ("point(-75.1 40)", -75.1, 40.0),
        ("(40.0, -75.1)", -75.1, 40.0),
        ("40.0 -75.1", -75.1, 40.0),
        ("nowhere", None, None),
    ],
)
def test_one_column_with_both(text: str, x: float | None, y: float | None) -> None:
    found = split_points(pd.Series([text], dtype="object")).iloc[0]
    assert [None if pd.isna(value) else value for value in found] == [x, y]


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (["-75.1", "12", "1e3"], Marks()),
        (["-75,1234", "40,5"], Marks(",")),
        (["1,234,567.5", "234,567"], Marks(".", ",")),
        (["1.234.567,5", "234.567,25"], Marks(",", ".")),
        (["1 234 567,5", "234 567,25"], Marks(",", " ")),
        (["north", "south"], Marks()),
        ([], Marks()),
    ],
)
def test_the_marks_of_numbers_are_found(texts: list[str], marks: Marks) -> None:
    assert number_marks(pd.Series(texts, dtype="object")) == marks


@pytest.mark.sampled
@settings(max_examples=sample(30, whole=500))
@given(
    values=st.lists(st.floats(1_000_000, 9_999_999).map(lambda v: round(v, 2)), min_size=2, max_size=9),
    marks=st.sampled_from([Marks(), Marks(","), Marks(".", ","), Marks(",", "."), Marks(",", " "), Marks(".", "'")]),
)
def test_numbers_are_read_as_they_were_written(values: list[float], marks: Marks) -> None:
    def written(value: float) -> str:
        plain = f"{value:,.2f}" if marks.thousands else f"{value:.2f}"
        return plain.translate(str.maketrans({",": marks.thousands or "", ".": marks.decimal}))

    texts = pd.Series([written(value) for value in values], dtype="object")
    assert list(numbers(texts, number_marks(texts))) == pytest.approx(values)


def test_the_time_zone_is_where_most_points_lie() -> None:
    points = pd.DataFrame({"lon": [-75.1] * 9 + [-87.6], "lat": [40.0] * 9 + [41.8]})
    assert zone_of(points.drop_duplicates().head(1)) == ("America/New_York", 1.0)
    assert zone_of(points.head(0)) is None
