"""Address piles: planted ones are found, ordinary blocks and hot corners stay, and no order changes the answer."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.places.address_piles import AddressPiles, AddressPilesConfig, find_address_piles, harm_off_piles

DEFAULTS = yaml.safe_load((Path(__file__).parents[3] / "configs" / "default.yaml").read_text())["address_piles"]
HARM = {
    "robbery": 365.0,
    "violence_with_injury": 365.0,
    "violence_without_injury": 10.0,
    "criminal_damage": 2.0,
    "theft_from_vehicle": 5.0,
    "theft_other": 2.0,
    "fraud_forgery": 2.0,
    "family_offence": 10.0,
    "rape": 2555.0,
    "other_sexual": 182.0,
    "homicide": 5475.0,
    "other_offence": 1.0,
}
CODEBOOK = pd.DataFrame(
    {"harm_days": HARM, "label": {code: code.replace("_", " ").capitalize() for code in HARM}}
).rename_axis("offence_code")
# What an ordinary block of the invented city has, per thousand.
CITY_MIX = {
    **{"robbery": 60, "violence_with_injury": 60, "violence_without_injury": 180, "criminal_damage": 130},
    **{"theft_from_vehicle": 120, "theft_other": 180, "fraud_forgery": 60, "family_offence": 5},
    **{"rape": 7, "other_sexual": 8, "homicide": 3, "other_offence": 187},
}
BLOCKS, BLOCKS_PER_CELL = 600, 3
Point = tuple[float, float]
# Planted points: what is recorded there, and what the search has to say.
STATION = {"fraud_forgery": 70, "family_offence": 20, "violence_without_injury": 25, "other_offence": 20}
MALL = {"theft_other": 150, "violence_without_injury": 20, "robbery": 10, "theft_from_vehicle": 15}
HOSPITAL = {"other_sexual": 6, "rape": 6, "violence_without_injury": 20, "violence_with_injury": 4}
BAR = {
    "violence_without_injury": 70,
    "violence_with_injury": 30,
    "robbery": 12,
    "theft_other": 25,
    "criminal_damage": 9,
}
DRUG_CORNER = {"other_offence": 230, "violence_with_injury": 14, "robbery": 10, "theft_other": 20}
SHOOTING = {"homicide": 4}
CITY_IN_SMALL = {code: round(n * 0.8) for code, n in CITY_MIX.items() if n >= 2}


def config(**changes: Any) -> AddressPilesConfig:
    return AddressPilesConfig(**{**DEFAULTS, **changes})


@cache
def ordinary_city(seed: int = 1) -> pd.DataFrame:
    """Blocks with a few incidents each, some with ten times as many, three to a cell."""
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(1.2, 1.2 / (1.2 + 8), BLOCKS) + 1
    codes, weights = list(CITY_MIX), np.array(list(CITY_MIX.values())) / sum(CITY_MIX.values())
    rows = []
    for block, total in enumerate(counts):
        lon, lat = block_point(block)
        drawn = rng.multinomial(total, weights)
        cell = block // BLOCKS_PER_CELL
        rows += [(lon, lat, cell, 0, f"A{cell % 5}", code, n) for code, n in zip(codes, drawn, strict=True) if n]
    return frame(rows)


def block_point(block: int) -> Point:
    return -75.1 + block * 0.00131, 40.01234 + block * 0.000177


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = ["lon", "lat", "cell_ix", "cell_iy", "area_id", "offence_code", "n"]
    made = pd.DataFrame(rows, columns=columns).astype(
        {"lon": float, "lat": float, "cell_ix": "int64", "cell_iy": "int64", "n": "int64"}
    )
    return made[made["n"] > 0]


def planted(
    what: Mapping[str, int], point: Point = (-75.987654, 40.123457), cell: int = 5000, area_id: str | None = "A1"
) -> pd.DataFrame:
    return frame([(*point, cell, 0, area_id, code, n) for code, n in what.items()])


def marks_of(events: pd.DataFrame, **own: Any) -> pd.DataFrame:
    """No centre and no institution is near, but what `own` says of the planted point."""
    points = events[["lon", "lat"]].drop_duplicates(ignore_index=True)
    points = points.assign(centre_m=1000.0, name=None, institution_kind=None).astype({"name": object})
    is_planted = points["lon"] < -75.5
    for column, value in own.items():
        points[column] = points[column].astype(object).mask(is_planted, value)
    return points.astype({"centre_m": float})


def search(*parts: pd.DataFrame, options: Mapping[str, Any] | None = None, **own: Any) -> AddressPiles:
    events = pd.concat([ordinary_city(), *parts], ignore_index=True)
    return find_address_piles(events, marks_of(events, **own), CODEBOOK, config=config(**(options or {})))


def kinds(piles: AddressPiles) -> list[str]:
    return piles.points["kind"].tolist()


def test_the_defaults_are_those_of_the_settings() -> None:
    assert asdict(config()) == DEFAULTS


@pytest.mark.parametrize("seed", range(10))
def test_an_ordinary_city_has_no_pile(seed: int) -> None:
    events = ordinary_city(seed)
    assert find_address_piles(events, marks_of(events), CODEBOOK, config=config()).points.empty


@pytest.mark.parametrize(
    ("what", "own", "expected"),
    [
        (STATION, {}, ["recorded_here"]),
        (MALL, {}, ["recorded_here"]),
        (HOSPITAL, {}, ["recorded_here"]),  # by harm: few incidents, most of its harm sexual
        (BAR, {}, []),
        (DRUG_CORNER, {}, []),  # an offence of unstated kind makes no pile
        (SHOOTING, {}, []),
        (CITY_IN_SMALL, {}, ["default_point"]),
        ({code: n // 4 for code, n in CITY_IN_SMALL.items() if n >= 4}, {"centre_m": 3.0}, ["area_centre"]),
        ({code: n // 4 for code, n in CITY_IN_SMALL.items() if n >= 4}, {"centre_m": 30.0}, []),
        (BAR, {"centre_m": 0.0}, []),  # a hot corner may lie in the middle of an area
        (SHOOTING, {"name": "Court", "institution_kind": "court"}, []),  # too few to speak of
        (BAR, {"name": "St Mary", "institution_kind": "hospital"}, ["institution"]),
        (STATION, {"name": "Station 9", "institution_kind": "police"}, ["institution"]),
    ],
)
def test_planted_points_are_told_apart(what: Mapping[str, int], own: Mapping[str, Any], expected: list[str]) -> None:
    piles = search(planted(what), **own)
    assert kinds(piles) == expected
    assert piles.cells["is_address_pile"].tolist() == [True] * len(expected)


def test_a_default_point_outside_every_area_is_noticed_and_is_in_no_cell() -> None:
    piles = search(planted(CITY_IN_SMALL, area_id=None))
    assert kinds(piles) == ["default_point"]
    assert piles.cells.empty


def test_rounded_coordinates_are_noticed_unless_all_are_rounded() -> None:
    few = {"robbery": 4, "theft_other": 2}
    assert kinds(search(planted(few, (-75.98, 40.12)))) == ["rounded_point"]
    assert kinds(search(planted({"robbery": 4}, (-75.98, 40.12)))) == []
    city = ordinary_city()
    city = city.assign(lon=city["lon"].round(3), lat=city["lat"].round(3))
    events = pd.concat([city, planted(few, (-75.98, 40.12))], ignore_index=True)
    assert find_address_piles(events, marks_of(events), CODEBOOK, config=config()).points.empty


def test_a_cell_is_told_by_its_shares_and_in_words() -> None:
    beside = planted({"robbery": 6, "criminal_damage": 4}, (-75.9871, 40.1231))
    [cell] = search(planted(STATION), beside).cells.to_dict("records")
    assert cell["incident_count"] == 135 and cell["count_share"] == pytest.approx(135 / 145)
    harm = 70 * 2 + 20 * 10 + 25 * 10 + 20
    assert cell["harm_days"] == harm and cell["harm_share"] == pytest.approx(harm / (harm + 6 * 365 + 8))
    assert cell["other_harm_share"] == pytest.approx(270 / harm)
    assert (cell["main_offence"], cell["main_count"]) == ("fraud_forgery", 70)
    assert cell["why"].startswith(
        "93% of its incidents and 22% of its harm on one point; recorded where reported: 70 of"
    )


def test_the_offence_of_few_incidents_which_may_be_one_households_is_not_told() -> None:
    [cell] = search(planted(HOSPITAL)).cells.to_dict("records")
    assert cell["is_address_pile"] and pd.isna(cell["main_offence"]) and pd.isna(cell["main_count"])
    assert not re.search("(?i)sexual|rape", cell["why"])


def test_a_pile_that_is_little_of_its_cell_is_told_and_leaves_the_cell_as_it_is() -> None:
    street = planted({"robbery": 200}, (-75.9871, 40.1231))
    cells = search(planted(STATION), street).cells
    assert cells["is_address_pile"].tolist() == [False]
    assert cells["harm_share"].iloc[0] < 0.01
    assert search(planted(STATION), street, options={"cell_share": 0.3}).cells["is_address_pile"].tolist() == [True]


def test_two_piles_of_a_cell_count_together() -> None:
    street = planted({"criminal_damage": 180}, (-75.9871, 40.1231))
    second = planted(MALL, (-75.9873, 40.1232))
    [cell] = search(planted(STATION), second, street).cells.to_dict("records")
    assert cell["point_count"] == 2 and cell["incident_count"] == 135 + 195 and cell["is_address_pile"]
    assert cell["main_offence"] == "theft_other"  # of the point with most incidents


@settings(max_examples=10)
@given(parts=st.integers(15, 70))
def test_a_pile_split_over_many_points_is_none(parts: int) -> None:
    split = [
        planted(
            {code: n // parts + (i < n % parts) for code, n in STATION.items()}, (-75.98 - i * 1e-4 - 1e-6, 40.12345)
        )
        for i in range(parts)
    ]
    assert sum(part["n"].sum() for part in split) == sum(STATION.values())
    assert kinds(search(*split)) == []


@settings(max_examples=10)
@given(times=st.integers(1, 9), what=st.sampled_from([STATION, MALL, CITY_IN_SMALL, BAR, DRUG_CORNER]))
def test_a_city_with_all_counts_multiplied_has_the_same_piles(times: int, what: Mapping[str, int]) -> None:
    events = pd.concat([ordinary_city(), planted(what)], ignore_index=True)
    marks = marks_of(events)
    once = find_address_piles(events, marks, CODEBOOK, config=config())
    more = find_address_piles(events.assign(n=events["n"] * times), marks, CODEBOOK, config=config())
    assert kinds(more) == kinds(once)
    assert more.cells["count_share"].tolist() == once.cells["count_share"].tolist()


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_no_bit(seed: int) -> None:
    events = pd.concat([ordinary_city(), planted(STATION), planted(MALL, (-75.99, 40.2345), 5001)], ignore_index=True)
    marks = marks_of(events)
    first = find_address_piles(events, marks, CODEBOOK, config=config())
    mixed = find_address_piles(
        events.sample(frac=1, random_state=seed), marks.sample(frac=1, random_state=seed), CODEBOOK, config=config()
    )
    pd.testing.assert_frame_equal(mixed.points, first.points, check_exact=True)
    pd.testing.assert_frame_equal(mixed.cells, first.cells, check_exact=True)


@settings(max_examples=10)
@given(street=st.integers(0, 2000))
def test_street_harm_on_another_point_of_the_cell_only_lowers_the_shares(street: int) -> None:
    alone = search(planted(STATION)).cells
    cells = search(planted(STATION), planted({"robbery": street}, (-75.9871, 40.1231))).cells
    for share in ("count_share", "harm_share"):
        assert 0 < cells[share].iloc[0] <= alone[share].iloc[0] == 1.0


def test_no_incident_gives_no_pile() -> None:
    events = frame([]).astype({"offence_code": object, "area_id": object})
    piles = find_address_piles(events, marks_of(events), CODEBOOK, config=config())
    assert piles.points.empty and piles.cells.empty


def test_a_codebook_without_these_offences_knows_piles_of_the_recording_system_only() -> None:
    options = {"off_street": {}}
    assert kinds(search(planted(STATION), options=options)) == []
    assert kinds(search(planted(CITY_IN_SMALL), options=options)) == ["default_point"]


def test_harm_off_piles_is_what_their_share_leaves() -> None:
    cells = pd.DataFrame({"cell_id": ["a", "b", "c"], "harm": [10.0, 20.0, 0.0]}, index=[5, 6, 7])
    piles = pd.DataFrame({"cell_id": ["b", "x"], "harm_share": [0.75, 1.0]})
    assert harm_off_piles(cells, piles).to_dict() == {5: 10.0, 6: 5.0, 7: 0.0}
    assert harm_off_piles(cells, piles.iloc[:0]).tolist() == [10.0, 20.0, 0.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell_share": 0}, "address_piles.cell_share=0: expected a share above 0"),
        ({"minimum_incidents": 1}, "address_piles.minimum_incidents=1"),
        ({"times_usual": 30}, "address_piles.times_usual=30 and default_times_usual=10"),
        ({"off_street": {"a": ("rape",), "b": ("rape",)}}, "each offence in one group"),
    ],
)
def test_thresholds_without_meaning_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**changes)
