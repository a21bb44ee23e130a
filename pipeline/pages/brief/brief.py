"""What the morning brief of a run says: its first page, which stands alone, and the sections behind it, in words.

It computes nothing: figures and sentences are those of the published tables, as report and board tell them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.briefing.area_story import by_area, reason
from pipeline.briefing.changes import change_name, change_words
from pipeline.briefing.today import passed_over, places_today
from pipeline.pages.base import page_row, page_rows
from pipeline.pages.brief.sections import Item, Part, Section, short
from pipeline.pages.report import focus_of, heaviest, place_names
from pipeline.publication.publish import unusable
from pipeline.wording.area_names import area_label
from pipeline.wording.catalogue import Catalogue, message

CHANGES, GRAVE, OPERATIONS, AREAS = 4, 3, 3, 5  # told at most on the first page
STEPS = {  # `next_step` of `crackdown_plan`
    "register": message("register what it should bring about"),
    "tell_partners": message("tell health partners"),
    "announce": message("announce it"),
    "wait": message("wait"),
    "start": message("start it"),
    "go_on": message("go on"),
    "move": message("move the hours on"),
    "hold_it": message("hold it with fewer hours"),
    "evaluate": message("evaluate it"),
}
NAMED = 6  # areas of the list that a sentence names


@dataclass(frozen=True)
class Asked:
    """What a brief is made from.

    Parameters
    ----------
    run : mapping
        The row of table `run`.
    tables : mapping of str to DataFrame
        Its published tables of places; of one area alone but for those about the whole force. There `place_change` has
        `is_unplaced` for places that may lie in any area.
    area_id, area : str or None
        Id and name of the area that the brief is about; None for the whole force.
    cell_count : int
        Squares of the whole force.
    axes : mapping
        The measures of the area ranking by the name in their columns, with `words`.
    written_at : datetime
        When the brief is written: a run that had expired by then says so on top.
    catalogue : Catalogue
        Language.
    link : str
        Form of the link to a point.
    shifts : mapping of str to (int, int)
        When each shift starts and ends, minutes after local midnight.
    help_contact, complaint_route : str
        Where help is, and where to complain.
    """

    run: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    area_id: str | None
    area: str | None
    cell_count: int
    axes: Mapping[str, Any]
    written_at: datetime
    catalogue: Catalogue
    link: str
    shifts: Mapping[str, tuple[int, int]]
    help_contact: str
    complaint_route: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the times."""
        return ZoneInfo(self.run["time_zone"])

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of all areas by their id."""
        ranking = self.tables["area_ranking"]
        return {
            str(key): short(self.catalogue.sentence(area_label(name)))
            for key, name in zip(ranking["area_id"], ranking["area_name"], strict=True)
        }

    @property
    def ranked(self) -> list[str]:
        """The names of all areas by rank, short enough to stand below a map."""
        ranking = self.tables["area_ranking"].sort_values(["rank", "area_id"])
        return [short(self.names[str(key)], 24) for key in ranking["area_id"]]


@dataclass(frozen=True, slots=True)
class Place:
    """A place to be: its letter on the map, name, area, coordinates with link, what to do there, when and why."""

    letter: str
    cell_id: str
    name: str
    area: str
    at: str | None
    link: str | None
    to_do: tuple[str, ...]
    times: tuple[str, ...]
    why: str
    sure: str


@dataclass(frozen=True, slots=True)
class Brief:
    """A brief in words: the first page from `alarms` to `below`, then the sections."""

    language: str
    title: str
    force: str
    when: str
    alarms: tuple[str, ...]
    summary: tuple[str, ...]
    places_title: str
    places: tuple[Place, ...]
    places_notes: tuple[str, ...]
    beside: tuple[Section, ...]  # the map
    below: tuple[Section, ...]  # the map and the places
    sections: tuple[Section, ...]
    foot: str


def first_page(asked: Asked) -> dict[str, Any]:
    """Return the fields of a Brief that are on its first page, with title, language and foot."""
    run, catalogue = asked.run, asked.catalogue
    formats = catalogue.formats
    as_of, valid_to = (run[name].astimezone(asked.zone) for name in ("as_of", "valid_to"))
    title = catalogue.text("Morning brief: {area}", area=asked.area) if asked.area else catalogue.text("Morning brief")
    expired = asked.written_at >= run["valid_to"]
    places = _places(asked)
    return {
        "language": catalogue.language,
        "title": title,
        "force": short(run["force_name"]),
        "when": catalogue.text(
            "{day} · from what had happened before {moment} ({zone}) · use it until {until}",
            day=formats.day(as_of.date()), moment=formats.moment(as_of), zone=run["time_zone"],
            until=formats.moment(valid_to),
        ),
        "alarms": (
            *([unusable(str(run["unusable_because"]))] if isinstance(run["unusable_because"], str) else []),
            *([catalogue.text("This run has expired. Do not plan with it; ask for a newer one.")] if expired else []),
        ),
        "summary": (_listed(asked), _where_first(asked, places), _news(asked)),
        "places_title": catalogue.text("Where to be on {day}", day=formats.day(as_of.date())),
        "places": places,
        "places_notes": _places_notes(asked, places),
        "beside": (_changes(asked), *_operations(asked)),
        "below": (_areas(asked),),
        "foot": catalogue.text(
            "Valid until {moment}, then destroy it. Run {run}.", moment=formats.moment(valid_to), run=run["run_id"]
        ),
    }  # fmt: skip


def _listed(asked: Asked) -> str:
    """Return which areas are on the target list."""
    ranking, catalogue = asked.tables["area_ranking"].sort_values(["rank", "area_id"]), asked.catalogue
    listed = [asked.names[str(key)] for key in ranking.loc[ranking["is_listed"].astype(bool), "area_id"]]
    number = catalogue.formats.number(len(ranking))
    if not listed:
        return catalogue.text("None of {all} areas is on the target list.", all=number)
    head = catalogue.plural(
        "{count} of {all} areas is on the target list:", "{count} of {all} areas are on the target list:",
        len(listed), all=number,
    )  # fmt: skip
    more = " …" if len(listed) > NAMED else "."
    return f"{head} {', '.join(listed[:NAMED])}{more}"


def _where_first(asked: Asked, places: Sequence[Place]) -> str:
    """Return how many visits are planned, and the worst place."""
    catalogue = asked.catalogue
    if not places:
        return catalogue.text("No place is named: no square was forecast.")
    worst = f"{places[0].letter}, {places[0].name} ({places[0].area})"
    visits = asked.tables["visit_plan"]
    if visits.empty:
        return catalogue.text("No visit is planned; most harm is expected at {place}.", place=worst)
    here = visits["cell_id"].isin([place.cell_id for place in places]).sum()
    planned = catalogue.plural(
        "{count} visit is planned today, {here} of them to the lettered places; the shift sheets name every one.",
        "{count} visits are planned today, {here} of them to the lettered places; the shift sheets name every one.",
        len(visits), here=catalogue.formats.number(here),
    )  # fmt: skip
    return f"{planned} {catalogue.text('Of these places, most harm is expected at {place}.', place=worst)}"


def _news(asked: Asked) -> str:
    """Return how much is new since the run before."""
    catalogue = asked.catalogue
    if not isinstance(asked.run["predecessor_run_id"], str):
        return catalogue.text("This is the first kept run: there is nothing to compare it with.")
    grave, moved = len(asked.tables["recent_incident"]), len(asked.tables["place_change"])
    new = catalogue.plural(
        "{count} new grave incident since the run before", "{count} new grave incidents since the run before", grave
    )
    changed = catalogue.plural(
        "{count} real change of a rank or list.", "{count} real changes of ranks and lists.", moved
    )
    unplaced = sum(bool(row.get("is_unplaced")) for row in page_rows(asked.tables["place_change"]))
    elsewhere = catalogue.plural(
        "{count} of them may lie in another area.", "{count} of them may lie in another area.", unplaced
    )
    told = changed if moved else catalogue.text("No real change since the run before.")
    return f"{new}. {told}{f' {elsewhere}' if unplaced else ''}"


def _places(asked: Asked) -> tuple[Place, ...]:
    tables, catalogue = asked.tables, asked.catalogue
    visits = tables["visit_plan"]
    found = places_today(
        visits, tables["cell_forecast"], asked.zone, asked.link, catalogue, asked.shifts, cell_count=asked.cell_count
    )
    operated = set(visits.loc[~visits["chosen_for"].isin(("forecast", "exploration")), "cell_id"])
    return tuple(
        Place(
            letter=each["letter"],
            cell_id=each["cell_id"],
            name=short(catalogue.sentence(each["place"]) if each["place"] else each["cell_id"]),
            area=asked.names.get(each["area_id"], "–"),
            at=each["at"],
            link=each["link"],
            to_do=(
                *([catalogue.text("An announced operation runs here.")] if each["cell_id"] in operated else []),
                *([f"{each['visits']}."] if each["visits"] else []),
            ),
            times=tuple(_hours(shift) for shift in each["times"]),
            why=" ".join(filter(None, (each["mostly"], each["why"]))),
            sure=each["sure"],
        )
        for each in found
    )


def _hours(shift: Mapping[str, Any]) -> str:
    """Return the times of a shift."""
    named = f"{shift['shift']} {shift['span']}: " if shift["shift"] else ""
    return f"{named}{', '.join(shift['at'])}"


def _places_notes(asked: Asked, places: Sequence[Place]) -> tuple[str, ...]:
    catalogue, sentence = asked.catalogue, asked.catalogue.sentence
    over = passed_over(asked.tables["cell_forecast"], [{"cell_id": place.cell_id} for place in places])
    contact = asked.help_contact.rstrip(".") + "."
    return (
        catalogue.text("One harm point is one day of the starting sentence for an offence."),
        catalogue.text(
            "Places to be are the squares with most harm expected, wherever they lie; the target list is of whole "
            "areas."
        ),
        catalogue.text("Be seen for the minutes given: get out, walk, talk to people. Then go on."),
        catalogue.text("People who use drugs: tell them where help is. {contact}", contact=contact),
        *(
            [
                catalogue.text(
                    "Ranked higher and not visited, as most of what is recorded there did not happen there: {places}.",
                    places="; ".join(short(sentence(place), 40) for place in over[:3]) + ("; …" if over[3:] else ""),
                )
            ]
            if over
            else []
        ),
    )


def _changes(asked: Asked) -> Section:
    """Return the first real changes, areas before others, and the heaviest new incidents."""
    catalogue, tables = asked.catalogue, asked.tables
    rows = sorted(page_rows(tables["place_change"]), key=lambda row: row["place_kind"] != "area")
    changes = [
        Item(
            short(change_name(row, asked.names, place_names(tables), catalogue)),
            " ".join(
                filter(
                    None,
                    (change_words(row, catalogue), catalogue.sentence(row["why"] or ""), _unplaced(row, catalogue)),
                )
            ),
        )
        for row in rows[:CHANGES]
    ]
    new = [
        Item(catalogue.text(row["offence"]), f"{_where(row, asked)}, {_when(row, asked)}")
        for row in page_rows(heaviest(tables["recent_incident"]))[:GRAVE]
    ]
    more = len(rows) + len(tables["recent_incident"]) - len(changes) - len(new)
    rest = [Part.said(catalogue.plural("{count} more is in the report.", "{count} more are in the report.", more))]
    none = [Part.said(_news(asked))] if not changes and not new else []
    return Section(catalogue.text("What changed"), (*Part.items((*changes, *new)), *none, *(rest if more else [])))


def _unplaced(row: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Return in the brief of an area that a change may lie in another; else nothing."""
    said = catalogue.text("Of the whole force: this run does not say in which area.")
    return said if row.get("is_unplaced") else ""


