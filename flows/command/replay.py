"""`harmspot replay`: dead letters again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_counts

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("replay")
@click.option("--mapping", type=click.Path(path_type=Path), help="The mended mapping, where it is none of the shipped.")
@json_option
@pass_home
def command(home: "Home", mapping: Path | None, as_json: bool) -> None:
    """Read the dead letters again after their cause (codebook, mapping) is mended; what still fails goes on waiting.

    \b
    Example:
      harmspot --home city replay
    """
    from flows.ingest.replay import replay

    print_counts(replay(home, mapping), as_json=as_json)
