"""`harmspot load`: load event files into the store."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import PATH, json_option, pass_home
from flows.command.printing import print_counts

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("load")
@click.argument("file", type=PATH)
@click.option("--mapping", metavar="NAME|FILE", help="Mapping for another system's file (default: ingest.mapping).")
@json_option
@pass_home
def command(home: "Home", file: Path, mapping: str | None, as_json: bool) -> None:
    """Load FILE: our own events (.jsonl, .jsonl.gz, .parquet), or with a mapping another system's CSV or Parquet.

    FILE may be a folder of such files. Loading a file twice changes nothing.

    \b
    Examples:
      harmspot --home town load town/events
      harmspot --home city load --mapping philadelphia incidents.parquet
      harmspot --home leeds load --mapping police_uk downloads/
    """
    from flows.home.settings import find_mapping
    from flows.ingest.ingest import load_file

    home.ensure()
    chosen = find_mapping(mapping, Path.cwd()) if mapping else home.settings.ingest.mapping
    print_counts(load_file(home, file, chosen), as_json=as_json)
