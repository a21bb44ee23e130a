"""`harmspot replay`: reprocess dead letters."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import PATH, json_option, pass_home
from flows.command.printing import print_counts

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("replay")
@click.option("--mapping", type=PATH, help="The corrected mapping, if it is not a shipped one.")
@json_option
@pass_home
def command(home: "Home", mapping: Path | None, as_json: bool) -> None:
    """Reprocess dead letters after fixing their cause (codebook, mapping); those that still fail stay dead letters.

    \b
    Example:
      harmspot --home city replay
    """
    from flows.ingest.replay import replay

    print_counts(replay(home, mapping), as_json=as_json)
