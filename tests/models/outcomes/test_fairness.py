"""Fairness figures: by hand, with planted bias found and without it not, and nothing said of few people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.outcomes.fairness import (
    EVERYBODY,
    LEVEL,
    NOT_STATED,
    Resampling,
    _holm,
    burden,
    forecast_figures,
    people_figures,
    people_shares,
    with_findings,
)
from tests.soak import sample

DRAWS = Resampling(count=200, seed=1)
FOUND = ("above", "below")
LIST = "person_tier"


def of_counts(listed: list[int], at_risk: list[int], **more: object) -> tuple[pd.DataFrame, pd.Series]:
    """People at risk in groups a, b, …, of each of which the first ones are on a list."""
    group = pd.Series([name for name, count in zip("abcdef", at_risk, strict=False) for _ in range(count)])
    on_list = [place < on for on, count in zip(listed, at_risk, strict=True) for place in range(count)]
    nobody = {"is_suspect": False, "is_victim": False, "was_listed": False, "is_false": False}
    people = pd.DataFrame({"is_at_risk": True, LIST: on_list, **nobody, "expected": np.nan, "observed": 0.0, **more})
    return people, group


def findings(figures: pd.DataFrame) -> dict[str, str]:
    return figures.set_index("group")["finding"].to_dict()


def test_the_selection_ratio_is_the_share_of_the_list_over_the_share_of_those_at_risk() -> None:
    people, group = of_counts([30, 20], [100, 200])
    table = people_figures(people, group, [LIST], DRAWS).set_index("group")
    assert table["base"].to_dict() == {"a": 100, "b": 200, EVERYBODY: 300}
    assert table["part"].to_dict() == {"a": 30, "b": 20, EVERYBODY: 50}
    assert table.loc["a", "ratio"] == pytest.approx((30 / 50) / (100 / 300))
    assert table.loc["b", "ratio"] == pytest.approx((20 / 50) / (200 / 300))
    assert (table["lo"] < table["ratio"]).iloc[:2].all() and (table["ratio"] < table["hi"]).iloc[:2].all()


def test_shares_stand_beside_those_of_suspects_and_victims() -> None:
    people, group = of_counts([0, 0], [100, 300])
    is_early = np.arange(400) % 2 == 0
    table = people_shares(people.assign(is_suspect=is_early, is_victim=group.eq("b")), group).set_index("group")
    assert table["at_risk_share"].to_dict() == {"a": 0.25, "b": 0.75, EVERYBODY: 1}
    assert table["suspects"].to_dict() == {"a": 50, "b": 150, EVERYBODY: 200}
    assert table["victims"].isna().tolist() == [True, True, False]  # nobody of a is one: b would tell that


def test_people_without_a_group_are_a_group_of_their_own_and_stand_last() -> None:
    people, group = of_counts([20, 20, 20], [50, 50, 50])
    table = people_figures(people, group.replace("a", None), [LIST], DRAWS)
    assert table["group"].tolist() == ["b", "c", NOT_STATED, EVERYBODY]


def test_false_listings_and_calibration_by_hand() -> None:
    people, group = of_counts([0, 0], [100, 100])
    people = people.assign(
        was_listed=True, is_false=[*[True] * 60, *[False] * 40, *[True] * 30, *[False] * 70], expected=0.5
    ).assign(observed=[*[1.0] * 80, *[0.0] * 20, *[1.0] * 40, *[0.0] * 60])
    table = people_figures(people, group, [], DRAWS).set_index(["figure", "group"])
    assert table.loc[("false_listing", "a"), "rate"] == pytest.approx(0.6)
    assert table.loc[("false_listing", "a"), "ratio"] == pytest.approx(0.6 / 0.45)
    assert table.loc[("calibration", "a"), ["people", "base", "part"]].tolist() == [100, 50, 80]
    assert table.loc[("calibration", "a"), "ratio"] == pytest.approx((80 / 50) / (120 / 100))


def test_what_nobody_was_foretold_or_listed_for_is_left_out() -> None:
    people, group = of_counts([20, 20], [50, 50])
    assert set(people_figures(people, group, [LIST], DRAWS)["figure"]) == {LIST}
    assert people_figures(people.assign(is_at_risk=False, person_tier=False), group, [LIST], DRAWS).empty


def test_the_order_of_people_changes_no_figure() -> None:
    people, group = of_counts([30, 20], [100, 200])
    order = np.random.default_rng(0).permutation(len(people))
    shuffled = people_figures(people.iloc[order], group.iloc[order], [LIST], DRAWS)
    pd.testing.assert_frame_equal(people_figures(people, group, [LIST], DRAWS), shuffled)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=2, max_size=4), st.booleans())
def test_nothing_is_said_of_a_group_with_few_people(table: list[tuple[int, int]], is_foretold: bool) -> None:
    listed, others = zip(*table, strict=True)
    people, group = of_counts(list(listed), [a + b for a, b in table])
    people = people.assign(expected=0.4 if is_foretold else np.nan, observed=people[LIST].astype(float))
    if group.empty:
        return
    figures = with_findings(people_figures(people, group, [LIST], Resampling(5, 1))).set_index("group")
    counts = {name: (on, off) for name, on, off in zip("abcdef", listed, others, strict=False)}
    for name, row in figures.drop(index=EVERYBODY).iterrows():
        if min(counts[str(name)]) < 10:
            assert row["is_withheld"]
            assert row[["part", "rate", "ratio", "lo", "hi", "log_error", "least_ratio"]].isna().all()
        if sum(counts[str(name)]) < 10:
            assert np.isnan(row["base"]) and np.isnan(row["people"]) and np.isnan(row["p_value"])


def test_a_group_that_is_hardly_on_a_list_is_found_though_its_count_is_withheld() -> None:
    """What is told is the same for each count under ten, so that it tells no more than that."""
    told = []
    for count in range(10):
        people, group = of_counts([count, 120 - count], [400, 400])
        figures = with_findings(people_figures(people, group, [LIST], Resampling(5, 1)))
        told.append(figures.drop(columns="log_error"))
    assert findings(told[0]) == {"a": "below", "b": "withheld", EVERYBODY: ""}
    for each in told[1:]:
        pd.testing.assert_frame_equal(each, told[0])


def test_a_group_of_whom_nearly_all_are_on_a_list_is_found_likewise() -> None:
    people, group = of_counts([96, 60], [100, 900])
    assert findings(with_findings(people_figures(people, group, [LIST], DRAWS)))["a"] == "above"


def test_where_a_few_could_be_fewer_by_chance_nothing_is_said() -> None:
    people, group = of_counts([3, 17], [100, 300])
    figures = with_findings(people_figures(people, group, [LIST], DRAWS))
    assert findings(figures) == {"a": "withheld", "b": "withheld", EVERYBODY: ""}


def test_findings_of_a_page_are_held_together_as_holm_has_it() -> None:
    adjusted = _holm(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, np.nan, 0.06, 0.06, 0.02], nan_ok=True)


def simulated(seed: int, *, favour: float = 1.0, recorded: float = 1.0) -> pd.DataFrame:
    """The findings of a page on 2,000 people who offend alike in three groups, and two lists of the worst 150.

    `favour` multiplies the scores of group b, `recorded` what is expected of it.
    """
    random = np.random.default_rng(seed)
    group = pd.Series(random.choice(["a", "b", "c"], 2000, p=[0.55, 0.3, 0.15]))
    rate, is_b = random.gamma(0.5, 1, 2000), group.eq("b").to_numpy()

    def worst() -> np.ndarray:
        score = rate * random.gamma(5, 0.2, 2000) * np.where(is_b, favour, 1.0)
        return np.argsort(np.argsort(-score)) < 150

    was_listed = worst()
    people = pd.DataFrame(
        {
            "is_at_risk": True,
            LIST: worst(),
            "was_listed": was_listed,
            "is_false": was_listed & (random.poisson(0.3 * rate) == 0),
            "expected": rate * np.where(is_b, recorded, 1.0),
            "observed": 0.6 * random.poisson(rate),
        }
    )
    return with_findings(people_figures(people, group, [LIST], Resampling(100, seed)))


@pytest.mark.sampled
def test_without_bias_one_page_in_twenty_has_a_finding_at_most() -> None:
    pages = sample(40, whole=1000)
    alarms = sum(bool(simulated(seed)["finding"].isin(FOUND).any()) for seed in range(pages))
    assert binomtest(alarms, pages, LEVEL, alternative="greater").pvalue > 0.01


@pytest.mark.sampled
def test_planted_bias_is_found_in_four_pages_of_five_where_it_was_planted() -> None:
    """Scores of one group times 1.5, and its forecasts times 1.4; each is found in its own figure."""
    pages = sample(12, whole=200)
    for planted, figure, finding in (({"favour": 1.5}, LIST, "above"), ({"recorded": 1.4}, "calibration", "below")):
        tables = [simulated(seed, **planted) for seed in range(pages)]
        hits = [t[t["figure"].eq(figure) & t["group"].eq("b") & t["finding"].eq(finding)].shape[0] for t in tables]
        assert sum(hits) >= 0.8 * pages


def test_a_forecast_that_is_off_for_one_group_is_found() -> None:
    random = np.random.default_rng(5)
    group = pd.Series(["a"] * 1500 + ["b"] * 500)
    chance = pd.Series(random.uniform(0.2, 0.6, 2000))
    came = pd.Series((random.random(2000) < chance).astype(float))
    right = with_findings(forecast_figures(chance, came, group, DRAWS))
    assert set(right["finding"]) == {"none", ""}
    off = with_findings(forecast_figures(chance.where(group.eq("a"), 1.4 * chance), came, group, DRAWS))
    assert findings(off)["b"] == "below"


HOURS = {"today": "hours"}


def city(seed: int, tilt: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forty areas, and the shares of two groups; hours are tilted towards the residents of the first."""
    random = np.random.default_rng(seed)
    share, residents = random.beta(1, 2, 40), random.integers(500, 6000, 40).astype(float)
    hours = 0.004 * residents * np.exp(tilt * (share - share.mean()) / share.std() + random.normal(0, 0.3, 40))
    names = [f"area {number}" for number in range(40)]
    areas = pd.DataFrame({"area_id": names, "residents": residents, "hours": hours})
    shares = [pd.DataFrame({"area_id": names, "group": g, "share": s}) for g, s in (("x", share), ("y", 1 - share))]
    return areas, pd.concat(shares, ignore_index=True)


