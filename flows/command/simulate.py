"""`harmspot simulate`: write a simulated town as event files."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import COUNT, FOLDER, Day, pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("simulate")
@click.argument("folder", type=FOLDER)
@click.option("--seed", type=int, default=1, help="The same seed gives the same bytes.")
@click.option("--days", type=COUNT, default=730, help="Days of history.")
@click.option("--end", type=Day(), default="2026-01-01", help="Day after the last one.")
@click.option("--without-markets", is_flag=True, help="Simulate a town without street drug markets.")
@click.option("--side-effects-from", type=Day(), help="Plant what policing brings unintended from this day on.")
@pass_any_home
def command(
    home: "Home",
    folder: Path,
    seed: int,
    days: int,
    end: date,
    without_markets: bool,
    side_effects_from: date | None,
) -> None:
    """Write a simulated town into FOLDER: events of all six kinds, areas, points of interest, its configuration.

    The simulated ground truth goes into FOLDER/truth, which no scoring code reads.

    \b
    Example:
      harmspot simulate town --seed 7
      harmspot simulate town --seed 7 --side-effects-from 2025-10-13
      harmspot --home home --config town/config.yaml load town/events
      harmspot --home home --config town/config.yaml run --as-of 2026-01-01
    """
    from flows.simulation.town import write_town
    from models.simulate import SideEffects

    effects = None
    if side_effects_from:
        effects = SideEffects(from_day=days - (end - side_effects_from).days)
    markets = not without_markets
    town = write_town(folder, seed=seed, days=days, end=end, with_markets=markets, side_effects=effects)
    click.echo(f"{town.event_count:,} records in {folder / 'events'}; settings in {folder / 'config.yaml'}")
