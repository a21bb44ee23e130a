"""Officer hours of one set of areas carried over to another: as reported where nothing has to be guessed."""

from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.operations.carried_hours import carry_hours

HOURS = pd.DataFrame(
    {"area_id": ["n", "s", "u"], "hours_per_day": [40.0, 60.0, 0.0], "is_assumed": [False, False, True]}
)


def carried(*pairs: tuple[str, str, float, float], area_ids: str, hours: pd.DataFrame = HOURS) -> pd.DataFrame:
    """Pairs are area, other area, share of the area, share of the other."""
    ground = pd.DataFrame(pairs, columns=["area_id", "other_area_id", "share", "other_share"])
    return carry_hours(hours, ground, pd.Index(list(area_ids))).set_index("area_id")


def test_whole_areas_add_up_as_reported() -> None:
    table = carried(("a", "n", 0.4, 1.0), ("a", "s", 0.6, 1.0), area_ids="a")
    assert table.loc["a"].tolist() == [100.0, False]


def test_an_area_is_split_equally_and_that_is_assumed() -> None:
    table = carried(("a", "n", 1.0, 0.9), ("b", "n", 1.0, 0.1), ("c", "s", 1.0, 1.0), area_ids="abc")
    assert table["hours_per_day"].tolist() == [20.0, 20.0, 60.0]
    assert table["is_assumed"].tolist() == [True, True, False]


def test_an_area_in_two_takes_of_each_by_the_part_of_it_there() -> None:
    table = carried(("a", "n", 1.0, 0.7), ("b", "n", 0.5, 0.3), ("b", "s", 0.5, 1.0), area_ids="ab")
    assert table["hours_per_day"].tolist() == pytest.approx([40 / 1.5, 40 * 0.5 / 1.5 + 60])
    assert table["is_assumed"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("pairs", "hours"),
    [
        ([], 0.0),  # on no ground of the other set
        ([("a", "u", 1.0, 1.0)], 0.0),  # its hours are unknown
        ([("a", "n", 0.5, 1.0), ("a", "u", 0.5, 1.0)], 0.0),  # those of a part of it are
        ([("a", "n", 0.5, 1.0)], 40.0),  # half of it lies where no hours are known of
        ([("a", "n", 1.0, 0.25)], 10.0),  # three quarters of n lie in no area of the set
    ],
)
def test_what_is_not_known_is_called_assumed(pairs: list[tuple[str, str, float, float]], hours: float) -> None:
    assert carried(*pairs, area_ids="a").loc["a"].tolist() == [hours, True]


def test_assumed_hours_stay_assumed() -> None:
    assumed = HOURS.assign(is_assumed=True)
    assert carried(("a", "n", 1.0, 1.0), area_ids="a", hours=assumed).loc["a"].tolist() == [40.0, True]


@given(st.lists(st.tuples(st.floats(0, 500), st.booleans()), min_size=1, max_size=6), st.randoms())
def test_a_set_carried_over_to_itself_is_the_same(rows: list[tuple[float, bool]], random: Random) -> None:
    ids = [f"a{number}" for number in range(len(rows))]
    hours = pd.DataFrame(rows, columns=["hours_per_day", "is_assumed"]).assign(area_id=ids)
    order = random.sample(ids, len(ids))
    ground = pd.DataFrame({"area_id": order, "other_area_id": order, "share": 1.0, "other_share": 1.0})
    same = carry_hours(hours, ground, pd.Index(ids))
    assert same["hours_per_day"].tolist() == hours["hours_per_day"].tolist()
    assert same["is_assumed"].tolist() == (hours["is_assumed"] | (hours["hours_per_day"] == 0)).tolist()


@given(st.integers(1, 5), st.integers(1, 5))
def test_no_hour_is_lost_or_made_where_the_set_covers_the_same_ground(districts: int, each: int) -> None:
    hours = pd.DataFrame({"area_id": [f"d{d}" for d in range(districts)], "is_assumed": False})
    hours["hours_per_day"] = [10.0 * (d + 1) for d in range(districts)]
    ground = pd.DataFrame(
        [(f"b{d}{b}", f"d{d}", 1.0, 1 / each) for d in range(districts) for b in range(each)],
        columns=["area_id", "other_area_id", "share", "other_share"],
    )
    table = carry_hours(hours, ground, pd.Index(ground["area_id"]))
    assert table["hours_per_day"].sum() == pytest.approx(hours["hours_per_day"].sum())
    assert table["is_assumed"].eq(each > 1).all()
