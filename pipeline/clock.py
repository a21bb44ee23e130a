"""Refuse a clock earlier than the latest recorded time, because it would undo every expiry."""

from datetime import UTC, datetime, timedelta

from pipeline.errors import ClockError

SKEW = timedelta(minutes=5)  # NTP-synchronised clocks differ by seconds, so this is ample


def refuse_earlier(now: datetime, last: datetime | None, what: str) -> None:
    """Raise ClockError if `now` is more than SKEW before `last`, the time of `what`."""
    if last is not None and now < last - SKEW:
        raise ClockError(
            f"the clock reads {_format(now)} and {what} is dated {_format(last)}, which is later. "
            "Correct the clock (also --clock and HARMSPOT_CLOCK), or wait until then"
        )


def _format(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
