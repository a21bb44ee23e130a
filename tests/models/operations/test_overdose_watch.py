"""The overdose watch on planted cities: expected to date, alarms at the stated rate, a doubled rate seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.overdose_watch import (
    ALL_SEIZURES,
    COLUMNS,
    LEAST_EXPECTED,
    NO_HISTORY,
    NO_POINT,
    NOT_BEGUN,
    _City,
    _ratio,
    count_alarms,
    watch_overdoses,
)
from tests.models.operations.overdose_towns import (
    any_alarm,
    city,
    overdoses,
    plan_on,
    seizures,
    watched_on,
)
from tests.soak import sample

ROOT = Path(__file__).parents[3]
HERE = np.zeros((1, 2))
FIGURES = ["expected", "observed", "ratio", "p_value", "is_alarm"]


def even_city(
    per_day: float, *, from_day: float = -400, until: float = 25, at_m: tuple[float, float] = (0, 0)
) -> pd.DataFrame:
    day = np.arange(from_day, until, 1 / per_day)
    return overdoses(day, np.tile(np.array(at_m, float), (len(day), 1)))


def widest(table: pd.DataFrame) -> pd.Series:
    own = table[table["cause"] == "seizure"]
    return own[(own["radius_m"] == 500) & (own["days"] == 21)].iloc[0]


def test_a_rate_that_goes_on_is_expected_and_a_doubled_one_reads_two_from_the_third_day() -> None:
    """The expectation of all 21 days made a doubled rate read 0.33 on day 3."""
    known = pd.concat([even_city(2.0), even_city(6.0, at_m=(9_000, 0))])
    doubled = pd.concat([known, even_city(2.0, from_day=0)])
    for day in (3, 7, 21):
        assert widest(watched_on(day, known, seizures(HERE)))["ratio"] == pytest.approx(1.0, abs=0.08)
        row = widest(watched_on(day, doubled, seizures(HERE)))
        assert row["expected"] == pytest.approx(2 * day, rel=0.05)
        assert row["ratio"] == pytest.approx(2.0, abs=0.2)
        assert row["ratio_lo"] < 2 < row["ratio_hi"]
    assert not widest(watched_on(21, known, seizures(HERE)))["is_alarm"]
    assert widest(watched_on(21, doubled, seizures(HERE)))["is_alarm"]


def test_the_citys_trend_is_no_alarm() -> None:
    """Overdoses double everywhere from the day of the seizure on."""
    both = pd.concat([even_city(1.0), even_city(6.0, at_m=(9_000, 0))])
    doubled = pd.concat([both, both[both["occurred_at"] >= seizures(HERE)["started_at"].iloc[0]]])
    row = widest(watched_on(21, doubled, seizures(HERE)))
    assert row["observed"] == 42
    assert row["ratio"] == pytest.approx(1.0, abs=0.1)
    assert not row["is_alarm"]


def test_there_are_nine_windows_and_each_counts_its_own_overdoses() -> None:
    far = even_city(1.0, until=0, at_m=(5_000, 0))
    near = overdoses(
        np.array([1, 1, 8, 8, 15, 15, 22.0]),
        np.array([[90, 0], [240, 0], [90, 0], [490, 0], [240, 0], [510, 0], [0, 0]]),
    )
    table = watched_on(29, pd.concat([far, near]), seizures(HERE, 0.5))
    assert set(table["cause"]) == {ALL_SEIZURES}  # its watch was over on day 21.5, and shown for a week more
    table = watched_on(21, pd.concat([far, near]), seizures(HERE, 0.5))
    own = table[table["cause"] == "seizure"].set_index(["radius_m", "days"])["observed"]
    assert own.to_dict() == {
        (100, 7): 1, (100, 14): 2, (100, 21): 2, (250, 7): 2, (250, 14): 3, (250, 21): 4,
        (500, 7): 2, (500, 14): 4, (500, 21): 5,
    }  # fmt: skip
    assert list(table["days_watched"].dropna().unique()) == [7.0, 14.0, 21.0]


def test_an_operation_is_watched_around_its_square() -> None:
    operation = seizures(HERE).assign(cause="operation", event_id="market_0_0", reach_m=225.0)
    at_m = np.array([[224, 224], [320, 0], [330, 0], [700, 0], [730, 0.0]])
    known = pd.concat([even_city(1.0, until=0, at_m=(5_000, 0)), overdoses(np.full(5, 1.0), at_m)])
    table = watched_on(7, known, operation)
    counts = table[table["days"] == 7].set_index("radius_m")["observed"]
    assert counts.to_dict() == {100: 2, 250: 3, 500: 4}


def test_what_cannot_be_measured_says_why() -> None:
    nowhere = seizures(np.full((1, 2), np.nan))
    for events, known, because in (
        (nowhere, even_city(1.0), NO_POINT),
        (seizures(HERE), even_city(1.0, from_day=-30), NO_HISTORY),
        (seizures(HERE), even_city(1.0).iloc[:0], NO_HISTORY),
    ):
        table = watched_on(7, known, events)
        own = table[table["cause"] == "seizure"]
        assert len(own) == 9
        assert set(own["not_measurable_because"]) == {because}
        assert own[["expected", "observed", "ratio", "p_value"]].isna().all(axis=None)
        assert not own["is_alarm"].any()


def test_the_columns_are_the_published_ones_also_without_events() -> None:
    published = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))["published"]
    assert list(COLUMNS) == list(published["overdose_watch"]["columns"])
    empty = watched_on(7, even_city(1.0), seizures(HERE).iloc[:0])
    assert list(empty.columns) == list(COLUMNS)
    assert empty.empty


@settings(max_examples=200)
@given(
    observed=st.integers(0, 60),
    cluster=st.floats(1, 4),
    expected=st.floats(LEAST_EXPECTED, 60),
    sure=st.floats(0.01, 500),
)
def test_the_interval_holds_its_ratio(observed: int, cluster: float, expected: float, sure: float) -> None:
    ratio, low, high = _ratio(observed / cluster, expected / cluster, sure)
    assert ratio == pytest.approx(observed / expected)
    assert 0 <= low <= ratio <= high < np.inf
    assert (low == 0) == (observed == 0) or low < 1e-9


def test_with_a_sure_expectation_the_ends_are_those_of_a_poisson_mean() -> None:
    """Garwood: of 3 observed 1.10 to 6.68, of none 0 to 2.30."""
    assert _ratio(3, 1, 1e9) == pytest.approx((3, 1.102, 6.681), abs=0.001)
    assert _ratio(0, 1, 1e9) == pytest.approx((0, 0, 2.303), abs=0.001)


def test_a_minute_after_a_seizure_no_ratio_is_given() -> None:
    """Of none observed the interval was 419 to 81,767."""
    own = watched_on(1 / 1440, even_city(0.2), seizures(HERE)).query("cause == 'seizure'")
    assert own["expected"].between(0, LEAST_EXPECTED).all()
    assert own[["ratio", "ratio_lo", "ratio_hi"]].isna().all(axis=None)
    assert own["observed"].notna().all()


@pytest.mark.parametrize("day", [0.0, -2.0])
def test_what_has_not_begun_says_so(day: float) -> None:
    """A start at the time of the run gave a ratio of minus infinity, a later one a negative expectation."""
    known = even_city(1.0, until=-3)
    table = watch_overdoses(seizures(HERE), known, plan=plan_on(day), seed=1).query("cause == 'seizure'")
    assert set(table["not_measurable_because"]) == {NOT_BEGUN}
    assert table["days_watched"].eq(0).all()
    assert table[["expected", "ratio", "p_value"]].isna().all(axis=None)


@pytest.mark.parametrize("day", [0.5, 3.0, 7.0, 20.9])
def test_where_nothing_happens_one_window_in_ten_has_its_lower_end_above_one(day: float) -> None:
    """In such a city the lower end lay above one in half of the windows on the first days."""
    rng = np.random.default_rng(4)
    known = overdoses(rng.uniform(-400, 25, 2_000), rng.uniform(0, 8_000, (2_000, 2)))
    own = watched_on(day, known, seizures(rng.uniform(500, 7_500, (150, 2)))).query("cause == 'seizure'")
    above = own["ratio_lo"].gt(1)
    assert above.mean() <= 0.1 + 2 * np.sqrt(0.09 / 150)  # windows of a seizure overlap
    shown = own.dropna(subset="ratio")
    assert ((shown["ratio_lo"] <= shown["ratio"]) & (shown["ratio"] <= shown["ratio_hi"])).all()


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 999))
def test_the_order_of_rows_changes_no_bit(seed: int) -> None:
    known, at_m = city(seed, a_year=200, clustered=0.3)
    events = seizures(at_m[:6], np.array([-300, -200, -100, -5, -3, 0.0]))
    rng = np.random.default_rng(seed)
    shuffled = (
        known.sample(frac=1, random_state=rng.integers(1 << 30)),
        events.sample(frac=1, random_state=rng.integers(1 << 30)),
    )
    pd.testing.assert_frame_equal(watched_on(7, known, events), watched_on(7, *shuffled), check_exact=True)


def test_clusters_are_seen_and_single_overdoses_are_none() -> None:
    windows = plan_on(0).windows
    single, pairs = (_City.of(city(3, clustered=share)[0], plan_on(25)).cluster for share in (0.0, 0.5))
    assert max(single[window] for window in windows) < 1.25
    assert pairs[500, 21] > 1.6


@pytest.mark.sampled
@pytest.mark.parametrize("town", [{}, {"clustered": 0.4}, {"a_year": 200.0}, {"trend": 2.5}])
def test_by_chance_at_most_one_watch_in_ten_alarms_on_any_of_its_days(town: dict[str, float]) -> None:
    alarms = np.concatenate([any_alarm(seed, 1, (3, 7, 14, 20.9), **town)[0] for seed in range(sample(2, whole=20))])
    assert alarms[:, -1].mean() <= 0.1 + 2 * np.sqrt(0.09 / len(alarms))


@pytest.mark.sampled
def test_a_trebled_rate_is_seen_where_many_are_expected() -> None:
    found = [any_alarm(seed, 3, (3, 7, 20.9), a_year=8_000, places=40) for seed in range(sample(4, whole=40))]
    alarms, expected = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert alarms[expected >= 8, -1].mean() >= 0.8


def spread_seizures(seed: int, at_m: np.ndarray, count: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 7])
    return seizures(
        at_m[rng.integers(0, len(at_m), count)] + rng.normal(0, 100, (count, 2)), rng.uniform(-340, -25, count)
    )


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["cause"] == ALL_SEIZURES].set_index(["radius_m", "days"])


@pytest.mark.sampled
def test_all_seizures_alarm_at_the_stated_rate_though_overdoses_cluster() -> None:
    """A test that compares with shuffled times, not with the days before, alarms in most of these cities."""
    towns = sample(8, whole=200)
    alarms = 0
    for seed in range(towns):
        known, at_m = city(seed, a_year=600, clustered=0.5)
        alarms += bool(pooled(watched_on(0, known, spread_seizures(seed, at_m, 60)))["is_alarm"].any())
    assert alarms / towns <= 0.1 + 2 * np.sqrt(0.09 / towns)


def test_overdoses_that_seizures_bring_are_found_over_all_of_them() -> None:
    known, at_m = city(1, a_year=600)
    events = spread_seizures(1, at_m, 150)
    rng = np.random.default_rng(8)
    hit = np.flatnonzero(rng.random(150) < 0.3)
    start = ((events["started_at"] - plan_on(0).as_of) / pd.Timedelta(days=1)).to_numpy()
    extra = overdoses(
        start[hit] + rng.uniform(0, 7, len(hit)),
        events[["x_m", "y_m"]].to_numpy()[hit] + rng.normal(0, 60, (len(hit), 2)),
    )
    table = pooled(watched_on(0, pd.concat([known, extra]), events))
    assert table.loc[(250, 7), "is_alarm"]
    assert table.loc[(250, 7), "observed"] - table.loc[(250, 7), "expected"] == pytest.approx(len(hit), abs=20)
    assert not pooled(watched_on(0, known, events)).loc[(250, 7), "is_alarm"]


def test_pairs_before_and_after_are_those_of_brute_force() -> None:
    known, at_m = city(2, a_year=500)
    events = spread_seizures(2, at_m, 40)
    table = pooled(watched_on(0, known, events))
    plan = plan_on(0)
    known = known[known["occurred_at"] < plan.as_of]
    for (radius, days), row in table.iterrows():
        after = before = 0
        for seizure in events.to_dict("records"):
            away = np.hypot(known["x_m"] - seizure["x_m"], known["y_m"] - seizure["y_m"]) <= radius
            since = (known["occurred_at"] - seizure["started_at"]) / pd.Timedelta(days=1)
            after += int((away & (since >= 0) & (since < days)).sum())
            before += int((away & (since >= -days) & (since < 0)).sum())
        assert (row["observed"], row["expected"]) == (after, before)


def test_of_a_seizure_the_local_day_is_told_and_the_exact_time_counts() -> None:
    """The time is not to be had from days_watched either; an operation's start is public."""
    event = seizures(HERE, 0.9)  # 21:36 in UTC, the next day in Auckland
    known = pd.concat([even_city(1.0, until=0, at_m=(5_000, 0)), overdoses(np.array([0.8, 1.0]), np.zeros((2, 2)))])
    plan = replace(plan_on(5), time_zone="Pacific/Auckland")
    midnight = pd.Timestamp("2026-03-01T11:00Z")
    told = watch_overdoses(event, known, plan=plan, seed=1).query("cause == 'seizure'")
    assert set(told["started_at"]) == {midnight}
    assert set(told["days_watched"]) == {(plan.as_of - midnight) / pd.Timedelta(days=1)}
    assert set(told["observed"]) == {1}
    operation = watch_overdoses(event.assign(cause="operation"), known, plan=plan, seed=1).query("cause == 'operation'")
    assert set(operation["started_at"]) == set(event["started_at"])
    assert operation["days_watched"].tolist() == pytest.approx([5 - 0.9] * 9)


def test_alarms_are_counted_by_watch_beside_those_by_chance() -> None:
    known = pd.concat([even_city(2.0), even_city(2.0, from_day=0), even_city(6.0, at_m=(9_000, 0))])
    at_m = np.concatenate([np.zeros((1, 2)), np.tile([[9_000.0, 0.0]], (18, 1)), np.full((1, 2), np.nan)])
    table = watched_on(21, known, seizures(at_m))
    assert table.query("cause == 'seizure'")["is_alarm"].sum() > 1  # of one watch
    assert count_alarms(table) == (
        "1 of 19 watches alarms; by chance alone at most about 1.9 would on some day until they end"
    )
    assert count_alarms(table.iloc[:0]) == "no watch can be measured"


def test_no_person_and_no_point_is_in_the_table() -> None:
    assert not {name for name in COLUMNS if "person" in name or name in ("x_m", "y_m", "lon", "lat", "detail")}
    assert watch_overdoses(seizures(HERE), even_city(1.0, until=0), plan=plan_on(3), seed=1).shape == (18, len(COLUMNS))
