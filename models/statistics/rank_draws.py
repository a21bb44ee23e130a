"""Ranks with their uncertainty: posterior draws, drawn weights, P(in the top K), interval of the rank.

Every entity has its own random stream, keyed by the seed and its id, so its draws do not depend on other entities.
Weights are drawn around the configured ones, so a rank includes the uncertainty of the weights as well as of the data:
stochastic multicriteria acceptability analysis (Lahdelma and Salminen 2001, Operations Research 49:444). Ranks are
computed per draw (Laird and Louis 1989, J. Educational Statistics 14:29).
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, Ints

TOGETHER = 64  # entities that a thread draws for at a time; to hand one over takes as long as 400 numbers


def generator(seed: int, entity_id: str) -> np.random.Generator:
    """Return a random generator that depends only on (seed, entity id)."""
    key = hashlib.blake2b(entity_id.encode(), digest_size=16, key=seed.to_bytes(16, "little", signed=True)).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def draw_gamma(seed: int, entity_ids: Sequence[str], shape: npt.ArrayLike, rate: npt.ArrayLike, draws: int) -> Floats:
    """Draw from each entity's k gamma posteriors, each entity from its own stream.

    Parameters
    ----------
    entity_ids : Sequence[str]
        n distinct ids, which key the streams; the order does not matter.
    shape, rate : npt.ArrayLike
        [n, k] posterior parameters.
    draws : int
        number of draws per posterior.

    Returns
    -------
    Floats
        [n, draws, k].

    Raises
    ------
    ValueError
        Ids repeat or array shapes do not match.
    """
    shape, rate = np.asarray(shape, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    if shape.ndim != 2 or shape.shape != rate.shape or len(shape) != len(entity_ids):
        raise ValueError(
            f"{len(entity_ids)} entities, shape {shape.shape} and rate {rate.shape}: expected [entities, k] for both"
        )
    if len(set(entity_ids)) != len(entity_ids):
        raise ValueError("entity ids repeat: two entities would share one stream of draws")
    drawn = np.empty((len(entity_ids), draws, shape.shape[1]))

    # Entity by entity on purpose: one stream each makes the draws independent of which others are present, and of
    # which thread draws them. NumPy draws outside Python's lock.
    def draw(row: int) -> None:
        drawn[row] = generator(seed, entity_ids[row]).standard_gamma(shape[row], size=drawn.shape[1:])

    draw_each(draw, len(entity_ids))
    return drawn / rate[:, None, :]


def draw_each(draw: Callable[[int], None], count: int) -> None:
    """Call `draw` with the number of every entity; where there are more than TOGETHER, in threads."""

    def draw_some(first: int) -> None:
        for number in range(first, min(first + TOGETHER, count)):
            draw(number)

    if count <= TOGETHER:
        draw_some(0)
        return
    with ThreadPoolExecutor() as pool:
        list(pool.map(draw_some, range(0, count, TOGETHER)))


def draw_weights(seed: int, weights: Sequence[float], concentration: float, draws: int) -> Floats:
    """Draw axis weights [draws, k] from a Dirichlet around `weights`; a weight of zero stays zero.

    An infinite concentration returns the weights themselves, scaled to sum to one.

    Raises
    ------
    ValueError
        A weight is negative, none is above zero, or the concentration is not above zero.
    """
    centre = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(centre).all() and (centre >= 0).all() and centre.sum() > 0):
        raise ValueError(f"weights={list(weights)!r}: expected numbers ≥ 0, at least one above zero")
    if not concentration > 0:
        raise ValueError(f"concentration={concentration!r}: expected a number above zero")
    centre = centre / centre.sum()
    if np.isinf(concentration):
        return np.tile(centre, (draws, 1))
    parts = generator(seed, "axis weights").standard_gamma(concentration * centre, size=(draws, len(centre)))
    return parts / parts.sum(axis=1, keepdims=True)


def percentiles(values: npt.ArrayLike) -> Floats:
    """Return the percentile (0 to 1) of each entity within each draw of [n, draws]; ties get their mid-rank."""
    by_draw = np.ascontiguousarray(np.asarray(values, dtype=np.float64).T)
    draws, n = by_draw.shape
    if not n:
        return np.empty((0, draws))
    order = (by_draw.argsort(axis=1) + n * np.arange(draws)[:, None]).ravel()
    ordered, ranks = by_draw.ravel()[order], np.tile(np.arange(1.0, n + 1), draws)
    differs = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]  # from the next lower in the same draw
    differs[::n] = True
    if not differs.all():
        first = np.flatnonzero(differs)
        tied = np.diff(first, append=len(order))
        ranks = np.repeat(np.add.reduceat(ranks, first) / tied, tied)
    placed = np.empty(by_draw.shape)
    placed.ravel()[order] = ranks
    return np.ascontiguousarray((placed.T - 0.5) / n)


def rank_draws(scores: npt.ArrayLike) -> Ints:
    """Return the rank of each entity within each draw of [n, draws]; 1 is the highest score, ties get the last rank.

    Ties get the last rank so that no entity enters a list by a tie.
    """
    by_draw = np.ascontiguousarray(-np.asarray(scores, dtype=np.float64).T)
    order = by_draw.argsort(axis=1)
    ordered = np.take_along_axis(by_draw, order, axis=1)
    n = by_draw.shape[1]
    is_last = np.ones(by_draw.shape, bool)  # of those with the same score
    is_last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    last = np.where(is_last, np.arange(1, n + 1), n)
    ranks = np.empty(by_draw.shape, np.int64)
    np.put_along_axis(ranks, order, np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1], axis=1)
    return np.ascontiguousarray(ranks.T)


def chance_in_top(scores: Floats, top_k: int) -> Floats:
    """Return P(in the top K) of each entity over draws [n, draws], if only these entities compete for the K places."""
    if top_k >= len(scores):
        return np.ones(len(scores))
    outside = len(scores) - top_k - 1
    return chance_above(scores, np.partition(scores, outside, axis=0)[outside])


def chance_above(scores: npt.ArrayLike, first_out: npt.ArrayLike) -> Floats:
    """Return P(in the top K) of each entity, given per draw the first score outside: nobody enters a list by a tie."""
    return np.asarray(np.asarray(scores) > np.asarray(first_out)).mean(axis=1)


def total_order(*scores: npt.ArrayLike, ids: npt.ArrayLike) -> Ints:
    """Return positions by decreasing first score; ties go by the next score, then by increasing id."""
    return np.lexsort((np.asarray(ids), *(-np.asarray(score, dtype=np.float64) for score in reversed(scores))))


def total_ranks(*scores: npt.ArrayLike, ids: npt.ArrayLike) -> Ints:
    """Return the rank of each entity in `total_order`; 1 is the first."""
    order = total_order(*scores, ids=ids)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def rank_interval(scores: npt.ArrayLike, interval: float) -> tuple[Ints, Ints]:
    """Return both ends of the central interval of each entity's rank over score draws [n, draws].

    Ranks are whole, so an interval holds more than `interval` of the draws, and much more among few entities. Each end
    is therefore moved in by one rank where what the interval holds is then nearer to it.

    Raises
    ------
    ValueError
        `interval` is outside 0 to 1.
    """
    if not 0 < interval < 1:
        raise ValueError(f"interval={interval!r}: expected a probability between zero and one")
    ranks = rank_draws(scores)
    tails = [(1 - interval) / 2, (1 + interval) / 2]
    lowest, highest = np.quantile(ranks, tails, axis=1, method="inverted_cdf").astype(np.int64)
    ends = [(lowest + up, highest - down) for up, down in ((0, 0), (1, 0), (0, 1), (1, 1))]
    misses = [_miss(ranks, *both, interval) for both in ends]
    nearest = np.argmin(misses, axis=0)
    return np.choose(nearest, [lo for lo, _ in ends]), np.choose(nearest, [hi for _, hi in ends])


def _miss(ranks: Ints, lowest: Ints, highest: Ints, interval: float) -> Floats:
    """Return how far what the intervals hold is from `interval`; infinite for none."""
    held = ((ranks >= lowest[:, None]) & (ranks <= highest[:, None])).mean(axis=1)
    return np.where(lowest <= highest, np.abs(held - interval), np.inf)
