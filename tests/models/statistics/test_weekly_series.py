"""Weekly series recompute by hand, and shuffled weeks keep their stated rate though events come in clusters."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from models.statistics.weekly_series import (
    RESAMPLES,
    SHUFFLES,
    Mix,
    Ratio,
    Values,
    Weeks,
    divergence,
    exceeds_stretches,
    judge,
    log_median_ratio,
    log_ratio,
    resampled_weeks,
    since_weeks,
)
from tests.soak import sample

UNTIL = pd.Timestamp("2026-03-02", tz="UTC")
WEEKS = Weeks(UNTIL, UNTIL + pd.Timedelta(days=10), before=3, since=2)


def at(*days: float) -> pd.Series:
    return pd.Series(UNTIL + pd.to_timedelta(days, unit="D"))


def test_weeks_before_end_where_the_operation_was_announced_and_weeks_since_begin_with_it() -> None:
    moments = at(-21.01, -21, -7.01, -7, -0.01, 0, 9.99, 10, 17, 23.99, 24)
    assert WEEKS.of(moments).tolist() == [-1, 0, 1, 2, 2, -1, -1, 3, 4, 4, -1]
    assert WEEKS.sums(at(-1, -1, 11)).tolist() == [0, 0, 2, 1, 0]
    assert WEEKS.sums(at(-1, -1, 11), pd.Series([2.0, 3.0, 0.5])).tolist() == [0, 0, 5, 0.5, 0]
    assert [(begin - UNTIL).days for begin, _ in WEEKS.bounds] == [-21, -14, -7, 10, 17]


def test_the_first_row_is_what_happened_and_every_other_has_as_many_weeks_since() -> None:
    is_since = since_weeks(9, 4, 1)
    assert is_since.shape == (SHUFFLES + 1, 13)
    assert is_since[0].tolist() == [False] * 9 + [True] * 4
    assert set(is_since.sum(axis=1)) == {4}
    assert 0.25 < is_since[1:, 0].mean() < 0.37  # 4 of 13


def test_ratios_are_those_by_hand() -> None:
    is_since = np.array([[False, False, True]])
    top, bottom = np.array([4.0, 6.0, 10.0]), np.array([10.0, 10.0, 10.0])
    assert log_ratio(is_since, ~is_since, top) == pytest.approx([np.log((10.5 / 1) / (10.5 / 2))])
    assert log_ratio(is_since, ~is_since, top, bottom) == pytest.approx([np.log((10.5 / 10.5) / (10.5 / 20.5))])
    assert log_ratio(is_since, ~is_since, 0 * top, bottom) == [0]  # nothing is no change


@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(0, 5)), min_size=1, max_size=30))
def test_medians_are_those_of_numpy(rows: list[tuple[float, int]]) -> None:
    values, week = np.array([v for v, _ in rows]), np.array([w for _, w in rows])
    is_since = since_weeks(4, 2, 3)[:20]
    found = log_median_ratio(is_since, ~is_since, values, week)
    for row, drawn in zip(is_since, found.tolist(), strict=True):
        logs, chosen = np.log(values), row[week]
        if chosen.all() or not chosen.any():
            assert np.isnan(drawn)
        else:
            assert drawn == pytest.approx(np.median(logs[chosen]) - np.median(logs[~chosen]))


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=6, max_size=6))
def test_the_divergence_is_that_of_scipy(rows: list[list[int]]) -> None:
    counts = np.array(rows, dtype=float)
    one, other = counts[4:].sum(axis=0), counts[:4].sum(axis=0)
    if one.any() and other.any():
        is_since = since_weeks(4, 2, 1)[:1]
        expected = jensenshannon(one, other, base=2) ** 2
        assert divergence(is_since, ~is_since, counts) == pytest.approx([expected], abs=1e-9)


def test_the_p_value_counts_what_happened_as_one_shuffle_and_the_interval_is_that_of_resampled_weeks() -> None:
    drawn, resampled = np.array([3.0, *np.linspace(-2, 2, 9)]), np.linspace(2, 5, 11)
    assert judge(drawn, resampled, 4, "rise").p_value == 0.1
    assert judge(drawn, resampled, 4, "fall").p_value == 1.0
    assert judge(drawn, resampled, 4, "either").p_value == 0.2
    change = judge(drawn, resampled, 4, "rise", above=0.5)
    wider = scipy.stats.t.ppf(0.9, 3) / scipy.stats.norm.ppf(0.9) * np.sqrt(4 / 3)
    assert (change.lo, change.value, change.hi) == pytest.approx((2.5 - 1.2 * wider, 2.5, 2.5 + 1.2 * wider))


def test_weeks_are_resampled_on_their_own_side() -> None:
    since, before = resampled_weeks(5, 3, 1)
    assert since.shape == before.shape == (RESAMPLES, 8)
    assert not since[:, :5].any()
    assert not before[:, 5:].any()
    assert set(since.sum(axis=1)) == {3}
    assert set(before.sum(axis=1)) == {5}


@pytest.mark.sampled
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_change_lies_in_its_interval_as_often_as_is_stated(factor: float) -> None:
    runs, rng = sample(150, whole=2000), np.random.default_rng(int(10 * factor))
    is_since, twice = since_weeks(52, 8, 1), resampled_weeks(52, 8, 1)
    means = 10 * np.where(np.arange(60) >= 52, factor, 1.0) * rng.gamma(25, 1 / 25, (runs, 60))
    held = 0
    for counts in rng.poisson(means).astype(float):
        change = judge(log_ratio(is_since[:2], ~is_since[:2], counts), log_ratio(*twice, counts), 8, "rise")
        held += change.lo <= np.log(factor) <= change.hi
    assert abs(held / runs - 0.8) < 0.05 + 3 * np.sqrt(0.16 / runs)


def test_parts_and_levels_of_each_kind_of_series() -> None:
    rate = Ratio(np.array([1.0, 2, 3, 9]))
    assert (rate.counts(1), rate.levels(1)) == ((6, 9), (2, 9))
    share = Ratio(np.array([1.0, 1, 4]), np.array([2.0, 2, 4]), is_share=True)
    assert (share.counts(1), share.levels(1), share.cut(1).counts(1)) == ((4, 4), (0.5, 1.0), (2, 4))
    values = Values(np.array([1.0, 3, 8]), np.array([0, 1, 2]), 3)
    assert (values.counts(1), values.levels(1), values.cut(1).counts(1)) == ((2, 1), (2, 8), (1, 1))
    mix = Mix(np.array([[3.0, 1], [0, 0], [1, 3]]), ["a", "b"])
    assert (mix.on_record().tolist(), mix.most_changed(1)) == ([True, False, True], ("a", 0.75, 0.25))


@pytest.mark.sampled
def test_weeks_keep_the_stated_rate_though_events_come_in_clusters() -> None:
    """Weekly counts four times as scattered as Poisson's: a test of events alarms often, one of weeks does not."""
    runs, rng = sample(150, whole=2000), np.random.default_rng(5)
    means = rng.gamma(2, 10, (runs, 36))
    counts = rng.poisson(means).astype(float)
    is_since = since_weeks(28, 8, 1)
    none = np.zeros(2)
    by_weeks = [judge(log_ratio(is_since, ~is_since, row), none, 8, "rise").p_value <= 0.1 for row in counts]
    after, whole = counts[:, 28:].sum(axis=1), counts.sum(axis=1)
    by_events = scipy.stats.binom.sf(after - 1, whole, 8 / 36) <= 0.1
    assert scipy.stats.binomtest(sum(by_weeks), runs, 0.1, alternative="greater").pvalue > 0.01
    assert by_events.mean() > 0.2


def test_a_season_that_was_there_a_year_ago_exceeds_no_stretch_and_a_step_does() -> None:
    season = 100 + 40 * np.cos(2 * np.pi * np.arange(64) / 52)
    is_since = since_weeks(52, 12, 1)
    assert (
        judge(log_ratio(is_since, ~is_since, season), np.zeros(2), 12, "rise").p_value < 0.01
    )  # shuffles alone would alarm
    assert not exceeds_stretches(Ratio(season), 12, "rise")
    step = np.where(np.arange(64) >= 52, 150.0, 100.0) + np.arange(64) % 7
    assert exceeds_stretches(Ratio(step), 12, "rise")
    assert not exceeds_stretches(Ratio(step), 12, "fall")
    assert exceeds_stretches(Ratio(step[-12:]), 11, "rise")  # no stretch to compare with
