"""`harmspot backfill`: the daily run for past days, in order."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from flows.command.options import COUNT, Day, json_option, known_at_option, pass_home, prefect_option
from flows.command.printing import print_summaries

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.home.home import Home


@click.command("backfill")
@click.option("--from", "first", type=Day(), required=True, help="First local day.")
@click.option("--to", "last", type=Day(), required=True, help="Last local day.")
@click.option("--step-days", type=COUNT, default=1, help="Days from one run to the next.")
@known_at_option
@json_option
@prefect_option
@pass_home
def command(
    home: "Home",
    first: date,
    last: date,
    step_days: int,
    known_at: datetime | None,
    as_json: bool,
    wait_for_server: "Callable[[], str] | None",
) -> None:
    """Do the daily run for past days in ascending order, each compared with the previous one.

    \b
    Example:
      harmspot --home city backfill --from 2019-11-01 --to 2019-12-01 --step-days 7
    """
    if wait_for_server:
        from flows.schedule.prefect_flows import backfill as backfill_flow

        wait_for_server()
        summaries = backfill_flow(home.path, first, last, home.config_file, known_at, step_days)
    else:
        from flows.schedule.backfill import backfill

        summaries = backfill(home, first, last, step_days, known_at)
    home.remember()
    print_summaries(summaries, as_json=as_json)
