"""`harmspot layers`: rewrite the map layers and the report of a kept run."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home, run_option

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("layers")
@run_option
@pass_home
def command(home: "Home", run_id: str | None) -> None:
    """Rewrite the map layers (in the formats of layers.formats), their QGIS project and the report of a kept run.

    \b
    Example:
      harmspot --home city layers
    """
    from flows.outputs.render import write_outputs
    from flows.run.assembly import read_map

    for path in write_outputs(home, read_map(home.settings), run_id):
        click.echo(path)
