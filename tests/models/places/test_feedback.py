"""Feedback: by hand on two areas, a planted loop found, even policing as quiet as it says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.places.feedback import FEEDBACK_COLUMNS, Z80, measure_feedback


def areas(public: list[int], police: list[int], hours: list[float]) -> pd.DataFrame:
    ids = [f"a{i}" for i in range(len(public))]
    counts = {"public_count": public, "police_count": police}
    return pd.DataFrame({"area_id": ids, **counts, "today_hours": hours, "proposed_hours": hours[::-1]})


def test_shares_worked_out_by_hand() -> None:
    table = measure_feedback(areas([30, 10], [4, 12], [10.0, 30.0])).set_index("area_id")
    assert list(table.reset_index().columns) == list(FEEDBACK_COLUMNS)
    assert table["public_share"].tolist() == [0.75, 0.25]
    assert table["police_share"].tolist() == [0.25, 0.75]
    assert table["hours_share"].tolist() == [0.25, 0.75]
    assert table["proposed_share"].tolist() == [0.75, 0.25]
    ratio = (12.5 / 17) / (10.5 / 41)
    assert table.loc["a1", "find_ratio"] == pytest.approx(ratio)
    assert table.loc["a1", "find_ratio_lo"] == pytest.approx(ratio / np.exp(Z80 * np.sqrt(1 / 12.5 + 1 / 10.5)))
    assert table["is_alarm"].tolist() == [False, True]
    assert table["rank_public"].tolist() == table["rank_with_police"].tolist() == [1, 2]


def test_ranks_say_how_far_discovered_incidents_would_have_led() -> None:
    table = measure_feedback(areas([30, 20, 20], [0, 40, 0], [1, 5, 1])).set_index("area_id")
    assert table["rank_public"].tolist() == [1, 2, 3]
    assert table["rank_with_police"].tolist() == [2, 1, 3]


def test_no_officers_more_than_elsewhere_no_loop() -> None:
    assert not measure_feedback(areas([30, 10], [4, 12], [30.0, 10.0]))["is_alarm"].any()


def test_police_who_find_as_the_public_reports_raise_an_alarm_as_often_as_chance_says() -> None:
    """An 80% interval lies above one by chance in at most one area of ten, where officers are."""
    draw = np.random.default_rng(3)
    alarms = [
        measure_feedback(areas(draw.poisson(60, 10).tolist(), draw.poisson(30, 10).tolist(), [7.0] * 10))["is_alarm"]
        for _ in range(200)
    ]
    assert np.mean(alarms) <= 0.1


def test_an_area_whose_hours_are_missing_silences_no_other() -> None:
    table = measure_feedback(areas([30, 10, 10], [4, 12, 0], [10.0, 30.0, np.nan])).set_index("area_id")
    assert table["hours_share"].tolist()[:2] == [0.25, 0.75] and np.isnan(table.loc["a2", "hours_share"])
    assert table["is_alarm"].tolist() == [False, True, False]


def test_nothing_found_and_nothing_reported_are_shares_of_nothing() -> None:
    table = measure_feedback(areas([0, 0], [0, 0], [0.0, 0.0]))
    assert table[["public_share", "police_share", "hours_share"]].isna().all().all()
    assert not table["is_alarm"].any()


ROWS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 200), st.integers(0, 50)), min_size=1, max_size=12)


@given(ROWS, st.randoms(use_true_random=False))
def test_shares_add_up_and_the_order_of_areas_says_nothing(rows: list[tuple[int, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    given_areas = areas(*[list(column) for column in zip(*rows, strict=True)])  # type: ignore[arg-type]
    table = measure_feedback(given_areas)
    for name in ("public_share", "police_share", "hours_share"):
        assert table[name].isna().all() or table[name].sum() == pytest.approx(1)
    assert (table["find_ratio_lo"] <= table["find_ratio"]).all()
    order = list(range(len(rows)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(measure_feedback(given_areas.iloc[order]), table)
