"""`harmspot load`: load event files into the store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import PATH, json_option, pass_any_home
from flows.command.printing import print_load

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("load")
@click.argument("file", type=PATH)
@click.option(
    "--mapping", metavar="NAME|FILE", help="Mapping for another system's file (default: that of the settings)."
)
@click.option("--allow-outside", is_flag=True, help="Load a file most of whose incidents lie in no area of the map.")
@json_option
@pass_any_home
def command(home: "Home", file: Path, mapping: str | None, allow_outside: bool, as_json: bool) -> None:
    """Load FILE: our own events (.jsonl, .jsonl.gz, .parquet), or with a mapping a file of another system.

    That may be CSV, TSV, a workbook, JSON, GeoJSON, GeoPackage or Parquet, zipped or not, or a folder of such files;
    docs/mappings.md describes mappings. Loading a file twice changes nothing; after its mapping was mended, its rows
    replace what they gave before. Every row is stored, or waits with its reason (`harmspot dead-letters`). The exit
    code is 1 if lines of the file could not be told apart into fields.

    With --config, a home that is missing is made. A file of which fewer than half of the located incidents lie in an
    area of the map is of another city, or its axes are exchanged: it is refused.

    \b
    Examples:
      harmspot --home town load town/events
      harmspot --home city load --mapping philadelphia incidents.parquet
      harmspot --home leeds load --mapping police_uk downloads/
    """
    from flows.home.settings import find_mapping
    from flows.ingest.ingest import require_file
    from flows.ingest.load_report import load_and_report

    if home.config_file is None:
        home.require()
    require_file(file)
    chosen = find_mapping(mapping, Path.cwd()) if mapping else None
    with home.made():
        report = load_and_report(home, file, chosen, allows_outside=allow_outside)
    print_load(report, as_json=as_json)
    if report.is_broken:
        sys.exit(1)
