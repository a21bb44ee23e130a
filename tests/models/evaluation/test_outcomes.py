"""The score of a forecast: by hand on few cells, by formula on many, and the same in whatever order cells come."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.outcomes import OUTCOME_COLUMNS, fixed_order, score_forecast


def forecast_of(harm: list[float], events: list[float], naive: list[int]) -> pd.DataFrame:
    ids = [f"EPSG:32618:150:{i}:0" for i in range(len(harm))]
    return pd.DataFrame(
        {
            "cell_id": ids,
            "expected_events": events,
            "expected_harm": harm,
            "expected_harm_lo": 0.0,
            "expected_harm_hi": np.asarray(harm) * 2,
            "naive_count": naive,
        }
    )


def happened(cells: dict[int, tuple[int, float]]) -> pd.DataFrame:
    rows = [(f"EPSG:32618:150:{i}:0", n, harm) for i, (n, harm) in cells.items()]
    return pd.DataFrame(rows, columns=["cell_id", "n", "harm"])


def test_a_score_worked_out_by_hand() -> None:
    # 20 cells: one is 5%, and one is the least that "1%" can be. Harm ranks cell 0, events cell 1, the count cell 2.
    harm, events, naive = [9.0] + [1.0] * 19, [0.1, 3.0] + [0.1] * 18, [0, 1, 7] + [0] * 17
    realised = happened({0: (1, 30.0), 1: (2, 4.0), 2: (1, 2.0), 3: (1, 4.0)})
    row = score_forecast(forecast_of(harm, events, naive), realised).iloc[0]
    assert list(row.index) == OUTCOME_COLUMNS
    assert (row["cell_count"], row["event_count"], row["harm_days"]) == (20, 5, 40.0)
    assert row["expected_events"] == pytest.approx(4.9)
    assert row["expected_harm"] == pytest.approx(28.0)
    for top in ("top1", "top5"):
        assert row[f"hit_rate_{top}"] == pytest.approx(2 / 5)
        assert row[f"pai_{top}"] == pytest.approx(2 / 5 / (1 / 20))
        assert row[f"harm_share_{top}"] == pytest.approx(30 / 40)
        assert row[f"naive_hit_rate_{top}"] == pytest.approx(1 / 5)
        assert row[f"naive_pai_{top}"] == pytest.approx(4.0)
        assert row[f"naive_harm_share_{top}"] == pytest.approx(2 / 40)
    # Cell 0 expected 18 at most and had 30; cells 1 and 3 expected 2 at most and had 4; cell 2 had just 2.
    assert row["interval_coverage"] == pytest.approx(17 / 20)


def test_an_end_of_the_interval_met_but_for_rounding_is_met() -> None:
    forecast = forecast_of([0.15], [1.0], [1])
    row = score_forecast(forecast, happened({0: (3, 0.1 + 0.2)})).iloc[0]
    assert forecast["expected_harm_hi"].iloc[0] < 0.1 + 0.2
    assert row["interval_coverage"] == 1.0


def test_shares_of_nothing_are_missing_and_cells_outside_count_for_nothing() -> None:
    realised = pd.DataFrame({"cell_id": ["EPSG:32618:150:99:99"], "n": [5], "harm": [100.0]})
    row = score_forecast(forecast_of([1.0, 2.0], [1.0, 2.0], [0, 0]), realised).iloc[0]
    assert (row["event_count"], row["harm_days"]) == (0, 0.0)
    assert row.filter(regex="hit_rate|pai|harm_share").isna().all()
    assert len(row.filter(regex="hit_rate|pai|harm_share")) == 12


def test_incidents_without_harm_have_a_hit_rate_and_no_harm_share() -> None:
    row = score_forecast(forecast_of([1.0, 2.0], [1.0, 2.0], [0, 0]), happened({1: (3, 0.0)})).iloc[0]
    assert row["hit_rate_top1"] == 1.0
    assert np.isnan(row["harm_share_top1"])


def test_equal_cells_fall_alike_for_both_methods() -> None:
    flat = forecast_of([1.0] * 300, [1.0] * 300, [1] * 300)
    realised = happened({i: (1 + i % 7, float(i % 11)) for i in range(300)})
    row = score_forecast(flat, realised).iloc[0]
    for measure in ("hit_rate_top1", "pai_top5", "harm_share_top5"):
        assert row[measure] == row[f"naive_{measure}"]


@given(st.permutations(range(40)))
def test_the_order_of_the_rows_means_nothing(order: list[int]) -> None:
    forecast = forecast_of([1.0, 2.0] * 20, [1.0] * 40, [0, 1, 1, 2] * 10)
    realised = happened({i: (i % 3, float(i % 5)) for i in range(0, 40, 2)})
    shuffled = forecast.iloc[order]
    pd.testing.assert_frame_equal(score_forecast(shuffled, realised), score_forecast(forecast, realised))
    assert (np.asarray(fixed_order(forecast["cell_id"]))[order] == fixed_order(shuffled["cell_id"])).all()


def test_the_fixed_order_is_a_permutation_unlike_that_of_the_ids() -> None:
    ids = forecast_of([0.0] * 500, [0.0] * 500, [0] * 500)["cell_id"]
    place = fixed_order(ids)
    assert sorted(place) == list(range(500))
    assert abs(np.corrcoef(place, np.arange(500))[0, 1]) < 0.15


def test_a_perfect_ranking_gets_the_most_there_is() -> None:
    counts = np.random.default_rng(1).poisson(0.3, 1000)
    forecast = forecast_of(list(counts * 5.0), list(counts * 1.0), list(counts))
    row = score_forecast(forecast, happened({i: (int(n), 5.0 * n) for i, n in enumerate(counts)})).iloc[0]
    best = np.sort(counts)[::-1]
    assert row["hit_rate_top1"] == pytest.approx(best[:10].sum() / counts.sum())
    assert row["harm_share_top5"] == pytest.approx(best[:50].sum() / counts.sum())
    assert row["pai_top5"] == pytest.approx(20 * best[:50].sum() / counts.sum())


@pytest.mark.parametrize("forecast", [forecast_of([], [], []), pd.concat([forecast_of([1.0], [1.0], [1])] * 2)])
def test_no_cell_or_a_cell_twice_is_refused(forecast: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="each cell once"):
        score_forecast(forecast, happened({}))
