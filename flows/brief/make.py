"""A morning brief as PDF and page, both of one run: of the whole force, or of one area. Places only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import shapely

from flows.home.home import Home
from flows.outputs.explain import find_area
from flows.outputs.outcomes_page import ANSWERS, STATES
from flows.outputs.themes import Drawn, place_layers
from flows.run.map_shapes import drawn_map
from models.places.axes import AXES
from pipeline.pages.brief.brief import Asked, Brief, first_page, run_row
from pipeline.pages.brief.drawing import draw_brief_map, key_of, words_for
from pipeline.pages.brief.page import brief_page
from pipeline.pages.brief.pdf import brief_pdf
from pipeline.pages.brief.record import later_sections
from pipeline.pages.report import quality_by_name
from pipeline.pages.svg_map import draw_map
from pipeline.publication.publish import read_places
from pipeline.wording.area_names import area_label

TABLES = (
    "run", "area_ranking", "cell_forecast", "address_pile", "visit_plan", "area_recent", "area_evidence", "crime_focus",
    "place_change", "recent_incident", "hotspot", "market", "crackdown_plan", "outcome_monitor", "promise",
    "operation_register", "scoreboard", "enforcement_ledger", "sensitivity_summary", "data_quality", "quality_check",
    "area_set_ranking", "map_shape",
)  # fmt: skip
# About the whole force, also in the brief of one area.
OF_FORCE = ("run", "area_ranking", "area_set_ranking", "scoreboard", "enforcement_ledger", "market", "hotspot")


@dataclass(frozen=True, slots=True)
class MadeBrief:
    """A brief: what it says, its run, its area if it is of one, its local day, and its files by name, PDF and page."""

    brief: Brief
    run_id: str
    area_id: str | None
    day: str
    files: Mapping[str, bytes]


def make_brief(home: Home, run_id: str | None = None, area: str | None = None) -> MadeBrief:
    """Return the brief of a kept run (default: the latest), of the whole force or of one area.

    Raises
    ------
    PublicationError
        The run is not kept, the area is not known, or the brief does not fit on four pages.
    """
    tables = read_places(home.path, TABLES, run_id)
    run = run_row(tables["run"])
    tables["data_quality"] = quality_by_name(tables)  # while all places are known
    cell_count = len(tables["cell_forecast"])
    row = find_area(home, area, run["run_id"]) if area else None
    shapes = _shapes(home, run, tables)
    area_id = row["area_id"] if row else None
    if area_id:
        shapes = {name: layer[layer["area_id"].eq(area_id)] for name, layer in shapes.items()}
        tables = _of_area(tables, area_id, shapes["areas"].union_all())
    catalogue, notices, force = home.catalogue, home.settings.notices, home.settings.force
    language = catalogue.language if catalogue.language in notices.languages else notices.languages[0]
    asked = Asked(
        run=run,
        tables=tables,
        area_id=area_id,
        area=catalogue.sentence(area_label(row["area_name"])) if row else None,
        cell_count=cell_count,
        axes=AXES,
        written_at=home.now(),
        catalogue=catalogue,
        link=force.map_link,
        shifts={shift.name: (shift.starts, shift.ends) for shift in force.day_shifts},
        help_contact=str(notices.text("help_contact", language)),
        complaint_route=str(notices.text("complaint_route", language)),
    )
    first = first_page(asked)
    brief = Brief(**first, sections=later_sections(asked, first["places"], ANSWERS, STATES))
    drawing = draw_map(shapes, cell_count=cell_count, always=[place.cell_id for place in brief.places])
    svg = draw_brief_map(drawing, brief.places, catalogue, is_one_area=row is not None)
    words = words_for(drawing, brief.places, catalogue)
    key = key_of(run, asked.ranked, catalogue, is_one_area=row is not None)
    html = brief_page(brief, svg, words, key, catalogue)
    pdf = brief_pdf(brief, svg, words, key, made_at=run["as_of"].to_pydatetime())
    day = f"{run['as_of'].astimezone(asked.zone):%Y-%m-%d}"
    name = _file_name(day, asked.area)
    return MadeBrief(brief, run["run_id"], area_id, day, {f"{name}.pdf": pdf, f"{name}.html": html})


def _file_name(day: str, area: str | None) -> str:
    """Return what the names of both files begin with."""
    named = re.sub(r"[^\w.]+", "-", area or "").strip("-")[:60]
    return f"brief-{day}-{named}" if named else f"brief-{day}"


def _shapes(home: Home, run: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    drawn = drawn_map(run, tables["map_shape"], tables["area_ranking"]["area_id"], home.settings)
    return {**place_layers(Drawn(tables, run, drawn), only=("areas", "cells"))}


def _of_area(tables: Mapping[str, pd.DataFrame], area_id: str, outline: shapely.Geometry) -> dict[str, pd.DataFrame]:
    """Return the rows about an area of this outline; tables of the whole force stay as they are."""
    found = {
        name: table if name in OF_FORCE or "area_id" not in table else table[table["area_id"].eq(area_id)]
        for name, table in tables.items()
    }
    return found | {"place_change": _changes_in(tables, area_id, outline)}


def _changes_in(tables: Mapping[str, pd.DataFrame], area_id: str, outline: shapely.Geometry) -> pd.DataFrame:
    """Return the changes of an area and of the places that reach into it; `is_unplaced` may lie in any area."""
    changes, hotspots, markets = (tables[name] for name in ("place_change", "hotspot", "market"))
    here = {area_id, *markets.loc[markets["area_id"].eq(area_id), "market_id"]}
    own = {
        **dict(zip(hotspots["hotspot_id"], hotspots["geometry_wkb"], strict=True)),
        **dict(zip(markets["market_id"], markets["geometry_wkb"], strict=True)),
    }
    drawn = changes["geometry_wkb"].where(changes["geometry_wkb"].notna(), changes["place_id"].map(own))
    shapes = shapely.from_wkb([bytes(wkb) if isinstance(wkb, bytes | bytearray) else None for wkb in drawn])
    reaches = shapely.area(shapely.intersection(shapes, outline)) > 0
    is_here = changes["place_id"].isin(here) | reaches
    is_unplaced = changes["place_kind"].ne("area") & drawn.isna() & ~is_here
    return changes.assign(is_unplaced=is_unplaced)[is_here | is_unplaced]
