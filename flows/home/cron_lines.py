"""The cron lines of the schedule, checked by Prefect, which keeps to them."""

from flows.home.settings import Settings, SettingsError

LINES = ("daily", "late")


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
