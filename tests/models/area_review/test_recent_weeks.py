import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.area_review.recent_weeks import DAYS_PROFILED, WEEKS, compare_weeks, usual_range
from pipeline.publication.tables import RUN_COLUMNS, read_tables

AREAS = pd.DataFrame({"area_id": ["a@1", "b@1"], "area_name": ["A", "B"]})
COLUMNS = ["area_id", "age_days", "weekday", "hour", "is_sharp", "n"]
DAYS = 7 * (WEEKS + 1)


def counts(*rows: tuple[str, int, int, int | None, bool, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).astype({"hour": "Int64"})


def every_day(per_day: np.ndarray) -> pd.DataFrame:
    """Return counts of area a, by age in days."""
    return counts(*[("a@1", age, (6 - age) % 7, 20, False, int(n)) for age, n in enumerate(per_day) if n])


def test_days_and_weeks_by_hand() -> None:
    found = counts(
        ("a@1", 0, 6, 22, False, 3), ("a@1", 1, 5, 22, False, 2), ("a@1", 6, 0, 3, False, 1),
        ("a@1", 7, 6, 3, False, 5), ("a@1", 364, 6, 1, False, 4), ("a@1", 370, 0, 1, False, 2),
        ("b@1", 0, 6, None, False, 1),
    )  # fmt: skip
    table = compare_weeks(found, AREAS).set_index("area_id")
    a = table.loc["a@1"]
    assert [a["day_count"], a["day_before_count"], a["week_count"], a["week_before_count"]] == [3, 2, 6, 5]
    assert a["week_last_year_count"] == 6
    assert (len(a["weekly_counts"]), a["weekly_counts"][-2:]) == (WEEKS, [5, 6])
    assert (a["hour_counts"][22], a["hour_counts"][3], sum(a["hour_counts"])) == (5, 6, 15)  # age 370 is too old
    assert a["weekday_counts"] == [1, 0, 0, 0, 0, 2, 12]
    assert table.loc["b@1", "no_hour_count"] == 1
    columns = [name for name in read_tables().published["area_recent"].column_names if name not in RUN_COLUMNS]
    assert list(compare_weeks(found, AREAS).columns) == columns


def test_a_burst_is_unusual_and_a_quiet_week_is_not() -> None:
    rng = np.random.default_rng(1)
    per_day = rng.poisson(5, DAYS)
    assert not compare_weeks(every_day(per_day), AREAS)["is_unusual"].any()
    per_day[:7] += 4
    table = compare_weeks(every_day(per_day), AREAS).set_index("area_id")
    assert table["is_unusual"].to_dict() == {"a@1": True, "b@1": False}
    per_day[:7] = 0
    assert not compare_weeks(every_day(per_day), AREAS)["is_unusual"].any()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 300), st.sampled_from([0.0, 0.05, 0.3]), st.integers(0, 1000))
def test_with_nothing_planted_about_one_week_in_twenty_is_unusual_at_most(
    mean: float, spread: float, seed: int
) -> None:
    """Weeks of Poisson counts, and of counts with a gamma rate of their own each."""
    rng = np.random.default_rng(seed)
    rates = mean if spread == 0 else rng.gamma(1 / spread, spread * mean, (4000, WEEKS))
    weeks = rng.poisson(rates, (4000, WEEKS))
    _, hi = usual_range(weeks[:, 1:])
    assert (weeks[:, 0] > hi).mean() <= 0.065


def test_a_young_record_has_no_usual_range_and_no_last_year() -> None:
    table = compare_weeks(every_day(np.ones(30, np.int64)), AREAS)
    assert table[["week_usual_lo", "week_usual_hi", "week_last_year_count"]].isna().all(axis=None)
    assert table.loc[0, "weekly_counts"] == [7, 7, 7, 7]
    assert not table["is_unusual"].any()
    empty = compare_weeks(counts(), AREAS)
    assert (empty["week_count"].tolist(), empty["is_unusual"].tolist()) == ([0, 0], [False, False])


def test_hours_that_stand_for_no_time_are_left_out() -> None:
    """A pile at midnight sharp is left out; noon is as frequent as any full hour, and stays."""
    sharp = [("a@1", 5, 0, hour, True, 90 if hour == 0 else 10) for hour in range(24)]
    table = compare_weeks(counts(*sharp, ("a@1", 5, 0, 0, False, 7)), AREAS)
    assert table.loc[0, "hour_counts"] == [7] + [10] * 23
    assert table.loc[0, "no_hour_count"] == 90
    assert sum(table.loc[0, "weekday_counts"]) == 327
    assert DAYS_PROFILED == 365
