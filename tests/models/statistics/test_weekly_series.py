"""Weekly series recompute by hand, and shuffled weeks keep their stated rate though events come in clusters."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from models.statistics.weekly_series import (
    RESAMPLES,
    SHUFFLES,
    Mix,
    Ratio,
    Values,
    Weeks,
    departures,
    divergence,
    judge,
    log_median_ratio,
    log_ratio,
    p_value,
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
    assert p_value(drawn, "rise") == 0.1
    assert p_value(drawn, "fall") == 1.0
    assert p_value(drawn, "either") == 0.2
    change = judge(drawn, resampled, 4, above=0.5)
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
        change = judge(log_ratio(is_since[:2], ~is_since[:2], counts), log_ratio(*twice, counts), 8)
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
    by_weeks = [p_value(log_ratio(is_since, ~is_since, row), "rise") <= 0.1 for row in counts]
    after, whole = counts[:, 28:].sum(axis=1), counts.sum(axis=1)
    by_events = scipy.stats.binom.sf(after - 1, whole, 8 / 36) <= 0.1
    assert scipy.stats.binomtest(sum(by_weeks), runs, 0.1, alternative="greater").pvalue > 0.01
    assert by_events.mean() > 0.2


YEARS = np.arange(116)  # two years before, and twelve weeks since


def season(height: float, phase: float) -> np.ndarray:
    return (1 + height * np.cos(2 * np.pi * YEARS / 52 + phase)) * 1.1 ** (YEARS / 52)


@settings(max_examples=15)
@given(st.floats(0, 0.5), st.floats(0, 6.3), st.sampled_from([4, 8, 12]), st.integers(0, 12))
def test_a_season_that_repeats_and_a_steady_trend_are_no_departure(
    height: float, phase: float, since: int, gap: int
) -> None:
    """Also where weeks between announcement and start are on neither side."""
    usual = 1e6 * season(height, phase)[: 104 + since]
    kept = np.delete(usual, np.arange(104 - gap, 104))
    stepped = np.where(np.arange(len(kept)) >= len(kept) - since, 2 * kept, kept)
    for counts, expected in ((kept, 0.0), (stepped, np.log(2))):
        for series in (Ratio(counts), Ratio(counts, np.full(len(counts), 1e9))):
            found = departures(series, since, gap, 1)
            assert found is not None
            assert found[0] == pytest.approx(expected, abs=0.25 if expected else 1e-6)
    other = np.delete(1e6 * season(0.3, 1.0)[: 104 + since], np.arange(104 - gap, 104))
    of_mix = departures(Mix(np.stack([kept, other], axis=1), ["a", "b"]), since, gap, 1)
    assert of_mix is not None
    assert of_mix[0] == pytest.approx(0, abs=1e-6)


def alarm(rows: np.ndarray, side: str, limit: float) -> float:
    """Share of the rows of weekly counts in which any of three looks has a p-value at most the limit."""
    found = []
    for counts in rows:
        drawn = [departures(Ratio(counts[: 104 + since]), since, 0, 1) for since in (4, 8, 12)]
        found.append(any(p_value(of, side) <= limit for of in drawn if of is not None))
    return float(np.mean(found))


def counts_of(runs: int, a_week: float, height: float, scatter: float, factor: float = 1.0) -> np.ndarray:
    """Weekly counts with a season, in six phases by turns, a trend, and gamma variance; a factor for twelve weeks."""
    rng = np.random.default_rng([runs, int(a_week), int(100 * height)])
    usual = a_week * np.array([season(height, phase) for phase in np.arange(6) * np.pi / 3])[np.arange(runs) % 6]
    usual = usual * np.where(YEARS >= 104, factor, 1.0)
    return rng.poisson(usual * rng.gamma(1 / scatter**2, scatter**2, usual.shape)).astype(float)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("a_week", "height"), sample([(15, 0.5), (60, 0.5)], whole=[*product((15, 30, 60), (0.2, 0.3, 0.5))])
)
def test_an_ordinary_season_alarms_no_more_often_than_is_stated(a_week: float, height: float) -> None:
    """One indicator of eleven, three looks: at most 0.1 / 11 of the places; weeks scatter by 20% beyond counting."""
    runs = sample(60, whole=3000)
    for side in ("rise", "fall"):
        rate = alarm(counts_of(runs, a_week, height, 0.2), side, 0.1 / 33)
        print(f"{a_week} a week, season {height:.0%}, {side}: {rate:.2%}")
        test = scipy.stats.binomtest(round(rate * runs), runs, 0.1 / 11, alternative="greater")
        assert test.pvalue > 0.01, (side, rate)


@pytest.mark.sampled
def test_a_fall_by_half_is_seen_in_spite_of_a_season() -> None:
    assert alarm(counts_of(sample(40, whole=2000), 15, 0.3, 0.2, 0.5), "fall", 0.1 / 33) >= 0.8


def test_what_is_not_on_record_twice_has_no_departure() -> None:
    assert departures(Ratio(np.ones(52 + 25 + 4)), 4, 0, 1) is None
    assert departures(Ratio(np.ones(52 + 26 + 4)), 4, 0, 1) is not None
    assert departures(Values(np.ones(3), np.array([0, 9, 113]), 116), 12, 0, 1) is None  # no median a year ago
