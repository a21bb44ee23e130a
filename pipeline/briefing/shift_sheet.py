"""What a shift sheet says: the places of one crew, when, why, what to do there and what not."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pipeline.briefing.today import coordinates, offences_here, why_here
from pipeline.wording.area_names import area_label
from pipeline.wording.catalogue import Catalogue

FEW = 3  # fewer places than this are explained


class At(NamedTuple):
    """A point on the map in metres."""

    x: float
    y: float


class Street(NamedTuple):
    """A street on the map: its name and its lines."""

    name: str
    lines: tuple[tuple[At, ...], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: its cell as table cell_forecast has it, local times, and why it is one."""

    cell_id: str
    place: str | None
    lat: float | None
    lon: float | None
    at_m: At
    starts_at: datetime
    ends_at: datetime
    moved: int
    is_planned: bool
    is_operation: bool
    is_by_lot: bool
    mostly: tuple[str, ...]
    letter: str | None
    rank: int
    cell_count: int
    expected_harm: float
    horizon_days: int
    last_year_count: int


@dataclass(frozen=True, slots=True)
class ShiftSheet:
    """All that the sheet of a shift needs; times are local."""

    force_name: str
    area_name: str
    area_rank: int
    area_count: int
    shift_name: str
    starts_at: datetime
    ends_at: datetime
    valid_to: datetime
    run_id: str
    stops: tuple[Stop, ...]
    left_out: int
    rings: tuple[tuple[At, ...], ...]  # the borders of the area
    km_per_hour: float
    cell_size_m: float
    help_contact: str
    link: str
    streets: tuple[Street, ...] = ()  # the longest first; none where the force names no lines


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table of stops, in words; `number` is that of the place on the map."""

    number: int
    time: str
    minutes: str
    place: str
    at: str
    link: str | None
    why: str


def title_of(sheet: ShiftSheet, catalogue: Catalogue) -> str:
    """Return the headline."""
    area, shift = catalogue.sentence(area_label(sheet.area_name)), catalogue.text(sheet.shift_name)
    return catalogue.text("Shift sheet: {area}, {shift} shift", area=area, shift=shift)


def when_of(sheet: ShiftSheet, catalogue: Catalogue) -> str:
    """Return day, hours and zone of the shift, and the force."""
    day = catalogue.formats.day(sheet.starts_at.date())
    return f"{day}, {sheet.starts_at:%H:%M}–{sheet.ends_at:%H:%M} {sheet.starts_at:%Z} · {sheet.force_name}"


def intro_of(sheet: ShiftSheet, catalogue: Catalogue) -> str:
    """Return how many places there are, or that there is none and why."""
    places = len(numbers_of(sheet))
    if not places:
        return catalogue.text(
            "No place in this area: the plan has no visit here in this shift, and no square of the forecast may be "
            "added. Do not choose one yourself from this sheet; ask the analyst."
        )
    count = catalogue.plural("{count} place for one crew.", "{count} places for one crew.", places)
    rank = catalogue.text(
        "The area has rank {rank} of {areas} by its chance of being among the worst.",
        rank=catalogue.formats.number(sheet.area_rank), areas=catalogue.formats.number(sheet.area_count),
    )  # fmt: skip
    few = catalogue.text("No other square of the area may be added.") if places < FEW else ""
    return f"{count} {rank} {few}".rstrip()


def numbers_of(sheet: ShiftSheet) -> dict[str, int]:
    """Return the number of each place on the map, in the order of arrival."""
    return {cell_id: n for n, cell_id in enumerate(dict.fromkeys(stop.cell_id for stop in sheet.stops), start=1)}


def rows_of(sheet: ShiftSheet, catalogue: Catalogue) -> list[Row]:
    """Return the stops by time, in words."""
    numbers, seen, rows = numbers_of(sheet), set[str](), []
    for stop in sheet.stops:
        where = coordinates({"lat": stop.lat, "lon": stop.lon}, sheet.link)
        time = f"{stop.starts_at:%H:%M}–{stop.ends_at:%H:%M}"
        is_next_day = stop.starts_at.date() > sheet.starts_at.date()
        rows.append(
            Row(
                number=numbers[stop.cell_id],
                time=catalogue.text("{time} (next day)", time=time) if is_next_day else time,
                minutes=catalogue.plural(
                    "{count} minute", "{count} minutes", round((stop.ends_at - stop.starts_at).total_seconds() / 60)
                ),
                place=catalogue.sentence(stop.place) if stop.place else stop.cell_id,
                at=where["at"] or "",
                link=where["link"],
                why=catalogue.text("Another visit here; see above.") if stop.cell_id in seen else _why(stop, catalogue),
            )
        )
        seen.add(stop.cell_id)
    return rows


def _why(stop: Stop, catalogue: Catalogue) -> str:
    said = []
    if stop.is_operation:
        said.append(catalogue.text("An announced operation runs here."))
    if stop.is_by_lot:
        said.append(catalogue.text("Drawn by lot: a few visits a day go where no forecast sends anybody."))
    if not stop.is_planned:
        said.append(catalogue.text("Added to the plan of this shift: one of the next worst squares of the area."))
    if mostly := offences_here(stop.mostly, catalogue):
        said.append(mostly)
    if stop.letter:
        said.append(catalogue.text("Place {letter} of the morning page.", letter=stop.letter))
    said.append(
        why_here(stop.rank, stop.cell_count, stop.expected_harm, stop.horizon_days, stop.last_year_count, catalogue)
    )
    return " ".join(said)


def notes_of(sheet: ShiftSheet, catalogue: Catalogue) -> list[str]:
    """Return what the reader must know of the route."""
    moved = sum(stop.moved != 0 for stop in sheet.stops if stop.is_planned)
    notes = [
        catalogue.text(
            "The dashed line is the order of the places, not the road. Times leave room to drive: distances in a "
            "straight line at {speed} km/h.",
            speed=catalogue.formats.number(sheet.km_per_hour),
        ),
        catalogue.text(
            "A square is {metres} m wide; the coordinates are its middle, the name is what lies nearest.",
            metres=catalogue.formats.number(sheet.cell_size_m),
        ),
        catalogue.text("One harm point is one day of the starting sentence for an offence."),
    ]
    if moved:
        notes.append(
            catalogue.plural(
                "{count} visit was moved by up to half an hour, so that one crew can make all.",
                "{count} visits were moved by up to half an hour, so that one crew can make all.", moved,
            )
        )  # fmt: skip
    if sheet.left_out:
        notes.append(
            catalogue.plural(
                "A sheet holds five stops. {count} more visit of the day's plan in this area and shift is not on it: "
                "make it in between where nothing else calls, or give it to another crew.",
                "A sheet holds five stops. {count} more visits of the day's plan in this area and shift are not on it: "
                "make them in between where nothing else calls, or give them to another crew.", sheet.left_out,
            )
        )  # fmt: skip
    return notes


def to_do(sheet: ShiftSheet, catalogue: Catalogue) -> list[str]:
    """Return what to do at a place."""
    return [
        catalogue.text("Be seen for the minutes given: get out, walk, talk to people. Then go on."),
        catalogue.text("Arrive at the time given. Times differ from day to day so that nobody can predict them."),
        catalogue.text("Note what makes offences easy here, such as broken lights or open doors, and pass it on."),
        catalogue.text(
            "People who use drugs: tell them where help is. {contact}", contact=sheet.help_contact.rstrip(".") + "."
        ),
        catalogue.text("Afterwards report which visits were made, and when."),
    ]


def not_to_do(catalogue: Catalogue) -> list[str]:
    """Return what the sheet is no ground for."""
    return [
        catalogue.text(
            "This sheet is no ground for a stop, a search, an arrest or an eviction. Each needs grounds of its own."
        ),
        catalogue.text("It names places, not people: nobody is a suspect because they are here."),
        catalogue.text("The figures are expectations. Most visits will see no offence, and that is no failure."),
        catalogue.text("Keep nobody away from treatment or help, and do not wait outside it for people."),
    ]


def foot_of(sheet: ShiftSheet, catalogue: Catalogue) -> str:
    """Return until when the sheet is valid and of which run it is."""
    return catalogue.text(
        "Valid until {moment}, then destroy it. Run {run}.",
        moment=catalogue.formats.moment(sheet.valid_to), run=sheet.run_id,
    )  # fmt: skip
