"""Each planted consequence is seen, what no event carries is not measured, and chance raises no more than is stated."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.operations.overdose_watch import COLUMNS as WATCH_COLUMNS
from models.operations.promises import delivered_hours
from models.outcomes.consequence_series import _operation_hours
from models.outcomes.consequences import COLUMNS, FALSE_ALARMS, FORCE, LOOKS, Evidence, measure_consequences
from models.outcomes.indicators import DISPLACED, OF_FORCE, OF_MARKET, answer_of
from models.places.displacement import DISPLACEMENT_COLUMNS
from models.statistics.weekly_series import Side, Weeks
from tests.models.operations.overdose_towns import city, overdoses, seizures, watched_on
from tests.models.outcomes.forces import (
    AREA,
    MARKET,
    NAMES,
    OPERATION,
    START,
    Planted,
    actions_of,
    alarms,
    evidence_of,
    incidents_of,
    measured,
)
from tests.soak import sample

FIGURES = ["before_count", "after_count", "before_level", "after_level", "change", "change_lo", "change_hi", "p_value"]
NOTHING = np.zeros(0)
EMPTY = Evidence(
    incidents_of(NOTHING, np.zeros((0, 2))),
    actions_of("visit", NOTHING),
    incidents_of(NOTHING, np.zeros((0, 2))).assign(seller=NOTHING),
    {},
    frozenset(),
)


def test_sellers_who_are_new_are_told_once_the_record_knows_who_was_there() -> None:
    """Of the record's first half year nobody can be said to be new, so that it must be the longer."""
    key = (MARKET, "new_sellers")
    many = measured(evidence_of(1, Planted(new_sellers=0.6), weeks=130)).loc[key]
    assert many["is_alarm"] and many["answer"] == "worse" and many["change_lo"] > 1
    usual = measured(evidence_of(1, Planted(), weeks=130)).loc[key]
    assert not usual["is_alarm"] and usual["answer"] == "cannot_tell"


def test_what_no_event_carries_is_not_measured_and_says_why() -> None:
    table = measured(EMPTY)
    assert table[FIGURES].isna().all(axis=None)
    assert not table["is_alarm"].any()
    assert (table["answer"] == "cannot_tell").all()
    assert table.loc[(FORCE, "treatment_wait"), "not_measured_because"] == "no event carries days waited for treatment"
    assert table["not_measured_because"].notna().all()
    assert table["why"].str.contains("not measured: ").all()
    assert list(table.loc[FORCE].index) == [indicator.name for indicator in OF_FORCE]
    assert list(table.loc[MARKET].index) == [*(indicator.name for indicator in OF_MARKET), "displaced"]


@pytest.mark.parametrize(
    ("key", "planted", "side"),
    [
        ((MARKET, "violence"), Planted({"violence_near": 4.0}), 1),
        ((MARKET, "complaints"), None, 1),
        ((FORCE, "price"), Planted({"price": 1.4}), 1),
        ((FORCE, "purity"), Planted({"purity": 0.6}), -1),
        ((FORCE, "enforcement_to_health"), Planted({"outreach": 0.4}), 1),
        ((FORCE, "treatment_wait"), Planted({"wait": 1.8}), 1),
        ((FORCE, "substance_mix"), Planted(shifted=0.5), 1),
        ((FORCE, "synthetic_opioids"), Planted(shifted=0.5), 1),
        ((FORCE, "treatment_starts"), Planted({"referral_started": 0.4}), -1),
        ((FORCE, "treatment_retention"), Planted({"referral_retained": 0.25}), -1),
        ((FORCE, "naloxone"), Planted({"naloxone_given": 0.5}), -1),
        ((FORCE, "needle_exchange"), Planted({"needle_exchange": 0.5}), -1),
        ((FORCE, "complaints"), Planted({"complaint": 4.0}), 1),
    ],
)
def test_each_planted_consequence_is_seen_with_its_interval_and_no_other_side(
    key: tuple[str, str], planted: Planted | None, side: int
) -> None:
    evidence = evidence_of(2, planted)
    if planted is None:  # complaints where the operation is, and only there
        more = actions_of("complaint", np.arange(0, 84, 1.5)).assign(area_id=AREA)
        evidence = replace(evidence, actions=pd.concat([evidence.actions, more], ignore_index=True))
    row = measured(evidence).loc[key]
    assert row["is_alarm"], row["why"]
    assert row["answer"] == "worse"
    assert row["why"].endswith("worse by more than chance")
    assert row["weakened_by"]
    if "withheld" in row["why"]:
        assert row[FIGURES].isna().all()
        return
    assert row["p_value"] <= row["alarm_limit"]
    if row["before_level"] == 0:  # no change is a share of nothing
        assert row["after_level"] > 0
        assert np.isnan(row["change"])
        return
    assert side * row["change"] > 0
    assert row["change_lo"] <= row["change"] <= row["change_hi"]
    assert side * row["change_lo"] > 0 or side * row["change_hi"] > 0


