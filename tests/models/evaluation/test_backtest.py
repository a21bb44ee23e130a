import numpy as np
import pandas as pd
import pytest

from models.evaluation import backtest as evaluation
from models.evaluation.backtest import (
    EVENTS_FORECAST,
    HARM_FORECAST,
    METRICS,
    NAIVE,
    block_bootstrap,
    block_length,
    calibration_table,
    evaluate_forecast,
    jaccard,
    study_cells,
    top_parts,
    transform_deciles,
)
from models.forecast.blend import places_of
from models.forecast.forecast import ForecastConfig
from models.statistics.rank_draws import total_order

HARM_DAYS = pd.Series({"grave": 365.0, "petty": 2.0})
CONFIG = ForecastConfig(horizon_days=7, history_days=1095, draws=60)


def cell_days(seed=0, days=240, n=6000):
    random = np.random.default_rng(seed)
    rate = random.gamma(0.4, 1, (14, 14))
    place = random.choice(196, n, p=rate.ravel() / rate.sum())
    events = pd.DataFrame(
        {
            "cell_ix": place // 14,
            "cell_iy": place % 14,
            "offence_code": random.choice(["grave", "petty"], n, p=[0.1, 0.9]),
            "day": random.integers(1000, 1000 + days, n),
        }
    )
    return events.groupby(list(events.columns), as_index=False).size().rename(columns={"size": "n"})


def evaluate(events, origins=(1150, 1157, 1164, 1171), seed=5):
    cells = study_cells(events, origins[0])
    return evaluate_forecast(events, cells, HARM_DAYS, origins, horizon_days=7, seed=seed, config=CONFIG)


@pytest.fixture(scope="module")
def found():
    return evaluate(cell_days())


def value(table, method, metric, share):
    return table.set_index(["method", "metric", "share"])["value"][method, metric, share]


def test_a_share_of_cells_is_a_whole_number_of_them():
    assert [places_of(0.01, cells) for cells in (3, 149, 151, 5711, 20920)] == [1, 1, 2, 57, 209]


def test_ties_follow_the_one_permutation():
    assert list(total_order(np.array([1.0, 5.0, 1.0, 1.0]), ids=np.argsort([3, 1, 0, 2]))) == [1, 3, 0, 2]


def test_equals_at_the_edge_share_the_last_place():
    np.testing.assert_allclose(top_parts(np.array([9.0, 5, 5, 0]), 2), [1, 0.5, 0.5, 0])
    np.testing.assert_allclose(top_parts(np.array([9.0, 0, 0, 0]), 3), [1, 2 / 3, 2 / 3, 2 / 3])