def _where(row: Mapping[str, Any], asked: Asked) -> str:
    area = asked.names.get(row["area_id"], "–")
    return short(asked.catalogue.sentence(row["place"])) if row["place"] else area


def _when(row: Mapping[str, Any], asked: Asked) -> str:
    formats = asked.catalogue.formats
    at = row["occurred_at"]
    return formats.moment(at.astimezone(asked.zone)) if at is not None else formats.day(row["occurred_on"])


def _areas(asked: Asked) -> Section:
    """Return the areas of the list with the reason of each; without a list the first by rank, or the area asked for."""
    tables, catalogue = asked.tables, asked.catalogue
    ranking = tables["area_ranking"].sort_values(["rank", "area_id"])
    chosen = ranking[ranking["area_id"].eq(asked.area_id) if asked.area_id else ranking["is_listed"].astype(bool)]
    title = catalogue.text("The target list, and why") if len(chosen) and not asked.area else catalogue.text("Why")
    shown = (chosen if len(chosen) else ranking).head(AREAS if len(chosen) else 3)
    recent = {row["area_id"]: row for row in page_rows(tables["area_recent"])}
    evidence = by_area(tables["area_evidence"], page_rows(tables["area_evidence"]))
    focus = focus_of(tables["crime_focus"][tables["crime_focus"]["area_id"].isin(shown["area_id"])])
    leaving = _leaving(asked)
    items = [
        Item(
            asked.names[row["area_id"]],
            " ".join(
                [
                    catalogue.text(
                        "rank {rank}, likely {lo} to {hi}", rank=row["rank"], lo=row["rank_lo"], hi=row["rank_hi"]
                    )
                    + ".",
                    reason(row, recent.get(row["area_id"]), evidence.get(row["area_id"], []), asked.axes, catalogue),
                    _look_for(focus.get(row["area_id"], []), catalogue),
                    leaving.get(row["area_id"], ""),
                ]
            ).rstrip(),
        )
        for row in page_rows(shown)
    ]
    return Section(title, Part.items(items))


