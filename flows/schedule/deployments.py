"""The deployments that `harmspot schedule` serves."""

from contextlib import suppress

from httpx import HTTPError
from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.home.cron_lines import refuse_bad_cron
from flows.home.home import Home
from flows.schedule.prefect_flows import backfill, daily, ingest, late
from flows.schedule.recovery import crash_stopped_runs, redo_missed_day


def deployments(home: Home) -> list[RunnerDeployment]:
    """Return the daily and late runs with their cron schedules, and ingest and backfill for manual starts.

    Raises
    ------
    SettingsError
        A line of the schedule is no cron line.
    """
    refuse_bad_cron(home.settings)
    zone = home.settings.force.time_zone
    schedule = home.settings.schedule
    parameters = {"home": home.path.resolve(), "config_file": home.config_file and home.config_file.resolve()}
    return [
        RunnerDeployment.from_flow(
            daily, name="daily", schedule=Cron(schedule.daily, timezone=zone), parameters=parameters
        ),
        RunnerDeployment.from_flow(
            late, name="late", schedule=Cron(schedule.late, timezone=zone), parameters=parameters
        ),
        RunnerDeployment.from_flow(ingest, name="ingest", parameters=parameters),
        RunnerDeployment.from_flow(backfill, name="backfill", parameters=parameters),
    ]


def serve_deployments(home: Home) -> None:
    """Serve until stopped; one run at a time, because the store has one writer.

    Flow runs that a stopped process left are marked crashed, first and last, and the day that is due and has no run
    is done.
    """
    chosen = deployments(home)
    if left := crash_stopped_runs(home):
        home.progress(f"{left} flow runs of a process that was stopped are marked crashed")
    if day := redo_missed_day(home, chosen[0].apply()):  # type: ignore[arg-type] # applied at once, outside a loop
        home.progress(f"there is no run for {day}: it is done now")
    home.progress(f"serving {', '.join(f'{each.name}' for each in chosen)}; the pages of the server start them by hand")
    try:
        serve(*chosen, limit=1, print_starting_message=False)  # which is no line of the log
    finally:  # SIGTERM and Ctrl-C end the run in progress, and Prefect itself would leave it running for ever
        with suppress(OSError, HTTPError):  # of a server that is gone, too: the next start marks them
            crash_stopped_runs(home)
