"""`harmspot layers`: rewrite the map layers and the report of a kept run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FOLDER, pass_home, run_option

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("layers")
@run_option
@click.option("--out", type=FOLDER, help="Folder for the layers and the report; needed unless the run is the latest.")
@pass_home
def command(home: "Home", run_id: str | None, out: Path | None) -> None:
    """Rewrite the map layers (in the formats of layers.formats), their QGIS project and the report of a kept run.

    A run is drawn with the shapes and cells that it was published with, whatever the settings say today.

    \b
    Example:
      harmspot --home city layers
      harmspot --home city layers --run c33df60d6bd8b704 --out last-week
    """
    from flows.outputs.render import write_outputs

    for path in write_outputs(home, run_id, out):
        click.echo(path)