def test_a_figure_is_judged_after_four_eight_and_twelve_weeks_alone() -> None:
    evidence = only(evidence_of(4), "treatment_starts")
    assert [measured(evidence, weeks)["weeks_after"].max() for weeks in (4, 5, 8, 11, 12)] == [4, 4, 8, 8, 12]
    early = measured(evidence, 3)
    assert early.loc[(MARKET, "violence"), "not_measured_because"] == "fewer than 28 days have passed since it began"
    starts = early.loc[(FORCE, "treatment_starts")]
    assert (starts["weeks_after"], starts["started_at"]) == (
        12,
        START - pd.Timedelta(weeks=12),
    )
    assert starts["alarm_limit"] == FALSE_ALARMS / (len(LOOKS) * len(OF_FORCE))


def test_counts_of_fewer_than_ten_people_are_suppressed_and_fewer_sellers_give_no_share() -> None:
    rng = np.random.default_rng(3)
    few = actions_of("naloxone_given", np.concatenate([rng.uniform(-364, 0, 20), [3.0, 9.0]])).assign(area_id=AREA)
    sold = rng.uniform(-500, 84, 90)
    sellers = incidents_of(sold, np.full((90, 2), 75.0)).assign(seller=np.arange(90) % 9)
    table = measured(replace(EMPTY, actions=few, sellers=sellers.sort_values("occurred_at")))
    given = table.loc[(FORCE, "naloxone")]
    assert given[FIGURES].isna().all()  # of the change alone both counts would follow
    assert given["why"].startswith("naloxone handed out or given: withheld: fewer than 10 people")
    assert not any(told in given["why"] for told in ("20 ", " 2 ", "in 12 weeks"))
    assert table.loc[(MARKET, "new_sellers"), "not_measured_because"].startswith("fewer than 10 on record")


def test_a_share_of_people_is_withheld_where_few_are_on_one_side_of_it() -> None:
    rng = np.random.default_rng(3)
    days = np.concatenate([rng.uniform(-364, 0, 60), rng.uniform(0, 84, 30)])
    stays = actions_of("referral_retained", days)
    for left, is_shown in ((2, False), (15, True)):
        gone = actions_of("treatment_left", np.concatenate([rng.uniform(-364, 0, 40), rng.uniform(0, 84, left)]))
        row = measured(replace(EMPTY, actions=pd.concat([stays, gone]))).loc[(FORCE, "treatment_retention")]
        told = [name for name in FIGURES if name != "p_value"]  # no alarm is judged on a record of a year
        assert row[told].notna().tolist() == [is_shown] * len(told)
        assert np.isnan(row["p_value"])


def test_a_record_that_begins_with_the_operation_is_no_rise() -> None:
    acts = actions_of("complaint", np.linspace(0, 83, 60))
    because = "only 0 weeks before are on record; 8 are needed"
    assert measured(replace(EMPTY, actions=acts)).loc[(FORCE, "complaints"), "not_measured_because"] == because


