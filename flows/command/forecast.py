"""`harmspot forecast`: a harm forecast straight from a file."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import ABOVE_ZERO, COUNT, PATH, pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home


class Box(click.ParamType):
    """A bounding box: minx,miny,maxx,maxy in metres."""

    name = "minx,miny,maxx,maxy"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[float, float, float, float]:
        """Return the four coordinates; fail unless there are exactly four numbers."""
        if isinstance(value, tuple):
            return value
        try:
            x_min, y_min, x_max, y_max = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: expected four numbers such as 480000,4412000,505000,4443000", param, context)
        return x_min, y_min, x_max, y_max


@click.command("forecast")
@click.option(
    "--events",
    type=PATH,
    required=True,
    help="CSV or Parquet with occurred_at, offence, lon, lat; or any file that --mapping reads.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
    required=True,
    help="Use only earlier rows; local time in --time-zone.",
)
@click.option("--time-zone", required=True, metavar="TZ", help="IANA zone of naive times, such as America/New_York.")
@click.option("--horizon-days", type=COUNT, default=7, help="Days ahead.")
@click.option(
    "--cell-size-m",
    type=ABOVE_ZERO,
    default=250,
    help="Side of a cell in metres; grid lines lie on whole multiples of it.",
)
@click.option("--extent", type=Box(), required=True, help="Area to forecast, in metres of --crs.")
@click.option("--crs", required=True, metavar="EPSG:n", help="Metric coordinate system.")
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="Mapping for another system's file; its offences become codes of our codebook.",
)
@click.option("--weights", type=PATH, help="CSV offence,harm_days (default: our codebook).")
@click.option("--seed", type=int, default=None, help="Seed of the draws (default: from the settings).")
@click.option("--out", type=PATH, required=True, help="Parquet file to write, one row per cell.")
@pass_any_home
def command(
    home: "Home",
    events: Path,
    as_of: datetime,
    time_zone: str,
    horizon_days: int,
    cell_size_m: float,
    extent: tuple[float, float, float, float],
    crs: str,
    mapping: str | None,
    weights: Path | None,
    seed: int | None,
    out: Path,
) -> None:
    """Forecast harm and events per cell from a file of incidents; no home or store is needed.

    \b
    Example:
      harmspot forecast --events incidents.parquet --as-of 2019-12-01 --time-zone America/New_York \\
          --horizon-days 7 --cell-size-m 250 --extent 476000,4411000,505000,4443000 --crs EPSG:32618 \\
          --weights weights.csv --out cells.parquet
    """
    from flows.evaluation.forecast_file import Extent, forecast_file, read_events, read_weights
    from flows.home.settings import find_mapping
    from geo.cells import Grid
    from models.places.axes import codebook_axes
    from pipeline.events.codebook import read_codebook
    from pipeline.mapped.mapped_files import read_mapped_incidents
    from pipeline.mapped.mapping_file import read_mapping

    settings = home.settings
    if mapping:
        incidents, unreadable = read_mapped_incidents(
            events, read_mapping(find_mapping(mapping, Path.cwd())), horizon=home.now()
        )
        home.progress(
            f"{len(incidents):,} incidents; skipped {unreadable:,} rows that a load would store as dead letters"
        )
    else:
        incidents = read_events(events)
    codebook = read_codebook(settings.ingest.codebook, as_of.date(), codebook_axes())
    table = forecast_file(
        incidents,
        read_weights(weights) if weights else codebook["harm_days"],
        as_of=as_of,
        horizon_days=horizon_days,
        extent=Extent(*extent),
        grid=Grid(crs=crs, size_m=cell_size_m),
        time_zone=time_zone,
        seed=settings.seed if seed is None else seed,
        config=settings.forecast,
    )
    for note in table.attrs["notes"]:
        home.progress(f"note: {note}")
    table.to_parquet(out, index=False)
    click.echo(
        f"{len(table):,} cells, {table['expected_events'].sum():.1f} events and "
        f"{table['expected_harm'].sum():,.0f} days of harm expected in {horizon_days} days: {out}"
    )
