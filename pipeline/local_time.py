"""Convert local times without a time zone to UTC, and moments to the text that people read."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

# Outside these years a time is a sentinel or an error, and zone arithmetic may overflow the calendar.
EARLIEST = datetime(1901, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def to_utc(times: Sequence[datetime | None], zone: ZoneInfo) -> tuple[list[datetime | None], list[bool]]:
    """Convert naive times in `zone` to UTC and flag those that occurred twice there.

    An ambiguous time is read as its first occurrence. A nonexistent (skipped) time is read with the offset before the
    change: 02:30 becomes 03:30 where clocks go from 02:00 to 03:00. Both are PEP 495's `fold=0`, and ICU and
    Java treat skipped times the same. Times with a zone, or outside `EARLIEST` … `LATEST`, are returned unchanged.
    """
    is_local = [t is not None and t.tzinfo is None and EARLIEST.year <= t.year < LATEST.year for t in times]
    if not any(is_local):
        return list(times), [False] * len(times)
    local = [t.replace(tzinfo=zone) if flag and t else t for t, flag in zip(times, is_local, strict=True)]
    return (
        [t.astimezone(UTC) if flag and t else t for t, flag in zip(local, is_local, strict=True)],
        [flag and t is not None and _occurs_twice(t) for t, flag in zip(local, is_local, strict=True)],
    )


def local_text(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as people read it: the local time, and which zone it is in.

    >>> local_text(datetime(2019, 12, 1, 5, tzinfo=UTC), ZoneInfo("America/New_York"))
    '2019-12-01 00:00 EST'
    >>> local_text(datetime(2019, 12, 1, 5, tzinfo=UTC), ZoneInfo("America/Sao_Paulo"))
    '2019-12-01 02:00 UTC-03'
    """
    local = moment.astimezone(zone)
    name = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M} {name if name.isalpha() else f'UTC{name}'}"


def _occurs_twice(local: datetime) -> bool:
    """Return whether the time occurs twice as clocks went back: fold=1 has a smaller offset (larger if skipped)."""
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
