"""`harmspot init`: create a home."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("init")
@click.option(
    "--same-force", is_flag=True, help="The configuration is of the home's own force, renamed or with new boundaries."
)
@pass_any_home
def command(home: "Home", same_force: bool) -> None:
    """Create a home: its folder, key and empty store; or give a home another configuration of its force.

    `load` with --config, `new-city` and `demo` also create a home that is missing; no other verb does. A home learns
    from its areas which force it is of, and refuses the configuration of another. A force that is renamed and gets new
    boundaries at once looks like another: say then --same-force.

    \b
    Examples:
      harmspot --home city init
      harmspot --home city --config city.yaml init
      harmspot --home city --config renamed.yaml init --same-force
    """
    from flows.home.store_access import open_home_store

    home.is_same_force = same_force
    with home.made(), open_home_store(home):
        pass
    click.echo(f"home {home.path}: store ready; next: harmspot --home {home.path} load FILE")
