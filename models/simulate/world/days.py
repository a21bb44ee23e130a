"""Local days of the town: start in UTC, weekday, season, and the hourly profiles of incidents."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from models.simulate.world.draws import Floats, Ints, pick_by_row

DAY_S = 86400

# Relative weight of each local hour, from midnight on.
PROFILES: dict[str, tuple[float, ...]] = {
    "daylight": (1, 0, 0, 0, 0, 0, 1, 2, 4, 6, 8, 9, 10, 10, 10, 11, 12, 12, 11, 9, 6, 4, 3, 2),
    "evening": (4, 2, 1, 1, 0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 6, 7, 8, 9, 10, 10, 9, 8, 6),
    "night": (12, 10, 8, 4, 2, 1, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 8, 10, 12, 13),
    "round": (4, 3, 3, 2, 2, 2, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4),
}
PROFILE = {name: number for number, name in enumerate(PROFILES)}
_HOURS = np.array(list(PROFILES.values()), dtype=np.float64)
_WEEKEND = np.array([0.9, 0.9, 0.95, 1.0, 1.25, 1.35, 0.95])  # Monday first


@dataclass(frozen=True, slots=True)
class Day:
    """One local day: its number from the town's first, its first second and length in UTC seconds."""

    number: int
    start_s: int
    length_s: int
    local: date

    @property
    def end_s(self) -> int:
        """First second after the day, in UTC seconds."""
        return self.start_s + self.length_s

    @property
    def season(self) -> float:
        """Factor on street crime: a tenth more in midsummer, a tenth less in midwinter."""
        return 1.0 + 0.1 * float(np.cos(2 * np.pi * (self.local.timetuple().tm_yday - 197) / 365.25))

    @property
    def profile_factors(self) -> Floats:
        """Factor of this weekday by profile: nights and evenings are busier before a day off."""
        weekend = float(_WEEKEND[self.local.weekday()])
        return np.array([1.0, np.sqrt(weekend), weekend**2, 1.0])

    def seconds(self, profile: Ints, u_hour: Floats, u_second: Floats) -> Ints:
        """Return UTC seconds on this day, drawn from the given hourly profiles."""
        hour = pick_by_row(u_hour, _HOURS[profile])
        return self.start_s + np.minimum(((hour + u_second) * 3600).astype(np.int64), self.length_s - 1)


def day_of(start: date, number: int, zone: ZoneInfo) -> Day:
    """Return the local day that is `number` days after `start`."""
    local = start + timedelta(days=number)
    first = midnight_s(local, zone)
    return Day(number, first, midnight_s(local + timedelta(days=1), zone) - first, local)


def midnight_s(local: date, zone: ZoneInfo) -> int:
    """Return the UTC seconds at which the local date begins."""
    return int(datetime.combine(local, time(), tzinfo=zone).timestamp())


def iso(seconds: npt.ArrayLike) -> list[str]:
    """Return ISO 8601 texts in UTC, ending in Z."""
    return np.datetime_as_string(np.asarray(seconds, dtype=np.int64).astype("M8[s]"), timezone="UTC").tolist()


def seconds_of(moment: str | datetime) -> int:
    """Return the UTC seconds of an ISO 8601 text or a datetime, both with a zone.

    Raises
    ------
    ValueError
        The time has no zone.
    """
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if read.tzinfo is None:
        raise ValueError(f"at={moment!r}: expected a time with a zone")
    return int(read.astimezone(UTC).timestamp())