def _leaving(asked: Asked) -> dict[str, str]:
    """Return for each area that another choice would take from among the worst which choice that is."""
    catalogue, found = asked.catalogue, dict[str, str]()
    for row in page_rows(asked.tables["sensitivity_summary"].sort_values(["top_k_kept", "variant"])):
        said = catalogue.text(
            "Another choice takes it from the {k} worst: {choice}.",
            k=asked.run["top_k"], choice=catalogue.sentence(row["meaning"]),
        )  # fmt: skip
        for area_id in () if row["out_of_top_k"] is None else row["out_of_top_k"]:
            found.setdefault(str(area_id), said)  # the choice that changes most is first
    return found


def _look_for(focus: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> str:
    labels = ", ".join(catalogue.text(row["label"]) for row in focus)
    return f"{catalogue.text('What to look for')}: {labels}." if labels else ""


def _operations(asked: Asked) -> tuple[Section, ...]:
    """Return the next steps of operations and their hours of today; nothing where there is no plan."""
    catalogue, tables = asked.catalogue, asked.tables
    where, not_yet = place_names(tables), catalogue.text("Not yet, because")
    rows = page_rows(tables["crackdown_plan"].sort_values("position"))
    rows = [row for row in rows if row["next_step"] not in (None, "nothing")]
    if not rows:
        return ()
    items = [
        Item(
            short(
                catalogue.sentence(where.get(row["market_id"]) or asked.names.get(row["area_id"]) or row["market_id"])
            ),
            catalogue.text(
                "next step: {step}; {hours} officer-hours today.",
                step=catalogue.text(STEPS.get(row["next_step"], row["next_step"])),
                hours=catalogue.formats.number(row["hours_today"]),
            )
            + (f" {not_yet}: {catalogue.sentence(row['refused_because'][0])}." if row["refused_because"] else ""),
        )
        for row in rows[:OPERATIONS]
    ]
    return (Section(catalogue.text("Operations"), Part.items(items)),)


def run_row(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the row of table `run` with missing values as None."""
    return page_row({str(name): value for name, value in frame.iloc[0].items()})
