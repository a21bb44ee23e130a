"""Visits: short, at random times, with bounded gaps."""

from datetime import date
from itertools import pairwise

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.visits import VisitsConfig, plan_visits

CONFIG = VisitsConfig(10, 10, 24, 10, 16, 2, ())
CELLS = pd.DataFrame({"cell_id": ["c1", "c2"], "area_id": "A", "chosen_for": "forecast"})


def visits(seed: int = 1, day: date = date(2026, 7, 1), cells: pd.DataFrame = CELLS) -> pd.DataFrame:
    return plan_visits(cells, day=day, time_zone="Europe/London", seed=seed, config=CONFIG)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), day=st.dates(date(2025, 1, 1), date(2027, 1, 1)))
def test_no_spot_is_left_for_longer_than_two_hours_of_the_shift(seed: int, day: date) -> None:
    for _, rows in visits(seed, day).groupby("cell_id"):
        local = rows["starts_at"].dt.tz_convert("Europe/London")
        minute = (local.dt.hour * 60 + local.dt.minute).tolist()
        assert set(local.dt.date) == {day}
        assert minute[0] - 600 <= 120
        assert all(0 < b - a <= 121 for a, b in pairwise(minute))
        assert 1440 - minute[-1] <= 120 + 16
        assert rows["minutes"].between(10, 16).all()


def test_times_are_random_by_day_and_cell_and_the_same_by_seed() -> None:
    assert visits().equals(visits())
    assert not visits()["starts_at"].equals(visits(day=date(2026, 7, 2))["starts_at"] - pd.Timedelta(days=1))
    alone = visits(cells=CELLS[1:])
    together = visits().query("cell_id == 'c2'")
    assert alone["starts_at"].tolist() == together["starts_at"].tolist()
    assert visits().query("cell_id == 'c1'")["starts_at"].tolist() != together["starts_at"].tolist()


def test_no_cells_no_visits() -> None:
    assert visits(cells=CELLS[:0]).empty