def test_jaccard_by_hand():
    assert jaccard(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5


def test_a_constant_series_has_no_width_and_a_shifted_one_shifts():
    assert block_bootstrap(np.full(20, 0.3), 4, seed=1) == pytest.approx((0.3, 0.3))
    values = np.random.default_rng(0).normal(size=32)
    lo, hi = block_bootstrap(values, 4, seed=1)
    assert lo < values.mean() < hi
    assert block_bootstrap(values + 1, 4, seed=1) == pytest.approx((lo + 1, hi + 1))


def test_blocks_hold_two_horizons_where_horizons_overlap():
    assert block_length(32, [3 * n for n in range(32)], 7) == 5
    assert block_length(32, [14 * n for n in range(32)], 7) == 4
    assert block_length(1, [0], 7) == 1


def test_the_study_area_is_what_was_seen_before_and_a_ring():
    events = pd.DataFrame({"cell_ix": [0, 9], "cell_iy": [0, 9], "day": [10, 20]})
    cells = study_cells(events, 20)
    assert len(cells) == 9
    assert cells.to_numpy().max() == 1


def test_the_transform_of_true_counts_is_even_and_that_of_false_ones_is_not():
    random = np.random.default_rng(1)
    mean, excess = random.gamma(2, 1, 30_000) + 0.3, 0.4
    count = random.poisson(random.gamma(mean / excess, excess))
    judged = pd.DataFrame({"expected_events": mean, "excess": excess, "events": count, "p_none": 0.5})
    assert transform_deciles(judged, seed=2)["share"].between(0.092, 0.108).all()
    too_low = judged.assign(expected_events=mean / 2)
    assert transform_deciles(too_low, seed=2)["share"].iloc[-1] > 0.2


def test_quiet_cells_do_not_enter_the_transform():
    judged = pd.DataFrame({"expected_events": [0.1], "excess": [0.0], "events": [0], "p_none": [0.9]})
    assert transform_deciles(judged, seed=1)["cell_horizons"].tolist() == [0] * 10


def test_calibration_by_hand():
    judged = pd.DataFrame({"p_top_0.01": [0.01, 0.02, 0.52, 1.0], "in_top_0.01": [0.0, 0.5, 1.0, 1.0]})
    table = calibration_table(judged, 0.01)
    assert table["bin_from"].tolist() == [0.0, 0.5, 0.95]
    assert table["cell_horizons"].tolist() == [2, 1, 1]
    np.testing.assert_allclose(table["observed"], [0.25, 1, 1])


def test_the_naive_row_is_what_one_counts_by_hand(found):
    events = cell_days()
    cells = study_cells(events, 1150)
    ties = np.random.default_rng(5).permutation(len(cells))
    hit_rates, harm_shares = [], []
    for origin in (1150, 1157, 1164, 1171):
        counted = []
        for rows, weight in (
            (events["day"] < origin, 1),
            (events["day"].between(origin, origin + 6), 1),
            (events["day"].between(origin, origin + 6), events["offence_code"].map(HARM_DAYS)),
        ):
            n = (events["n"] * weight)[rows].groupby([events["cell_ix"], events["cell_iy"]]).sum()
            counted.append(n.reindex(pd.MultiIndex.from_frame(cells), fill_value=0).to_numpy())
        before, came, harm = counted
        top = ties[np.argsort(-before[ties], kind="stable")][: places_of(0.05, len(cells))]
        hit_rates.append(came[top].sum() / came.sum())
        harm_shares.append(harm[top].sum() / harm.sum())
    assert value(found.scores, NAIVE, "hit_rate", 0.05) == pytest.approx(np.mean(hit_rates))
    assert value(found.scores, NAIVE, "harm_share", 0.05) == pytest.approx(np.mean(harm_shares))


def test_metrics_hang_together(found):
    wide = found.by_origin.pivot_table(index=["origin_day", "method", "share"], columns="metric", values="value")
    assert set(wide.columns) == set(METRICS)
    cells = len(study_cells(cell_days(), 1150))
    area = wide.index.get_level_values("share").map(lambda share: places_of(share, cells) / cells).to_numpy()
    np.testing.assert_allclose(wide["pai"], wide["hit_rate"] / area)
    assert wide[["hit_rate", "pei", "harm_share"]].to_numpy().max() <= 1
    assert wide[["hit_rate", "pei", "harm_share"]].to_numpy().min() >= 0
    assert (found.scores["lo"] <= found.scores["value"]).all()
    assert (found.scores["value"] <= found.scores["hi"]).all()


def test_differences_are_paired(found):
    rows = found.differences.set_index(["method", "against", "metric", "share"])
    difference = rows["difference"][HARM_FORECAST, NAIVE, "harm_share", 0.05]
    ours, theirs = (value(found.scores, method, "harm_share", 0.05) for method in (HARM_FORECAST, NAIVE))
    assert difference == pytest.approx(ours - theirs)
    assert rows["ratio"][EVENTS_FORECAST, NAIVE, "pai", 0.05] == pytest.approx(
        value(found.scores, EVENTS_FORECAST, "pai", 0.05) / value(found.scores, NAIVE, "pai", 0.05)
    )


def test_a_forecast_does_not_see_what_it_is_scored_on():
    events = cell_days()
    origins = (1150, 1157)
    cells = study_cells(events, 1150)
    moved = events.assign(cell_ix=np.where(events["day"] >= 1150, 13 - events["cell_ix"], events["cell_ix"]))
    one, other = (
        evaluation._trial(frame, cells, HARM_DAYS, 7).predict(origins[0], CONFIG) for frame in (events, moved)
    )
    np.testing.assert_array_equal(one.rates, other.rates)


def test_the_same_seed_evaluates_the_same(found):
    again = evaluate(cell_days())
    pd.testing.assert_frame_equal(again.scores, found.scores)
    pd.testing.assert_frame_equal(again.calibration, found.calibration)


def test_top_cells_hardly_change_in_a_day(found):
    assert found.stability["jaccard"].between(0.3, 1).all()
    assert set(found.stability["method"]) == {HARM_FORECAST, NAIVE}


@pytest.mark.parametrize(("origins", "message"), [((), "origins"), ((1157, 1150), "increasing"), ((5000,), "no event")])
def test_origins_that_cannot_be_scored_are_refused(origins, message):
    events = cell_days(n=500)
    cells = study_cells(events, 1150)
    with pytest.raises(ValueError, match=message):
        evaluate_forecast(events, cells, HARM_DAYS, origins, horizon_days=7, seed=1, config=CONFIG)
