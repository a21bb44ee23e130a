"""Ranking of people: scores with their uncertainty, P(in the top K) and the interval of the rank.

An axis's harm rate λ becomes a position λ / (λ + κ) between 0 and 1, where κ is the rate of the K-th worst person on
that axis: 0.5 means "as bad as the last person within the force's capacity". Percentiles, the usual choice, flatten
the heavy tail that a short list is about. A score is the weighted mean of the three positions, with weights drawn
around the configured ones (Lahdelma and Salminen 2001, Operations Research 49:444).

People who can reach the top K are drawn in full. For the rest, the first two moments of every position are exact for a
gamma rate (one gamma matches several bands, Satterthwaite 1946, Biometrics 2:110), and a beta distribution with the
moments of the score gives their chances.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import scipy  # its slow parts, optimize and interpolate, are imported with their first use
from scipy.special import betainc, betaincinv, gammaincinv, gammaln

from models.arrays import Floats
from models.statistics.rank_draws import chance_above, draw_gamma, draw_weights, rank_draws, total_order

INTERVAL = (0.1, 0.9)
CHUNK = 400  # people per chunk of draws: 400 × 2,000 draws × 9 rates are 58 MB
OMITTED_SHARE = 0.01  # people not drawn may fill at most this share of the K places, in expectation
LEAST_DRAWN, MOST_DRAWN = 200, 2_500
LEVELS = np.linspace(0.0, 1.0, 129)  # scores at which the rest are counted


@dataclass(frozen=True, slots=True)
class Rates:
    """Gamma posteriors of event rates [n, k], with the harm weight and the axis of each column."""

    shape: Floats
    rate: Floats
    harm_days: Floats  # [k]
    axis: np.ndarray  # [k], position among the axes

    def rows(self, which: np.ndarray) -> "Rates":
        """Return the rates of some people, by position or mask."""
        return Rates(self.shape[which], self.rate[which], self.harm_days, self.axis)

    def by_axis(self, axes: int) -> Floats:
        """Return harm weights [k, axes]; rates @ weights are harm rates per axis."""
        return self.harm_days[:, None] * (self.axis[:, None] == np.arange(axes))


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Scale that converts harm rates into scores: κ per axis, the weights, and drawn weights [draws, axes]."""

    kappa: Floats
    weights: Floats
    concentration: float
    drawn_weights: Floats

    @classmethod
    def fit(
        cls, harm: Floats, has_evidence: np.ndarray, weights: Sequence[float], *, top_k: int, concentration: float,
        draws: int, seed: int,
    ) -> "ScoreScale":  # fmt: skip
        """Set κ from posterior mean harm [n, axes]: the K-th greatest among those with evidence on the axis.

        With fewer than K people κ is the least rate, with K = 0 the greatest. An axis without any evidence separates
        nobody (κ infinite).
        """
        kappa = np.full(harm.shape[1], np.inf)
        for axis in range(harm.shape[1]):
            evidenced = np.sort(harm[has_evidence[:, axis], axis])[::-1]
            if evidenced.size:
                kappa[axis] = evidenced[np.clip(top_k, 1, evidenced.size) - 1]
        centre = np.asarray(weights, dtype=np.float64)
        drawn = draw_weights(seed, weights, concentration, draws)
        return cls(kappa, centre / centre.sum(), concentration, drawn)

    def without(self, axis: int) -> "ScoreScale | None":
        """Return the scale with one axis left out and the other weights rescaled; None where they separate nobody.

        The remaining components of a Dirichlet, rescaled to sum to one, are a Dirichlet with the remaining
        concentration.
        """
        weights = np.where(np.arange(len(self.weights)) == axis, 0.0, self.weights)
        if not (weights[np.isfinite(self.kappa)] > 0).any():
            return None
        drawn = np.where(weights > 0, self.drawn_weights, 0.0)
        left, drawn_left = weights.sum(), np.maximum(drawn.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return ScoreScale(self.kappa, weights / left, self.concentration * left, drawn / drawn_left)

    def weight_products(self) -> Floats:
        """Return E[w_a w_b] of the Dirichlet."""
        outer = np.outer(self.weights, self.weights)
        if np.isinf(self.concentration):
            return outer
        return (self.concentration * outer + np.diag(self.weights)) / (self.concentration + 1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Full draws of some people.

    Scores [m, draws] with drawn weights and with the configured ones; per person the harm interval and the share of
    each axis.
    """

    scores: np.ndarray
    fixed_scores: np.ndarray
    harm_interval: Floats
    shares: Floats


def draw_scores(seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale) -> Drawn:
    """Draw scores in full, in chunks that bound the memory used."""
    draws, axes = scale.drawn_weights.shape
    scores, fixed = np.empty((2, len(ids), draws), dtype=np.float32)
    interval, shares = np.empty((len(ids), 2)), np.empty((len(ids), axes))
    for part, harm in draw_harm(seed, ids, rates, scale):
        positions = harm / (harm + scale.kappa)
        parts = positions * scale.drawn_weights
        scores[part], fixed[part] = parts.sum(axis=2), positions @ scale.weights
        interval[part] = np.quantile(harm.sum(axis=2), INTERVAL, axis=1).T
        shares[part] = _shares(parts.mean(axis=1))
    return Drawn(scores, fixed, interval, shares)


def draw_harm(seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale) -> Iterator[tuple[slice, Floats]]:
    """Yield the slice of each chunk of people and their drawn harm rates [people, draws, axes]."""
    draws, axes = scale.drawn_weights.shape
    for start in range(0, len(ids), CHUNK):
        part = slice(start, start + CHUNK)
        drawn = draw_gamma(seed, ids[part], rates.shape[part], rates.rate[part], draws)
        yield part, drawn @ rates.by_axis(axes)


@dataclass(frozen=True, slots=True)
class Moments:
    """Score of each person as a beta distribution, and mean position per axis [n, axes]."""

    alpha: Floats
    beta: Floats
    mean: Floats
    parts: Floats

    def above(self, level: float) -> Floats:
        """Return P(score > level) per person."""
        return 1.0 - betainc(self.alpha, self.beta, level)


def score_moments(rates: Rates, scale: ScoreScale) -> Moments:
    """Match each person's score by a beta distribution with the exact mean and variance, without drawing."""
    axes = len(scale.kappa)
    by_axis = rates.by_axis(axes)
    mean = (rates.shape / rates.rate) @ by_axis
    variance = (rates.shape / rates.rate**2) @ by_axis**2
    first, second = position_moments(mean, variance, scale.kappa)
    score = first @ scale.weights
    products = scale.weight_products()
    square = ((first @ products) * first).sum(axis=1) + (second - first**2) @ np.diag(products)
    spread = np.clip(square - score**2, 1e-12, None)
    score = np.clip(score, 1e-12, 1 - 1e-12)
    size = np.clip(score * (1 - score) / spread - 1, 1e-6, 1e8)
    return Moments(score * size, (1 - score) * size, score, first * scale.weights)


@dataclass(frozen=True, slots=True)
class PeopleRanking:
    """The ranking, and the scores needed to enter the top K.

    `table` on person ids: p_top_k, p_top_k_fixed_weights, rank_lo, rank_hi, score, harm_per_day, harm_per_day_lo,
    harm_per_day_hi, events_per_day, share_0 … per axis, is_drawn (in full; else the analytic values). `last_in`,
    `first_out` [draws]: the K-th and the next score.
    """

    table: pd.DataFrame
    last_in: Floats
    first_out: Floats

    def chance(self, scores: np.ndarray, changed_scores: np.ndarray) -> Floats:
        """Return P(in the top K) per person if their scores [m, draws] changed and all others stayed fixed."""
        first_out = np.where(scores >= self.last_in, self.first_out, self.last_in)
        return chance_above(changed_scores, first_out)


def rank_people(seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale, top_k: int) -> PeopleRanking:
    """Rank people by their posterior rates."""
    moments = score_moments(rates, scale)
    which = choose_drawn(moments, top_k)
    drawn = draw_scores(seed, [ids[i] for i in which], rates.rows(which), scale)
    rest = np.setdiff1d(np.arange(len(ids)), which)
    rest_above = count_above(moments, rest)
    table = _with_drawn(_analytic(ids, rates, moments, drawn, rest_above, top_k), which, drawn, rest_above, top_k)
    return PeopleRanking(table, *(entry_scores(drawn.scores, rest_above, places) for places in (top_k, top_k + 1)))


def choose_drawn(moments: Moments, top_k: int) -> np.ndarray:
    """Return the positions (ascending) of people who can reach the top K, at least LEAST_DRAWN of them.

    The entry score is that above which K people are expected. People are chosen by their chance of exceeding it, until
    the others would fill a negligible share of the K places, or until MOST_DRAWN: among so many equals no chance is
    great.
    """
    everybody = np.arange(len(moments.mean))
    expected = count_above(moments, everybody)
    entry = float(np.interp(-top_k, -expected(LEVELS), LEVELS))
    chance = moments.above(entry)
    order = total_order(chance, moments.mean, ids=everybody)
    left_out = np.cumsum(chance[order][::-1])[::-1]  # places filled, in expectation, by people from here on
    needed = int((left_out > OMITTED_SHARE * top_k).sum())
    return np.sort(order[: np.clip(needed, LEAST_DRAWN, MOST_DRAWN)])


def entry_scores(score_draws: np.ndarray, rest_above: Callable, places: int) -> Floats:
    """Return, per draw, the score that takes the last of `places`, of which the rest are expected to take some.

    With no place the result is one, which no score exceeds.
    """
    if places < 1:
        return np.ones(score_draws.shape[1])
    scores = np.sort(score_draws, axis=0)[::-1][:places].astype(np.float64)
    taken = np.arange(1, len(scores) + 1)[:, None] + rest_above(scores) <= places
    last = np.maximum(taken.sum(axis=0) - 1, 0)
    return np.take_along_axis(scores, last[None, :], axis=0)[0] if len(scores) == places else np.zeros(scores.shape[1])


def first_outside(score_draws: np.ndarray, rest_above: Callable, top_k: int) -> Floats:
    """Return, per draw, the greatest score that takes no place, of which the rest are expected to take some."""
    scores = np.sort(score_draws, axis=0)[::-1][: max(top_k, 0) + 1].astype(np.float64)
    taken = (np.arange(1, len(scores) + 1)[:, None] + rest_above(scores) <= top_k).sum(axis=0)
    everybody_in = np.full((1, scores.shape[1]), -np.inf)
    return np.take_along_axis(np.vstack([scores, everybody_in]), taken[None, :], axis=0)[0]


def chance_of_entry(moments: Moments, last_in: Floats) -> Floats:
    """Return P(in the top K) per person not drawn, given draws of the score that takes the last place."""
    bounds = np.quantile(last_in, np.linspace(0.05, 0.95, 7))
    return np.mean([moments.above(level) for level in bounds], axis=0)


def count_above(moments: Moments, rest: np.ndarray) -> Callable[[np.ndarray], Floats]:
    """Return a function that gives, for a score, the expected number of the rest above it.

    People with nearly the same mean and variance are counted together, on a grid of their beta parameters.
    """
    if not rest.size:
        return lambda scores: np.zeros(np.shape(scores))
    parameters = np.round(np.log(np.column_stack([moments.alpha[rest], moments.beta[rest]])), 1)
    kinds, sizes = np.unique(parameters, axis=0, return_counts=True)
    alpha, beta = np.exp(kinds).T
    expected = [(sizes * (1.0 - betainc(alpha, beta, level))).sum() for level in LEVELS]
    return lambda scores: np.interp(scores, LEVELS, expected)


def position_moments(mean: Floats, variance: Floats, kappa: Floats) -> tuple[Floats, Floats]:
    """Return E[u] and E[u²] of u = λ / (λ + κ) for gamma λ of given mean and variance, from a cached table."""
    shape = np.clip(mean**2 / np.where(variance > 0, variance, np.inf), *SHAPES)
    scaled = np.clip(kappa * shape / np.where(mean > 0, mean, 1e-300), *KAPPAS)
    at = np.log(shape), np.log(scaled)
    is_real = np.isfinite(kappa) & (mean > 0)
    return tuple(np.where(is_real, np.exp(table.ev(*at)), 0.0) for table in _position_tables())  # type: ignore[return-value]


SHAPES = (1e-4, 1e4)
KAPPAS = (1e-6, 1e7)


@cache
def _position_tables() -> "list[scipy.interpolate.RectBivariateSpline]":
    """Return splines of log E[u] and log E[u²] over (log shape, log κ·rate), by integrating over log λ."""
    log_shape, log_kappa = _log_grid(SHAPES, 61), _log_grid(KAPPAS, 91)
    t = np.linspace(-45.0, 10.0, 5501)
    shape = np.exp(log_shape)[:, None]
    density = np.exp(shape * t - np.exp(t) - gammaln(shape)) * (t[1] - t[0])
    position = 1.0 / (1.0 + np.exp(log_kappa[:, None] - t))
    return [
        scipy.interpolate.RectBivariateSpline(log_shape, log_kappa, np.log(density @ (position**power).T))
        for power in (1, 2)
    ]


def _log_grid(ends: tuple[float, float], size: int) -> Floats:
    return np.linspace(float(np.log(ends[0])), float(np.log(ends[1])), size)


def _analytic(
    ids: Sequence[str], rates: Rates, moments: Moments, drawn: Drawn, rest_above: Callable, top_k: int
) -> pd.DataFrame:
    weighted = rates.shape / rates.rate * rates.harm_days
    harm, variance = weighted.sum(axis=1), (weighted * rates.harm_days / rates.rate).sum(axis=1)
    shape = harm**2 / variance
    harm_lo, harm_hi = (gammaincinv(shape, tail) * harm / shape for tail in INTERVAL)
    drawn_above = _mean_count_above(drawn)
    score_lo, score_hi = (betaincinv(moments.alpha, moments.beta, tail) for tail in INTERVAL)
    chance = chance_of_entry(moments, entry_scores(drawn.scores, rest_above, top_k))
    return pd.DataFrame(
        {
            "p_top_k": chance,
            "p_top_k_fixed_weights": chance,  # so far from the top, the weights make no difference
            "rank_lo": 1 + np.rint(drawn_above(score_hi) + rest_above(score_hi)).astype(np.int64),
            "rank_hi": 1 + np.rint(drawn_above(score_lo) + rest_above(score_lo)).astype(np.int64),
            "score": moments.mean,
            "harm_per_day": harm,
            "harm_per_day_lo": harm_lo,
            "harm_per_day_hi": harm_hi,
            "events_per_day": (rates.shape / rates.rate).sum(axis=1),
            **{f"share_{axis}": share for axis, share in enumerate(_shares(moments.parts).T)},
            "is_drawn": False,
        },
        index=pd.Index(ids, name="person_id"),
    )


def _with_drawn(table: pd.DataFrame, which: np.ndarray, drawn: Drawn, rest_above: Callable, top_k: int) -> pd.DataFrame:
    ranks = rank_draws(drawn.scores) + np.rint(rest_above(drawn.scores)).astype(np.int64)
    fixed = drawn.fixed_scores
    rank_lo, rank_hi = np.quantile(ranks, INTERVAL, axis=1, method="inverted_cdf").astype(np.int64)
    columns = {
        "p_top_k": (ranks <= top_k).mean(axis=1),
        "p_top_k_fixed_weights": chance_above(fixed, first_outside(fixed, rest_above, top_k)),
        "rank_lo": rank_lo,
        "rank_hi": rank_hi,
        "score": drawn.scores.mean(axis=1, dtype=np.float64),
        "harm_per_day_lo": drawn.harm_interval[:, 0],
        "harm_per_day_hi": drawn.harm_interval[:, 1],
        **{f"share_{axis}": share for axis, share in enumerate(drawn.shares.T)},
        "is_drawn": True,
    }
    return table.assign(**{name: _put(table[name].to_numpy(), which, values) for name, values in columns.items()})


def _mean_count_above(drawn: Drawn) -> Callable[[np.ndarray], Floats]:
    pooled = np.sort(drawn.scores, axis=None)
    draws = drawn.scores.shape[1]
    return lambda scores: (pooled.size - np.searchsorted(pooled, scores, side="right")) / draws


def _put(values: np.ndarray, which: np.ndarray, new: object) -> np.ndarray:
    values = values.copy()
    values[which] = new
    return values


def _shares(parts: Floats) -> Floats:
    total = parts.sum(axis=1, keepdims=True)
    return parts / np.where(total > 0, total, 1.0)
