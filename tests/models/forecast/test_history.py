import numpy as np
import pandas as pd
import pytest

from models.forecast.history import read_history


def history_of(ages, *, n=1, cell=0, code="a", codes=("a",), history_days=1000):
    ages = np.asarray(ages)
    events = pd.DataFrame({"offence_code": code, "age_days": ages, "n": n}, index=range(len(ages)))
    return read_history(events, np.broadcast_to(cell, ages.shape), codes, history_days)


def test_a_daily_source_is_read_as_it_is():
    ages = np.repeat(np.arange(100), 30)
    history = history_of(ages)
    np.testing.assert_array_equal(history.age, ages[::-1])
    assert history.notes == ()
    assert history.span_days == pytest.approx(100, rel=0.001)


def test_months_are_spread_over_their_days():
    ages = np.repeat(np.arange(35, 395, 30), 300)
    history = history_of(ages)
    assert "about every 30 days" in history.notes[0]
    per_day = np.bincount(history.age)
    # Twelve months of 300 events each: ten a day over all their days, none piled up, none lost.
    assert len(per_day) == 360
    assert per_day.max() <= 12
    assert per_day.sum() == 3600


def test_a_month_that_reaches_past_today_is_left_out():
    history = history_of(np.repeat([10, 40, 70, 100], 300))
    assert history.n.sum() == 900
    assert any("still to come" in note for note in history.notes)


def test_months_without_a_file_are_not_observed():
    ages = np.concatenate([np.repeat(np.arange(30), 50), np.repeat(np.arange(120, 150), 50)])
    history = history_of(ages)
    assert history.age.max() == 59
    assert "silent on 90 days" in history.notes[0]


def test_a_stale_source_says_so_and_its_latest_day_is_the_present():
    history = history_of(np.repeat(np.arange(40, 140), 50))
    assert history.age.min() == 0
    assert history.notes == ("The latest event is 40 days before the forecast begins.",)


def test_a_village_with_an_event_a_week_has_neither_lumps_nor_gaps():
    ages = np.arange(0, 700, 7)
    np.testing.assert_array_equal(history_of(ages).age, ages[::-1])


def test_what_cannot_be_used_is_counted_in_words():
    events = pd.DataFrame({"offence_code": ["a", "b", "a", "a"], "age_days": [1, 1, 1, 2000], "n": [1, 2, 3, 4]})
    history = read_history(events, np.array([0, 0, -1, 0]), ("a",), 1000)
    assert history.n.sum() == 1
    assert "2 events have an offence without a harm weight" in history.notes[0]
    assert "3 events lie outside the cells" in history.notes[1]


@pytest.mark.parametrize(("column", "value"), [("age_days", -1), ("n", -1), ("n", np.nan)])
def test_impossible_numbers_are_refused(column, value):
    events = pd.DataFrame({"offence_code": ["a"], "age_days": [1.0], "n": [1.0]})
    events[column] = value
    with pytest.raises(ValueError, match=column):
        read_history(events, np.array([0]), ("a",), 1000)


def test_a_quiet_village_is_not_a_source_that_fell_silent():
    # Two events three days apart, eighty days ago: nothing says that the days since were not observed.
    events = pd.DataFrame({"offence_code": ["theft"] * 2, "age_days": [81, 84], "n": [1, 1]})
    history = read_history(events, np.zeros(2, dtype=np.int64), ("theft",), 1000)
    assert history.age.tolist() == [84, 81]
    assert not any("silent" in note for note in history.notes)
