"""`harmspot retain`: drop what the settings no longer let the home keep, with a report."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home, reading_options
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("retain")
@click.option("--dry-run", is_flag=True, help="Print what would go, and change nothing.")
@json_option
@reading_options
@pass_home
def command(home: "Home", dry_run: bool, as_json: bool, purpose: str | None, reader: str | None) -> None:
    """Drop what is older than section retention of the settings lets the store keep, and write its file anew.

    What a kept run, an open operation or a younger notice stands on stays, and so do decisions and tombstones; the
    report says how much and why. A run of a day that reads what is gone is refused from then on. It cannot be undone:
    take a backup first (`harmspot backup`), and delete it when its own time has come.

    \b
    Example:
      harmspot --home city retain --dry-run --purpose "yearly review" --reader "Records, M. Ito"
      harmspot --home city retain --purpose "yearly review" --reader "Records, M. Ito"
    """
    from flows.health.retention import OUT_OF_REACH, retain

    done = retain(home, reader=reader, purpose=purpose, is_dry=dry_run)
    title = f"retention of {home.path}" + (", not carried out" if dry_run else "")
    print_frame(done.table, title=title, as_json=as_json)
    if done.copies:
        click.echo(f"deleted {done.copies} copies of the store that upgrades kept", err=True)
    click.echo(f"not reached, and left to you: {OUT_OF_REACH}", err=True)
