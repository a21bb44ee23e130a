"""A clock that goes back undoes every expiry, so nothing is done, read or checked before what was recorded last."""

from datetime import UTC, datetime, timedelta

from pipeline.errors import ClockError

SKEW = timedelta(minutes=5)  # the clocks of two machines that are set by the network differ by seconds; this is ample


def refuse_earlier(now: datetime, last: datetime | None, what: str) -> None:
    """Raise ClockError where `now` is more than SKEW before `last`, the time of `what`."""
    if last is not None and now < last - SKEW:
        raise ClockError(
            f"the clock reads {_said(now)} and {what} is of {_said(last)}: time does not go back. "
            "Set the clock right (--clock and HARMSPOT_CLOCK set it, too), or wait until then"
        )


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
