"""`harmspot replay`: reprocess dead letters."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import PATH, json_option, pass_home
from flows.command.printing import print_counts, print_waiting

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("replay")
@click.option("--mapping", "mappings", type=PATH, multiple=True, help="A corrected mapping that is not a shipped one.")
@json_option
@pass_home
def command(home: "Home", mappings: tuple[Path, ...], as_json: bool) -> None:
    """Reprocess dead letters after fixing their cause (codebook, mapping); those that still fail stay dead letters.

    \b
    Examples:
      harmspot --home city replay
      harmspot --home city replay --mapping suspects.yaml --mapping warrants.yaml
    """
    from flows.ingest.dead_letters import waiting_letters
    from flows.ingest.replay import replay

    print_counts(replay(home, mappings), as_json=as_json)
    if not as_json:
        print_waiting(waiting_letters(home))
