import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.people_scores.exposure import decayed_days, liberty_days

AS_OF = pd.Timestamp("2026-01-01", tz="UTC")


def persons(born_on: str | None = "1980-01-01", deceased_at: str | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "born_on": pd.to_datetime([born_on]),
            "deceased_at": pd.to_datetime(pd.Series([deceased_at]), utc=True).to_numpy(),
        },
        index=pd.Index(["a"], name="person_id"),
    ).assign(deceased_at=lambda f: pd.to_datetime(f["deceased_at"], utc=True))


def custody(*intervals: tuple[float, float | None]) -> pd.DataFrame:
    """Return custody intervals given as ages in days before the clock; None while it lasts."""
    since = [AS_OF - pd.Timedelta(days=older) for older, _ in intervals]
    until = [pd.NaT if newer is None else AS_OF - pd.Timedelta(days=newer) for _, newer in intervals]
    return pd.DataFrame(
        {
            "person_id": ["a"] * len(intervals),
            "custody_from": pd.Series(since, dtype="datetime64[us, UTC]"),
            "custody_to": pd.Series(until, dtype="datetime64[us, UTC]"),
            "kind": "prison",
        }
    )


def days(people: pd.DataFrame, away: pd.DataFrame, half_life_days: float = np.inf, window_days: float = 1000) -> float:
    return liberty_days(people, away, as_of=AS_OF, window_days=window_days, half_life_days=half_life_days).loc["a"]


def test_closed_form_is_the_sum_over_short_steps() -> None:
    middles = np.arange(100.0, 400.0, 0.01) + 0.005
    assert decayed_days(400.0, 100.0, 365.0) == pytest.approx((0.5 ** (middles / 365)).sum() * 0.01)
    assert decayed_days(400.0, 100.0, np.inf) == 300


def test_free_all_the_time_is_the_window() -> None:
    assert days(persons(), custody()) == 1000


@pytest.mark.parametrize(
    ("intervals", "lost"),
    [
        ([(300, 200)], 100),
        ([(300, 200), (250, 150)], 150),  # overlap is subtracted once
        ([(300, 100), (250, 150), (220, 210)], 200),  # one within the other
        ([(300, 200), (300, 200)], 100),
        ([(1500, 900)], 100),  # the window begins at 1,000
        ([(50, None)], 50),
        ([(50, -20)], 50),  # the clock ends it
        ([(200, 300)], 0),  # ends before it begins
        ([(2000, None)], 1000),
    ],
)
def test_time_away_is_taken_off_once(intervals: list[tuple[float, float | None]], lost: float) -> None:
    assert days(persons(), custody(*intervals)) == pytest.approx(1000 - lost)


def test_risk_begins_at_the_tenth_birthday_and_ends_at_death() -> None:
    assert days(persons("2015-01-01"), custody()) == 365
    assert days(persons(None), custody()) == 1000
    assert days(persons("2015-01-01", "2025-12-22"), custody()) == 355
    assert days(persons("2015-01-01", "2025-12-22"), custody((20, 0))) == 345


def test_custody_of_people_outside_the_frame_is_left_out() -> None:
    stranger = custody((300, 200)).assign(person_id="b")
    assert days(persons(), stranger) == 1000


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(-50, 1200), st.integers(-50, 1200)), max_size=8),
    st.sampled_from([30.0, 365.0, np.inf]),
)
def test_any_intervals_agree_with_counting_hours(intervals: list[tuple[int, int]], half_life_days: float) -> None:
    hours = np.arange(0, 1000 * 24) / 24 + 1 / 48
    away = np.zeros(len(hours), dtype=bool)
    for older, newer in intervals:
        away |= (hours < older) & (hours > newer)
    expected = (0.5 ** (hours[~away] / half_life_days)).sum() / 24
    assert days(persons(), custody(*intervals), half_life_days) == pytest.approx(expected, rel=1e-4, abs=1e-6)
