"""`harmspot schedule`: scheduled, unattended runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

import click

from flows.command.options import metrics_option, pass_home
from flows.home import log

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("schedule")
@metrics_option
@pass_home
def command(home: "Home", listening: tuple[str, int] | None) -> None:
    """Serve the deployments until stopped: the daily run, the late rerun (both on cron), ingest and backfill.

    Cron times are those of section `schedule`, in the force's time zone. The deployments are registered with the
    Prefect server at PREFECT_API_URL, or with one started by this command, whose web pages show them.

    \b
    Examples:
      harmspot --home city --config configs/philadelphia.yaml schedule
      harmspot --home city schedule --metrics-port 9107
    """
    from flows.home.served import only_schedule
    from flows.schedule.prefect_server import prefect_server

    home.refuse_other_force()
    home.progress("starting: the Prefect server takes up to a minute, on a slow machine longer")
    with only_schedule(home.path), prefect_server(home.path, is_scheduling=True) as wait_for_server:
        # Prefect reads its address at import, so import it only here; the lines of the schedule are read by Prefect.
        from flows.home.cron_lines import refuse_bad_cron

        refuse_bad_cron(home.settings)
        from flows.schedule.deployments import serve_deployments

        home.progress(f"the Prefect server is at {wait_for_server()}")
        home.remember()
        os.environ[log.FORMAT_VARIABLE] = log.form()  # of the processes of the runs, whose lines come through this one
        with _answering(home, *listening) if listening else nullcontext():
            serve_deployments(home)


@contextmanager
def _answering(home: "Home", host: str, port: int) -> Iterator[None]:
    """Answer whoever watches while the block runs."""
    from prometheus_client import CollectorRegistry

    from flows.health.home_metrics import HomeMetrics, watch_checks
    from flows.health.metrics_server import problem_of, serving
    from flows.schedule.prefect_server import problem_of_server

    registry, metrics, ended = CollectorRegistry(), HomeMetrics(home), Event()
    registry.register(metrics)
    with serving(host, port, registry, partial(problem_of, home), problem_of_server) as address:
        home.progress(f"metrics at {address}/metrics")
        Thread(target=watch_checks, args=(home, metrics, ended), name="checks", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
