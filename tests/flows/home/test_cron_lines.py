"""The day of a scheduled run: each once, in every zone, also where the clock skips or repeats the time of the line."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from prefect.server.schemas.schedules import CronSchedule

from flows.home.cron_lines import due, scheduled_day
from tests.soak import sample

FIRST, YEARS = datetime(2026, 1, 1, tzinfo=UTC), 10
WEEK, DAY = timedelta(days=7), timedelta(days=1)


def changes() -> dict[tuple[datetime, timedelta, timedelta], str]:
    """A zone for each kind of change of the clock in ten years: local time before it, offsets before and after."""
    found = {}
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        weeks = [FIRST + n * WEEK for n in range(52 * YEARS)]
        offsets = [week.astimezone(zone).utcoffset() for week in weeks]
        for n, (before, after) in enumerate(pairwise(offsets)):
            if before != after and before is not None and after is not None:
                low, high = weeks[n], weeks[n + 1]
                while high - low > timedelta(minutes=1):
                    middle = low + (high - low) / 2
                    low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
                at = (high + before).replace(tzinfo=None, microsecond=0, second=0)
                found.setdefault((at, before, after), name)
    return found


def lines_near(local: datetime, size: timedelta) -> list[str]:
    """Lines at midnight and at times that the change skips or repeats."""
    inside = local - abs(size) / 2, local, local + abs(size) / 2
    return sorted({"0 0 * * *", *(f"{time.minute} {time.hour} * * *" for time in inside)})


def test_every_day_is_run_once_in_every_zone_over_ten_years() -> None:
    kinds = changes()
    assert len(kinds) > 400
    chosen = list(kinds.items())[:: sample(50, whole=1)]
    named = [item for item in kinds.items() if item[1] in ("America/Santiago", "Africa/Cairo", "Antarctica/Troll")]
    for (local, before, after), name in [*chosen, *named]:
        zone = ZoneInfo(name)
        for line in lines_near(local, after - before):
            start = (local - before).replace(tzinfo=UTC) - 2 * DAY
            schedule = CronSchedule(cron=line, timezone=name)
            moments = asyncio.run(schedule.get_dates(4, start=start))
            days = [scheduled_day(line, zone, moment) for moment in moments]
            assert days == [days[0] + n * DAY for n in range(4)], (name, line, moments)


@pytest.mark.parametrize(
    ("zone", "scheduled", "day"),
    [
        ("America/Santiago", "2026-09-06T03:00Z", "2026-09-06"),  # Prefect's time for a midnight that is skipped
        ("America/Santiago", "2026-09-06T04:00Z", "2026-09-06"),  # and that of one on Python 3.13
        ("Africa/Cairo", "2026-04-23T21:00Z", "2026-04-24"),
        ("Europe/London", "2026-03-29T00:00Z", "2026-03-29"),
        ("Europe/London", "2026-03-29T13:37Z", "2026-03-29"),  # started by hand
    ],
)
def test_the_day_is_that_of_the_line(zone: str, scheduled: str, day: str) -> None:
    moment = datetime.fromisoformat(scheduled)
    assert scheduled_day("0 0 * * *", ZoneInfo(zone), moment) == date.fromisoformat(day)


def test_what_was_due_last() -> None:
    zone = ZoneInfo("Europe/London")
    assert due("15 5 * * *", zone, datetime(2026, 7, 1, 4, 14, tzinfo=UTC))[0] == date(2026, 6, 30)
    day, at = due("15 5 * * *", zone, datetime(2026, 7, 1, 4, 15, tzinfo=UTC))
    assert (day, at) == (date(2026, 7, 1), datetime(2026, 7, 1, 4, 15, tzinfo=UTC))
    assert due("0 6 * * 1", zone, datetime(2026, 7, 3, 12, tzinfo=UTC))[0] == date(2026, 6, 29)
