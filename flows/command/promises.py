"""`harmspot promises`: announced promises, their due dates and whether they were kept."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.plan import PROMISE_COLUMNS
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("promises")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@json_option
@pass_home
def command(home: "Home", run_id: str | None, as_json: bool) -> None:
    """Print every promise with its status. If too few are kept, no further operation may be announced.

    \b
    Example:
      harmspot --home town promises
    """
    from models.operations.promises import words_of
    from pipeline.publication.publish import read_published

    promises = read_published(home.path, "promise", run_id)
    refused = read_published(home.path, "crackdown_plan", run_id)["refused_because"]
    print_frame(promises, title="promises", as_json=as_json, columns=PROMISE_COLUMNS)
    if not as_json:
        click.echo(words_of(promises, home.settings.promises, refused))
