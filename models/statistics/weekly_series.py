"""Weekly series, their change from the weeks before to those since, and how it departs from the same weeks a year ago.

The change compares the weeks since with those before. Whether it is beyond chance is judged on pairs: each week of the
last year and the same week a year earlier, so that a season that repeats and a steady trend cancel (`departures`).
What chance does is drawn from the pairs before: whole weeks, not single events, so that events that come together
within a week count as one surprise: a permutation test whose units are the clusters (Fisher 1935, The Design of
Experiments; Pitman 1937, Supplement to the Journal of the Royal Statistical Society 4:119).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, Protocol, Self

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from models.arrays import Bools, Floats, Ints

WEEK = pd.Timedelta(weeks=1)
SHUFFLES, RESAMPLES = 1999, 999
YEAR_WEEKS = 52
LEAST_PAIRS = 26  # of weeks before, each with its own of the year earlier
_RARE = 0.997  # where alarms lie
TAILS = (0.1, 0.9)  # of 80% intervals
Side = Literal["rise", "fall", "either"]
_HALF = 0.5  # an event: with none on one side a ratio would be infinite
_AT_ONCE = 500
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Change:
    """A change with its 80% interval."""

    value: float
    lo: float
    hi: float


@lru_cache(maxsize=32)
def since_weeks(before: int, since: int, seed: int) -> Bools:
    """Return which weeks count as since, [1 + SHUFFLES, weeks]: in the first row as they were, then shuffled."""
    order = np.argsort(np.random.default_rng([seed, before, since]).random((SHUFFLES, before + since)), axis=1)
    return np.concatenate([np.arange(before + since)[None] >= before, order >= before])


@lru_cache(maxsize=32)
def resampled_weeks(before: int, since: int, seed: int) -> tuple[Ints, Ints]:
    """Return how often each week is drawn, [RESAMPLES, weeks]: since with replacement from those since, and before."""
    rng = np.random.default_rng([seed, before, since, 1])
    drawn = [rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) for n in (before, since)]
    none = [np.zeros_like(of_side) for of_side in drawn]
    return np.concatenate([none[0], drawn[1]], axis=1), np.concatenate([drawn[0], none[1]], axis=1)


def log_ratio(is_since: Bools | Ints, is_before: Bools | Ints, top: Floats, bottom: Floats | None = None) -> Floats:
    """Return log of (top per bottom since, over that before), by row of `is_since`.

    Parameters
    ----------
    is_since, is_before : ndarray of bool or int
        [rows, weeks], which weeks count, or how often; the latter may be one row for all.
    top, bottom : ndarray of float
        [weeks], sums by week; without `bottom`, top per week.
    """
    if not top.any():
        return np.zeros(len(is_since))

    def level(is_in: Bools | Ints) -> Floats:
        held = is_in.astype(np.float64)
        below = held.sum(axis=1) if bottom is None else held @ bottom + _HALF
        return np.asarray(np.log(held @ top + _HALF) - np.log(below), np.float64)

    return level(is_since) - level(is_before)


def log_median_ratio(is_since: Bools | Ints, is_before: Bools | Ints, values: Floats, week: Ints) -> Floats:
    """Return log of the median of the values since over that before, by row of `is_since`; NaN with none on a side.

    `values` are above zero and `week` is the week of each.
    """
    order = np.argsort(values, kind="stable")
    logs, weeks = np.log(values[order]), week[order]

    def medians(is_in: Bools | Ints) -> Floats:
        parts = [is_in[first : first + _AT_ONCE, weeks] for first in range(0, len(is_in), _AT_ONCE)]
        return np.concatenate([_medians(part, logs) for part in parts] or [np.zeros(0)])

    return medians(is_since) - medians(is_before)


def _medians(is_in: Bools | Ints, ascending: Floats) -> Floats:
    """Return the median of those of the ascending values that are in, by row."""
    reached = is_in.cumsum(axis=1, dtype=np.int32)
    count = reached[:, -1:]
    low = (reached >= (count + 1) // 2).argmax(axis=1)
    high = (reached >= count // 2 + 1).argmax(axis=1)
    return np.where(count[:, 0] > 0, (ascending[low] + ascending[high]) / 2, np.nan)


def divergence(is_since: Bools | Ints, is_before: Bools | Ints, counts: Floats) -> Floats:
    """Return the Jensen–Shannon divergence of two mixes, in bits from 0 (the same) to 1 (nothing in common).

    `counts` has the number of each kind by week, [weeks, kinds]. Lin 1991, IEEE Transactions on Information Theory
    37:145. By chance alone it is above zero: `judge` takes off what shuffled weeks show.
    """
    one, other = (_shares(is_in.astype(np.float64) @ counts) for is_in in (is_since, is_before))
    return _divergence(one, other)


def _divergence(one: Floats, other: Floats) -> Floats:
    return np.asarray(_entropy((one + other) / 2) - (_entropy(one) + _entropy(other)) / 2, np.float64)


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), _SAME), np.float64)


def _entropy(shares: Floats) -> Floats:
    return -np.asarray((shares * np.log2(np.maximum(shares, _SAME))).sum(axis=1), np.float64)


def judge(drawn: Floats, resampled: Floats, since: int, *, above: float = 0.0) -> Change:
    """Return the first of the drawn values, less `above`, with its interval.

    The interval is the basic bootstrap of weeks (Davison and Hinkley 1997), widened as a t interval for the few weeks
    since: simulated rates that halve, stay or double lie in it in 78 to 88 of 100 cases.

    Parameters
    ----------
    drawn : ndarray of float
        [1 + SHUFFLES], by row of `since_weeks`.
    resampled : ndarray of float
        [RESAMPLES], by row of `resampled_weeks`.
    since : int
        Number of weeks since.
    above : float
        What the value is without any change, where it cannot be below zero.
    """
    low, middle, high = np.nanquantile(resampled, [TAILS[0], 0.5, TAILS[1]])
    wider = float(stdtrit(since - 1, TAILS[1]) / ndtri(TAILS[1]) * np.sqrt(since / (since - 1)))
    value = float(drawn[0] - above)
    return Change(value, value - float(high - middle) * wider, value + float(middle - low) * wider)


def p_value(drawn: Floats, side: Side) -> float:
    """Return how often shuffles show as much as the first of the drawn values, or more, on the side looked at.

    What happened counts as one of the shuffles (Phipson and Smyth 2010, Statistical Applications in Genetics and
    Molecular Biology 9:39); for either side it is twice the smaller one.
    """
    seen, shuffled = drawn[0], drawn[1:][~np.isnan(drawn[1:])]
    rise = (1 + int((shuffled >= seen - _SAME).sum())) / (len(shuffled) + 1)
    fall = (1 + int((shuffled <= seen + _SAME).sum())) / (len(shuffled) + 1)
    return {"rise": rise, "fall": fall, "either": min(1.0, 2 * min(rise, fall))}[side]


def departures(series: "Series", since: int, gap: int, seed: int) -> Floats | None:
    """Return by how much the weeks since depart from the same weeks a year ago, then the same of weeks drawn before.

    A pair is a week of the last year and the same week a year earlier. The statistic is the change of the pairs since,
    beside those before, this year, less the same a year earlier: what repeats each year and what grows steadily is in
    both. What chance does is drawn from the pairs before alone: as many of them, beside the others. These hold as many
    events as usual; where those since hold fewer, chance moves them further, and what they show is drawn in by as much.
    Where they hold more it is left as it is: other things than counting vary, too. It is drawn in further as in a
    t test, for the few pairs that chance is known by.

    Parameters
    ----------
    series : Series
        Up to two years before, and the weeks since.
    since, gap : int
        Number of weeks since, and of the weeks before them that count on neither side.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray of float or None
        [1 + SHUFFLES]; logs of ratios, or bits of a mix. None where fewer than LEAST_PAIRS of the weeks before are on
        record twice, or there is no value to take a median of.
    """
    weeks = len(series.on_record())
    before = weeks - since
    pairs = min(YEAR_WEEKS - since - gap, before - YEAR_WEEKS)
    if pairs < LEAST_PAIRS:
        return None
    own = np.arange(before - pairs, weeks)
    ago = own - YEAR_WEEKS + np.where(own < before, 0, gap)
    drawn_pairs = since_weeks(pairs - since, since, seed)[1:]
    none = np.zeros((SHUFFLES, since), dtype=bool)
    of_since = np.concatenate([np.arange(pairs + since)[None] >= pairs, np.concatenate([drawn_pairs, none], axis=1)])
    of_before = np.concatenate([~of_since[:1], np.concatenate([~drawn_pairs, none], axis=1)])
    masks = [np.zeros((1 + SHUFFLES, weeks), dtype=bool) for _ in range(4)]
    for mask, column, is_in in zip(masks, (own, own, ago, ago), (of_since, of_before) * 2, strict=True):
        mask[:, column] = is_in
    held = [mask.astype(np.float64) @ each for mask in masks for each in series.weights()]
    spread = np.asarray(sum(1 / (each + _HALF) for each in held), np.float64)
    wider = float(stdtrit(pairs - 1, _RARE) / ndtri(_RARE))
    drawn = series.departs(*masks)
    drawn[0] *= (min(1.0, float(spread[1:].mean() / spread[0])) / wider**2) ** series.power
    return None if np.isnan(drawn[0]) else drawn


@dataclass(frozen=True, slots=True)
class Weeks:
    """Whole weeks before one moment and since another; both are moments in UTC, the first the earlier one or equal."""

    until: pd.Timestamp
    start: pd.Timestamp
    before: int
    since: int

    @property
    def count(self) -> int:
        """How many weeks there are."""
        return self.before + self.since

    @property
    def gap(self) -> int:
        """How many whole weeks lie between."""
        return int((self.start - self.until) / WEEK)

    @property
    def bounds(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """When each week begins and ends, the oldest first."""
        firsts = [
            *(self.until - back * WEEK for back in range(self.before, 0, -1)),
            *(self.start + on * WEEK for on in range(self.since)),
        ]
        return [(first, first + WEEK) for first in firsts]

    def of(self, moments: pd.Series) -> Ints:
        """Return the week of each moment, from 0; -1 outside all of them."""
        ahead = np.floor(np.asarray((moments - self.until) / WEEK, np.float64)) + self.before
        behind = np.floor(np.asarray((moments - self.start) / WEEK, np.float64))
        week = np.full(len(moments), -1, np.int64)
        is_before = (ahead >= 0) & (ahead < self.before)
        is_since = (behind >= 0) & (behind < self.since)
        week[is_before] = ahead[is_before]
        week[is_since] = behind[is_since] + self.before
        return week

    def sums(self, moments: pd.Series, amounts: pd.Series | None = None) -> Floats:
        """Return the number of moments in each week, or the sum of their amounts."""
        week = self.of(moments)
        weights = None if amounts is None else amounts.to_numpy(np.float64)[week >= 0]
        return np.bincount(week[week >= 0], weights, minlength=self.count).astype(np.float64)


class Series(Protocol):
    """Weekly figures of one indicator; `since` is the number of weeks since."""

    def cut(self, first: int) -> Self:
        """Return it without the weeks before the first."""

    def on_record(self) -> Bools:
        """Return the weeks in which anything is on record."""

    def draws(self, is_since: Bools | Ints, is_before: Bools | Ints) -> Floats:
        """Return the statistic of the weeks since over those before, by row of `is_since`."""

    def counts(self, since: int) -> tuple[float, float]:
        """Return what the levels rest on, before and since."""

    def levels(self, since: int) -> tuple[float, float]:
        """Return the levels before and since."""

    def weights(self) -> list[Floats]:
        """Return by week the counts that the statistic rests on."""

    def departs(self, is_since: Bools, is_before: Bools, was_since: Bools, was_before: Bools) -> Floats:
        """Return the statistic of this year less that of the year earlier, by row."""
        return self.draws(is_since, is_before) - self.draws(was_since, was_before)

    @property
    def power(self) -> float:
        """Which power of the sum of one over the counts the statistic grows with by chance."""
        return 0.5


@dataclass(frozen=True, slots=True)
class Ratio(Series):
    """Sums by week, of themselves or per another sum; a share rests on that other one, or on the `people` in it."""

    top: Floats
    bottom: Floats | None = None
    is_share: bool = False
    people: tuple[int, ...] | None = None  # before and since, each counted once

    def cut(self, first: int) -> "Ratio":
        """Return it without the weeks before the first."""
        return replace(self, top=self.top[first:], bottom=None if self.bottom is None else self.bottom[first:])

    def on_record(self) -> Bools:
        """Return the weeks in which anything is on record."""
        return np.asarray(self.top + (0 if self.bottom is None else self.bottom) > 0)

    def draws(self, is_since: Bools | Ints, is_before: Bools | Ints) -> Floats:
        """Return the statistic of the weeks since over those before, by row of `is_since`."""
        bottom = None if self.bottom is None or not self.bottom.any() else self.bottom
        return log_ratio(is_since, is_before, self.top, bottom)

    def counts(self, since: int) -> tuple[float, float]:
        """Return what the levels rest on, before and since."""
        if self.people:
            return float(self.people[0]), float(self.people[1])
        held = self.bottom if self.is_share and self.bottom is not None else self.top
        return float(held[:-since].sum()), float(held[-since:].sum())

    def parts(self, since: int) -> list[float]:
        """Return what levels and change are made of, before and since: the sums, or of a share both of its sides."""
        sides = (slice(None, -since), slice(-since, None))
        top = [float(self.top[side].sum()) for side in sides]
        if self.bottom is None:
            return top
        below = [float(self.bottom[side].sum()) for side in sides]
        rest = [held - own for held, own in zip(below, top, strict=True)]
        known = [max(held - own, 0.0) for held, own in zip(self.people or (), top, strict=False)]
        return [*top, *rest, *known] if self.is_share else [*top, *below]

    def levels(self, since: int) -> tuple[float, float]:
        """Return the levels before and since."""
        parts = (slice(None, -since), slice(-since, None))
        if self.is_share and self.bottom is not None:
            below = [self.bottom[part].sum() for part in parts]
            before, after = (
                self.top[part].sum() / held if held else np.nan for part, held in zip(parts, below, strict=True)
            )
        else:
            before, after = (self.top[part].mean() for part in parts)
        return float(before), float(after)

    def weights(self) -> list[Floats]:
        """Return by week the counts that the statistic rests on."""
        return [self.top] if self.bottom is None or not self.bottom.any() else [self.top, self.bottom]


@dataclass(frozen=True, slots=True)
class Values(Series):
    """Values above zero and the week of each."""

    values: Floats
    week: Ints
    weeks: int

    def cut(self, first: int) -> "Values":
        """Return it without the weeks before the first."""
        kept = self.week >= first
        return Values(self.values[kept], self.week[kept] - first, self.weeks - first)

    def on_record(self) -> Bools:
        """Return the weeks in which anything is on record."""
        return np.bincount(self.week, minlength=self.weeks) > 0

    def draws(self, is_since: Bools | Ints, is_before: Bools | Ints) -> Floats:
        """Return the statistic of the weeks since over those before, by row of `is_since`."""
        return log_median_ratio(is_since, is_before, self.values, self.week)

    def counts(self, since: int) -> tuple[float, float]:
        """Return what the levels rest on, before and since."""
        is_since = self.week >= self.weeks - since
        return float((~is_since).sum()), float(is_since.sum())

    def levels(self, since: int) -> tuple[float, float]:
        """Return the levels before and since."""
        is_since = self.week >= self.weeks - since
        return float(np.median(self.values[~is_since])), float(np.median(self.values[is_since]))

    def weights(self) -> list[Floats]:
        """Return by week the counts that the statistic rests on."""
        return [np.bincount(self.week, minlength=self.weeks).astype(np.float64)]


@dataclass(frozen=True, slots=True)
class Mix:
    """Number of each kind by week, [weeks, kinds]."""

    amounts: Floats
    kinds: Sequence[str]

    def cut(self, first: int) -> "Mix":
        """Return it without the weeks before the first."""
        return replace(self, amounts=self.amounts[first:])

    def on_record(self) -> Bools:
        """Return the weeks in which anything is on record."""
        return np.asarray(self.amounts.any(axis=1))

    def draws(self, is_since: Bools | Ints, is_before: Bools | Ints) -> Floats:
        """Return the statistic of the weeks since over those before, by row of `is_since`."""
        return divergence(is_since, is_before, self.amounts)

    def counts(self, since: int) -> tuple[float, float]:
        """Return what the levels rest on, before and since."""
        return float(self.amounts[:-since].sum()), float(self.amounts[-since:].sum())

    def levels(self, since: int) -> tuple[float, float]:
        """Return the levels before and since."""
        return float("nan"), float("nan")

    def most_changed(self, since: int) -> tuple[str, float, float]:
        """Return the kind whose share changed most, the first in order among equals, and its shares."""
        before, after = (part.sum(axis=0) / part.sum() for part in (self.amounts[:-since], self.amounts[-since:]))
        most = int(np.abs(after - before).round(9).argmax())
        return self.kinds[most], float(before[most]), float(after[most])

    def weights(self) -> list[Floats]:
        """Return by week the counts that the statistic rests on."""
        return [np.asarray(self.amounts.sum(axis=1), np.float64)]

    def departs(self, is_since: Bools, is_before: Bools, was_since: Bools, was_before: Bools) -> Floats:
        """Return the divergence of the mix since from that before, changed as it changed a year earlier, by row."""
        one, other, then, earlier = (
            is_in.astype(np.float64) @ self.amounts + _HALF for is_in in (is_since, is_before, was_since, was_before)
        )
        return _divergence(_shares(one), _shares(_shares(other) * _shares(then) / _shares(earlier)))

    @property
    def power(self) -> float:
        """Which power of the sum of one over the counts the statistic grows with by chance."""
        return 1.0
