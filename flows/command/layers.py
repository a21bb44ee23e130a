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
    """Rewrite the map layers and the report of a kept run: GeoPackage, GeoParquet, GeoJSON, report.html.

    \b
    Example:
      harmspot --home city layers
    """
    from flows.outputs.render import write_outputs

    for path in write_outputs(home, run_id):
        click.echo(path)
