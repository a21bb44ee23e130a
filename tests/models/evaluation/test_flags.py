"""Wrong forecasts are flagged within four weekly records, right ones at most as often as stated."""

import json

import numpy as np
import pandas as pd
import pytest

from models.evaluation.flags import THRESHOLD, count_evidence, flag_forecasts, harm_evidence
from models.evaluation.outcomes import score_forecast
from models.forecast.forecast import Prediction, draw_forecast
from models.statistics.stated_counts import log_chance

WEIGHTS = np.array([5475.0, 365.0, 42.0, 2.0])
SHARES = np.array([0.0005, 0.06, 0.15, 0.7895])
STATED = ["expected_events", "expected_harm", "expected_harm_lo", "expected_harm_hi"]


def town(seed, cells=400, per_week=40.0):
    """A right forecast: rates and overdispersion are those by which `happened` draws."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.4, 1, cells)
    rate *= per_week / rate.sum()
    last_year = random.poisson(random.gamma(np.maximum(rate * 104, 1e-9), 0.5))
    truth = Prediction(rate[:, None] * SHARES, 0.2 + 0.3 * rate, WEIGHTS, last_year.astype(float), ())
    forecast = draw_forecast(truth, pd.RangeIndex(cells), seed=1, draws=64)
    return truth, forecast.assign(cell_id=[f"cell {n}" for n in range(cells)])


def happened(random, truth):
    mean = truth.rates.sum(axis=1)
    n = random.poisson(random.gamma(mean / truth.excess, truth.excess))
    harm = random.multinomial(n, truth.rates / mean[:, None]) @ truth.harm_days
    return pd.DataFrame({"cell_id": [f"cell {i}" for i in range(len(n))], "n": n, "harm": harm})


def record(seed, wrong=lambda forecast: forecast, weeks=4, per_week=40.0):
    truth, forecast = town(seed, per_week=per_week)
    random = np.random.default_rng(1000 + seed)
    begin = pd.Timestamp("2026-01-01", tz="UTC")
    rows = [
        score_forecast(wrong(forecast), happened(random, truth), seed=week).assign(
            forecast_as_of=begin + pd.Timedelta(days=7 * week), horizon_days=7
        )
        for week in range(weeks)
    ]
    weekly = pd.concat(rows, ignore_index=True)
    return weekly.join(flag_forecasts(weekly))


def times(factor):
    return lambda forecast: forecast.assign(**{name: factor * forecast[name] for name in STATED})


def flat(forecast):
    even = {name: forecast[name].mean() for name in ("expected_events", "expected_harm")}
    return forecast.assign(**even, events_dispersion=1.2 + 0.3 * even["expected_events"])


def wide(forecast):
    return forecast.assign(events_dispersion=2 * forecast["events_dispersion"])


@pytest.mark.parametrize(
    ("wrong", "per_week", "because"),
    [
        (times(1 / 5), 15, "too low by about"),
        (times(5), 15, "too high by about"),
        (times(1 / 2), 120, "too low by about"),
        (times(2), 120, "too high by about"),
        (flat, 40, "places are off"),
        (wide, 120, "counts vary less than forecast"),
    ],
    ids=["fifth", "five times", "half", "double", "flat", "variance doubled"],
)
def test_a_wrong_forecast_is_flagged_within_four_weeks(wrong, per_week, because):
    for seed in range(6):
        weekly = record(seed, wrong, per_week=per_week)
        assert weekly["is_off"].any()
        assert weekly["off_because"].dropna().iloc[-1].startswith(because)


def test_the_words_say_how_far_off():
    last = record(0, times(1 / 5), per_week=120)["off_because"].iloc[-1]
    assert last.startswith("too low by about ")
    assert float(last.removeprefix("too low by about ").removesuffix("×")) == pytest.approx(5, rel=0.15)


def test_right_forecasts_are_not_flagged():
    # At most 5% within a year even if scored daily, so of ten towns over eight weeks hardly one.
    assert sum(record(seed, weeks=8)["is_off"].any() for seed in range(10)) == 0


def test_coverage_where_something_is_expected_tells_right_from_wrong():
    right, low = (
        pd.concat([record(seed, wrong, per_week=120) for seed in range(2)]) for wrong in (times(1), times(0.2))
    )
    assert (right["interval_coverage"] > 0.9).all()
    assert (low["interval_coverage"] > 0.9).mean() > 0.5  # the old figure sees nothing
    assert 0.8 <= right["interval_coverage_busy"].mean() <= 0.96
    assert right["pit_mean"].mean() == pytest.approx(0.5, abs=0.03)
    assert right["pit_ends"].mean() == pytest.approx(0.2, abs=0.05)
    assert low["pit_mean"].mean() > 0.8


def test_a_likelihood_ratio_of_a_right_forecast_is_one_on_average():
    mean, excess, ratios = np.array([0.4]), np.array([0.3]), []
    for n in range(120):
        count = np.array([float(n)])
        logs = pd.Series(count_evidence(count, mean, excess, np.ones(1)))
        ratios.append(np.exp(logs + log_chance(count, mean, excess)[0]))
    np.testing.assert_allclose(sum(ratios), 1)


def test_harm_as_expected_speaks_against_every_rival():
    assert max(harm_evidence(1000.0, 1000.0, 150.0).values()) < -3
    assert harm_evidence(5000.0, 1000.0, 150.0)["harm ×5"] > THRESHOLD
    assert set(harm_evidence(1000.0, 1000.0, float("nan")).values()) == {0.0}


def test_forecasts_whose_days_overlap_count_once():
    evidence = json.dumps({"incidents ×2": THRESHOLD / 3})
    moments = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(20), unit="D")
    daily = pd.DataFrame(
        {
            **{"forecast_as_of": moments, "horizon_days": 7, "evidence": evidence},
            **{"event_count": 20, "expected_events": 10.0, "harm_days": 1.0, "expected_harm": 1.0},
        }
    )
    # The third forecast with separate days, 14 days after the first, has just enough.
    assert flag_forecasts(daily)["is_off"].tolist() == [False] * 14 + [True] * 6
    assert not flag_forecasts(daily.assign(evidence=None))["is_off"].any()


def test_harm_that_nobody_expected_is_named_without_a_ratio():
    """It said "too low by about inf×"."""
    weekly = pd.DataFrame(
        {
            "forecast_as_of": ["2019-01-01"],
            "horizon_days": [7],
            "evidence": [json.dumps({"incidents ×5": 2 * THRESHOLD})],
            "event_count": [3],
            "expected_events": [0.0],
            "harm_days": [30.0],
            "expected_harm": [0.0],
        }
    )
    assert flag_forecasts(weekly)["off_because"].tolist() == ["too low: nothing was expected"]
