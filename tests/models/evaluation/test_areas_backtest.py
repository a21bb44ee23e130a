from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.areas_backtest import (
    MINIMUM_CASES,
    AreaHistory,
    AreaTrial,
    Ranked,
    came_by_axis,
    evaluate_areas,
    interval_scores,
    pooled_bins,
)
from models.places.ranking import PlacesConfig
from models.statistics.intervals import wilson
from tests.models.places.planted_areas import CODEBOOK, OFFENCES, PlantedAreas

DEFAULTS = yaml.safe_load((Path(__file__).parents[3] / "configs/default.yaml").read_text(encoding="utf-8"))["places"]
HORIZON = 30
MONTHS = [730, 760, 790, 820, 850, 880]


def history(planted: PlantedAreas, **changes: object) -> AreaHistory:
    config = PlacesConfig(**{**DEFAULTS, "draws": 200, **changes})
    return AreaHistory(planted.events(), CODEBOOK, planted.officer_hours(), config)


PLANTED = PlantedAreas(areas=100, days=910, times=0.2)


@pytest.fixture(scope="module")
def judged() -> AreaHistory:
    return history(PLANTED)


def foreknowing(lower: float, upper: float) -> Callable[[pd.DataFrame], Ranked]:
    """A ranking that knows the planted rates, with intervals at these quantiles of what then comes."""
    rates = PLANTED.rates().mean(axis=2)
    weights = CODEBOOK.loc[list(OFFENCES), "harm_days"].to_numpy()
    draws = np.random.default_rng(5).poisson(rates[..., None] * HORIZON, size=(*rates.shape, 2000))
    harm = (draws * weights[:, None]).sum(axis=1) / HORIZON
    ends = np.quantile(harm, [lower, upper], axis=1, method="inverted_cdf")
    table = pd.DataFrame({"area_id": PLANTED.area_ids, "harm_per_day": harm.mean(axis=1)}).assign(
        harm_per_day_lo=ends[0], harm_per_day_hi=ends[1], p_top_k=0.05
    )
    table["rank"] = table["harm_per_day"].rank(ascending=False)
    return lambda past: Ranked(table)


def test_intervals_of_a_ranking_that_knows_the_rates_cover_as_stated(judged: AreaHistory) -> None:
    trial = evaluate_areas(judged, MONTHS, horizon_days=HORIZON, seed=1, rank=foreknowing(0.1, 0.9))
    row = trial.coverage.set_index("interval").loc["harm per day"]
    assert row["cases"] == 600
    assert row["covered"] == pytest.approx(0.8, abs=0.04)
    assert row["lo"] <= row["covered"] <= row["hi"]
    assert row["covered"] + row["below"] + row["above"] == pytest.approx(1)
    narrow = evaluate_areas(judged, MONTHS, horizon_days=HORIZON, seed=1, rank=foreknowing(0.45, 0.55))
    wide = evaluate_areas(judged, MONTHS, horizon_days=HORIZON, seed=1, rank=foreknowing(0.0, 1.0))
    scores = [found.coverage["interval_score"].iloc[0] for found in (narrow, trial, wide)]
    assert scores[1] == min(scores)  # neither wide nor narrow intervals pass


def test_the_days_after_an_origin_change_no_ranking(judged: AreaHistory) -> None:
    origin = MONTHS[0]
    trial = evaluate_areas(judged, [origin], horizon_days=HORIZON, seed=1)
    later = judged.events["day"] >= origin
    doubled = judged.events.assign(n=judged.events["n"].where(~later, 2 * judged.events["n"]))
    other = evaluate_areas(
        AreaHistory(doubled, CODEBOOK, judged.officer_hours, judged.config), [origin], horizon_days=HORIZON, seed=1
    )
    said = [name for name in trial.cases if not name.startswith(("came_", "in_top_k"))]
    pd.testing.assert_frame_equal(trial.cases[said], other.cases[said], check_exact=True)
    assert other.cases["came_harm_per_day"].to_numpy() == pytest.approx(2 * trial.cases["came_harm_per_day"])


def test_the_order_of_rows_changes_no_bit(judged: AreaHistory) -> None:
    shuffled = judged.events.sample(frac=1, random_state=3)
    other = AreaHistory(shuffled, CODEBOOK, judged.officer_hours[::-1], judged.config)
    one, two = (evaluate_areas(each, MONTHS[:2], horizon_days=HORIZON, seed=1) for each in (judged, other))
    for name in AreaTrial.__slots__:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)


