"""The cron lines of the schedule, as Prefect reads them, and the local days that they name.

Prefect moves a time that does not exist, as clocks go forward, by the missing hour: midnight in Santiago becomes 23:00
of the day before. Which day a run is of is therefore told by the line, and not read off the clock.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.home.settings import Settings, SettingsError

LINES = ("daily", "late")
SECOND = timedelta(seconds=1)


def refuse_bad_cron(settings: Settings) -> None:
    """Raise SettingsError if a line of the schedule is no cron line, or no day ever comes that it names."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    for name in LINES:
        line = getattr(settings.schedule, name)
        try:
            CronSchedule(cron=line, timezone=settings.force.time_zone)
        except ValidationError:
            raise SettingsError(
                f"schedule.{name}={line!r} is no cron line: write minute, hour, day of the month, month and day of the "
                "week, such as 15 5 * * * for a quarter past five every morning"
            ) from None


def scheduled_day(line: str, zone: ZoneInfo, moment: datetime) -> date:
    """Return the local day of the time of a cron line that Prefect scheduled at `moment`; else that of the moment.

    Examples
    --------
    >>> from datetime import UTC
    >>> scheduled_day("0 0 * * *", ZoneInfo("America/Santiago"), datetime(2026, 9, 6, 3, tzinfo=UTC))
    datetime.date(2026, 9, 6)
    """
    local = moment.astimezone(zone).replace(tzinfo=None)
    for named in (_neighbour(line, local - SECOND, "get_next"), _neighbour(line, local + SECOND, "get_prev")):
        if any(named.replace(tzinfo=zone, fold=fold).timestamp() == moment.timestamp() for fold in (0, 1)):
            return named.date()
    return local.date()


def due(line: str, zone: ZoneInfo, now: datetime) -> tuple[date, datetime]:
    """Return the local day that a cron line named last before `now`, and the moment at which its run was due."""
    named = _neighbour(line, now.astimezone(zone).replace(tzinfo=None) + SECOND, "get_prev")
    return named.date(), named.replace(tzinfo=zone)


def _neighbour(line: str, local: datetime, which: str) -> datetime:
    from prefect._vendor.croniter import croniter  # the one that Prefect itself schedules with

    found: datetime = getattr(croniter(line, local), which)(datetime)
    return found
