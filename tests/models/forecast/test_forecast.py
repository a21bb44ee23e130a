import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecast.forecast import ForecastConfig, forecast_cells, predict_cells
from models.forecast.scales import MEAN_LIVES, SCALE_COUNT, build_pyramid

HARM_DAYS = pd.Series({"grave": 365.0, "petty": 2.0, "none": 0.0})
CONFIG = ForecastConfig(horizon_days=7, history_days=1095, draws=200)
COLUMNS = ["cell_ix", "cell_iy", "offence_code", "age_days", "n"]
FORECAST = [
    "expected_harm",
    "expected_harm_lo",
    "expected_harm_hi",
    "expected_events",
    "p_top1",
    "p_top5",
    "events_dispersion",
    "harm_sd",
    "naive_count",
]


def square(side=20, corner=(0, 0)):
    return pd.DataFrame(
        [(corner[0] + x, corner[1] + y) for x in range(side) for y in range(side)], columns=["cell_ix", "cell_iy"]
    )


def events_of(*rows):
    events = pd.DataFrame(rows, columns=COLUMNS)
    return events.astype({column: "int64" for column in COLUMNS if column != "offence_code"})


def town(seed=0, days=400, side=20, petty=8000, grave=800):
    """Events, cells and their true rates: both offences follow one map, which the rare one alone hardly shows."""
    random = np.random.default_rng(seed)
    cells = square(side)
    x, y = cells["cell_ix"].to_numpy(), cells["cell_iy"].to_numpy()
    rate = random.gamma(0.5, 1, len(cells)) * np.exp(-((x - 6) ** 2 + (y - 13) ** 2) / 60)
    rate /= rate.sum()
    place = random.choice(len(cells), petty + grave, p=rate)
    events = cells.iloc[place].reset_index(drop=True)
    events["offence_code"] = np.repeat(["petty", "grave"], [petty, grave])
    events["age_days"] = random.integers(0, days, len(events))
    return events.groupby(COLUMNS[:4], as_index=False).size().rename(columns={"size": "n"}), cells, rate


def forecast(events, cells, horizon_days=7, seed=1, harm_days=HARM_DAYS):
    return forecast_cells(events, cells, harm_days, horizon_days=horizon_days, seed=seed, config=CONFIG)


def expect_sound(outcome, cells):
    assert list(outcome.columns) == FORECAST
    pd.testing.assert_index_equal(outcome.index, cells.index)
    assert np.isfinite(outcome.to_numpy(dtype=float)).all()
    assert (outcome[FORECAST[:6]] >= 0).all(axis=None)
    assert (outcome["expected_harm_lo"] <= outcome["expected_harm_hi"]).all()
    for column, share in {"p_top1": 0.01, "p_top5": 0.05}.items():
        assert outcome[column].sum() == pytest.approx(max(1, round(share * len(cells))))


@pytest.fixture(scope="module")
def usual():
    events, cells, rate = town()
    return events, cells, rate, forecast(events, cells)


def test_a_town_is_forecast_soundly(usual):
    events, cells, _, outcome = usual
    expect_sound(outcome, cells)
    assert outcome.attrs["notes"] == []
    assert outcome["naive_count"].sum() == events.loc[events["age_days"] < 365, "n"].sum()


def test_the_planted_level_is_found(usual):
    *_, outcome = usual
    assert outcome["expected_events"].sum() == pytest.approx(8800 / 400 * 7, rel=0.1)
    assert outcome["expected_harm"].sum() == pytest.approx((8000 * 2 + 800 * 365) / 400 * 7, rel=0.15)


def test_the_planted_map_is_found_better_than_by_its_raw_harm(usual):
    events, cells, rate, outcome = usual
    harm = events["n"] * events["offence_code"].map(HARM_DAYS)
    raw = harm.groupby([events["cell_ix"], events["cell_iy"]]).sum()
    raw = raw.reindex(pd.MultiIndex.from_frame(cells), fill_value=0).to_numpy()
    busiest = {
        name: rate[np.argsort(-score)[:20]].sum()
        for name, score in (("raw", raw), ("ours", outcome["expected_harm"].to_numpy()))
    }
    assert busiest["ours"] > busiest["raw"]


@pytest.mark.parametrize(("horizon_days", "share"), [(1, 1 / 7), (28, 4.0)])
def test_horizons_scale(usual, horizon_days, share):
    events, cells, _, week = usual
    outcome = forecast(events, cells, horizon_days=horizon_days)
    expect_sound(outcome, cells)
    assert outcome["expected_events"].sum() == pytest.approx(share * week["expected_events"].sum(), rel=0.1)


