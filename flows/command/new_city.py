"""`harmspot new-city`: from a file of incidents to a mapping, a configuration and a first report."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flows.command.options import FILE, FOLDER, PATH, Day
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    from flows.home.home import Home
    from flows.new_city.city import Ask
    from flows.new_city.making import NewCity


@click.command("new-city")
@click.argument("file", type=PATH)
@click.argument("areas", type=FILE, required=False)
@click.option("--yes", is_flag=True, help="Ask nothing; take every guess. What is not sure is printed at the end.")
@click.option("--out", type=FOLDER, help="Folder for the files that are written (default: beside FILE).")
@click.option("--name", metavar="TEXT", help="Name of the force (default: from the file's name).")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A column, such as occurred_at=DATE_OCC; repeatable.",
)
@click.option("--time-zone", metavar="ZONE", help="Of the times (default: where the points lie).")
@click.option("--crs", metavar="CODE", help="Coordinate system of the points, such as EPSG:2272 (default: found out).")
@click.option("--as-of", type=Day(), help="Local day of the run (default: the one after the last incident).")
@click.option("--allow-outside", is_flag=True, help="Load a file most of whose incidents lie in no area of the map.")
@click.option("--only-write", is_flag=True, help="Write the files and stop.")
@click.option("--force", is_flag=True, help="Overwrite the files of an earlier new-city.")
@click.pass_context
def command(
    context: click.Context,
    file: Path,
    areas: Path | None,
    yes: bool,
    out: Path | None,
    name: str | None,
    columns: tuple[str, ...],
    time_zone: str | None,
    crs: str | None,
    as_of: date | None,
    allow_outside: bool,
    only_write: bool,
    force: bool,
) -> None:
    """Look at FILE, write how it is read, load it, rank, and say what to check.

    FILE holds incidents as a police force or a portal exports them; AREAS holds boundaries (GeoJSON, GeoPackage,
    shapefile). Without AREAS the file's own districts are drawn, or a grid is laid. Three files are written: the
    configuration, the mapping, and the table of offences. Words of offences that are not known for certain are marked
    in column `check` there: their rows wait until you empty the mark and run `harmspot replay`.

    \b
    Examples:
      harmspot --home city new-city docs/sample/riverton_incidents.csv docs/sample/riverton_areas.geojson --yes
      harmspot new-city crimes.csv --only-write --column offence=CHARGE --time-zone America/Denver
    """
    from flows.home.home import Home
    from flows.new_city.city import Wishes, slug_of
    from flows.new_city.making import Request, first_day, is_terminal, make_city

    path, _, clock = context.obj
    is_home_named = (
        context.parent is not None and context.parent.get_parameter_source("home") != ParameterSource.DEFAULT
    )
    home = path if is_home_named else Path(slug_of(file))
    wishes = Wishes(name=name, time_zone=time_zone, crs=crs, columns=_pairs(columns))
    request = Request(file, areas, out or file.parent, wishes, is_overwriting=force, is_only_writing=only_write)
    new = make_city(request, Home(home, None, clock), _answer(asks=not yes and is_terminal()))
    _print_guesses(new)
    # With --config, because a home remembers it only when the first run has succeeded.
    harmspot = f"harmspot --home {home} --config {new.files.config}"
    if only_write:
        _print_checks(new, f"{harmspot} load {file}")
        return
    made = Home(home, new.files.config, clock)
    day = as_of or first_day(new.city, made)
    try:
        _load_and_run(new, made, day, allows_outside=allow_outside)
    finally:  # what is to be checked may be why the run was refused
        _print_checks(new, f"{harmspot} replay && {harmspot} run --as-of {day}")


def _pairs(columns: tuple[str, ...]) -> dict[str, str]:
    from flows.new_city.names import read_names

    pairs, names = {}, read_names()
    for text in columns:
        ours, mark, theirs = text.partition("=")
        if not mark or ours not in names:
            raise click.BadParameter(f"{text!r}: expected OURS=THEIRS, where OURS is one of {', '.join(names)}")
        pairs[ours] = theirs
    return pairs


def _answer(*, asks: bool) -> "Ask":
    def ask(question: str, saw: str, default: str) -> str:
        if not asks:
            return default
        return str(click.prompt(f"{question} [{saw}]", default=default, show_default=bool(default))).strip()

    return ask


def _print_guesses(new: "NewCity") -> None:
    click.echo(inert(f"{new.city.file}: {new.city.rows:,} rows"))
    for note in new.city.notes:
        click.echo(inert(f"  {note}"))
    for guess in new.city.guesses:
        click.echo(inert(f"  {guess.line()}"))
    words = new.city.offences
    known = words[words["check"] == ""]
    share = f", {known['count'].sum() / words['count'].sum():.1%} of rows" if words["count"].any() else ""
    click.echo(f"  offences: {len(known)} of {len(words)} words are known{share}; the others wait")
    click.echo(inert("wrote " + ", ".join(map(str, new.written))))


def _load_and_run(new: "NewCity", home: "Home", day: date, *, allows_outside: bool) -> None:
    from flows.command.printing import print_load, print_summary
    from flows.new_city.making import load, require_rows
    from flows.schedule.daily import daily_run

    with home.made():
        report = load(new, home, allows_outside=allows_outside)
        print_load(report, as_json=False)
        require_rows(new, home, report.counts)
        print_summary(home, daily_run(home, day), as_json=False)


def _print_checks(new: "NewCity", following: str) -> None:
    from flows.new_city.checks import check_lines

    click.echo("To check, most harm first:")
    click.echo(inert("\n".join(check_lines(list(new.checks)))))
    click.echo(f"Then: {following}")