def test_hours_of_an_operation_count_by_the_day_until_it_ends() -> None:
    outreach = actions_of("outreach", np.arange(-364, 84, 7.0), hours=10.0)
    hours = [
        actions_of("crackdown_start", np.array([-364.0]), hours=2.0),
        actions_of("crackdown_start", np.array([0.0]), hours=8.0),
        actions_of("crackdown_end", np.array([42.0])),
    ]
    acts = pd.concat([outreach, *(each.assign(area_id=AREA) for each in hours)])
    row = measured(replace(EMPTY, actions=acts)).loc[(FORCE, "enforcement_to_health")]
    assert (row["before_level"], row["after_level"]) == pytest.approx((1.4, 2.8))


CHANGES = st.tuples(
    st.floats(-30, 20), st.sampled_from(["start", "end"]), st.floats(0, 9), st.sampled_from([AREA, "B"])
)


@settings(max_examples=20)
@given(st.lists(CHANGES, max_size=6))
def test_hours_of_operations_are_those_that_promises_count(changes: list[tuple[float, str, float, str]]) -> None:
    each = [
        actions_of(f"crackdown_{what}", np.array([day]), hours=hours).assign(area_id=area)
        for day, what, hours, area in changes
    ]
    acts = pd.concat([actions_of("visit", NOTHING), *each])
    weeks = Weeks(START - pd.Timedelta(days=2), START, 3, 2)
    expected = [
        sum(delivered_hours(own, begin, until) for _, own in acts.groupby("area_id")) for begin, until in weeks.bounds
    ]
    assert _operation_hours(acts, weeks) == pytest.approx(np.array(expected, dtype=float), abs=1e-6)


def test_an_operation_without_an_area_of_the_map_ends_as_any_other() -> None:
    outreach = actions_of("outreach", np.arange(-364, 84, 7.0), hours=10.0)
    hours = [
        actions_of("visit", np.array([-360.0]), hours=1.0),
        actions_of("crackdown_start", np.array([0.0]), hours=10.0),
        actions_of("crackdown_end", np.array([7.0])),
    ]
    acts = pd.concat([outreach, *(each.assign(area_id=None) for each in hours)])
    weeks = Weeks(START, START, 52, 6)
    assert _operation_hours(acts, weeks)[-6:].tolist() == [70.0, 0, 0, 0, 0, 0]


def test_officer_hours_or_leaving_that_nobody_sends_are_no_zero() -> None:
    outreach = actions_of("outreach", np.arange(-364, 84, 7.0), hours=10.0)
    stayed = actions_of("referral_retained", np.arange(-364, 84, 3.0))
    table = measured(replace(EMPTY, actions=pd.concat([outreach, stayed])))
    for name in ("enforcement_to_health", "treatment_retention"):
        assert "or none" in table.loc[(FORCE, name), "not_measured_because"]
        assert table.loc[(FORCE, name), FIGURES].isna().all()


def test_a_word_outside_the_table_of_substances_is_counted_and_not_told() -> None:
    day = np.arange(-364, 84, 0.5)
    word = np.where(day < 0, "heroin", "ask P. Example, 5 High Street")
    drugs = incidents_of(day, np.full((len(day), 2), 5_000.0), substance=word)
    why = measured(replace(EMPTY, incidents=drugs, names=NAMES)).loc[(FORCE, "substance_mix"), "why"]
    assert "High Street" not in why.title()
    assert "most changed is other, 100% of 168 since, 0% of 728 before" in why


def test_with_less_than_two_years_on_record_no_alarm_is_judged_and_it_says_so() -> None:
    starts = only(evidence_of(2, Planted({"referral_started": 0.4}), weeks=72), "treatment_starts")
    row = measured(starts).loc[(FORCE, "treatment_starts")]
    assert row["change"] < -0.3
    assert np.isnan(row["p_value"])
    assert not row["is_alarm"]
    needed = START - pd.Timedelta(weeks=78)
    assert row["answer"] == "may_be_worse"
    assert row["why"].endswith(f"may be worse: telling a change from a season needs a record since {needed:%Y-%m-%d}")


