"""Centres of areas: centroid, middle of the box, labelled point, of each area and of all."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.area_centres import metres_to_centre

CRS = "EPSG:32618"
# An L, whose centroid, middle of the box and labelled point differ, and a square far from it.
SHAPES = [
    shapely.Polygon([(0, 0), (900, 0), (900, 300), (300, 300), (300, 900), (0, 900)]),
    shapely.box(2000, 0, 2400, 400),
]
AREAS = gpd.GeoDataFrame({"area_id": ["A", "B"]}, geometry=SHAPES, crs=CRS)


def metres(*points: tuple[float, float]) -> list[float]:
    return metres_to_centre(pd.DataFrame(points, columns=["x_m", "y_m"]), AREAS).tolist()


def test_every_kind_of_centre_is_known() -> None:
    whole = shapely.union_all(SHAPES)
    centres = [s.centroid for s in (*SHAPES, whole)] + [s.representative_point() for s in (*SHAPES, whole)]
    assert metres(*[(c.x, c.y) for c in centres]) == pytest.approx([0.0] * 6, abs=1e-6)
    assert metres((450, 450), (2200, 200), (1200, 450)) == pytest.approx([0.0] * 3)  # middles of the boxes


def test_metres_come_in_the_order_of_the_points_and_none_gives_none() -> None:
    assert metres((2200, 207), (2200, 200), (2203, 204)) == pytest.approx([7.0, 0.0, 5.0])
    assert metres_to_centre(pd.DataFrame({"x_m": [], "y_m": []}, dtype=float), AREAS).shape == (0,)


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000)), min_size=1, max_size=20))
def test_it_is_the_least_distance_to_any_centre(points: list[tuple[int, int]]) -> None:
    shapes = [*SHAPES, shapely.union_all(SHAPES)]
    centres = [c for s in shapes for c in (s.centroid, s.envelope.centroid, s.point_on_surface())]
    expected = [min(float(np.hypot(c.x - x, c.y - y)) for c in centres) for x, y in points]
    assert metres(*[(float(x), float(y)) for x, y in points]) == pytest.approx(expected, abs=1e-6)
