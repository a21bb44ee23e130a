"""`harmspot late`: re-run past days affected by late data."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home, prefect_option
from flows.command.printing import print_summaries

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.home.home import Home


@click.command("late")
@json_option
@prefect_option
@pass_home
def command(home: "Home", as_json: bool, wait_for_server: "Callable[[], str] | None") -> None:
    """Re-run those of the latest retained days (schedule.late_runs) for which data or corrections have arrived since.

    Earlier runs are unchanged: a rerun has a later known_at and therefore its own run_id.

    \b
    Example:
      harmspot --home city late
    """
    if wait_for_server:
        from flows.schedule.prefect_flows import late

        wait_for_server()
        summaries = late(home.path, home.config_file, home.clock)
    else:
        from flows.schedule.late import rerun_late

        summaries = rerun_late(home)
    print_summaries(summaries, as_json=as_json)