def test_burden_is_hours_per_resident_of_the_areas_whose_shares_are_known() -> None:
    areas = pd.DataFrame(
        {"area_id": ["n", "s", "park", "half"], "residents": [1000.0, 3000, 0, 500], "hours": [30.0, 30, 9, 9]}
    )
    rows = [("n", "x", 0.8), ("n", "y", 0.2), ("s", "x", 0.1), ("s", "y", 0.9), ("park", "x", 1), ("park", "y", 0)]
    shares = pd.DataFrame([*rows, ("half", "x", 0.5)], columns=["area_id", "group", "share"])
    table = with_findings(burden(areas, shares, HOURS, DRAWS)).set_index("group")
    assert table["base"].to_dict() == pytest.approx({"x": 1100, "y": 2900, EVERYBODY: 4000})
    assert table["part"].to_dict() == pytest.approx({"x": 27, "y": 33, EVERYBODY: 60})
    assert table.loc["x", "ratio"] == pytest.approx((27 / 1100) / (60 / 4000))
    assert table["finding"].tolist() == ["too few", "too few", ""]


def test_burden_on_one_group_is_found_and_an_even_one_is_not() -> None:
    even = [with_findings(burden(*city(seed), HOURS, DRAWS))["finding"].isin(FOUND).any() for seed in range(30)]
    assert binomtest(sum(even), 30, LEVEL, alternative="greater").pvalue > 0.01
    tilted = [findings(with_findings(burden(*city(seed, 0.3), HOURS, DRAWS)))["x"] == "above" for seed in range(10)]
    assert sum(tilted) >= 8
