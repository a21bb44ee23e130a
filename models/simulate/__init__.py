"""A simulated town with planted truth: its events of seven kinds, its map, and the true state.

`simulate` makes a whole history in one call; `new_town` and `step` simulate it day by day with actions.
`state` and `truth` may import the subpackages behaviour, output and world.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from models.simulate.behaviour.health import SideEffects
from models.simulate.output.events import TYPES, Emitted
from models.simulate.state import TownState, new_town, step
from models.simulate.truth import truth_of
from models.simulate.world.sites import points_of_interest_geojson
from models.simulate.world.town import areas_geojson

__all__ = ["Emitted", "SideEffects", "SimulatedTown", "TownState", "new_town", "simulate", "step", "truth_of"]

STAFFING_DAYS = 56  # at the end of a simulated history for which shifts are reported


@dataclass(frozen=True, slots=True)
class SimulatedTown:
    """Records by topic as (key, JSON bytes) in order of arrival, the map as GeoJSON, the truth as in `truth_of`."""

    records: dict[str, list[tuple[str, bytes]]]
    areas: dict[str, Any]
    points_of_interest: dict[str, Any]
    truth: dict[str, pd.DataFrame]


def simulate(
    *, seed: int, days: int = 730, end: date, with_markets: bool = True, side_effects: SideEffects | None = None
) -> SimulatedTown:
    """Simulate a town's last `days` days before the local midnight that begins `end`.

    Records that would arrive after that midnight are left out.

    Parameters
    ----------
    seed : int
        Zero or more; it determines every draw.
    days : int
        Length of the history in days.
    end : date
        Local day after the last simulated one.
    with_markets : bool
        Whether the town has the three street markets.
    side_effects : SideEffects, optional
        What policing brings unintended; with it, events have what consequences are measured by.

    Returns
    -------
    SimulatedTown
        Records, map and truth.

    Raises
    ------
    ValueError
        The seed is negative or days is below one.
    """
    initial = new_town(
        seed,
        start=end - timedelta(days=days),
        with_markets=with_markets,
        staffing_from_day=max(0, days - STAFFING_DAYS),
        side_effects=side_effects,
    )
    state, records = step(initial, (), days)
    return SimulatedTown(
        records={topic: [(r.key, r.value) for r in records if r.topic == topic] for topic in TYPES},
        areas=areas_geojson(state.town),
        points_of_interest=points_of_interest_geojson(state.sites),
        truth=truth_of(state, records),
    )
