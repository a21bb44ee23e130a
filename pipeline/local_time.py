"""Times in UTC from times that may have no zone of their own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# Outside these years a time is a sentinel or a slip, and zone arithmetic may leave the calendar.
EARLIEST = datetime(1901, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def to_utc(times: Sequence[datetime | None], zone: ZoneInfo) -> tuple[list[datetime | None], list[bool]]:
    """Read naive times in `zone` and tell which of them occurred twice there.

    An hour that occurs twice is taken as its first occurrence. An hour that a zone leaps over is read with the offset
    before the leap: 02:30 becomes 03:30 where clocks go from 02:00 to 03:00. Both are PEP 495's `fold=0`, and what ICU
    and Java do with the leap. Times that have a zone, and those outside `EARLIEST` … `LATEST`, come back as they are.
    """
    is_local = [t is not None and t.tzinfo is None and EARLIEST.year <= t.year < LATEST.year for t in times]
    if not any(is_local):
        return list(times), [False] * len(times)
    local = [t.replace(tzinfo=zone) if flag and t else t for t, flag in zip(times, is_local, strict=True)]
    return (
        [t.astimezone(UTC) if flag and t else t for t, flag in zip(local, is_local, strict=True)],
        [flag and t is not None and _occurs_twice(t) for t, flag in zip(local, is_local, strict=True)],
    )


def _occurs_twice(local: datetime) -> bool:
    """Clocks went back over this time: its second occurrence has the smaller offset (a leap has the larger one)."""
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
