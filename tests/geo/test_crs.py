"""Only true metres pass."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from geo.areas import read_areas
from geo.crs import chosen_crs, crs_name, extent_in_degrees, in_degrees, metric_crs, same_crs

PHILADELPHIA = gpd.GeoDataFrame(geometry=[box(-75.3, 39.9, -75.0, 40.1)], crs="EPSG:4326")


@pytest.mark.parametrize(
    ("crs", "said"),
    [
        (None, "no coordinate system"),
        ("EPSG:4326", "EPSG:4326 is in degree"),
        ("EPSG:2272", "EPSG:2272 is in US survey foot"),
        ("EPSG:4978", "EPSG:4978 is in metre"),  # geocentric metres are no map
        ("nonsense", "unknown coordinate system 'nonsense'"),
    ],
)
def test_what_is_not_metres_is_refused_with_its_name_and_an_example(crs: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        metric_crs(crs, what="areas")
    assert "EPSG:32618" in str(refusal.value)


def test_metres_pass_under_their_short_name() -> None:
    assert crs_name(metric_crs("epsg:27700", what="areas")) == "EPSG:27700"


def test_the_utm_zone_is_chosen_where_none_is_named() -> None:
    assert crs_name(chosen_crs(PHILADELPHIA, None, what="areas")) == "EPSG:32618"


def test_southern_hemisphere_gets_its_own_zone() -> None:
    sydney = gpd.GeoDataFrame(geometry=[box(151.0, -34.0, 151.3, -33.8)], crs="EPSG:4326")
    assert crs_name(chosen_crs(sydney, None, what="areas")) == "EPSG:32756"


def test_metres_that_are_stretched_there_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a metre of EPSG:3857 is off by 3\d%.*EPSG:32618"):
        chosen_crs(PHILADELPHIA, "EPSG:3857", what="areas")


def test_a_system_made_for_another_continent_is_refused() -> None:
    with pytest.raises(ValueError, match="EPSG:27700"):
        chosen_crs(PHILADELPHIA, "EPSG:27700", what="areas")


def test_frames_of_another_system_do_not_meet() -> None:
    with pytest.raises(ValueError, match="in EPSG:32617, expected EPSG:32618"):
        same_crs(PHILADELPHIA.to_crs("EPSG:32617"), "EPSG:32618", what="areas")


TAVEUNI = box(179.9, -17.0, 180.2, -16.8)  # Fiji, on both sides of the 180th meridian


def turned(shape: Polygon, degrees: float) -> Polygon:
    return shapely.transform(shape, lambda at: np.add(at, [degrees, 0]))


ACROSS = {
    "cut, as RFC 7946 asks": MultiPolygon([box(179.9, -17.0, 180, -16.8), box(-180, -17.0, -179.8, -16.8)]),
    "longitudes go on beyond 180": TAVEUNI,
    "longitudes go on beyond -180": turned(TAVEUNI, -360),
    "longitudes jump": Polygon([(179.9, -17.0), (-179.8, -17.0), (-179.8, -16.8), (179.9, -16.8)]),
}


@pytest.mark.parametrize("form", ACROSS)
def test_areas_across_the_180th_meridian_are_one_place_in_metres(tmp_path: Path, form: str) -> None:
    feature = {"type": "Feature", "properties": {"id": "1"}, "geometry": shapely.geometry.mapping(ACROSS[form])}
    (tmp_path / "areas.json").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    areas = read_areas(tmp_path / "areas.json", id_column="id", name_column=None, version="1", crs=None)
    assert crs_name(areas.crs) == "EPSG:32701"  # the zone of the middle, 179.95 degrees west
    assert areas.area.sum() == pytest.approx(0.3 * 111_320 * 0.9568 * 0.2 * 110_660, rel=0.01)
    back = in_degrees(areas.geometry)
    west, east = sorted(shapely.get_parts(back[0]), key=lambda part: part.bounds[0])
    assert west.bounds == pytest.approx((-180, -17.0, -179.8, -16.8), abs=1e-9)
    assert east.bounds == pytest.approx((179.9, -17.0, 180, -16.8), abs=1e-9)
    assert back.is_valid.all()


def test_a_system_is_accurate_where_the_areas_are_not_on_the_other_side_of_the_globe() -> None:
    fiji = gpd.GeoDataFrame(geometry=[ACROSS["cut, as RFC 7946 asks"]], crs="EPSG:4326")
    assert crs_name(chosen_crs(fiji, "EPSG:3832", what="areas")) == "EPSG:3832"  # PDC Mercator, made for the Pacific
    with pytest.raises(ValueError, match=r"EPSG:2154 is off by .*EPSG:32701"):
        chosen_crs(fiji, "EPSG:2154", what="areas")


@given(west=st.floats(179.0, 181.0), width=st.floats(0.001, 1.0), lat=st.floats(-80, 80), zone=st.sampled_from((1, 60)))
def test_what_is_cut_loses_no_ground_and_crosses_nothing(west: float, width: float, lat: float, zone: int) -> None:
    shape = gpd.GeoSeries([box(west, lat, west + width, lat + 0.5)], crs="EPSG:4326").to_crs(32600 + zone)
    back = in_degrees(shape)
    parts = shapely.get_parts(back[0])
    spans = shapely.bounds(parts)
    assert (spans[:, 2] - spans[:, 0] <= width + 1e-6).all()
    west_and_east = spans[:, [0, 2]].round(9)  # layers are written with seven decimals
    assert (west_and_east >= -180).all() and (west_and_east <= 180).all()
    assert shapely.area(parts).sum() == pytest.approx(width * 0.5, rel=1e-6)


@given(
    west=st.floats(-180, 180),
    width=st.floats(0.001, 1.0),
    lat=st.floats(-80, 80),
    is_cut=st.booleans(),
)
def test_an_extent_is_that_of_the_city_wherever_it_lies(west: float, width: float, lat: float, is_cut: bool) -> None:
    """Also on the 180th meridian: to go east from west to east is never to go round the globe."""
    shapes = gpd.GeoSeries([box(west, lat, west + width / 2, lat + 0.5), box(west, lat, west + width, lat + 0.5)])
    metric = shapes.set_crs("EPSG:4326").to_crs(f"+proj=laea +lon_0={west} +lat_0={lat}")
    given = in_degrees(metric) if is_cut else metric
    found = extent_in_degrees([given[:1], given[1:]])
    assert all(-180 <= side <= 180 for side in found[::2])
    assert (found[2] - found[0]) % 360 == pytest.approx(width, abs=1e-6)
    assert (found[0] - west) % 360 == pytest.approx(0, abs=1e-6) or (west - found[0]) % 360 == pytest.approx(
        0, abs=1e-6
    )
    assert found[1::2] == pytest.approx((lat, lat + 0.5), abs=1e-6)


def test_a_city_on_the_180th_meridian_has_its_west_east_of_its_east() -> None:
    fiji = gpd.GeoSeries([ACROSS["cut, as RFC 7946 asks"]], crs="EPSG:4326").to_crs(32701)
    assert extent_in_degrees([fiji]) == pytest.approx((179.9, -17.0, -179.8, -16.8), abs=1e-3)


def test_a_point_stays_a_point() -> None:
    points = gpd.GeoSeries([Point(180, -17), Point(-179.9, -17)], crs="EPSG:4326").to_crs(32701)
    assert in_degrees(points).geom_type.tolist() == ["Point", "Point"]
