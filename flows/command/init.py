"""`harmspot init`: create a home."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("init")
@pass_home
def command(home: "Home") -> None:
    """Create a home: its folder, key and empty store. `load` and `ingest` also create it if it is missing.

    \b
    Example:
      harmspot --home city init
    """
    from flows.home.store_access import open_home_store

    home.ensure()
    with open_home_store(home):
        pass
    click.echo(f"home {home.path}: store ready; next: harmspot --home {home.path} load FILE")