def test_the_same_seed_answers_the_same_and_another_only_draws_anew(usual):
    events, cells, _, outcome = usual
    pd.testing.assert_frame_equal(forecast(events, cells), outcome)
    other = forecast(events, cells, seed=2)
    pd.testing.assert_series_equal(other["expected_harm"], outcome["expected_harm"])
    assert (other["p_top1"] != outcome["p_top1"]).any()


def test_an_input_is_left_as_it_was(usual):
    events, cells, *_ = usual
    before = events.copy(), cells.copy(), HARM_DAYS.copy()
    forecast(events, cells)
    pd.testing.assert_frame_equal(events, before[0])
    pd.testing.assert_frame_equal(cells, before[1])
    pd.testing.assert_series_equal(HARM_DAYS, before[2])


def test_strays_change_nothing_inside(usual):
    events, cells, _, outcome = usual
    strays = events_of((10**9, -(10**9), "grave", 3, 5), (-(10**6), 40, "petty", 9, 1))
    with_strays = forecast(pd.concat([events, strays], ignore_index=True), cells)
    assert with_strays.attrs["notes"] == ["6 events lie outside the cells; they are left out."]
    pd.testing.assert_frame_equal(with_strays, outcome)


def test_a_cell_on_the_other_side_of_the_world_is_cheap():
    cells = pd.concat([square(), pd.DataFrame({"cell_ix": [10**8], "cell_iy": [-(10**8)]})], ignore_index=True)
    outcome = forecast(events_of((3, 3, "grave", 5, 1), (10**8, -(10**8), "grave", 3, 1)), cells)
    expect_sound(outcome, cells)
    assert outcome["naive_count"].iloc[-1] == 1


def test_an_empty_past_expects_nothing_and_says_so():
    cells = square()
    outcome = forecast(events_of(), cells)
    expect_sound(outcome, cells)
    assert (outcome["expected_harm"] == 0).all()
    assert "no past" in outcome.attrs["notes"][0]


def test_one_event_makes_its_cell_the_likeliest():
    cells = square()
    outcome = forecast(events_of((3, 4, "grave", 5, 1)), cells)
    expect_sound(outcome, cells)
    assert tuple(cells.loc[outcome["expected_harm"].idxmax()]) == (3, 4)
    assert outcome["expected_events"].sum() < 2
    assert any("too few" in note for note in outcome.attrs["notes"])


def test_one_cell_is_always_the_top():
    cells = square(1)
    outcome = forecast(events_of((0, 0, "petty", 5, 3)), cells)
    expect_sound(outcome, cells)
    assert outcome["p_top1"].tolist() == [1.0]


def test_all_events_on_one_point_stay_there():
    cells = square()
    ages = np.random.default_rng(0).integers(0, 300, 900)
    events = events_of(*((3, 3, "petty", int(age), 1) for age in ages))
    outcome = forecast(events, cells)
    expect_sound(outcome, cells)
    assert outcome["expected_events"].max() / outcome["expected_events"].sum() > 0.9
    assert outcome["expected_events"].sum() == pytest.approx(21, rel=0.3)


def test_no_cells_give_an_empty_table():
    outcome = forecast(events_of((0, 0, "grave", 1, 1)), square().iloc[:0])
    assert list(outcome.columns) == FORECAST
    assert len(outcome) == 0


