"""The blend finds planted truths: how long to remember, whether severity counts, where to spread rare harm."""

import numpy as np
import pandas as pd
import pytest

from models.forecast.blend import blend_weights, candidates, contenders, held_by_top, judged_ages, with_harm
from models.forecast.experts import EXPERTS, MEMORIES, expert_maps
from models.forecast.forecast import ForecastConfig, forecast_cells
from models.forecast.scales import build_pyramid, decayed_sums

SIDE = 40
CELLS = pd.DataFrame([(x, y) for x in range(SIDE) for y in range(SIDE)], columns=["cell_ix", "cell_iy"])
PYRAMID = build_pyramid(CELLS["cell_ix"], CELLS["cell_iy"])
CONFIG = ForecastConfig(horizon_days=7, history_days=1095, draws=50)
COUNT = "count"


def town(rate_at, *, days=800, codes=("petty",), seed=0):
    """Events by cell and day; `rate_at(age)` is the rate per day [cells, offences] in force `age` days ago."""
    random = np.random.default_rng(seed)
    rows = []
    for age in range(days):
        cell, code = np.nonzero(counts := random.poisson(rate_at(age)))
        rows.append(pd.DataFrame({"cell": cell, "code": code, "age_days": age, "n": counts[cell, code]}))
    events = pd.concat(rows, ignore_index=True)
    places = CELLS.iloc[events["cell"]].reset_index(drop=True)
    return places.assign(offence_code=np.array(codes)[events["code"]], age_days=events["age_days"], n=events["n"])


def moving(mean_days, *, days=800, seed=1):
    """Rates [days, cells] by age: 80 of the cells are busy at any time, each for `mean_days` on average."""
    random = np.random.default_rng(seed)
    busy = random.permutation(len(CELLS)) < 80
    maps = []
    for _ in range(days + 1):
        maps.append(np.where(busy, 0.5, 0.01))
        gone = busy & (random.random(len(CELLS)) < 1 / mean_days)
        busy = busy & ~gone
        busy[random.choice(np.flatnonzero(~busy), gone.sum(), replace=False)] = True
    return maps[::-1]


def forecast(events, harm_days):
    return forecast_cells(events, CELLS, pd.Series(harm_days), horizon_days=7, seed=1, config=CONFIG)


def top(outcome, count=60):
    return np.argsort(-outcome["expected_harm"].to_numpy(), kind="stable")[:count]


def test_where_only_the_recent_past_matters_the_memory_is_short():
    # The age of a day before as_of is its place less one: place 0 is the first day to come.
    rates = moving(40)
    outcome = forecast(town(lambda age: rates[age + 1][:, None]), {"petty": 2.0})
    basis = dict(outcome.attrs["basis"])
    assert sum(part for name, part in basis.items() if name.endswith("over 30 days")) > 0.6
    assert rates[0][top(outcome, 80)].sum() > 0.6 * np.sort(rates[0])[-80:].sum()


def test_where_nothing_changes_the_memory_is_long_and_the_total_stays():
    rate = np.random.default_rng(3).gamma(0.5, 1.0, len(CELLS))[:, None]
    rate *= 20 / rate.sum()
    outcome = forecast(town(lambda age: rate), {"petty": 2.0})
    basis = dict(outcome.attrs["basis"])
    assert sum(part for name, part in basis.items() if name.endswith("over 30 days")) < 0.1
    assert rate[top(outcome)].sum() > 0.95 * np.sort(rate[:, 0])[-60:].sum()
    assert outcome["expected_harm"].sum() == pytest.approx(7 * 2 * 20, rel=0.1)
    assert outcome["expected_events"].sum() == pytest.approx(7 * 20, rel=0.1)


def test_where_rare_grave_offences_decide_severity_and_spread_are_found():
    # Grave harm lies in two wide districts and hardly ever twice in a cell; petty offences lie elsewhere.
    x, y = CELLS["cell_ix"].to_numpy(), CELLS["cell_iy"].to_numpy()
    wide = np.exp(-((x - 10) ** 2 + (y - 10) ** 2) / 50) + np.exp(-((x - 28) ** 2 + (y - 30) ** 2) / 50)
    petty = np.random.default_rng(4).gamma(0.2, 1.0, len(CELLS)) * (x > 20) * (y < 20)
    rate = np.column_stack([wide / wide.sum() * 0.4, petty / petty.sum() * 40])
    outcome = forecast(town(lambda age: rate, codes=("grave", "petty")), {"grave": 3000.0, "petty": 2.0})
    basis = dict(outcome.attrs["basis"])
    assert wide[top(outcome, 80)].sum() > 0.85 * np.sort(wide)[-80:].sum()
    assert sum(part for name, part in basis.items() if name.startswith(COUNT)) < 0.01
    assert sum(part for name, part in basis.items() if "spread" in name) > 0.3


