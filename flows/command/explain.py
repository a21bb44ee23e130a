"""`harmspot explain`: explain the rank of an area, cell or person, or what an incident counts for."""

from typing import TYPE_CHECKING

import click

from flows.command.options import NearGroup, area_set_option, json_option, pass_home, reading_options, run_option
from flows.command.printing import print_object

if TYPE_CHECKING:
    from flows.home.home import Home


@click.group("explain", cls=NearGroup)
def command() -> None:
    """Explain the rank of an area, cell or person: the evidence behind it and what would change it.

    \b
    Examples:
      harmspot --home town explain area 7
      harmspot --home town explain area 1210 --set beat
      harmspot --home town explain cell 39.9526,-75.1652
      harmspot --home town explain incident 201912101316
      harmspot --home town explain person P000123 --purpose "review before visit" --reader "Insp. J. Reyes"
    """


@command.command("area")
@click.argument("area")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@area_set_option
@json_option
@pass_home
def area(home: "Home", area: str, run_id: str | None, area_set: str | None, as_json: bool) -> None:
    """Explain the rank of AREA, given by its id with or without the version, or by its name.

    \b
    Example:
      harmspot --home city explain area 24
    """
    from flows.outputs.explain import area_lines, find_area

    row = find_area(home, area, run_id, area_set)
    print_object(row, area_lines(row), as_json=as_json)


@command.command("cell")
@click.argument("cell")
@run_option
@json_option
@pass_home
def cell(home: "Home", cell: str, run_id: str | None, as_json: bool) -> None:
    """Explain the rank of CELL, given by its id, by a point LAT,LON in it, or by its place.

    \b
    Examples:
      harmspot --home city explain cell "5200 Block Frankford Ave"
      harmspot --home city explain cell 40.0230,-75.0776
    """
    from flows.outputs.explain_places import cell_lines, find_cell

    row = find_cell(home, cell, run_id)
    print_object(row, cell_lines(row), as_json=as_json)


@command.command("incident")
@click.argument("incident_id")
@run_option
@json_option
@pass_home
def incident(home: "Home", incident_id: str, run_id: str | None, as_json: bool) -> None:
    """Explain what the incident INCIDENT_ID counts for: offence, day, place, weight, measure and area.

    \b
    Example:
      harmspot --home city explain incident 201912101316
    """
    from flows.outputs.explain_places import find_incident, incident_lines

    row = find_incident(home, incident_id, run_id)
    print_object(row, incident_lines(row, home.settings.places.half_life_days), as_json=as_json)


@command.command("person")
@click.argument("person")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@reading_options
@json_option
@pass_home
def person(
    home: "Home", person: str, run_id: str | None, purpose: str | None, reader: str | None, as_json: bool
) -> None:
    """Explain the rank of PERSON, given by pseudonym or by the force's own id; the read is logged first.

    \b
    Example:
      harmspot --home town explain person P000123 --purpose "review before visit" --reader "Insp. J. Reyes"
    """
    from flows.outputs.explain import person_lines, read_person

    rows = read_person(home, person, run_id, purpose=purpose, reader=reader)
    print_object(rows.as_json(), person_lines(rows, home.settings.force.zone), as_json=as_json)
