"""From rates to what may happen: draws of next week's events, cell by cell, and what they say about harm.

Counts are negative binomial. A negative binomial is a Poisson number of clusters whose sizes are logarithmic
(Quenouille 1949, Biometrics 5:162), and a Poisson number of clusters over all draws, dealt out to the draws at random,
is Poisson in each draw. So only what happens is drawn: a city's few thousand events, never its cells × draws zeros.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Cells whose draws are held densely at a time: bounds memory whatever the city.
CHUNK_CELLS = 4096


@dataclass(frozen=True, slots=True)
class HarmDraws:
    """Harm above zero of each (cell, draw), sorted by cell then draw; everything else is zero."""

    cell: Ints
    draw: Ints
    harm: Floats
    cells: int
    draws: int


def draw_harm(rates: Floats, weights: Floats, excess: Floats, *, draws: int, seed: int) -> HarmDraws:
    """Draw the harm of every cell `draws` times.

    Parameters
    ----------
    rates : [cells, offences], expected events over the horizon.
    weights : [offences], harm days of one event.
    excess : [cells], variance of a cell's count over its mean, less one; ≥ 0.

    Returns
    -------
    HarmDraws, the same for the same seed.
    """
    random = np.random.Generator(np.random.Philox(seed))
    total = rates.sum(axis=1)
    cell, size = _clusters(random, total, excess, draws)
    draw = random.integers(draws, size=len(cell))
    cell, draw = np.repeat(cell, size), np.repeat(draw, size)
    harm = weights[_marks(random, rates, cell)]
    return _added(cell, draw, harm, len(total), draws)


def summarise(drawn: HarmDraws, *, interval: float = 0.8, top_shares: tuple[float, ...] = (0.01, 0.05)) -> pd.DataFrame:
    """Quantiles of harm and chances of rank, one row per cell: `harm_lo`, `harm_hi`, `p_top_<n>` by the n-th share.

    The lower end is the smallest value with at least (1 − interval) / 2 of the draws at or below it, the upper end
    likewise. A cell is in the top share by as much as it gets when cells equal at the edge share the places left.
    """
    lo, hi = _quantiles(drawn, ((1 - interval) / 2, (1 + interval) / 2))
    columns = {"harm_lo": lo, "harm_hi": hi}
    for n, share in enumerate(top_shares):
        columns[f"p_top_{n}"] = chance_of_top(drawn, max(1, round(share * drawn.cells)))
    return pd.DataFrame(columns)


def chance_of_top(drawn: HarmDraws, places: int) -> Floats:
    """Share of draws in which each cell is among the `places` with most harm, equals at the edge sharing theirs."""
    order = np.lexsort((-drawn.harm, drawn.draw))
    draw, harm = drawn.draw[order], drawn.harm[order]
    starts = np.searchsorted(draw, np.arange(drawn.draws + 1))
    some = np.diff(starts)
    edge = np.zeros(drawn.draws)
    full = some >= places
    edge[full] = harm[starts[:-1][full] + places - 1]
    above = np.bincount(draw, weights=harm > edge[draw], minlength=drawn.draws)
    level = np.bincount(draw, weights=harm == edge[draw], minlength=drawn.draws)
    level[~full] = drawn.cells - some[~full]
    share = (places - above) / np.maximum(level, 1)
    gain = (drawn.harm > edge[drawn.draw]) + (drawn.harm == edge[drawn.draw]) * share[drawn.draw]
    # Where fewer cells than places have harm at all, those without share what is left.
    idle = np.where(full, 0.0, share)
    gain = gain - idle[drawn.draw]
    return (np.bincount(drawn.cell, weights=gain, minlength=drawn.cells) + idle.sum()) / drawn.draws


def _clusters(random: np.random.Generator, mean: Floats, excess: Floats, draws: int) -> tuple[Ints, Ints]:
    """Cell and size of every cluster in all draws together."""
    theta = excess / (1 + excess)
    # log(1 + e) / e tends to one: without excess every cluster is a single event.
    clusters = mean * np.divide(np.log1p(excess), excess, out=np.ones_like(excess), where=excess > 1e-9)
    cell = np.repeat(np.arange(len(mean)), random.poisson(clusters * draws))
    size = np.ones(len(cell), dtype=np.int64)
    loose = theta[cell] > 1e-9
    size[loose] = random.logseries(theta[cell[loose]])
    return cell, size


def _marks(random: np.random.Generator, rates: Floats, cell: Ints) -> Ints:
    """Offence of each event, with the probabilities of its cell."""
    upto = np.cumsum(rates, axis=1)
    at = random.random(len(cell)) * upto[cell, -1]
    mark = np.zeros(len(cell), dtype=np.int64)
    for n in range(rates.shape[1] - 1):
        mark += at >= upto[cell, n]
    return mark


def _added(cell: Ints, draw: Ints, harm: Floats, cells: int, draws: int) -> HarmDraws:
    key = cell * draws + draw
    order = np.argsort(key, kind="stable")
    key, harm = key[order], harm[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    sums = np.add.reduceat(harm, first) if len(first) else np.empty(0)
    some = sums > 0
    cell, draw = np.divmod(key[first[some]], draws)
    return HarmDraws(cell, draw, sums[some], cells, draws)


def _quantiles(drawn: HarmDraws, levels: tuple[float, float]) -> tuple[Floats, Floats]:
    some = np.bincount(drawn.cell, minlength=drawn.cells)
    order = np.lexsort((drawn.harm, drawn.cell))
    harm, start = drawn.harm[order], np.cumsum(some) - some
    ends = []
    for level in levels:
        place = int(np.ceil(level * drawn.draws)) - 1 - (drawn.draws - some)
        end = np.zeros(drawn.cells)
        end[place >= 0] = harm[(start + place)[place >= 0]]
        ends.append(end)
    return ends[0], ends[1]
