"""Figures of few people are withheld from months, areas, years and operations, and no chain of sums tells one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.outcomes.periods import FEWEST_PEOPLE, FORCE, OPERATION, few_people, in_periods, make_periods
from tests.models.outcomes.rows import AS_OF, ZONE, operations
from tests.soak import sample

AREAS = ["A@1", "B@1", "C@1"]
Group = tuple[int, int, int, int]  # first person, how many, area (0: none), day of the year before AS_OF

groups = st.lists(
    st.tuples(st.sampled_from([0, 5, 20, 40]), st.integers(1, 14), st.integers(0, 3), st.integers(0, 120)),
    min_size=1,
    max_size=12,
)
spans = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 420), st.integers(0, 90)), max_size=3)


def table(rows: Sequence[Group], operation_spans: Sequence[tuple[int, int, int]]) -> tuple[pd.DataFrame, ...]:
    """Return records of people, one each, and the periods of a force of three areas with some operations."""
    last = pd.Timestamp("2026-04-15")
    records = [
        {
            "person_id": f"p{first + n}",
            "area_id": [None, *AREAS][area],
            "on": last - pd.Timedelta(days=back),
            "count": 1,
        }
        for first, size, area, back in rows
        for n in range(size)
    ]
    ran = [
        (f"market_{n}_{n}", AREAS[area], str((last - pd.Timedelta(days=back)).date()),
         str((last - pd.Timedelta(days=max(back - days, 0))).date()))
        for n, (area, back, days) in enumerate(operation_spans)
    ]  # fmt: skip
    return pd.DataFrame(records), make_periods(AREAS, operations(*ran), as_of=AS_OF, time_zone=ZONE)


def sums(records: pd.DataFrame, periods: pd.DataFrame) -> np.ndarray:
    """Return which figures of an area and a day each period adds up [periods, figures]."""
    place = records["area_id"].astype(object).where(records["area_id"].notna(), "no area")
    atoms = records.assign(place=place)[["place", "on"]].drop_duplicates()
    inside = []
    for each in periods.to_dict("records"):
        own = each["area_id"] if each["scope"] == "operation" else each["scope_id"]
        is_there = (atoms["place"] == own) | (each["scope"] == FORCE)
        inside.append(is_there & atoms["on"].between(each["from_on"], each["to_on"]))
    return np.array(inside, dtype=float)


@settings(max_examples=sample(25, whole=3000), deadline=None)
@given(groups, spans)
@example([(0, 14, 1, 10), (20, 5, 2, 10), (40, 30, 1, 50), (40, 30, 2, 50)], [])  # the year less eleven months
@example([(0, 14, 1, 74), (20, 14, 1, 60), (40, 2, 1, 50)], [(0, 80, 10), (0, 66, 12)])  # a month less two operations
def test_no_withheld_figure_follows_from_those_that_are_shown(
    rows: list[Group], operation_spans: list[tuple[int, int, int]]
) -> None:
    records, periods = table(rows, operation_spans)
    counted = in_periods(records, periods)
    is_withheld = few_people(counted, periods).notna().to_numpy()
    people = counted.groupby("period")["person_id"].nunique().reindex(range(len(periods)), fill_value=0).to_numpy()
    assert is_withheld[(people > 0) & (people < FEWEST_PEOPLE)].all()
    assert not is_withheld[(people == 0) & (periods["span"] != OPERATION).to_numpy()].any()
    added = sums(records, periods)
    added = added[:, ~added[is_zero(people)].any(axis=0)] if (people == 0).any() else added
    known = np.linalg.matrix_rank(added[~is_withheld])
    # What is withheld beside small figures may follow, as an operation that had all of its area's year.
    for figure in np.unique(added[(people > 0) & (people < FEWEST_PEOPLE)], axis=0):
        assert not figure.any() or np.linalg.matrix_rank(np.vstack([added[~is_withheld], figure])) > known


def is_zero(people: np.ndarray) -> np.ndarray:
    return people == 0


@given(groups)
@settings(max_examples=sample(10, whole=500), deadline=None)
def test_what_is_withheld_beside_a_shown_sum_holds_ten_people(rows: list[Group]) -> None:
    records, periods = table(rows, [])
    counted = in_periods(records, periods)
    hidden = periods.assign(number=range(len(periods)))[few_people(counted, periods).notna()]
    shown = {*range(len(periods))} - {*hidden["number"]}
    keys = zip(periods["scope_id"], periods["span"], periods["from_on"], strict=True)
    numbers = {key: number for number, key in enumerate(keys)}
    months, parts = hidden[hidden["span"] == "month"], hidden[hidden["scope"] != FORCE]
    lines = [((place, "year", periods["from_on"].min()), own) for place, own in months.groupby("scope_id")]
    lines += [((FORCE, *line), own) for line, own in parts.groupby(["span", "from_on"])]
    for whole, own in lines:
        if numbers[whole] in shown:
            held = counted[counted["period"].isin(own["number"])]["person_id"].nunique()
            assert held >= FEWEST_PEOPLE


def test_a_figure_of_many_is_shown_though_a_small_one_is_withheld() -> None:
    """Totals are kept as long as they can be."""
    records, periods = table([(0, 14, 1, 10), (20, 5, 2, 10), (40, 30, 1, 50), (40, 30, 2, 50)], [])
    why = few_people(in_periods(records, periods), periods)
    shown = why[why.isna()].index
    assert {("force", "year"), ("force", "month")} <= {
        *zip(periods["scope"][shown], periods["span"][shown], strict=True)
    }
    assert periods.loc[why.notna(), "scope"].eq("area").all()
