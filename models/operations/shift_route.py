"""The route of one crew through a shift: which visits it makes, when, and never two at once.

Minutes are counted in real time from the start of the shift, so that a shift past midnight or over a change of the
clocks is as long as it is.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.operations.shifts import DAY_MINUTES, Shift

MOST_STOPS, LEAST_PLACES = 5, 3
MOST_MOVED = 30  # minutes that a visit may be moved from its time
LONGEST_GAP = 120  # minutes without a stop, above which another place is added: the dose of `models.operations.visits`
KM_PER_HOUR = 15.0  # in a straight line by car: slow enough for corners, lights and parking


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to the middle of a cell; `rank` orders cells, `minute` counts from the start of the shift."""

    cell_id: str
    rank: int
    x_m: float
    y_m: float
    minute: int
    minutes: int
    is_planned: bool = True
    moved: int = 0  # minutes later than planned; negative is earlier

    def at(self, minute: int) -> "Visit":
        """Return the visit at another minute."""
        return Visit(self.cell_id, self.rank, self.x_m, self.y_m, minute, self.minutes, self.is_planned,
                     self.moved + minute - self.minute)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """The stops of one crew by time, and how many planned visits are not among them."""

    stops: tuple[Visit, ...]
    left_out: int


def span_of(shift: Shift, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a shift that starts on a local day starts and ends, in UTC."""
    ends = shift.ends if shift.ends > shift.starts else shift.ends + DAY_MINUTES
    midnight = datetime.combine(day, time())
    starts_at, ends_at = ((midnight + timedelta(minutes=at)).replace(tzinfo=zone) for at in (shift.starts, ends))
    return starts_at.astimezone(UTC), ends_at.astimezone(UTC)


def travel_minutes(one: Visit, other: Visit) -> int:
    """Return whole minutes from one cell to another at KM_PER_HOUR, rounded up."""
    return math.ceil(math.hypot(one.x_m - other.x_m, one.y_m - other.y_m) * 60 / (1000 * KM_PER_HOUR))


def plan_route(planned: Iterable[Visit], others: Sequence[Visit], *, length: int) -> Route:
    """Return the route of one crew: at most MOST_STOPS stops, with time to travel between them.

    Every planned cell has one visit before any has two; of a cell's visits the one farthest in time from the other
    stops is taken. A visit that does not fit at its time moves to the nearest free minute, at most MOST_MOVED away, or
    is left out. Fewer than LEAST_PLACES places, and then gaps longer than LONGEST_GAP, are filled with other cells.

    Parameters
    ----------
    planned : iterable of Visit
        Planned visits of the shift; the order does not matter.
    others : sequence of Visit
        One visit to each further cell that may be visited, the first first; their minutes are not read.
    length : int
        Minutes of the shift.
    """
    stops: list[Visit] = []
    known = sorted(planned, key=lambda visit: (visit.rank, visit.cell_id, visit.minute, visit.minutes))
    waiting, spare = list(known), [each for each in others if each.cell_id not in {visit.cell_id for visit in known}]
    _take(stops, waiting, length, is_again=False)
    _fill(stops, spare, length, lambda: len({stop.cell_id for stop in stops}) < LEAST_PLACES)
    _take(stops, waiting, length, is_again=True)
    _fill(stops, spare, length, lambda: _longest_gap(stops, length)[0] > LONGEST_GAP)
    kept = sum(stop.is_planned for stop in stops)
    return Route(tuple(sorted(stops, key=lambda stop: stop.minute)), len(known) - kept)


def _take(stops: list[Visit], waiting: list[Visit], length: int, *, is_again: bool) -> None:
    """Move planned visits that fit from `waiting` to `stops`, to cells without a stop or, `is_again`, to any."""
    while len(stops) < MOST_STOPS:
        count = Counter(stop.cell_id for stop in stops)
        open_visits = [visit for visit in waiting if is_again or not count[visit.cell_id]]
        if not open_visits:
            return
        nearest = [min((abs(visit.minute - stop.minute) for stop in stops), default=0) for visit in open_visits]
        order = [(count[visit.cell_id], visit.rank, visit.cell_id, -away, visit.minute)
                 for visit, away in zip(open_visits, nearest, strict=True)]  # fmt: skip
        chosen = open_visits[order.index(min(order))]
        waiting.remove(chosen)
        stops += _inserted(chosen, stops, length)


def _fill(stops: list[Visit], spare: list[Visit], length: int, is_wanted: Callable[[], bool]) -> None:
    """Add further cells, each in the middle of the longest gap, while they are wanted."""
    while spare and len(stops) < MOST_STOPS and is_wanted():
        gap, start = _longest_gap(stops, length)
        visit = spare.pop(0)
        middle = max(start + (gap - visit.minutes) // 2, 0)
        at_middle = Visit(visit.cell_id, visit.rank, visit.x_m, visit.y_m, middle, visit.minutes, is_planned=False)
        stops += _inserted(at_middle, stops, length)


def _longest_gap(stops: Sequence[Visit], length: int) -> tuple[int, int]:
    """Return the length and the start of the longest time without a stop, the earliest of equal ones."""
    ends = [0, *sorted(stop.minute + stop.minutes for stop in stops)]
    starts = [*sorted(stop.minute for stop in stops), length]
    gaps = [(start - end, -end) for end, start in zip(ends, starts, strict=True)]
    gap, end = max(gaps)
    return gap, -end


def _inserted(visit: Visit, stops: Sequence[Visit], length: int) -> list[Visit]:
    """Return the visit at its minute or the nearest free one, earlier before later; nothing where there is none."""
    for away in range(MOST_MOVED + 1):
        for minute in (visit.minute - away, visit.minute + away):
            if 0 <= minute <= length - visit.minutes and all(_is_apart(visit.at(minute), stop) for stop in stops):
                return [visit.at(minute)]
    return []


def _is_apart(one: Visit, other: Visit) -> bool:
    first, then = sorted((one, other), key=lambda visit: visit.minute)
    return first.minute + first.minutes + travel_minutes(first, then) <= then.minute
