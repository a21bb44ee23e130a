"""Self-contained page about a run: map and tables of places, counts of people, reading guide; no network needed."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from pipeline.briefing.area_story import by_area, reason
from pipeline.briefing.changes import change_name, change_words
from pipeline.briefing.embedded import answered, packed_tables, question_json
from pipeline.briefing.no_grounds import MEANINGS
from pipeline.briefing.scoreboard import board
from pipeline.briefing.today import coordinates, left_out, passed_over, places_today
from pipeline.map_link import DEFAULT as DEFAULT_LINK
from pipeline.pages.base import number, page_environment, page_row, page_rows, read_asset, words
from pipeline.pages.svg_map import CELL_STEPS, PROBABILITY_STEPS, Drawing, Shape, draw_map
from pipeline.pages.svg_plots import line_plot
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.tables import Cell, read_tables
from pipeline.wording.area_names import area_label
from pipeline.wording.catalogue import Catalogue, message

Frame = TypeVar("Frame", bound=pd.DataFrame)
NEAR_LIST = "near_list"  # the check that says how near the next area is to the list
CELLS_OF = (
    "area_ranking",
    "sensitivity_summary",
    "cell_forecast",
    "address_pile",
    "market",
    "hotspot",
    "officer_allocation",
)
FORECAST_ROWS = 20
SET_ROWS = 20
FOCUS_ROWS = 3
GRAVE_ROWS = 10
LATER = ("visit_plan", "crime_focus", "area_evidence", "area_recent", "recent_incident", "offence_ranking")
BOARD = ("scoreboard", "enforcement_ledger")
UNPACKED = ("map_shape", *BOARD)  # shapes are drawn, and the board is of the force alone
SCRIPTS = ("report.js", "report_labels.js", "report_question.js", "report_download.js")
OUTCOME_ROWS = 8
PEOPLE_WORDS = {
    "warrant_queue": message("live warrants in the queue"),
    "person_tier": message("people proposed as targets or for warning"),
    "dealer_ranking": message("sellers outside flagrant markets, by harm"),
    "referral": message("people to be offered treatment or help"),
    "safeguarding": message("people under 18 or of unknown age, for child protection"),
    "person_notice": message("notices to persons, drafted"),
    "person_change": message("people who entered, left or moved"),
}

COUNTED = ("reports ", "areas ", "squares ", "days ", "incidents ", "outlines ", "points ")  # nouns that take a figure


def render_report(
    run: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    shapes: Mapping[str, gpd.GeoDataFrame | None],
    people_counts: Mapping[str, int],
    axes: Mapping[str, Any],
    *,
    written_at: datetime,
    catalogue: Catalogue | None = None,
    link: str = DEFAULT_LINK,
    shifts: Mapping[str, tuple[int, int]] | None = None,
) -> str:
    """Return the page of one run as HTML; the same arguments give the same bytes.

    Parameters
    ----------
    run : mapping
        The row of table `run`.
    tables : mapping of str to pandas.DataFrame
        The run's tables of places as published: area_ranking, area_set_ranking, sensitivity_summary, cell_forecast,
        address_pile, hotspot, market, officer_allocation, area_notice, outcome_monitor, place_change, data_quality,
        quality_check; and, where the run has them, visit_plan, crime_focus, area_evidence, area_recent,
        recent_incident, offence_ranking, scoreboard, enforcement_ledger; area_notice also with `state` and
        `superseded_by`, the notice that replaces it.
    shapes : mapping of str to geopandas.GeoDataFrame or None
        Layers of the map, see `pipeline.pages.svg_map.draw_map`.
    people_counts : mapping of str to int
        Row counts of the run by restricted table.
    axes : mapping
        The axes of the area ranking, by the name in their columns, with `words` and `colours` (light and dark page).
    written_at : datetime
        Time at which `state` and `superseded_by` of the notices were valid; shown on the page. A run that had expired
        by then says so also without script.
    catalogue : Catalogue, optional
        Language of the page; by default English.
    link : str
        Form of the link to a point, see `pipeline.map_link`.
    shifts : mapping of str to (int, int), optional
        When each shift starts and ends, minutes after local midnight; visits are told by shift.

    Returns
    -------
    str
        The page.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    zone = ZoneInfo(run["time_zone"])
    piles = tables["address_pile"][tables["address_pile"]["is_address_pile"].astype(bool)]
    catalogue = catalogue or Catalogue()
    environment = page_environment(zone, catalogue)
    environment.globals |= {"coordinates": partial(coordinates, link=link)}
    packed = {**{name: empty_table(name) for name in (*LATER, *BOARD)}, **tables}
    tables = {name: called(frame, catalogue) for name, frame in packed.items()}
    ranking = tables["area_ranking"].sort_values(["rank", "area_id"])
    areas = page_rows(ranking.assign(area_count=len(ranking), top_k=run["top_k"]))
    evidence = by_area(tables["area_evidence"], page_rows(tables["area_evidence"]))
    recent = {row["area_id"]: row for row in page_rows(tables["area_recent"])}
    quality = quality_by_name(packed)
    names = dict(zip(ranking["area_id"], ranking["area_name"], strict=True))
    environment.globals |= {
        "change_name": partial(change_name, names=names, places=place_names(tables), catalogue=catalogue),
        "change_words": partial(change_words, catalogue=catalogue),
    }
    drawing = draw_map({name: layer if layer is None else called(layer, catalogue) for name, layer in shapes.items()})
    today = places_today(tables["visit_plan"], tables["cell_forecast"], zone, link, catalogue, shifts or {})
    asked = answered(tables["offence_ranking"], ranking["area_id"])
    js = Markup("\n").join(read_asset(name) for name in SCRIPTS)
    html = environment.get_template("report.html.jinja").render(
        run=page_row(run),
        css=with_axes(read_asset("report.css"), axes) + read_asset("report_today.css") + read_asset("plots.css"),
        js=js,
        js_hash=_content_hash(js),
        is_expired=written_at > run["valid_to"],
        warnings=warnings_of(run, {**tables, "data_quality": quality}),
        drawing=drawing,
        today_at=_drawn_at(drawing, today),
        areas=areas,
        reasons={
            area["area_id"]: reason(
                area, recent.get(area["area_id"]), evidence.get(area["area_id"], []), axes, catalogue
            )
            for area in areas
        },
        recent=recent,
        evidence=evidence,
        focus=focus_of(tables["crime_focus"]),
        today=today,
        passed_over=passed_over(tables["cell_forecast"], today),
        grave=page_rows(heaviest(tables["recent_incident"])),
        grave_count=len(tables["recent_incident"]),
        left_out=left_out(tables["data_quality"], len(piles), catalogue),
        question=question_json(asked),
        groups=_labels(asked),
        shifts=sorted(set(asked["shift"]) - {"all"}),
        packed=packed_tables({name: frame for name, frame in packed.items() if name not in UNPACKED}, zone),
        board=board({name: tables[name] for name in BOARD}),
        area_sets=[_area_set(name, of_set, environment, run) for name, of_set in _by_set(tables["area_set_ranking"])],
        area_count=len(ranking),
        horizon_days=ranking["horizon_days"].iloc[0] if len(ranking) else None,
        near_list=near_list(tables["quality_check"]),
        variants=page_rows(_in_file_order(tables["sensitivity_summary"])),
        names=names,
        forecast=page_rows(tables["cell_forecast"].nsmallest(FORECAST_ROWS, "rank")),
        forecast_count=len(tables["cell_forecast"]),
        overlap=naive_overlap(tables["cell_forecast"]),
        piles=page_rows(piles.nsmallest(FORECAST_ROWS, "rank")),
        pile_count=len(piles),
        outcomes=page_rows(latest_outcomes(tables["outcome_monitor"])),
        outcome_plot=plot_outcomes(tables["outcome_monitor"], zone, catalogue),
        hotspots=page_rows(tables["hotspot"].sort_values("rank")),
        meanings=[catalogue.html(text) for text in MEANINGS],
        has_market_reports=_has_market_reports(tables["data_quality"]),
        markets=page_rows(tables["market"].sort_values("rank")),
        allocation=page_rows(_by_rank(tables["officer_allocation"], ranking)),
        written_at=written_at,
        visit_day=run["as_of"].astimezone(zone).date(),
        notices=page_rows(tables["area_notice"].sort_values("notice_id")),
        changes=page_rows(tables["place_change"]),
        quality=page_rows(quality),
        checks=page_rows(tables["quality_check"]),
        balance=balance(tables["data_quality"]),
        people_counts=people_counts,
        people_words=PEOPLE_WORDS,
        axes=axes,
        cells={name: _cells(name, environment, run) for name in CELLS_OF},
        probability_steps=(0.0, *PROBABILITY_STEPS, 1.0),
        cell_steps=CELL_STEPS,
    )  # fmt: skip
    refuse_people_in_text("report.html", html)
    return html


