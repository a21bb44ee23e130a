"""What was repaired or joined in boundary files is counted; what changed an area's ground is a warning."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely import box

from flows.inputs.assembly import Map
from flows.run.quality import _way_out, area_notes, map_repairs, repair_lines, repair_measures
from geo.cells import Grid

CRS = "EPSG:32618"


def areas(**repaired_m2: float | None) -> gpd.GeoDataFrame:
    """Areas of 10,000 m², with the ground that a repair of each changed."""
    ids = [f"{name}@1" for name in repaired_m2]
    frame = pd.DataFrame({"area_id": ids, "repaired_m2": pd.Series(list(repaired_m2.values()), dtype=float)})
    frame["part_count"] = 1
    return gpd.GeoDataFrame(frame, geometry=[box(200 * i, 0, 200 * i + 100, 100) for i in range(len(ids))], crs=CRS)


def test_shapes_that_were_valid_are_not_mentioned() -> None:
    assert repair_measures(areas(a=None, b=None)) == []


def test_small_repairs_are_counted_and_large_ones_are_warnings() -> None:
    small, large = repair_measures(areas(a=0, b=100, c=101, d=None, e=5000))
    assert small[:4] == ("areas_repaired", 2.0, "areas", False)
    assert small[4].endswith("crossed themselves and were repaired: b@1 (100 m², 1.0%), a@1 (0 m², 0.0%)")
    assert large[:4] == ("areas_redrawn", 2.0, "areas", True)
    assert large[4].endswith("changed their ground: e@1 (5,000 m², 50.0%), c@1 (101 m², 1.0%)")


def test_of_many_repairs_the_greatest_are_named() -> None:
    [measure] = repair_measures(areas(**{f"a{number:02d}": 200 + number for number in range(15)}))
    assert measure[4].count("@1") == 10
    assert "a14@1 (214 m², 2.1%), a13@1" in measure[4]
    assert measure[4].endswith(" and 5 more")


def test_each_set_and_the_points_of_interest_have_their_own_rows() -> None:
    points = gpd.GeoDataFrame({"kind": ["park", "park"], "repaired_m2": [12.0, None]}, geometry=[None, None], crs=CRS)
    grid = Grid(CRS, 100)
    further = {"ward": areas(a=0), "beat": areas(b=400), "tract": areas(c=None)}
    found = map_repairs(Map(areas(a=300), grid, pd.DataFrame(), points, further))
    assert [name for name, *_ in found] == [
        "areas_redrawn", "areas_redrawn_beat", "areas_repaired_ward", "outlines_repaired"
    ]  # fmt: skip
    assert "outlines of set 'beat' crossed themselves" in found[1][4]
    assert (
        repair_lines(found)[-1]
        == "1 points of interest: outlines crossed themselves and were repaired, which changed 12 m² of ground"
    )


def test_areas_joined_from_several_features_are_named_with_their_number() -> None:
    joined = areas(a=None, b=None, c=None).assign(part_count=[2, 1, 5])
    [measure] = repair_measures(joined, "ward")
    assert measure[:4] == ("areas_joined_ward", 2.0, "areas", False)
    assert measure[4] == "outlines of set 'ward' are drawn in several parts, which were joined: c@1 (5), a@1 (2)"


@pytest.mark.parametrize("share", [0.99, 1.0])
def test_one_in_a_hundred_is_still_small(share: float) -> None:
    assert [name for name, *_ in repair_measures(areas(a=100 * share))] == ["areas_repaired"]


def test_areas_that_overlap_are_named_the_one_that_counts_first() -> None:
    shapes = {"a@1": box(0, 0, 2, 2), "b@1": box(1, 0, 3, 2)}
    overlapping = gpd.GeoDataFrame(
        {"area_id": list(shapes), "area_name": ["District 12", "Hill"]}, geometry=list(shapes.values()), crs=CRS
    )
    assert area_notes(overlapping, "A grid.") == [
        "A grid.",
        "Areas overlap; an incident in both counts for the one named first: District 12 and Hill",
    ]
    assert area_notes(overlapping.iloc[:1], None) == []


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("address_piles", "show piles"),
        ("address_piles_passed_over", "visits.allowed_addresses"),
        ("list_holds_all_beat", "force.areas.further"),
        ("staffing_assumed_beat", "load staffing"),
        ("duplicates", None),
        ("address", None),
    ],
)
def test_what_an_analyst_can_do_about_a_measure_also_of_a_further_set(measure: str, said: str | None) -> None:
    assert _way_out(measure) is None if said is None else said in str(_way_out(measure))