def test_with_harm_reaches_the_target_through_grave_offences_first():
    rates, days = np.array([[1.0, 0.01], [2.0, 0.01], [0.0, 0.0]]), np.array([2.0, 365.0])
    grave = np.array([False, True])
    found = with_harm(rates, days, grave, np.array([2.0 + 7.3, 60.0, 0.0]))
    np.testing.assert_allclose(found @ days, [9.3, 60.0, 0.0])
    np.testing.assert_allclose(found[0], [1.0, 0.02])
    # Five times the grave rate is the most; what remains scales both.
    np.testing.assert_allclose(found[1], np.array([2.0, 0.05]) * 60 / 22.25)


def test_weights_are_those_of_the_start_without_windows_and_follow_a_clear_lead():
    mixes, priors = candidates()
    assert mixes.sum(axis=1) == pytest.approx(1.0)
    np.testing.assert_array_equal(blend_weights(np.empty((0, len(mixes), 2)), priors), priors)
    random = np.random.default_rng(0)
    found = 0.3 + random.normal(0, 0.01, (26, 1, 2)) + random.normal(0, 0.002, (26, len(mixes), 2))
    np.testing.assert_array_less(np.abs(blend_weights(found, priors) - priors), 0.2)
    found[:, 40] *= 1.05
    assert blend_weights(found, priors)[40] > 0.9


def test_a_lead_in_noise_moves_little():
    mixes, priors = candidates()
    found = np.random.default_rng(1).uniform(0.0, 0.6, (26, len(mixes), 2))
    assert blend_weights(found, priors)[0] > priors[0] / 4


def test_ties_at_the_edge_share_the_places():
    maps = np.array([[3.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    harm = np.array([10.0, 4.0, 0.0, 2.0])
    # 40 cells: one place up to 2%, two at 5%, four at 10%.
    np.testing.assert_allclose(
        held_by_top(maps, harm, 40), [[10.0, 10.0, 10.0, 12.0, 16.0], [4.0, 4.0, 4.0, 8.0, 16.0]]
    )


def test_experts_are_sums_by_hand():
    cell, code, age, n = np.array([3, 3, 5]), np.array([1, 1, 0]), np.array([70, 20, 10]), np.array([2.0, 1.0, 1.0])
    sums = decayed_sums(code * len(CELLS) + cell, age, n, 2 * len(CELLS), MEMORIES, [15, 0])
    counts = (known.reshape(len(MEMORIES), 2, -1) for known in sums)
    maps = [expert_maps(each, PYRAMID, np.array([365.0, 2.0]), np.array([True, False])) for each in counts]
    count = next(n for n, expert in enumerate(EXPERTS) if expert.view == COUNT and expert.mean_life_days == 30.0)
    np.testing.assert_allclose(maps[0][count, [3, 5]], [1.0, 0.0])
    old, mid, new = 2 * np.exp(-70 / 30), np.exp(-20 / 30), np.exp(-10 / 30)
    np.testing.assert_allclose(maps[1][count, [3, 5]], np.array([old + mid, new]) / (old + mid + new))
    np.testing.assert_allclose(maps[1].sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("span_days", "horizon_days", "count", "days"),
    [(1095.0, 7, 26, 14), (120.0, 7, 8, 7), (10.0, 7, 0, 7), (600.0, 30, 10, 30)],
)
def test_windows_stay_in_the_later_half(span_days, horizon_days, count, days):
    ages, each = judged_ages(span_days, horizon_days)
    assert (len(ages), each) == (count, days)
    assert not ages or (ages[-1] == days and ages[0] <= span_days / 2)


def test_contenders_hold_the_top_of_every_map():
    maps = np.random.default_rng(2).random((5, 2000))
    rows, weight = contenders(maps)
    first = set(rows[weight == 1.0])
    assert all(set(np.argsort(-row)[:100]) <= first for row in maps)
    assert weight.sum() == pytest.approx(2000)
