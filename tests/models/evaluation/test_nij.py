"""The challenge's measures by hand, and cells chosen within its limits."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.nij import LEAST_FORECAST_FT2, MOST_FORECAST_FT2, choose_cells, pool_scores, score_cells
from tests.soak import sample

CELL_FT2 = 500.0**2


def test_pai_and_pei_by_hand() -> None:
    # 100 cells; two are forecast and hold 3 of 10 crimes, the fullest two hold 7.
    count = np.array([1, 2, 4, 3, *[0] * 96])
    is_hotspot = np.isin(np.arange(100), [0, 1])
    row = score_cells(count, np.full(100, CELL_FT2), is_hotspot).iloc[0]
    assert (row["cells"], row["n"], row["n_all"], row["n_best"]) == (2, 3, 10, 7)
    assert row["n_by_chance"] == pytest.approx(0.2)
    assert row["pai"] == pytest.approx((3 / 10) / (2 / 100))
    assert row["pei"] == pytest.approx(3 / 7)
    assert row["square_miles"] == pytest.approx(500_000 / 27_878_400)


def test_trimmed_cells_count_with_the_ground_they_have() -> None:
    row = score_cells([2, 2], [100.0, 300.0], np.array([True, False])).iloc[0]
    assert row["pai"] == pytest.approx((2 / 4) / (1 / 4))


def test_without_crime_there_is_nothing_to_score() -> None:
    row = score_cells([0, 0], [1.0, 1.0], np.array([True, False])).iloc[0]
    assert np.isnan(row["pai"]) and np.isnan(row["pei"])


def test_forecasts_pool_as_one() -> None:
    months = [score_cells(count, np.full(4, CELL_FT2), np.array([True, False, False, False])) for count in
              ([3, 1, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0])]  # fmt: skip
    row = pool_scores(pd.concat(months)).iloc[0]
    assert (row["n"], row["n_all"], row["n_best"]) == (3, 8, 7)
    assert row["pai"] == pytest.approx((3 / 8) / (1 / 4))
    assert row["pei"] == pytest.approx(3 / 7)


def test_the_first_cells_that_reach_the_target_are_chosen() -> None:
    expected = np.arange(200.0)
    chosen = choose_cells(expected, np.full(200, CELL_FT2), np.arange(200), target_ft2=LEAST_FORECAST_FT2)
    assert np.flatnonzero(chosen).tolist() == list(range(172, 200))
    assert chosen.sum() * CELL_FT2 >= LEAST_FORECAST_FT2 > (chosen.sum() - 1) * CELL_FT2


def test_the_forecast_never_passes_three_quarters_of_a_square_mile() -> None:
    chosen = choose_cells(np.ones(200), np.full(200, CELL_FT2), np.arange(200)[::-1], target_ft2=MOST_FORECAST_FT2)
    assert chosen.sum() == int(MOST_FORECAST_FT2 // CELL_FT2)
    assert chosen[-1] and not chosen[0]


@pytest.mark.sampled
@settings(max_examples=sample(25, whole=100))
@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(1.0, 360_000.0)), min_size=250, max_size=400),
    st.floats(LEAST_FORECAST_FT2, MOST_FORECAST_FT2),
)
def test_every_forecast_keeps_the_rules(cells: list[tuple[int, float]], target_ft2: float) -> None:
    expected, area_ft2 = np.array([e for e, _ in cells]), np.array([a for _, a in cells])
    if area_ft2.sum() < MOST_FORECAST_FT2:
        area_ft2 = area_ft2 + 90_000
    chosen = choose_cells(expected, area_ft2, np.arange(len(cells)), target_ft2=target_ft2)
    assert LEAST_FORECAST_FT2 <= area_ft2[chosen].sum() <= MOST_FORECAST_FT2
    assert expected[chosen].min() >= expected[~chosen].max()


@pytest.mark.parametrize("target_ft2", [0.0, LEAST_FORECAST_FT2 * 0.99, MOST_FORECAST_FT2 * 1.01])
def test_a_target_outside_the_rules_is_refused(target_ft2: float) -> None:
    with pytest.raises(ValueError, match="square miles"):
        choose_cells(np.ones(200), np.full(200, CELL_FT2), np.arange(200), target_ft2=target_ft2)


def test_too_little_ground_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        choose_cells(np.ones(3), np.full(3, CELL_FT2), np.arange(3), target_ft2=LEAST_FORECAST_FT2)
