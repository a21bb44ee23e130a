"""Decay of incidents with age, and how many whole incidents a decayed count is worth."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Floats

# Days before day 0 in arrays by age: the local hour that a change of clocks repeats before as_of has age -1.
AHEAD = 1


@dataclass(frozen=True, slots=True)
class Decay:
    """An incident of age t days counts ½^(t / half_life_days), and none from `window_days` on."""

    window_days: int
    half_life_days: float

    def factors(self) -> Floats:
        """Return what an incident counts at each age from -1 to window_days - 1."""
        return 0.5 ** (np.arange(-AHEAD, self.window_days) / self.half_life_days)

    @property
    def days(self) -> float:
        """Exposure in decayed days, Σδ over the whole days of the window."""
        return float(self.factors()[AHEAD:].sum())

    @property
    def scale(self) -> float:
        """Σδ / Σδ²: a decayed count y of a constant rate has Var(y) = E(y) / scale, so that scale·y is as a Poisson."""
        factors = self.factors()[AHEAD:]
        return float(factors.sum() / (factors**2).sum())
