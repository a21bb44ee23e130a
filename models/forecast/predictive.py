"""Predictive draws of events per cell from rates, and the distribution of harm.

Counts are negative binomial. A negative binomial is a Poisson number of clusters whose sizes are logarithmic
(Quenouille 1949, Biometrics 5:162), and a Poisson number of clusters over all draws, assigned to the draws at
random, is Poisson in each draw. So only events are drawn, a few thousand per city, and not the zeros of cells × draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Floats, Ints

# Cells summed densely at a time; bounds memory for any size of city.
CHUNK_CELLS = 4096


@dataclass(frozen=True, slots=True)
class HarmDraws:
    """Non-zero harm of each (cell, draw), sorted by cell, then draw; all other harm is zero."""

    cell: Ints
    draw: Ints
    harm: Floats
    cells: int
    draws: int


def draw_harm(rates: Floats, weights: Floats, excess: Floats, *, draws: int, seed: int) -> HarmDraws:
    """Draw the harm of every cell `draws` times.

    Parameters
    ----------
    rates : Floats
        [cells, offences], expected events over the horizon.
    weights : Floats
        [offences], harm days of one event, above zero.
    excess : Floats
        [cells], variance of a cell's count over its mean, minus one; ≥ 0.

    Returns
    -------
    HarmDraws
        Deterministic for a given seed.
    """
    random = np.random.Generator(np.random.Philox(seed))
    total = rates.sum(axis=1)
    cell, size = _clusters(random, total, excess, draws)
    draw = random.integers(draws, size=len(cell))
    cell, draw = np.repeat(cell, size), np.repeat(draw, size)
    return _added(cell, draw, weights[_marks(random, rates, cell)], len(total), draws)


def central_interval(drawn: HarmDraws, *, interval: float = 0.8) -> tuple[Floats, Floats]:
    """Return lower and upper end of each cell's central interval of harm.

    An end is the smallest harm with at least (1 − interval) / 2, or (1 + interval) / 2, of the draws at or below it.
    """
    some = np.bincount(drawn.cell, minlength=drawn.cells)
    places = [int(np.ceil((1 + side * interval) / 2 * drawn.draws)) - 1 - (drawn.draws - some) for side in (-1, 1)]
    # Cells whose upper end is zero need no sorting.
    has_upper = (places[1] >= 0)[drawn.cell]
    cell, harm = drawn.cell[has_upper], drawn.harm[has_upper]
    harm = harm[np.lexsort((harm, cell))]
    start = np.searchsorted(cell, np.arange(drawn.cells))
    lo, hi = (np.zeros(drawn.cells) for _ in places)
    for end, place in zip((lo, hi), places, strict=True):
        end[place >= 0] = harm[(start + place)[place >= 0]]
    return lo, hi


def chances_of_top(drawn: HarmDraws, shares: Sequence[float]) -> list[Floats]:
    """Return, per share, the probability that each cell is in that top share of cells by harm.

    Ties at the edge share the remaining places: each counts with its part of a place.
    """
    # Sort key: by draw, then by decreasing harm; equal harms have equal keys.
    order = drawn.draw + 0.5 * (1 - drawn.harm / drawn.harm.max(initial=1.0))
    ordered = np.sort(order)
    starts = np.searchsorted(ordered, np.arange(drawn.draws + 1))
    places = [max(1, round(share * drawn.cells)) for share in shares]
    return [_chance_of_top(drawn, order, ordered, starts, place) for place in places]


def _chance_of_top(drawn: HarmDraws, order: Floats, ordered: Floats, starts: Ints, places: int) -> Floats:
    some = np.diff(starts)
    is_full = some >= places
    # In draws with fewer cells with harm than places, all those are in, and the others share the remaining places.
    edge = np.arange(drawn.draws) + 0.75
    edge[is_full] = ordered[starts[:-1][is_full] + places - 1]
    rows = np.flatnonzero(order <= edge[drawn.draw])
    draw, is_level = drawn.draw[rows], order[rows] == edge[drawn.draw[rows]]
    above = np.bincount(draw[~is_level], minlength=drawn.draws)
    level = np.where(is_full, np.bincount(draw[is_level], minlength=drawn.draws), drawn.cells - some)
    share = (places - above) / np.maximum(level, 1)
    idle = np.where(is_full, 0.0, share)
    gain = np.where(is_level, share[draw], 1.0 - idle[draw])
    return (np.bincount(drawn.cell[rows], gain, drawn.cells) + idle.sum()) / drawn.draws


def _clusters(random: np.random.Generator, mean: Floats, excess: Floats, draws: int) -> tuple[Ints, Ints]:
    """Return cell and size of every cluster over all draws."""
    theta = excess / (1 + excess)
    # log(1 + e) / e tends to one as e → 0: without excess every cluster is a single event.
    clusters = mean * np.divide(np.log1p(excess), excess, out=np.ones_like(excess), where=excess > 1e-9)
    cell = np.repeat(np.arange(len(mean)), random.poisson(clusters * draws))
    size = np.ones(len(cell), dtype=np.int64)
    loose = theta[cell] > 1e-9
    size[loose] = random.logseries(theta[cell[loose]])
    return cell, size


def _marks(random: np.random.Generator, rates: Floats, cell: Ints) -> Ints:
    """Draw the offence of each event with the probabilities of its cell."""
    upto = np.cumsum(rates, axis=1)
    at = random.random(len(cell)) * rates.sum(axis=1)[cell]
    mark = np.zeros(len(cell), dtype=np.int64)
    for offence in range(rates.shape[1] - 1):
        mark += at >= upto[cell, offence]
    return mark


def _added(cell: Ints, draw: Ints, harm: Floats, cells: int, draws: int) -> HarmDraws:
    """Sum harm by cell and draw; the cells must be sorted, and are summed densely in chunks."""
    edges = np.arange(0, cells + CHUNK_CELLS, CHUNK_CELLS)
    limits = np.searchsorted(cell, edges)
    keys: list[Ints] = [np.empty(0, dtype=np.int64)]
    sums: list[Floats] = [np.empty(0)]
    for edge, start, stop in zip(edges[:-1], limits[:-1], limits[1:], strict=True):
        dense = np.bincount((cell[start:stop] - edge) * draws + draw[start:stop], harm[start:stop]).astype(np.float64)
        some = np.flatnonzero(dense).astype(np.int64)
        keys.append(some + edge * draws)
        sums.append(dense[some])
    cell, draw = np.divmod(np.concatenate(keys), draws)
    return HarmDraws(cell, draw, np.concatenate(sums), cells, draws)
