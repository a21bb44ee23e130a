"""Links to a point: the force's own form, and none that a page may not hold."""

from urllib.parse import urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.map_link import DEFAULT, check_map_link, map_link

FORMS = [DEFAULT, "https://maps.example/?q={lat},{lon}", "http://gis.example/{lon}/{lat}#z17"]


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180), form=st.sampled_from(FORMS))
def test_every_point_gives_a_link_with_both_coordinates_and_no_blank(lat: float, lon: float, form: str) -> None:
    link = map_link(lat, lon, check_map_link(form))
    assert f"{lat:.6f}" in link and f"{lon:.6f}" in link
    assert not set(link) & set("{} \"'<>")
    assert urlparse(link).scheme == urlparse(form).scheme


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("https://maps.example/", "expected {lat} and {lon}"),
        ("https://maps.example/{lat}", "expected {lat} and {lon}"),
        ("https://maps.example/{lat},{lon}?z={zoom}", "no other braces"),
        ("https://maps.example/ {lat},{lon}", "no blanks"),
        ("https://maps.example/{lat},{lon}\"onclick='x'", "no blanks or quotes"),
        ("javascript:alert({lat},{lon})", "a link begins with geo:, https:, http:"),
        ("data:text/html,{lat},{lon}", "a link begins with"),
        ("//maps.example/{lat},{lon}", "a link begins with"),
    ],
)
def test_a_form_that_is_no_link_is_refused_by_its_value(form: str, words: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_map_link(form)
    assert repr(form) in str(refused.value) and words in str(refused.value)
