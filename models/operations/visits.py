"""Hot-spot visits: short, visible, at random times, with bounded gaps; and a few to cells drawn by lot.

A hot spot stays quiet longest after visits of ten to sixteen minutes (Koper 1995, Justice Quarterly 12:649), repeated
at least every two hours at unpredictable times.

Visits that follow the forecast alone say nothing of the places that no forecast names (Ensign et al. 2018, PMLR 81).
A share of the visiting time therefore goes to cells drawn by lot, and the chance that a cell is visited is on record.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models.checks import expect
from models.statistics.rank_draws import generator


@dataclass(frozen=True, slots=True)
class VisitsConfig:
    """Number of cells to visit, hours of the day, length and gaps of visits, and address piles visited all the same."""

    forecast_cells: int
    first_hour: float
    last_hour: float
    least_minutes: int
    most_minutes: int
    most_hours_between: float
    allowed_addresses: tuple[str, ...]
    exploration_share: float

    def __post_init__(self) -> None:
        is_in_day = 0 <= self.first_hour < self.last_hour <= 24
        expect(is_in_day, "visits.", self, "first_hour last_hour", "hours of one day")
        is_short = 0 < self.least_minutes <= self.most_minutes < 60 * self.most_hours_between / 2
        short = "minutes, the lower first, and less than half of most_hours_between"
        expect(is_short, "visits.", self, "least_minutes most_minutes", short)
        expect(0 <= self.exploration_share <= 0.5, "visits.", self, "exploration_share", "a share from 0 to 0.5")


BY_LOT = "exploration"
COLUMNS = ("cell_id", "visit_number", "area_id", "chosen_for", "starts_at", "minutes", "visit_chance")


def plan_visits(cells: pd.DataFrame, *, day: date, time_zone: str, seed: int, config: VisitsConfig) -> pd.DataFrame:
    """Draw the visits of a day.

    Parameters
    ----------
    cells : DataFrame
        cell_id, area_id, chosen_for; each cell once.
    day : date
        Local date.
    time_zone : str
        Zone of the local date.
    seed : int
        Seed of the run; draws are keyed by (seed, day, cell).
    config : VisitsConfig
        Hours, minutes and gaps of visits.

    Returns
    -------
    DataFrame
        COLUMNS, by cell and time; starts_at in UTC. The first visit starts within `most_hours_between` of the first
        hour, and each next within as long of the one before, until the day has too little time left.
    """
    rows = []
    for cell in cells.sort_values("cell_id").to_dict("records"):
        rng = generator(seed, f"visits:{day}:{cell['cell_id']}")
        gap, at, number = 60 * config.most_hours_between, 60 * config.first_hour, 0
        at += rng.uniform(0, gap)
        while at + config.most_minutes <= 60 * config.last_hour:
            number += 1
            minutes = int(rng.integers(config.least_minutes, config.most_minutes + 1))
            rows.append((cell["cell_id"], number, cell["area_id"], cell["chosen_for"], int(at), minutes, 1.0))
            # Visits are at least half the gap apart, so that their number in a day stays near the dose.
            at += rng.uniform(gap / 2, gap)
    return _timed(rows, day, time_zone)


def explore(
    cells: pd.DataFrame, planned_minutes: int, *, day: date, time_zone: str, seed: int, config: VisitsConfig
) -> pd.DataFrame:
    """Draw the visits of a day to cells drawn by lot, each cell with the same chance and at most once.

    Parameters
    ----------
    cells : DataFrame
        cell_id, area_id of the cells that may be visited and are not in the plan.
    planned_minutes : int
        Minutes of the planned visits; those drawn by lot are `config.exploration_share` of both together, on average
        over days.
    day, time_zone, seed, config
        As for `plan_visits`; draws are keyed by (seed, day).

    Returns
    -------
    DataFrame
        COLUMNS; visit_chance is the chance of each cell to be drawn that day, before the draw.
    """
    rng = generator(seed, f"exploration:{day}")
    share = config.exploration_share
    expected = planned_minutes * share / (1 - share) * 2 / (config.least_minutes + config.most_minutes)
    expected = min(expected, len(cells))
    count = int(expected) + int(rng.random() < expected % 1)
    drawn = cells.sort_values("cell_id").iloc[np.sort(rng.choice(len(cells), count, replace=False))]
    latest = 60 * config.last_hour - config.most_minutes
    rows = [
        (cell["cell_id"], 1, cell["area_id"], BY_LOT, int(rng.uniform(60 * config.first_hour, latest)),
         int(rng.integers(config.least_minutes, config.most_minutes + 1)), expected / len(cells))
        for cell in drawn.to_dict("records")
    ]  # fmt: skip
    return _timed(rows, day, time_zone)


def _timed(rows: list[tuple[Any, ...]], day: date, time_zone: str) -> pd.DataFrame:
    """Return visits as a frame; they start at minutes of the local day."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    midnight = datetime.combine(day, time(), tzinfo=ZoneInfo(time_zone))
    starts_at = [midnight + timedelta(minutes=minute) for minute in frame["starts_at"].tolist()]
    return frame.assign(starts_at=pd.to_datetime(pd.Series(starts_at, dtype=object), utc=True))
