"""Shrink learned rates towards each cell's long-run mean, more strongly the longer its history.

The likelihood is dominated by the many quiet cells, so the learned rates are a little too flat in the few cells with
most harm. A cell's own count of a frequent offence gets more weight the more events were expected in it
(gamma–Poisson). A high-harm offence too rare for that is smoothed over about a kilometre instead. The strengths were
chosen by the harm captured on early origins of two cities, not by likelihood (docs/decisions.md).
"""

import numpy as np

from models.arrays import Bools, Floats, Ints
from models.forecast.fit import anchored
from models.forecast.history import History
from models.forecast.scales import Pyramid, decayed_sums

# Mean life of the memory in days.
MEMORY_LIFE = 500.0
# With this many expected events of an offence, a cell's own count and its learned rate have equal weight.
OWN_EVENTS = 5.0
# After this many days of history, the rate of a rare high-harm offence is half learned, half from its surroundings.
WIDE_DAYS = 250.0


def remember(rates: Floats, history: History, pyramid: Pyramid, is_rare: Bools, horizon_days: int) -> Floats:
    """Shrink rates towards the long-run mean.

    Parameters
    ----------
    rates : Floats
        [cells, offences], expected events over the horizon.
    is_rare : Bools
        [offences], those smoothed over their surroundings; all others use the cell's own count.

    Returns
    -------
    Floats
        [cells, offences], expected events over the horizon.
    """
    place, places = history.code * pyramid.cells + history.cell, len(history.codes) * pyramid.cells
    counts = next(decayed_sums(place, history.age, history.n, places, (MEMORY_LIFE,), [0])).reshape(-1, pyramid.cells)
    every = np.arange(pyramid.cells)
    return with_memory(rates, counts, history.span_days, pyramid, is_rare, horizon_days, every)


def with_memory(
    rates: Floats, counts: Floats, span_days: float, pyramid: Pyramid, is_rare: Bools, horizon_days: float, rows: Ints
) -> Floats:
    """Shrink rates [rows, offences] over `horizon_days` towards the counts [offences, cells] of `span_days`."""
    horizons = -MEMORY_LIFE * np.expm1(-span_days / MEMORY_LIFE) / horizon_days
    remembered = anchored(rates, counts[:, rows].T / horizons, horizons, OWN_EVENTS)
    if is_rare.any():
        share = span_days / (span_days + WIDE_DAYS)
        wide = pyramid.spread(counts[is_rare])[:, rows].T / horizons
        remembered[:, is_rare] = (1 - share) * rates[:, is_rare] + share * wide
    return remembered
