"""`harmspot run`: the daily run."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from flows.command.options import Day, json_option, known_at_option, pass_home, prefect_option
from flows.command.printing import print_summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.home.home import Home


@click.command("run")
@click.option("--as-of", type=Day(), help="Local day; only events before 00:00 of that day count (default: today).")
@known_at_option
@click.option(
    "--allow-empty",
    is_flag=True,
    help="Publish a run whose input fails a check, marked unusable, without list, visit, notice or plan.",
)
@json_option
@prefect_option
@pass_home
def command(
    home: "Home",
    as_of: date | None,
    known_at: datetime | None,
    allow_empty: bool,
    as_json: bool,
    wait_for_server: "Callable[[], str] | None",
) -> None:
    """Do the daily run: read the sources, rank places and people, draft notices, publish, write layers and report.

    The same day, clocks and settings give the same run; repeating it changes nothing. A run whose input fails a check
    of section quality of the settings is refused: nothing is published, and the exit code is 1.

    \b
    Examples:
      harmspot --home city run --as-of 2019-12-01
      harmspot --home city run --as-of 2019-12-01 --known-at 2019-12-02T06:00:00Z
    """
    if wait_for_server:
        from flows.schedule.prefect_flows import daily

        wait_for_server()
        summary = daily(home.path, home.config_file, as_of, known_at, home.clock, allow_empty)
    else:
        from flows.schedule.daily import daily_run

        summary = daily_run(home, as_of or home.today(), known_at, allow_empty=allow_empty)
    home.remember()
    print_summary(home, summary, as_json=as_json)
