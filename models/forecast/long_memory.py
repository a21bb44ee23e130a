"""Long memory: what a cell has always seen draws the learned rates to itself, the more the longer the past.

Rates are learned by likelihood, where the many quiet cells outvote the few in which most harm comes, so they come out a
little flat just there. A cell's own count of a frequent offence is the better witness the more events were to be
expected in it (gamma–Poisson). A grave offence too rare for that is spread over about a kilometre instead. How
strongly, was chosen by the harm found on early origins of two cities, not by likelihood (docs/decisions.md).
"""

import numpy as np
import numpy.typing as npt

from models.forecast.fit import anchored
from models.forecast.history import History
from models.forecast.scales import Pyramid

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Mean life of the memory in days.
MEMORY_LIFE = 500.0
# As many expected events of an offence in a cell make its own count and its learned rate equal witnesses.
OWN_EVENTS = 5.0
# A rare grave offence stands half on what was learned and half on its surroundings after this many days of past.
WIDE_DAYS = 250.0


def remember(rates: Floats, history: History, pyramid: Pyramid, is_rare: Bools, horizon_days: int) -> Floats:
    """Draw rates to what was always seen.

    Parameters
    ----------
    rates : [cells, offences], expected events over the horizon.
    is_rare : [offences], those spread over their surroundings; all others lean on the cell's own count.

    Returns
    -------
    [cells, offences], expected events over the horizon.
    """
    seen_days = -MEMORY_LIFE * np.expm1(-history.span_days / MEMORY_LIFE)
    faded = history.n * np.exp(-history.age / MEMORY_LIFE)
    place = history.code * pyramid.cells + history.cell
    counts: Floats = np.bincount(place, faded, rates.size).reshape(-1, pyramid.cells).astype(np.float64, copy=False)
    horizons = seen_days / horizon_days
    remembered = anchored(rates, counts.T / horizons, horizons, OWN_EVENTS)
    if is_rare.any():
        share = history.span_days / (history.span_days + WIDE_DAYS)
        wide = pyramid.spread(counts[is_rare]).T / horizons
        remembered[:, is_rare] = (1 - share) * rates[:, is_rare] + share * wide
    return remembered
