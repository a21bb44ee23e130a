"""An area named by a bare number is told from a rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wording.area_names import area_label


@pytest.mark.parametrize(
    ("name", "called", "label"),
    [
        ("24", "district", "District 24"),
        ("B2", "police_beat", "Police beat B2"),
        ("1-A", "ward", "Ward 1-A"),
        ("E", "area", "Area E"),
        ("District 24", "district", "District 24"),
        ("24th", "district", "24th"),
        ("Harbour", "district", "Harbour"),
        ("東京", "district", "東京"),
        ("", "district", ""),
    ],
)
def test_a_bare_number_or_letter_gets_what_it_is_before_it(name: str, called: str, label: str) -> None:
    assert area_label(name, called) == label


@given(st.text(max_size=12), st.sampled_from(["district", "beat", "police_beat"]))
def test_a_label_ends_with_the_name_and_needs_no_other(name: str, called: str) -> None:
    label = area_label(name, called)
    assert label.endswith(name)
    assert area_label(label, called) == label
