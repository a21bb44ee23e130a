"""The UTC offsets of a time zone as a table, so that SQL can convert millions of local times at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pyarrow as pa

from pipeline.local_time import EARLIEST

_STEP = timedelta(days=14)  # no zone has changed its offset twice within 14 days since EARLIEST

_SPANS = pa.schema(
    [
        pa.field("year", pa.int64()),
        pa.field("local_from", pa.timestamp("us")),
        pa.field("local_to", pa.timestamp("us")),
        pa.field("offset_s", pa.int64()),
        pa.field("repeats_from", pa.timestamp("us")),
    ]
)


@cache
def zone_spans(zone_name: str, last_year: int) -> pa.Table:
    """Return the spans of local time with one offset from UTC, split at each new year, until the end of `last_year`.

    A local time that occurs twice is in the span of its first occurrence; one that clocks skip is in the span before
    the change (both are PEP 495's `fold=0`, as in `pipeline.local_time`).

    Returns
    -------
    pyarrow.Table
        year; local_from (inclusive) and local_to (exclusive), local; offset_s, seconds to subtract for UTC;
        repeats_from, local: from here to local_to every time occurs twice; null where none does.
    """
    end = datetime(last_year + 1, 1, 1)
    spans = _spans(ZoneInfo(zone_name), EARLIEST.replace(tzinfo=None), end)
    return pa.Table.from_pylist([row for span in spans for row in _by_year(*span)], schema=_SPANS)


@cache
def zone_words(zone_name: str) -> dict[str, int]:
    """Return the abbreviations of a zone (EST, EDT), those with one offset alone, and their seconds ahead of UTC."""
    zone = ZoneInfo(zone_name)
    found: dict[str, set[timedelta]] = {}
    for moment in (datetime(year, month, 1, tzinfo=zone) for year in range(1970, 2038) for month in (1, 4, 7, 10)):
        found.setdefault(str(moment.tzname()).upper(), set()).add(moment.utcoffset() or timedelta())
    return {
        word: int(next(iter(offsets)).total_seconds())
        for word, offsets in found.items()
        if word.isalpha() and len(offsets) == 1
    } | {"UTC": 0}


def _spans(
    zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, timedelta, datetime | None]]:
    for moment in _changes(zone, start, end):
        before, after = _offset(moment - timedelta(seconds=1), zone), _offset(moment, zone)
        clocks_before, clocks_after = (moment + offset for offset in (before, after))
        stop = max(clocks_before, clocks_after)
        yield start, stop, before, clocks_after if after < before else None
        start = stop
    yield start, end, _offset(end, zone), None


def _changes(zone: ZoneInfo, moment: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the times (naive UTC, to the second) at which the offset changes."""
    offset = _offset(moment, zone)
    while moment < end:
        following, before = moment + _STEP, offset
        offset = _offset(following, zone)
        if before != offset:
            yield _first_with_offset(moment, following, zone)
        moment = following


def _first_with_offset(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    target = _offset(high, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if _offset(middle, zone) == target else (middle, high)
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()


def _by_year(start: datetime, stop: datetime, offset: timedelta, repeats_from: datetime | None) -> Iterator[dict]:
    for year in range(start.year, stop.year + 1):
        local_from, local_to = max(start, datetime(year, 1, 1)), min(stop, datetime(year + 1, 1, 1))
        if local_from < local_to:
            yield {
                "year": year,
                "local_from": local_from,
                "local_to": local_to,
                "offset_s": int(offset.total_seconds()),
                "repeats_from": repeats_from,
            }
