"""Hot-spot visits: short, visible, at random times, with bounded gaps.

A hot spot stays quiet longest after visits of ten to sixteen minutes (Koper 1995, Justice Quarterly 12:649), repeated
at least every two hours at unpredictable times.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

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

    def __post_init__(self) -> None:
        is_in_day = 0 <= self.first_hour < self.last_hour <= 24
        expect(is_in_day, "visits.", self, "first_hour last_hour", "hours of one day")
        is_short = 0 < self.least_minutes <= self.most_minutes < 60 * self.most_hours_between / 2
        short = "minutes, the lower first, and less than half of most_hours_between"
        expect(is_short, "visits.", self, "least_minutes most_minutes", short)


COLUMNS = ("cell_id", "visit_number", "area_id", "chosen_for", "starts_at", "minutes")


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
    zone = ZoneInfo(time_zone)
    rows = []
    for cell in cells.sort_values("cell_id").to_dict("records"):
        rng = generator(seed, f"visits:{day}:{cell['cell_id']}")
        gap, at, number = 60 * config.most_hours_between, 60 * config.first_hour, 0
        at += rng.uniform(0, gap)
        while at + config.most_minutes <= 60 * config.last_hour:
            number += 1
            minutes = int(rng.integers(config.least_minutes, config.most_minutes + 1))
            starts_at = datetime.combine(day, time(), tzinfo=zone) + timedelta(minutes=int(at))
            rows.append((cell["cell_id"], number, cell["area_id"], cell["chosen_for"], starts_at, minutes))
            # Visits are at least half the gap apart, so that their number in a day stays near the dose.
            at += rng.uniform(gap / 2, gap)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(starts_at=pd.to_datetime(frame["starts_at"], utc=True))