def called(frame: Frame, catalogue: Catalogue) -> Frame:
    """Return a table with the names of areas in the language of the page, such as "Distrito 24"."""
    if "area_name" not in frame:
        return frame
    names = frame["area_name"].map(lambda name: catalogue.sentence(area_label(name)), na_action="ignore")
    return frame.assign(area_name=names)


def _drawn_at(drawing: Drawing, today: Sequence[Mapping[str, Any]]) -> list[tuple[str, Shape]]:
    """Return letter and shape of each place of today that the map draws."""
    cells = {shape.row["cell_id"]: shape for shape in drawing.cells}
    return [(place["letter"], cells[place["cell_id"]]) for place in today if place["cell_id"] in cells]


def empty_table(name: str) -> pd.DataFrame:
    """Return a table that a run does not have, without rows."""
    known = read_tables().published
    return pd.DataFrame(columns=known[name].column_names if name in known else [])


def focus_of(focus: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the first offences to look for in each area."""
    first = focus[focus["focus_rank"].notna() & (focus["focus_rank"] <= FOCUS_ROWS)]
    return {str(area): page_rows(rows) for area, rows in first.sort_values("focus_rank").groupby("area_id")}


def _labels(ranking: pd.DataFrame) -> dict[str, str]:
    """Return the label of each group of offences by its name, in the order of the labels."""
    pairs = ranking[["offence_group", "offence_group_label"]].drop_duplicates().sort_values("offence_group_label")
    return dict(zip(pairs["offence_group"], pairs["offence_group_label"], strict=True))


def heaviest(recent: pd.DataFrame) -> pd.DataFrame:
    """Return the heaviest of the grave incidents, the newest of equal weight first."""
    return recent.sort_values(["harm_days", "position"], ascending=[False, True]).head(GRAVE_ROWS)


def place_names(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the places of hot spots and markets in words by their id; none in runs of earlier versions."""
    found = (tables["hotspot"].set_index("hotspot_id"), tables["market"].set_index("market_id"))
    return {str(key): place for frame in found if "place" in frame for key, place in frame["place"].dropna().items()}


def _by_set(ranking: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and the rows by rank of each further set of areas."""
    for name, of_set in ranking.groupby("area_set", sort=True):
        yield str(name), of_set.sort_values(["rank", "area_id"])


def _area_set(name: str, of_set: pd.DataFrame, environment: Environment, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a further set: its first rows, the number of all, and cells in its own words."""
    is_assumed = bool(of_set["is_staffing_assumed"].any())
    of_this = {**run, "top_k": int(of_set["top_k"].iloc[0]), "is_staffing_assumed": is_assumed}
    return {
        "name": name,
        "count": len(of_set),
        "rows": page_rows(of_set.head(SET_ROWS).assign(area_count=len(of_set))),
        "cells": _cells("area_ranking", environment, of_this),
    }


def warnings_of(run: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the warnings about a run as text, but for the one that stands at the list itself."""
    quality = page_rows(tables["data_quality"])
    doubtful = [row for row in quality if row["is_warning"] and row["measure"] != "staffing_assumed"]
    why = next((str(row["detail"]).partition(": ")[2] for row in quality if row["measure"] == "staffing_assumed"), "")
    checks = page_rows(tables["quality_check"])
    return [
        *[row["detail"] for row in checks if row["outcome"] != "passed" and row["check_name"] != NEAR_LIST],
        *([f"Officer hours are assumed, not reported: crimes per officer-hour compares areas on a guess. {why}".strip()]
          if run["is_staffing_assumed"] else []),
        *(["Markets are provisional: each was judged from a single square, before all rules were applied."]
          if tables["market"]["is_provisional"].astype(bool).any() else []),
        *[_warning(row) for row in doubtful],
    ]  # fmt: skip


def quality_by_name(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return table data_quality with the squares and areas in its sentences by name."""
    in_words = partial(_with_names, names=_names_of(tables), ids=_ids(tables))
    return tables["data_quality"].assign(detail=tables["data_quality"]["detail"].map(in_words))


def _names_of(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the places of squares and the names of areas by id; runs of earlier versions know no places."""
    forecast, areas = tables["cell_forecast"], [tables["area_ranking"], tables["area_set_ranking"]]
    places = dict(zip(forecast["cell_id"], forecast["place"], strict=True)) if "place" in forecast else {}
    named = [zip(frame["area_id"], frame["area_name"], strict=True) for frame in areas]
    return {
        str(key): area_label(name) for key, name in (*places.items(), *named[0], *named[1]) if isinstance(name, str)
    }


def _with_names(text: str | None, names: Mapping[str, str], ids: re.Pattern[str]) -> str | None:
    """Return a text with the names of the squares and areas that it names by id."""
    return ids.sub(lambda found: names.get(found[0], found[0]), text) if isinstance(text, str) else text


def _ids(tables: Mapping[str, pd.DataFrame]) -> re.Pattern[str]:
    """Return what the ids of squares look like, and the ids of areas."""
    areas = {str(area_id) for name in ("area_ranking", "area_set_ranking") for area_id in tables[name]["area_id"]}
    longest_first = sorted(map(re.escape, areas), key=lambda area_id: (-len(area_id), area_id))
    return re.compile("|".join([r"EPSG:[\d:-]*\d", *(rf"(?<!\w){area_id}(?!\w)" for area_id in longest_first)]))


def near_list(checks: pd.DataFrame) -> str | None:
    """Return how near the next area is to the list; None where no check says so."""
    found = checks.loc[checks["check_name"] == NEAR_LIST, "detail"]
    return None if found.empty else str(found.iloc[0])


def _in_file_order(variants: pd.DataFrame) -> pd.DataFrame:
    """Return the variants with the greatest change first, the ranking itself on top."""
    is_other = variants["variant"] != "published"
    return variants.assign(is_other=is_other).sort_values(["is_other", "rank_correlation", "variant"])


def balance(quality: pd.DataFrame) -> dict[str, int] | None:
    """Return rows in, stored, duplicates, merged, dead letters and their difference; None if one was not counted.

    A run of an earlier version did not count merged rows, and had none.
    """
    counted = {"merged": 0.0, **quality.set_index("measure")["value"].to_dict()}
    parts = ["rows_in", "versions_stored", "duplicates", "merged", "dead_letters"]
    if not set(parts) <= set(counted):
        return None
    numbers = {name: int(counted[name]) for name in parts}
    return {**numbers, "difference": numbers["rows_in"] - sum(numbers[name] for name in parts[1:])}


def naive_overlap(forecast: pd.DataFrame) -> int:
    """Return how many of the forecast's top cells are also top cells of the naive count."""
    return int(((forecast["rank"] <= FORECAST_ROWS) & (forecast["naive_rank"] <= FORECAST_ROWS)).sum())


def latest_outcomes(record: pd.DataFrame) -> pd.DataFrame:
    """Return the latest forecasts whose horizon has ended, newest first."""
    return record.sort_values(["forecast_as_of", "forecast_run_id"], ascending=False).head(OUTCOME_ROWS)


def plot_outcomes(record: pd.DataFrame, zone: ZoneInfo, catalogue: Catalogue | None = None) -> Markup:
    """Plot the share of harm in the top 5% of cells over time, for the forecast and last year's count."""
    text = (catalogue or Catalogue()).text
    ordered = record.sort_values(["forecast_as_of", "forecast_run_id"])
    series = {text("forecast"): ordered["harm_share_top5"], text("last year's count"): ordered["naive_harm_share_top5"]}
    return line_plot(
        [f"{moment.astimezone(zone):%Y-%m-%d}" for moment in ordered["forecast_as_of"]],
        {name: values.astype(float).tolist() for name, values in series.items()},
        title=text("Share of harm in the 5% of cells ranked first, by forecast"),
    )


def _cells(table: str, environment: Environment, run: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """Return column and cell of each cell that `tables.yml` shows of a table, with its words about this run."""
    return [
        (
            column.name,
            replace(
                cell,
                head=_rendered(cell.head, environment, run),
                tip=_rendered(cell.tip, environment, run),
                draw=cell.draw or ("number" if column.is_number else "text"),
            ),
        )
        for column in read_tables().published[table].shown
        for cell in column.show.report
    ]


def _rendered(text: str, environment: Environment, run: Mapping[str, Any]) -> str:
    """Return a heading of `tables.yml` in the language of the page, with its words about this run."""
    return environment.from_string(environment.filters["translated"](text)).render(run)


def with_axes(css: str, axes: Mapping[str, Any]) -> Markup:
    """Return the style sheet with the colours of the axes in place of its comments on them."""
    light, dark = (" ".join(f"--axis-{name}: {axis.colours[i]};" for name, axis in axes.items()) for i in (0, 1))
    classes = " ".join(f".axis-{name} {{ background: var(--axis-{name}); }}" for name in axes)
    for mark, text in (("axes on a light page", light), ("axes on a dark page", dark), ("axes", classes)):
        css = css.replace(f"/* {mark} */", text)
    return Markup(css)


def _content_hash(script: str) -> str:
    """Return the hash that allows only this script in the page's content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _has_market_reports(quality: pd.DataFrame) -> bool:
    """Return whether there is a report of dealing; runs of earlier versions did not count them."""
    return not quality.loc[quality["measure"] == "dealing_reports", "value"].eq(0).any()


def _warning(row: Mapping[str, Any]) -> str:
    """Return a data-quality warning as text; a note already is text."""
    text = row["detail"] or words(row["measure"])
    if text.startswith(COUNTED):  # plural nouns, which a single one cannot stand before
        text = f"{text} (1)" if row["value"] == 1 else f"{number(row['value'])} {text}"
    return text[:1].upper() + text[1:]


def _by_rank(frame: pd.DataFrame, ranking: pd.DataFrame) -> pd.DataFrame:
    return frame.merge(ranking[["area_id", "rank"]], on="area_id").sort_values(["rank", "area_id"])