def test_what_came_is_scored_and_held_by_hand() -> None:
    rows = [("a", "robbery", 40, 1), ("a", "theft", 45, 3), ("b", "homicide", 41, 1)]
    rows += [("a", "robbery", 3, 1), ("b", "theft", 5, 9)]  # before the origin
    events = pd.DataFrame(rows, columns=["area_id", "offence_code", "day", "n"]).assign(
        discovery="public", is_minor_used_by_adult=False
    )
    police = events.assign(discovery="police", n=99)
    hours = pd.DataFrame({"area_id": ["c", "b", "a"], "hours_per_day": 0.0, "is_assumed": True})
    config = PlacesConfig(**{**DEFAULTS, "top_k": 1, "draws": 100})
    found = AreaHistory(pd.concat([events, police]), CODEBOOK, hours, config)
    trial = evaluate_areas(found, [40], horizon_days=10, seed=1)
    cases = trial.cases.set_index("area_id")
    assert cases["came_harm_per_day"].to_dict() == {"a": 37.1, "b": 547.5, "c": 0}
    assert cases["came_harm_rank"].to_dict() == {"a": 2, "b": 1, "c": 3}
    assert cases["in_top_k_by_harm"].to_dict() == {"a": 0, "b": 1, "c": 0}
    shares = trial.harm_held.set_index("method")["share"]
    assert shares["harm of 365 days"] == pytest.approx(371 / 5846)
    assert shares["incidents of 365 days"] == pytest.approx(5475 / 5846)
    assert shares["after the fact (no method)"] == pytest.approx(5475 / 5846)
    assert cases["came_rank"].to_dict() == {"a": 2, "b": 1, "c": 3}
    by_axis = came_by_axis(found, found.counted(40, 50), 10)
    assert by_axis["violence"].tolist() == [36.5, 547.5, 0]
    assert by_axis["minors"].tolist() == [0, 0, 0]
    assert np.isnan(by_axis["ratio"]).all()


def test_areas_ranked_per_size_are_judged_per_size() -> None:
    """The small area has less in total and more per resident; one without residents ranks last, whatever happens."""
    rows = [(area, "robbery", day, n) for day in (3, 20, 45) for area, n in (("park", 90), ("big", 50), ("small", 20))]
    events = pd.DataFrame(rows, columns=["area_id", "offence_code", "day", "n"])
    events = events.assign(discovery="public", is_minor_used_by_adult=False)
    staffing = pd.DataFrame({"area_id": ["park", "small", "big"], "hours_per_day": 9.0, "is_assumed": True})
    config = PlacesConfig(**{**DEFAULTS, "top_k": 1, "draws": 100, "per": "residents"})
    found = AreaHistory(events, CODEBOOK, staffing.assign(size=[0.0, 100.0, 1000.0]), config)
    cases = evaluate_areas(found, [40], horizon_days=10, seed=1).cases.set_index("area_id")
    assert cases["rank"].to_dict() == {"small": 1, "big": 2, "park": 3}
    assert cases["came_rank"].to_dict() == cases["rank"].to_dict()
    assert cases["in_top_k_by_harm"].to_dict() == {"small": 1, "big": 0, "park": 0}
    assert cases["came_harm_rank"].to_dict() == {"small": 3, "big": 2, "park": 1}  # as harm_rank is: of totals


def test_offences_of_the_past_that_are_not_in_the_codebook_are_left_out(judged: AreaHistory) -> None:
    more = judged.events.iloc[::50].assign(offence_code="witchcraft")
    other = AreaHistory(pd.concat([judged.events, more]), CODEBOOK, judged.officer_hours, judged.config)
    one, two = (evaluate_areas(each, MONTHS[:1], horizon_days=HORIZON, seed=1).cases for each in (judged, other))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@settings(max_examples=50)
@given(chance=st.lists(st.integers(0, 20), min_size=1, max_size=400), minimum=st.integers(1, 60))
def test_bins_hold_enough_cases_and_leave_none_out(chance: list[int], minimum: int) -> None:
    values = np.array(chance) / 20
    bins = pooled_bins(values, minimum)
    counts = np.bincount(bins)
    assert len(bins) == len(values)
    assert (counts >= minimum).all() or len(counts) == 1
    order = np.argsort(-values)
    assert (np.diff(bins[order]) >= 0).all()  # bins are ranges
    assert all(len(set(bins[values == value])) == 1 for value in values)


def test_bins_of_chances_hold_two_hundred() -> None:
    bins = pooled_bins(np.linspace(0, 1, 1000))
    assert MINIMUM_CASES == 200
    assert np.bincount(bins).min() >= MINIMUM_CASES
    assert len(np.bincount(bins)) == 5


def test_scores_are_those_of_the_formulas() -> None:
    found = interval_scores(np.array([1.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0]), np.array([2.0, 0.0, 5.0]))
    assert found == pytest.approx([2.0, 12.0, 22.0])


def test_origins_have_to_increase_and_something_has_to_happen(judged: AreaHistory) -> None:
    with pytest.raises(ValueError, match="in increasing order"):
        evaluate_areas(judged, [760, 730], horizon_days=HORIZON, seed=1)
    with pytest.raises(ValueError, match="no event in any of 1 horizons"):
        evaluate_areas(judged, [5000], horizon_days=HORIZON, seed=1)


def test_the_interval_of_a_share_is_never_narrower_than_that_of_as_many_tosses(judged: AreaHistory) -> None:
    trial = evaluate_areas(judged, MONTHS[:1], horizon_days=HORIZON, seed=1)  # resamples of one origin are all alike
    row = trial.coverage.iloc[0]
    least, most = wilson(row["covered"], row["cases"])
    assert row["lo"] <= least < row["covered"] < most <= row["hi"] or row["covered"] in (0, 1)
    assert row["lo"] < row["hi"]
