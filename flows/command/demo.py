"""`harmspot demo`: everything, on a simulated town."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import Day, pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the town and its home go; an earlier demo there is replaced.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the town.")
@click.option("--as-of", type=Day(), help="Day of the run (default: today, so that its lists have not expired).")
@pass_home
def command(home: "Home", folder: Path, seed: int, as_of: date | None) -> None:
    """Simulate a town, consume its events, do the daily run as a Prefect flow, and show what came out.

    Of people only counts are printed.

    \b
    Example:
      harmspot demo --seed 7
    """
    from flows.demo import run_demo

    now = home.now()
    run_demo(folder, seed=seed, as_of=as_of or now.date(), now=now, announce=home.announce)