@pytest.mark.parametrize(("ring_after", "told"), [(np.nan, "the operation; began yesterday"), (9, DISPLACED.missing)])
def test_a_market_whose_surroundings_are_not_measured_says_the_reason_whatever_its_words(
    ring_after: float, told: str
) -> None:
    rows = pd.DataFrame(columns=[*DISPLACEMENT_COLUMNS], index=[0]).assign(
        market_id=MARKET, split="all", part="all", ring_after=ring_after, why="the operation; began yesterday"
    )
    nothing = pd.DataFrame(columns=[*WATCH_COLUMNS])
    table = measure_consequences(
        EMPTY, OPERATION, rows, nothing, as_of=START + pd.Timedelta(weeks=5), cell_size_m=150.0, seed=1
    ).set_index(["place", "indicator"])
    assert table.loc[(MARKET, "displaced"), "not_measured_because"] == told


def test_words_for_one_drug_are_one_drug() -> None:
    evidence = only(evidence_of(5), "substance_mix")
    is_since = evidence.incidents["occurred_at"] >= START
    slang = evidence.incidents["substance"].where(evidence.incidents["substance"].ne("heroin") | ~is_since, " Smack")
    evidence = replace(evidence, names=NAMES)
    renamed = replace(evidence, incidents=evidence.incidents.assign(substance=slang))
    pd.testing.assert_frame_equal(measured(renamed), measured(evidence))


def test_the_order_of_rows_changes_no_bit() -> None:
    evidence = evidence_of(6, weeks=40)
    mixed = Evidence(
        *(each.sample(frac=1, random_state=1) for each in (evidence.incidents, evidence.actions, evidence.sellers)),
        names=evidence.names,
        synthetic_opioids=evidence.synthetic_opioids,
    )
    pd.testing.assert_frame_equal(measured(mixed), measured(evidence), check_exact=True)


def test_the_alarms_of_displacement_and_of_the_overdose_watch_are_told_and_not_judged_again() -> None:
    displacement = pd.DataFrame(
        {
            **{
                "market_id": MARKET,
                "split": ["all", "zone"],
                "part": ["all", "0-250 m"],
                "is_alarm": [False, True],
                "is_harm_alarm": False,
            },
            **{
                "displaced": [3.0, 12.0],
                "displaced_lo": 2.0,
                "displaced_hi": 20.0,
                "ring_expected": 40.0,
                "ring_before": 38,
            },
            **{"ring_after": 52, "window_days": 28, "p_rise_any": [0.4, 0.04], "why": "x"},
            **{"least_rise": 9.0, "target_expected": 30.0},
        }
    )
    window = {"event_id": MARKET, "cause": "operation", "started_at": START, "expected": 2.0, "observed": 5}
    more = {"ratio": 2.5, "ratio_lo": 1.2, "ratio_hi": 4.0, "p_value": 0.05, "not_measurable_because": None}
    watches = pd.DataFrame({**window, **more, "radius_m": [100.0, 500.0], "days": [7, 21], "is_alarm": [True, False]})
    more_args = {"as_of": START + pd.Timedelta(weeks=5), "cell_size_m": 150.0, "seed": 1}
    table = measure_consequences(EMPTY, OPERATION, displacement, watches, **more_args)
    told = table.set_index(["place", "indicator"]).loc[MARKET]
    assert told.loc["displaced", ["change", "change_lo", "change_hi"]].tolist() == pytest.approx([0.3, 0.05, 0.5])
    ring = "(0-250 m): 52 observed, 40.0 expected; +30% (likely range +5% to +50%); worse by more"
    assert ring in told.loc["displaced", "why"]
    assert told.loc["overdoses", ["change", "after_level"]].tolist() == [1.5, 5]
    assert told.loc[["displaced", "overdoses"], "is_alarm"].all()
    assert tuple(table.columns) == COLUMNS


