"""`harmspot doctor`: check the installation and report problems."""

import sys
from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_any_home
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("doctor")
@json_option
@pass_any_home
def command(home: "Home", as_json: bool) -> None:
    """Check packages, settings, map, codebook, home, publication, access log, store, its queues, clock and broker.

    For the broker it prints the lag of each partition and the rows per second of the latest batches.

    Exits 1 if any check finds a fault; each finding names the remedy.

    \b
    Example:
      harmspot --home city doctor
    """
    from flows.health.doctor import examine

    findings = examine(home)
    print_frame(findings, title=f"home {home.path}", as_json=as_json, columns=["check", "state", "detail"])
    if (findings["state"] == "fault").any():
        sys.exit(1)
