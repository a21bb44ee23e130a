"""Rule features on literal cases: one spree or two."""

from itertools import combinations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from models.people_lists.rule_features import grave_incidents

START = pd.Timestamp("2025-06-01 23:30", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def graves(hours: list[int], person_id: str = "a") -> pd.DataFrame:
    rows = {"person_id": person_id, "incident_id": [f"i{i}" for i in range(len(hours))], "band": "high", "age_days": 1}
    return pd.DataFrame({**rows, "occurred_at": [START + h * HOUR for h in hours]})


def test_an_hour_over_midnight_is_one_spree_and_a_day_is_two() -> None:
    assert grave_incidents(graves([0, 1]))["incident_id"].tolist() == ["i0"]
    assert grave_incidents(graves([24, 0]))["incident_id"].tolist() == ["i1", "i0"]
    assert grave_incidents(graves([0]).assign(band="mid")).empty


@given(hours=st.lists(st.integers(0, 120), max_size=9), others=st.lists(st.integers(0, 120), max_size=3))
def test_grave_incidents_are_a_day_apart_and_no_choice_has_more(hours: list[int], others: list[int]) -> None:
    """The count equals the largest set of incidents all a day apart, in any order and beside another person."""
    both = pd.concat([graves(hours), graves(others, "b")], ignore_index=True)
    found = grave_incidents(both)
    mine = [hours[int(i[1:])] for i in found.loc[found["person_id"].eq("a"), "incident_id"]]

    def are_apart(some: tuple[int, ...]) -> bool:
        return all(abs(one - other) >= 24 for one, other in combinations(some, 2))

    assert are_apart(tuple(mine))
    assert len(mine) == max(
        size for size in range(len(hours) + 1) if any(are_apart(some) for some in combinations(hours, size))
    )
    assert found.index.isin(both.index).all()