@given(
    st.sampled_from(["rise", "fall", "either"]),
    st.tuples(st.floats(-1, 3), st.floats(-1, 3)).map(sorted),
    st.floats(0.01, 0.5),
)
def test_an_interval_in_which_a_worsening_and_none_could_both_hide_is_never_not_worse(
    side: Side, ends: list[float], worsening: float
) -> None:
    lo, hi = ends
    answer = answer_of(side, lo, hi, is_worse=False, is_better=False, worsening=worsening)
    holds = {"rise": hi >= worsening, "fall": lo <= -worsening, "either": hi >= worsening or lo <= -worsening}[side]
    is_apart = {"rise": lo > 0, "fall": hi < 0, "either": lo > 0 or hi < 0}[side]
    assert answer == (("may_be_worse" if is_apart else "cannot_tell") if holds else "not_worse")
    unknown = answer_of(side, np.nan, np.nan, is_worse=False, is_better=False, worsening=worsening)
    assert unknown == "cannot_tell"


def displaced(ends: tuple[float, float, float], *, weeks: int = 8, least: float = 9.0) -> pd.Series:
    """The row of displacement with 200 reports expected around the market and 60 at it."""
    change = dict(zip(("displaced", "displaced_lo", "displaced_hi"), ends, strict=True))
    row = {"market_id": MARKET, "split": "all", "part": "all", "is_alarm": False, "is_harm_alarm": False, "why": "x"}
    more = {"ring_expected": 200.0, "ring_before": 198, "ring_after": 200 + ends[0], "p_rise_any": 0.4}
    more |= {"window_days": 7 * weeks, "least_rise": least, "target_expected": 60.0}
    table = measure_consequences(
        EMPTY, OPERATION, pd.DataFrame([row | more | change]), pd.DataFrame(columns=[*WATCH_COLUMNS]),
        as_of=START + pd.Timedelta(weeks=weeks), cell_size_m=150.0, seed=1,
    )  # fmt: skip
    return table.set_index(["place", "indicator"]).loc[(MARKET, "displaced")]


def test_displacement_without_power_or_before_28_days_cannot_be_told() -> None:
    assert displaced((-20.0, -40.0, 5.0))["answer"] == "not_worse"
    assert displaced((-20.0, -40.0, 5.0), least=61.0)["answer"] == "cannot_tell"
    wide = displaced((-10.0, -40.0, 300.0))
    assert wide["answer"] == "cannot_tell"
    assert wide["why"].endswith(
        "190 observed, 200.0 expected; -5% (likely range -20% to +150%); "
        "cannot tell: too few events to rule out a rise by 10% or more"
    )
    early = displaced((80.0, 60.0, 90.0), weeks=3)
    assert early["answer"] == "cannot_tell" and np.isnan(early["change"])
    assert early["not_measured_because"] == "fewer than 28 days have passed since it began"


def test_an_overdose_watch_that_sees_none_where_half_of_one_was_expected_cannot_tell() -> None:
    watch = {"event_id": MARKET, "cause": "operation", "started_at": START, "expected": 0.5, "observed": 0}
    more = {"ratio": 0.0, "ratio_lo": 0.0, "ratio_hi": 5.5, "p_value": 1.0, "not_measurable_because": None}
    watches = pd.DataFrame([{**watch, **more, "radius_m": 500.0, "days": 21, "is_alarm": False}])
    nothing = pd.DataFrame(columns=[*DISPLACEMENT_COLUMNS])
    table = measure_consequences(
        EMPTY, OPERATION, nothing, watches, as_of=START + pd.Timedelta(weeks=5), cell_size_m=150.0, seed=1
    )
    assert table.set_index(["place", "indicator"]).loc[(MARKET, "overdoses"), "answer"] == "cannot_tell"


