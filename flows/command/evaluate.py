"""`harmspot evaluate`: how good the forecasts are, and whether incidents repeat nearby."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import Day, json_option, pass_home
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home import Home


@click.group("evaluate")
def command() -> None:
    """Measure the forecasts on what then happened, and the pattern they rest on.

    \b
    Examples:
      harmspot --home city --config configs/philadelphia.yaml evaluate near-repeat
      harmspot evaluate nij --events portland.parquet --boundary districts.geojson --month 2017-02
    """


@command.command("nij")
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV or Parquet with occurred_at, offence, lon, lat.",
)
@click.option("--boundary", type=click.Path(path_type=Path), required=True, help="Polygons of the police bureau.")
@click.option(
    "--month",
    "months",
    type=click.DateTime(["%Y-%m"]),
    multiple=True,
    required=True,
    metavar="YYYY-MM",
    help="A month to hold back and forecast from what came before it; may be repeated.",
)
@click.option(
    "--maximise",
    type=click.Choice(["pai", "pei"]),
    default="pai",
    show_default=True,
    help="What cell size and forecast area are chosen for.",
)
@click.option(
    "--choice-months",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="How many months before the first held-back one they are chosen on.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the forecasts as shapes.")
@json_option
@pass_home
def nij(
    home: "Home",
    events: Path,
    boundary: Path,
    months: tuple[datetime, ...],
    maximise: str,
    choice_months: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Forecast held-back months under the rules of the NIJ Real-Time Crime Forecasting Challenge; print PAI and PEI*.

    Cells have 62,500 to 360,000 square feet, the forecast 0.25 to 0.75 square miles, both in EPSG:2913. Which, is
    chosen on the months before the first one held back, once per kind of crime. Each offence is forecast apart, and
    all together. --out writes each forecast as a shapefile with fields id, hotspot and area, and all as nij.gpkg.

    \b
    Example:
      harmspot evaluate nij --events portland.parquet --boundary districts.geojson \\
          --month 2016-12 --month 2017-01 --month 2017-02 --out entry
    """
    from flows.nij import evaluate_nij, read_crimes, write_shapes
    from geo.vector_file import read_vector_file

    trial = evaluate_nij(
        read_crimes(events),
        read_vector_file(boundary, columns=[]),
        [month.date() for month in months],
        maximise=maximise,
        config=home.settings.forecast,
        seed=home.settings.seed,
        choice_months=choice_months,
        announce=home.announce,
    )
    print_frame(trial.scores, title="forecasts of held-back months", as_json=as_json)
    for choice in trial.choices:
        home.announce(choice.text())
    for path in write_shapes(trial, out) if out else []:
        home.announce(f"wrote {path}")


@command.command("near-repeat")
@click.option(
    "--offence",
    "offence_codes",
    metavar="CODE",
    multiple=True,
    help="Code of the codebook; may be repeated (default: every burglary).",
)
@click.option("--days", type=click.IntRange(1), default=365, show_default=True, help="How many days are looked at.")
@click.option("--last", type=Day(), help="Last of these days (default: that of the latest incident).")
@click.option("--permutations", type=click.IntRange(19), default=999, show_default=True, help="Shuffles of the days.")
@json_option
@pass_home
def near_repeat(
    home: "Home", offence_codes: tuple[str, ...], days: int, last: date | None, permutations: int, as_json: bool
) -> None:
    """Count pairs of incidents by distance and days apart, and compare with days shuffled among the places (Knox).

    A ratio of 1.5 is half as many pairs again as chance would have; p is how often chance had as many.

    \b
    Example:
      harmspot --home city --config configs/philadelphia.yaml evaluate near-repeat --offence robbery --days 365
    """
    from flows.near_repeat import band_labels, find_near_repeats

    home.announce(f"shuffling the days {permutations} times")
    found = find_near_repeats(home, offence_codes, days=days, last_day=last, permutations=permutations)
    title = (
        f"near repeats of {', '.join(found.offence_codes)}: {found.incident_count:,} incidents "
        f"in the {found.days} days to {found.last_day}"
    )
    print_frame(found.table if as_json else band_labels(found.table), title=title, as_json=as_json)
