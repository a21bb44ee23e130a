"""The shifts of a day: named spans of local time, which may run past midnight."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import Bools, Ints

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift: its name and when it starts and ends, in minutes after local midnight; it may end on the next day."""

    name: str
    starts: int
    ends: int

    def holds(self, minutes: Ints) -> Bools:
        """Return which minutes after local midnight, 0 to 1439, lie in the shift; its end does not."""
        after_start = (np.asarray(minutes) - self.starts) % DAY_MINUTES
        return after_start < ((self.ends - self.starts) % DAY_MINUTES or DAY_MINUTES)


def read_shifts(shifts: Mapping[str, str]) -> tuple[Shift, ...]:
    """Return the shifts of a mapping from name to span, such as {late: "15:00-23:00"}, in its order.

    Raises
    ------
    ValueError
        A span is not two times of day; the message names the shift, its span and the form.
    """
    return tuple(Shift(name, *_span(name, span)) for name, span in shifts.items())


def _span(name: str, span: str) -> tuple[int, int]:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)", str(span).strip())
    starts, ends = (int(found[i]) * 60 + int(found[i + 1]) for i in (1, 3)) if found else (0, 0)
    if not found or ends > DAY_MINUTES or starts == ends:
        raise ValueError(f"shift {name!r}: {span!r} is not two times of the local day, such as 15:00-23:00")
    return starts, ends % DAY_MINUTES
