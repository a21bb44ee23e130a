"""Only true metres pass."""

import geopandas as gpd
import pytest
from shapely import box

from geo.crs import chosen_crs, crs_name, metric_crs, same_crs

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
