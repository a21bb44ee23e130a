"""Trials on planted people: the score beats a count, forecasts hold on people who were not fitted, short histories are
not flagged for being short, a planted gap is seen, and groups never enter a score."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.evaluation.people_validation import (
    FIXED_RATE,
    PRIORS,
    PUBLISHED,
    RATE,
    SCORE,
    PeopleTrial,
    PeopleTrialConfig,
    evaluate_people,
    score_records,
)
from models.evaluation.record_score import score_priors
from models.statistics.intervals import wilson

CONFIG = PeopleTrialConfig(flagged_shares=(0.2,), resamples=200, seed=3)


def planted(people: int = 6000, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """People whose rates are gamma, seen for 1 to 40 years, and followed for two."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.8, 1 / 2.5, people)
    years = random.uniform(1, 40, people)
    known = pd.DataFrame({"priors": random.poisson(rate * years), "years_at_risk": years})
    came = (random.poisson(rate * 2) > 0).astype(int)
    return known, came, pd.DataFrame({"coin": random.choice(["heads", "tails"], people)})


def trial(**changes: object) -> PeopleTrial:
    known, came, attributes = planted()
    given = {"published": known["priors"], "attributes": attributes, "index_events": 0, **changes}
    return evaluate_people(known, came, config=CONFIG, **given)  # type: ignore[arg-type]


def test_the_score_beats_a_count_and_foretells_people_who_were_not_fitted() -> None:
    found = trial()
    ahead = found.differences.set_index(["against", "measure"])
    assert ahead.loc[(PRIORS, "auc"), "lo"] > 0
    assert ahead.loc[(PUBLISHED, "auc"), "difference"] == ahead.loc[(PRIORS, "auc"), "difference"]
    assert found.calibration["is_within"].sum() >= 9
    assert (found.calibration["forecast"] - found.calibration["came"]).abs().max() < 0.06


def test_a_true_rate_that_stands_still_is_found_by_the_gamma_rate() -> None:
    values = trial().scores.set_index(["method", "measure"])["value"]
    assert values[RATE, "auc"] > values[PRIORS, "auc"]


def equal_rates(growth: float, people: int = 8_000) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """People whose true rates do not depend on the years seen. Priors grow with a power of the years: 1 for a rate that
    stands still; 0.3, as in Broward County and Georgia, where people offend most in their first years."""
    random = np.random.default_rng(2)
    propensity, years = random.gamma(1, 1, people), random.uniform(1, 40, people)
    known = pd.DataFrame({"priors": random.poisson(1.5 * propensity * years**growth), "years_at_risk": years})
    came = (random.poisson(0.6 * propensity) > 0).astype(int)
    return known, came, pd.DataFrame({"history": np.where(years < 5, "short", "long")})


@pytest.mark.parametrize("growth", [0.3, 1.0])
def test_people_with_short_histories_and_the_same_true_rate_are_not_flagged_more(growth: float) -> None:
    """Where priors grow slowly, priors per year (here as the published score) flag short histories for being short."""
    known, came, history = equal_rates(growth)
    per_year = (known["priors"] + 1) / (known["years_at_risk"] + 2)
    config = PeopleTrialConfig(flagged_shares=(0.05, 0.2), resamples=20, seed=3)
    gaps = evaluate_people(known, came, per_year, history, index_events=1, config=config).gaps
    short = gaps[gaps["group"] == "short"]
    assert (short["score_gap"] < 0.02).all()
    if growth < 1:
        assert (short["published_gap"] > 0.1).all()
        assert short["verdict"].tolist() == ["narrower", "narrower"]


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_of_two_people_of_the_same_years_the_one_with_more_priors_scores_higher(seed: int) -> None:
    random = np.random.default_rng(seed)
    priors, years = np.sort(random.permutation(60)[:40]).astype(float), np.repeat(random.uniform(0, 40, 4), 10)
    score = score_priors(priors, years, (random.random(40) < 0.4).astype(float), random.random(40) < 0.9)
    assert (np.diff(score.reshape(4, 10), axis=1) > 0).all()


@pytest.mark.parametrize(("count", "people"), [(0, 40), (3, 40), (439, 439), (219, 439)])
def test_the_interval_of_a_tenth_is_wilsons(count: int, people: int) -> None:
    expected = binomtest(count, people).proportion_ci(method="wilson")
    assert wilson(count / people, people) == pytest.approx((expected.low, expected.high), abs=1e-5)


@settings(max_examples=2)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_moves_no_bit(seed: int) -> None:
    known, came, attributes = planted(300)
    order = np.random.default_rng(seed).permutation(len(came))
    config = PeopleTrialConfig(flagged_shares=(0.2,), resamples=5, seed=3)
    found = [
        evaluate_people(known.iloc[at], came[at], known["priors"].iloc[at], attributes.iloc[at], index_events=0,
                        config=config)
        for at in (np.arange(len(came)), order)
    ]  # fmt: skip
    for part in fields(PeopleTrial):
        pd.testing.assert_frame_equal(getattr(found[0], part.name), getattr(found[1], part.name), check_exact=True)


