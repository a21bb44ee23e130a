"""`harmspot late`: past days again, where late data touched them."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_summaries

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("late")
@click.option("--without-prefect", is_flag=True, help="Call the stages directly: no flow record.")
@json_option
@pass_home
def command(home: "Home", without_prefect: bool, as_json: bool) -> None:
    """Redo the latest kept days (schedule.late_runs) for which data or corrections have arrived since.

    Earlier runs stay as they were: a rerun has a later known-at and so a run_id of its own.

    \b
    Example:
      harmspot --home city late
    """
    if without_prefect:
        from flows.schedule.late import rerun_late

        summaries = rerun_late(home)
    else:
        from flows.schedule.prefect_settings import embed_prefect

        embed_prefect(home)
        from flows.schedule.prefect_flows import late

        summaries = late(home.path, home.config_file, home.clock)
    print_summaries(summaries, as_json=as_json)