def test_month_only_dates_expect_about_what_daily_ones_do(usual):
    events, cells, _, daily = usual
    monthly = events.assign(age_days=events["age_days"] // 30 * 30 + 29).groupby(COLUMNS[:4], as_index=False)["n"].sum()
    outcome = forecast(monthly, cells)
    expect_sound(outcome, cells)
    assert "30 days only" in outcome.attrs["notes"][0]
    assert outcome["expected_events"].sum() == pytest.approx(daily["expected_events"].sum(), rel=0.15)
    assert np.corrcoef(outcome["expected_harm"], daily["expected_harm"])[0, 1] > 0.95


def test_missing_months_do_not_lower_the_level(usual):
    events, cells, _, full = usual
    outcome = forecast(events[~events["age_days"].between(60, 150)], cells)
    assert any("silent on 91 days" in note for note in outcome.attrs["notes"])
    assert outcome["expected_events"].sum() == pytest.approx(full["expected_events"].sum(), rel=0.15)


def test_a_recent_burst_counts_more_than_an_old_one():
    random = np.random.default_rng(1)
    events, cells, _ = town(seed=1)
    ages = random.integers(0, 30, 60)
    bursts = [(2, 2, "petty", int(age), 1) for age in ages] + [(17, 17, "petty", int(age) + 330, 1) for age in ages]
    quiet = events[~events["cell_ix"].isin([2, 17])]
    outcome = forecast(pd.concat([quiet, events_of(*bursts)], ignore_index=True), cells)
    by_cell = outcome.set_index(pd.MultiIndex.from_frame(cells))["expected_events"]
    assert by_cell[2, 2] > by_cell[17, 17]


@settings(max_examples=8)
@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_the_place_of_the_grid_does_not_matter(right, up):
    events, cells, _ = town(petty=800, grave=80, days=200, side=9)
    # Wide scales lie on pixels of four cells, so the shift is a multiple of four.
    shift = {"cell_ix": 4 * right, "cell_iy": 4 * up}
    moved = forecast(events.assign(**{c: events[c] + by for c, by in shift.items()}), cells + pd.Series(shift))
    pd.testing.assert_frame_equal(moved, forecast(events, cells))


def test_twice_the_weights_are_twice_the_harm_and_the_same_events(usual):
    events, cells, _, outcome = usual
    doubled = forecast(events, cells, harm_days=2 * HARM_DAYS)
    np.testing.assert_allclose(doubled["expected_harm"], 2 * outcome["expected_harm"], rtol=1e-12)
    np.testing.assert_allclose(doubled["expected_events"], outcome["expected_events"], rtol=1e-12)


def test_an_offence_without_weight_moves_nothing(usual):
    events, cells, _, outcome = usual
    weightless = events.assign(offence_code="none")
    both = forecast(pd.concat([events, weightless], ignore_index=True), cells)
    pd.testing.assert_frame_equal(both, outcome)
    assert "without a harm weight" in both.attrs["notes"][0]


def test_counts_deviate_by_at_least_chance(usual):
    events, cells, *_ = usual
    prediction = predict_cells(events, cells, HARM_DAYS, horizon_days=7, config=CONFIG)
    assert (prediction.excess >= 0).all()
    np.testing.assert_array_equal(prediction.harm_days, [365.0, 2.0])


def test_rates_of_even_events_are_even_at_every_scale():
    # Shapes with edges and a stray: nothing may be diluted where cells end.
    cells = pd.concat([square(9), pd.DataFrame({"cell_ix": [90], "cell_iy": [4]})], ignore_index=True)
    pyramid = build_pyramid(cells["cell_ix"], cells["cell_iy"])
    layers = np.full((len(MEAN_LIVES), len(cells)), 0.3)
    rates = pyramid.rates(layers, np.arange(len(cells)))
    assert rates.shape == (len(MEAN_LIVES), len(cells), SCALE_COUNT)
    np.testing.assert_allclose(rates, 0.3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon_days": 0}, "horizon_days"),
        ({"harm_days": pd.Series({"petty": -1.0})}, "negative"),
        ({"harm_days": pd.Series([1.0, 2.0], index=["petty", "petty"])}, "repeats"),
        ({"cells": pd.concat([square(2), square(2)])}, "repeat"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, message):
    arguments = {"events": events_of((0, 0, "petty", 1, 1)), "cells": square(2)} | change
    with pytest.raises(ValueError, match=message):
        forecast(**arguments)


@pytest.mark.parametrize("key", ["horizon_days", "history_days", "draws"])
def test_settings_below_one_are_refused(key):
    with pytest.raises(ValueError, match=key):
        ForecastConfig(**{"horizon_days": 7, "history_days": 365, "draws": 10, key: 0})


def test_where_harm_doubles_within_a_year_the_level_keeps_up():
    said, true = [], []
    for seed in range(3):
        random = np.random.default_rng(seed)
        per_day = 25 * 2.0 ** (-np.arange(1095) / 365)
        age = np.repeat(np.arange(1095), random.poisson(per_day))
        place = random.choice(400, len(age), p=random.dirichlet(np.full(400, 0.5)))
        events = square().iloc[place].reset_index(drop=True)
        events = events.assign(offence_code=random.choice(["petty", "grave"], len(age), p=[0.9, 0.1]), age_days=age)
        events = events.groupby(COLUMNS[:4], as_index=False).size().rename(columns={"size": "n"})
        prediction = predict_cells(events, square(), HARM_DAYS, horizon_days=7, config=CONFIG)
        said.append((prediction.rates @ prediction.harm_days).sum())
        true.append(25 * (2.0 ** (np.arange(1, 8) / 365)).sum() * (0.9 * 2 + 0.1 * 365))
    assert sum(said) / sum(true) == pytest.approx(1, abs=0.07)
