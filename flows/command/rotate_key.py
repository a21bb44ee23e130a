"""`harmspot rotate-key`: encrypt the databases of a home under a new key."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FILE, pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("rotate-key")
@click.option("--keep-old", type=FILE, help="New file for the key of before: backups made before open by no other.")
@pass_home
def command(home: "Home", keep_old: Path | None) -> None:
    """Write store, list of people and users anew under a new key, and forget the one of before.

    Stop streams, schedules and boards first and start them again afterwards: they read the key when they start. If it
    is interrupted, everything opens as before; repeat it.

    The secret behind pseudonyms and signatures stays, because lists and copies name people by it. If that may be known
    to others, make a new home from the sources and revoke the lists of this one.

    \b
    Example:
      harmspot --home city rotate-key --keep-old safe/key-until-2026-03
    """
    from flows.health.rewriting import rotate_key

    copies = rotate_key(home, keep_old)
    click.echo(f"{home.path} is encrypted under a new key; keep a copy of {home.path / 'key'} elsewhere")
    if copies:
        click.echo(f"deleted {len(copies)} copies of the store that upgrades kept under the key of before", err=True)
