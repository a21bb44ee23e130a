"""`harmspot audit`: who read what."""

import sys
from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home

if TYPE_CHECKING:
    from flows.home import Home


@click.group("audit")
def command() -> None:
    """Check the log of who read what about people.

    \b
    Example:
      harmspot --home town audit verify
    """


@command.command("verify")
@pass_home
def verify(home: "Home") -> None:
    """Check the hash chain of the access log; exits 1 and names the line where it is broken.

    Lines cut off at the end leave the chain whole: compare the number of entries and the head with what you kept.

    \b
    Example:
      harmspot --home town audit verify
    """
    problems = home.access_log.verify()
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    if problems:
        sys.exit(1)
    count = sum(1 for _ in home.access_log.entries())
    click.echo(
        f"access log {home.access_log.path}: the chain is whole, {count:,} entries, head {home.access_log.head()}"
    )
    click.echo("Keep the head elsewhere: only it shows when the last entries were cut off.")
