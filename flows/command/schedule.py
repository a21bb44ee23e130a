"""`harmspot schedule`: scheduled, unattended runs."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("schedule")
@pass_home
def command(home: "Home") -> None:
    """Serve the deployments until stopped: the daily run, the late rerun (both on cron), ingest and backfill.

    Cron times are those of section `schedule`, in the force's time zone. The deployments are registered with the
    Prefect server at PREFECT_API_URL, or with one started by this command, whose web pages show them.

    \b
    Example:
      harmspot --home city --config configs/philadelphia.yaml schedule
    """
    from flows.home.served import only_schedule
    from flows.schedule.prefect_server import prefect_server

    with only_schedule(home.path), prefect_server(home.path, is_scheduling=True) as wait_for_server:
        # Prefect reads its address at import, so import it only here.
        from flows.schedule.deployments import serve_deployments

        home.progress(f"the Prefect server is at {wait_for_server()}")
        home.remember()
        serve_deployments(home)