def test_the_fixed_rate_is_the_one_it_says() -> None:
    known, came, attributes = planted(500)
    found = evaluate_people(
        known, came, (known["priors"] + 1) / (known["years_at_risk"] + 2), attributes,
        index_events=0, config=CONFIG,
    )  # fmt: skip
    values = found.scores.set_index(["method", "measure"])["value"]
    assert values[FIXED_RATE, "auc"] == values[PUBLISHED, "auc"]
    assert values[SCORE, "auc"] != values[FIXED_RATE, "auc"]


def test_the_event_that_brought_people_in_counts_for_everybody() -> None:
    known, came, _ = planted(500)
    alone, with_index = (score_records(known, came, index_events=n)[0][RATE] for n in (0, 1))
    assert (with_index[known["priors"] == 0] > 0).all()
    assert (with_index != alone).all()


@settings(max_examples=2)
@given(st.integers(0, 2**32 - 1))
def test_no_group_attribute_moves_any_score(seed: int) -> None:
    known, came, attributes = planted(400)
    shuffled = attributes.sample(frac=1, random_state=seed).reset_index(drop=True)
    config = PeopleTrialConfig(flagged_shares=(0.2,), resamples=5, seed=3)
    found = [
        evaluate_people(known, came, known["priors"], groups, index_events=0, config=config)
        for groups in (attributes, shuffled)
    ]
    for table in ("scores", "differences", "calibration", "summary"):
        pd.testing.assert_frame_equal(getattr(found[0], table), getattr(found[1], table))


@pytest.mark.parametrize("column", ["race", "sex", "age_cat", "postcode"])
def test_a_score_is_given_no_further_column(column: str) -> None:
    known, came, _ = planted(50)
    with pytest.raises(ValueError, match="priors and years_at_risk and no other"):
        score_records(known.assign(**{column: 1}), came, index_events=0)


def test_a_planted_gap_is_found_and_called_wider_or_narrower() -> None:
    known, came, attributes = planted()
    unfair = score_records(known, came, index_events=0)[0][SCORE] + 20.0 * (attributes["coin"] == "heads")
    gaps = trial(published=unfair).gaps.set_index("group")
    assert gaps.loc["heads", "published_gap"] > 0.2
    assert abs(gaps.loc["heads", "score_gap"]) < 0.03
    assert gaps["verdict"].tolist() == ["narrower", "narrower"]


def test_gaps_by_hand() -> None:
    """Ten people of each group without the outcome, five with; the score flags the six with the most priors."""
    known = pd.DataFrame({"priors": [9] * 6 + [0] * 24, "years_at_risk": 10.0})
    came = np.array([1] * 2 + [0] * 4 + [0] * 6 + [1] * 3 + [1] * 5 + [0] * 10)
    attributes = pd.DataFrame({"side": ["left"] * 15 + ["right"] * 15})
    config = PeopleTrialConfig(flagged_shares=(0.2,), resamples=2, seed=1)
    gaps = evaluate_people(known, came, None, attributes, index_events=0, config=config).gaps
    left, right = gaps.to_dict("records")
    assert (left["people"], left["without_outcome"]) == (15, 10)
    assert left["score_fpr"] == pytest.approx(0.4)
    assert right["score_fpr"] == pytest.approx(0)
    assert left["score_gap"] == pytest.approx(0.4)
    assert right["score_gap"] == pytest.approx(-0.4)
    assert left["verdict"] == ""  # nothing to be compared with


def test_groups_of_fewer_than_ten_have_no_figure() -> None:
    known, came, _ = planted(400)
    few = pd.DataFrame({"town": ["small"] * 9 + ["large"] * 391})
    found = evaluate_people(known, came, known["priors"], few, index_events=0, config=CONFIG)
    shown = found.gaps.set_index("group").loc["small"]
    assert shown["verdict"] == "too few"
    assert shown[["score_fpr", "score_gap", "published_fpr", "published_gap", "excess", "lo", "hi"]].isna().all()
    assert (shown["people"], shown["without_outcome"]) == (0, 0)
    assert found.groups.set_index("group").loc["small", ["came", "forecast", "lo", "hi"]].isna().all()


def test_people_without_a_stated_group_are_a_group() -> None:
    known, came, attributes = planted(400)
    some = attributes.assign(coin=attributes["coin"].where(attributes.index >= 50))
    found = evaluate_people(known, came, None, some, index_events=0, config=CONFIG)
    assert "not stated" in found.groups["group"].tolist()


@pytest.mark.parametrize("came", [0, 1, 2])
def test_outcomes_have_to_differ_and_be_none_or_one(came: int) -> None:
    known, _, attributes = planted(20)
    with pytest.raises(ValueError, match="0 or 1"):
        evaluate_people(known, [came] * 20, None, attributes, index_events=0, config=CONFIG)


@pytest.mark.parametrize(("name", "value"), [("flagged_shares", (0.0,)), ("flagged_shares", (1.0,)), ("resamples", 0)])
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        PeopleTrialConfig(**{"flagged_shares": (0.1,), "resamples": 5, "seed": 1, name: value})  # type: ignore[arg-type]
