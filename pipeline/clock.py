"""Refuse a clock earlier than the latest recorded time, because it would undo every expiry."""

from datetime import datetime, timedelta

from pipeline.errors import ClockError
from pipeline.local_time import local_text

SKEW = timedelta(minutes=5)  # NTP-synchronised clocks differ by seconds, so this is ample


def refuse_earlier(now: datetime, last: datetime | None, what: str) -> None:
    """Raise ClockError if `now` is more than SKEW before `last`, the time of `what`."""
    if last is not None and now < last - SKEW:
        raise ClockError(
            f"the clock reads {local_text(now)} and {what} is dated {local_text(last)}, which is later. "
            "Correct the clock (also --clock and HARMSPOT_CLOCK), or wait until then"
        )
