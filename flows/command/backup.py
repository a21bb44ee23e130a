"""`harmspot backup`: copy a home to a new folder, without its key."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FOLDER, pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("backup")
@click.argument("folder", type=FOLDER)
@pass_home
def command(home: "Home", folder: Path) -> None:
    """Copy store, publications, users and access log to a new FOLDER, as they stand at one moment; streams go on.

    The key is not copied: keep it elsewhere, for nothing can be opened without it. Nor are settings, map files and
    sources, which are yours, nor layers and report, which `harmspot layers` draws again.

    \b
    Example:
      harmspot --home city backup backups/2026-03-01
    """
    from flows.health.backups import back_up

    sizes = back_up(home, folder)
    for name, size in sizes.items():
        click.echo(f"{size / 1e6:10,.1f} MB  {folder / name}")
    click.echo(
        f"keep a copy of the key {home.path / 'key'} elsewhere: without it the backup cannot be opened", err=True
    )
