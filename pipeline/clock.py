"""Refuse a clock before the latest recorded time, which would undo expiries, and one far ahead of it.

What is recorded under a clock that is ahead blocks every later act until that time has come.
"""

from datetime import datetime, timedelta
from pathlib import Path

from pipeline.errors import ClockError
from pipeline.local_time import local_text

SKEW = timedelta(minutes=5)  # NTP-synchronised clocks differ by seconds, so this is ample
LEAP = timedelta(days=100)  # longer than the pause between two quarterly extracts


def refuse_earlier(now: datetime, last: datetime | None, what: str) -> None:
    """Raise ClockError if `now` is more than SKEW before `last`, the time of `what`."""
    if last is not None and now < last - SKEW:
        raise ClockError(
            f"the clock reads {local_text(now)} and {what} is dated {local_text(last)}, which is later. "
            "Correct the clock (also --clock and HARMSPOT_CLOCK), or wait until then"
        )


def is_leap(now: datetime, last: datetime | None) -> bool:
    """Return whether `now` is more than LEAP after `last`, the latest time that a home has recorded, if it has any."""
    return last is not None and now > last + LEAP


def refuse_leap(now: datetime, last: datetime | None, home: Path) -> None:
    """Raise ClockError if `now` is far ahead of `last`, as `is_leap` says."""
    if last is not None and is_leap(now, last):
        raise ClockError(
            f"the clock reads {local_text(now)}, {(now - last).days} days after the last record of home {home} "
            f"({local_text(last)}). Correct the clock. If it is right and the home lay still, an administrator accepts "
            f"it: harmspot --home {home} audit clock --reason TEXT"
        )
