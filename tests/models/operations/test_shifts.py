"""Shifts of the local day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.operations.shifts import DAY_MINUTES, Shift, read_shifts

DAY = np.arange(DAY_MINUTES)
minutes = st.integers(0, DAY_MINUTES - 1)


def test_a_shift_that_runs_past_midnight_holds_both_sides_of_it() -> None:
    (night,) = read_shifts({"night": "23:00-7:00"})
    assert night.holds(np.array([22 * 60 + 59, 23 * 60, 0, 6 * 60 + 59, 7 * 60])).tolist() == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_a_shift_that_ends_at_24_ends_at_midnight() -> None:
    assert read_shifts({"late": "16:00-24:00"}) == (Shift("late", 960, 0),)


@given(minutes, minutes)
def test_two_shifts_that_meet_at_both_ends_share_out_the_day(starts: int, ends: int) -> None:
    one, other = Shift("one", starts, ends), Shift("other", ends, starts)
    if starts != ends:
        assert (one.holds(DAY) ^ other.holds(DAY)).all()


@pytest.mark.parametrize("span", ["15:00", "25:00-26:00", "15:00-15:00", "three to eleven", "24:30-3:00"])
def test_a_span_that_is_none_is_named(span: str) -> None:
    with pytest.raises(ValueError, match=f"shift 'late': '{span}' is not two times"):
        read_shifts({"late": span})
