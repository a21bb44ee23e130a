"""`harmspot late`: re-run past days affected by late data."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_summaries

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("late")
@click.option("--without-prefect", is_flag=True, help="Call the stages directly, without Prefect flow records.")
@json_option
@pass_home
def command(home: "Home", without_prefect: bool, as_json: bool) -> None:
    """Re-run those of the latest retained days (schedule.late_runs) for which data or corrections have arrived since.

    Earlier runs are unchanged: a rerun has a later known_at and therefore its own run_id.

    \b
    Example:
      harmspot --home city late
    """
    if without_prefect:
        from flows.schedule.late import rerun_late

        summaries = rerun_late(home)
    else:
        from flows.schedule.prefect_server import prefect_server

        with prefect_server(home) as wait_for_server:
            from flows.schedule.prefect_flows import late

            wait_for_server()
            summaries = late(home.path, home.config_file, home.clock)
    print_summaries(summaries, as_json=as_json)
