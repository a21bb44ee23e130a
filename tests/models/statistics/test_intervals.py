"""A reported interval holds its own point, and covers no less than before."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from models.statistics.intervals import hold_points

NUMBERS = st.floats(-1e6, 1e6) | st.just(float("nan"))
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=20)


@given(ROWS)
def test_the_interval_reaches_to_its_point_and_nothing_else_changes(rows: list[tuple[float, float, float]]) -> None:
    table = pd.DataFrame(rows, columns=["x", "x_lo", "x_hi"]).assign(y_lo=1.0, name="a_hi")
    held = hold_points(table)
    known = held["x"].notna()
    assert not (held["x_lo"] > held["x"]).any() and not (held["x_hi"] < held["x"]).any()
    assert not (held["x_lo"] > table["x_lo"]).any() and not (held["x_hi"] < table["x_hi"]).any()
    pd.testing.assert_frame_equal(held[["x", "y_lo", "name"]], table[["x", "y_lo", "name"]])
    pd.testing.assert_frame_equal(held[~known], table[~known])
    assert (held[["x_lo", "x_hi"]].isna() == table[["x_lo", "x_hi"]].isna()).all(axis=None)
    pd.testing.assert_frame_equal(hold_points(held), held)


def test_the_mean_of_a_rare_grave_event_lies_at_the_end_of_its_interval() -> None:
    draws = np.array([0.0] * 95 + [5_475.0] * 5)
    lo, hi = np.quantile(draws, [0.1, 0.9])
    assert hold_points(pd.DataFrame({"harm": [draws.mean()], "harm_lo": lo, "harm_hi": hi})).to_dict("list") == {
        "harm": [273.75],
        "harm_lo": [0.0],
        "harm_hi": [273.75],
    }


def test_ranks_stay_whole_numbers() -> None:
    held = hold_points(pd.DataFrame({"rank": [1, 5], "rank_lo": [2, 3], "rank_hi": [4, 4]}))
    assert held.to_dict("list") == {"rank": [1, 5], "rank_lo": [1, 3], "rank_hi": [4, 5]}
    assert (held.dtypes == np.int64).all()
