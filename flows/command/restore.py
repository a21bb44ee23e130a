"""`harmspot restore`: make a home from a backup and its key."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FILE, FOLDER, pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("restore")
@click.argument("folder", type=FOLDER)
@click.option("--key-file", type=FILE, required=True, help="The key with which the home was made.")
@pass_any_home
def command(home: "Home", folder: Path, key_file: Path) -> None:
    """Make the home that --home names, which must be new, from the backup in FOLDER; each file of it is checked.

    \b
    Example:
      harmspot --home city-again restore backups/2026-03-01 --key-file safe/key
      harmspot --home city-again --config city.yaml layers
    """
    from flows.health.backups import restore
    from pipeline.privacy.keys import read_key

    note = restore(home, folder, *read_key(key_file))
    click.echo(f"home {home.path} is as it was at {note['made_at']}, with {len(note['files'])} files")
    config = note["config"] or "FILE"
    click.echo(f"draw its layers and report: harmspot --home {home.path} --config {config} layers", err=True)
