"""Visits: short, at random times, with bounded gaps."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.visits import BY_LOT, VisitsConfig, explore, plan_visits

CONFIG = VisitsConfig(10, 10, 24, 10, 16, 2, (), 0.05)
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


MANY = pd.DataFrame({"cell_id": [f"e{i:03d}" for i in range(200)], "area_id": "A"})


def explored(seed: int, day: date, minutes: int = 1170, **changes: float) -> pd.DataFrame:
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    return explore(MANY, minutes, day=day, time_zone="Europe/London", seed=seed, config=config)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), day=st.dates(date(2025, 1, 1), date(2027, 1, 1)), minutes=st.integers(0, 5000))
def test_visits_by_lot_are_short_within_the_hours_and_each_cell_has_one_chance(
    seed: int, day: date, minutes: int
) -> None:
    rows = explored(seed, day, minutes)
    local = rows["starts_at"].dt.tz_convert("Europe/London")
    begins = local.dt.hour * 60 + local.dt.minute
    assert set(local.dt.date) <= {day} and rows["cell_id"].is_unique
    assert begins.ge(600).all() and (begins + rows["minutes"]).le(1440).all() and rows["minutes"].between(10, 16).all()
    assert set(rows["chosen_for"]) <= {BY_LOT}
    expected = minutes * 0.05 / 0.95 / 13
    assert abs(len(rows) - expected) < 1
    assert rows["visit_chance"].tolist() == pytest.approx([expected / len(MANY)] * len(rows))
    assert rows.equals(explored(seed, day, minutes))


def test_over_a_year_the_share_of_time_and_the_chance_of_each_cell_are_as_told() -> None:
    days = [date(2026, 1, 1) + pd.Timedelta(days=n) for n in range(365)]
    drawn = [explored(1, day, exploration_share=0.2) for day in days]
    minutes = sum(rows["minutes"].sum() for rows in drawn)
    assert minutes / (minutes + 365 * 1170) == pytest.approx(0.2, abs=0.005)
    times = pd.concat(drawn)["cell_id"].value_counts().reindex(MANY["cell_id"], fill_value=0)
    chance = drawn[0]["visit_chance"].iloc[0]
    assert times.sum() == pytest.approx(365 * chance * len(MANY), rel=0.02)
    spread = (times - 365 * chance) / np.sqrt(365 * chance * (1 - chance))
    assert spread.abs().max() < 4.5 and 0.7 < spread.std() < 1.3


def test_no_share_no_cells_and_nothing_planned_mean_no_visit_by_lot() -> None:
    day = date(2026, 7, 1)
    assert explored(1, day, exploration_share=0).empty and explored(1, day, minutes=0).empty
    none = explore(MANY[:0], 1170, day=day, time_zone="Europe/London", seed=1, config=CONFIG)
    assert none.empty and none.columns.tolist() == visits().columns.tolist()
