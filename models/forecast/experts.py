"""Simple forecasts beside the learned one: what past counts and past harm alone say about the next days.

Every expert is a decayed sum per cell of the past, for one memory and one view of severity. `models.forecast.blend`
learns from the city's own past how far to trust each of them.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Bools, Floats
from models.forecast.scales import Pyramid

# Mean lives of the experts' memory in days.
MEMORIES = (30.0, 120.0, 365.0, 1500.0)
# How an expert counts an event: as one; by its weight; by its weight, with rare grave offences spread over about a
# kilometre; the same with all other offences spread over their nearest cells too.
VIEWS = ("count", "harm", "harm, rare offences spread", "harm, all spread")


@dataclass(frozen=True, slots=True)
class Expert:
    """One memory and one view of severity."""

    mean_life_days: float
    view: str

    def __str__(self) -> str:
        return f"{self.view} over {self.mean_life_days:g} days"


EXPERTS = tuple(Expert(life, view) for life in MEMORIES for view in VIEWS)


def expert_maps(counts: Floats, pyramid: Pyramid, harm_days: Floats, is_spread: Bools) -> Floats:
    """Return each expert's map [EXPERTS, cells], with a sum of one; who has seen nothing expects the same everywhere.

    Parameters
    ----------
    counts : Floats
        [MEMORIES, offences, cells], decayed counts.
    harm_days : Floats
        [offences], weight per event.
    is_spread : Bools
        [offences], the rare grave offences.
    """
    weights = np.stack([np.ones_like(harm_days), harm_days * is_spread, harm_days * ~is_spread])
    count, rare, other = (weights @ counts).transpose(1, 0, 2)
    wide = pyramid.spread(rare) if rare.any() else rare
    by_view = np.stack([count, rare + other, wide + other, wide + pyramid.near(other)], axis=1)
    return shares(by_view.reshape(len(EXPERTS), -1))


def shares(maps: Floats) -> Floats:
    """Scale maps [..., cells] to a sum of one; a map without anything is even."""
    total = maps.sum(axis=-1, keepdims=True)
    return np.divide(maps, total, out=np.full_like(maps, 1 / maps.shape[-1]), where=total > 0)