@pytest.mark.parametrize(
    ("planted", "key", "answer"),
    [
        (Planted({"violence_near": 0.05}), (MARKET, "violence"), "better"),
        (Planted({"needle_exchange": 2.0}), (FORCE, "needle_exchange"), "better"),
        (Planted({"naloxone_given": 2.0}), (FORCE, "naloxone"), "not_worse"),  # more of it may mean more overdoses
        (Planted({"price": 0.5}), (FORCE, "price"), "not_worse"),
        (Planted(), (MARKET, "violence"), "cannot_tell"),
    ],
)
def test_a_change_for_the_better_is_said_and_one_that_may_be_neither_is_not(
    planted: Planted, key: tuple[str, str], answer: str
) -> None:
    row = measured(evidence_of(2, planted)).loc[key]
    assert row["answer"] == answer, row["why"]
    assert f"{row['after_count']:.0f}" in row["why"] and f"{row['before_count']:.0f}" in row["why"]
    assert "80%" not in row["why"] and "bits" not in row["why"]
    assert (", elsewhere " in row["why"]) == (key == (MARKET, "violence"))


def test_no_event_where_less_than_ten_were_expected_is_not_called_not_worse() -> None:
    few = actions_of("complaint", np.linspace(-364, -1, 14))
    row = measured(replace(EMPTY, actions=few)).loc[(FORCE, "complaints")]
    assert row["answer"] == "cannot_tell"


@pytest.mark.sampled
def test_without_anything_planted_chance_raises_an_alarm_in_at_most_one_place_in_ten() -> None:
    """With a season and a trend, at all three looks; the sample fails if both of its places alarm."""
    runs = sample(2, whole=1000)
    raised = [alarms(evidence_of(seed, Planted(season=0.5, trend=0.1))) for seed in range(runs)]
    for places in ({FORCE}, {MARKET}):
        count = sum(any(place in places for place, _ in of_run) for of_run in raised)
        assert binomtest(count, runs, FALSE_ALARMS, alternative="greater").pvalue > 0.011, (places, count)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("indicator", "planted"),
    [
        ("substance_mix", Planted(shifted=0.3, season=0.15, trend=0.1)),
        ("treatment_starts", Planted({"referral_started": 0.5}, season=0.15, trend=0.1)),
    ],
)
def test_a_planted_shift_and_a_drop_in_treatment_are_raised_in_their_window(indicator: str, planted: Planted) -> None:
    runs = sample(3, whole=1000)
    found = sum((FORCE, indicator) in alarms(only(evidence_of(seed, planted), indicator)) for seed in range(runs))
    assert binomtest(found, runs, 0.8, alternative="less").pvalue > 0.011  # the sample fails if none is found


def only(evidence: Evidence, indicator: str) -> Evidence:
    """Return what one of two indicators reads, which is faster to measure."""
    if indicator == "treatment_starts":
        return replace(EMPTY, actions=evidence.acts("referral_started"))
    drugs = evidence.incidents.dropna(subset="substance").assign(price_per_gram=np.nan, purity=np.nan)
    return replace(EMPTY, incidents=drugs, synthetic_opioids=evidence.synthetic_opioids)


@pytest.mark.sampled
@pytest.mark.parametrize("clustered", [0.0, 0.4])
def test_a_planted_cluster_of_overdoses_is_raised_in_its_window(clustered: float) -> None:
    """Eight within some 250 m in a fortnight, also in a city where overdoses follow each other anyway."""
    towns = sample(3, whole=1000)
    days = sample((7, 14, 20.9), whole=(*range(1, 21), 20.9))
    assert sum(is_cluster_raised(seed, clustered, days) for seed in range(towns)) >= 0.8 * towns


def is_cluster_raised(seed: int, clustered: float, days: tuple[float, ...]) -> bool:
    known, at_m = city(seed, clustered=clustered)
    rng = np.random.default_rng([seed, 8])
    more = overdoses(rng.uniform(1, 15, 8), at_m[0] + rng.normal(0, 120, (8, 2)))
    known = pd.concat([known, more], ignore_index=True)
    watches = (watched_on(day, known, seizures(at_m[:1])) for day in days)
    return any(watch.loc[watch["cause"] == "seizure", "is_alarm"].any() for watch in watches)
