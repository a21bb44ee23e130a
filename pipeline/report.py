"""One self-contained page about a run: map and tables of places, counts of people, how to read it; no network."""

import base64
import hashlib
import math
from collections.abc import Mapping
from datetime import date, datetime
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.map_drawing import CELL_STEPS, PROBABILITY_STEPS, draw_map
from pipeline.person_guard import refuse_people_in_text

FORECAST_ROWS = 20
AXES = ("violence", "disorder", "minors", "ratio")
AXIS_WORDS = {
    "violence": "violence",
    "disorder": "disorder",
    "minors": "use of minors",
    "ratio": "crimes per officer-hour",
}
PEOPLE_WORDS = {
    "warrant_queue": "live warrants in the queue",
    "person_tier": "people proposed as targets or for warning",
    "dealer_ranking": "sellers outside flagrant markets, by harm",
    "referral": "people to be offered treatment or help",
    "safeguarding": "people under 18 or of unknown age, for child protection",
    "person_notice": "notices to persons, drafted",
    "person_change": "people who entered, left or moved",
}


def render_report(
    run: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    shapes: Mapping[str, gpd.GeoDataFrame | None],
    people_counts: Mapping[str, int],
) -> str:
    """Return the page of one run as HTML; the same arguments give the same bytes.

    Parameters
    ----------
    run
        The row of table `run`.
    tables
        The run's tables of places as published: area_ranking, cell_forecast, hotspot, market, officer_allocation,
        area_notice, place_change, data_quality.
    shapes
        What the map shows, see `map_drawing.draw_map`.
    people_counts
        Rows of the run by restricted table.

    Raises
    ------
    PublicationError
        Where the page would hold a pseudonym.
    """
    zone = ZoneInfo(run["time_zone"])
    ranking = tables["area_ranking"].sort_values(["rank", "area_id"])
    html = _environment(zone).get_template("report.html.jinja").render(
        run=_plain_row(run),
        css=_asset("report.css"),
        js=_asset("report.js"),
        js_hash=_content_hash(_asset("report.js")),
        warnings=warnings_of(run, tables),
        drawing=draw_map(shapes),
        areas=_records(ranking),
        area_count=len(ranking),
        names=dict(zip(ranking["area_id"], ranking["area_name"], strict=True)),
        forecast=_records(tables["cell_forecast"].nsmallest(FORECAST_ROWS, "rank")),
        forecast_count=len(tables["cell_forecast"]),
        overlap=naive_overlap(tables["cell_forecast"]),
        hotspots=_records(tables["hotspot"].sort_values("rank")),
        markets=_records(tables["market"].sort_values("rank")),
        allocation=_records(_by_rank(tables["officer_allocation"], ranking)),
        notices=_records(tables["area_notice"].sort_values("notice_id")),
        changes=_records(tables["place_change"]),
        quality=_records(tables["data_quality"]),
        balance=balance(tables["data_quality"]),
        people_counts=people_counts,
        people_words=PEOPLE_WORDS,
        axes=AXES,
        axis_words=AXIS_WORDS,
        probability_steps=(0.0, *PROBABILITY_STEPS, 1.0),
        cell_steps=CELL_STEPS,
    )  # fmt: skip
    refuse_people_in_text("report.html", html)
    return html


def warnings_of(run: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what a reader must know before using the run, in words."""
    quality = _records(tables["data_quality"])
    doubtful = [row for row in quality if row["is_warning"] and row["measure"] != "staffing_assumed"]
    return [
        *(["Officer hours are assumed, not reported: crimes per officer-hour compares areas on a guess."]
          if run["is_staffing_assumed"] else []),
        *(["Markets are provisional: graded from single cells, before the full detector."]
          if tables["market"]["is_provisional"].astype(bool).any() else []),
        *[_warning(row) for row in doubtful],
    ]  # fmt: skip


def balance(quality: pd.DataFrame) -> dict[str, int] | None:
    """Return rows in, stored, duplicates and dead letters, and what they differ by; None where one was not counted."""
    counted = quality.set_index("measure")["value"]
    parts = ["rows_in", "versions_stored", "duplicates", "dead_letters"]
    if not set(parts) <= set(counted.index):
        return None
    numbers = {name: int(counted[name]) for name in parts}
    return {**numbers, "difference": numbers["rows_in"] - sum(numbers[name] for name in parts[1:])}


def naive_overlap(forecast: pd.DataFrame) -> int:
    """Return how many of the forecast's top cells the naive count puts on top as well."""
    return int(((forecast["rank"] <= FORECAST_ROWS) & (forecast["naive_rank"] <= FORECAST_ROWS)).sum())


def number(value: float | None, digits: int = 0) -> str:
    """Return a figure with thousands apart, or a dash where there is none.

    >>> number(1234.5, 1), number(None), number(0.0312, 2)
    ('1,234.5', '–', '0.03')
    """
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """Return a share in whole percent; the ends are kept for certainty.

    >>> percent(0.999), percent(1.0), percent(0.004), percent(0.42)
    ('>99%', '100%', '<1%', '42%')
    """
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def words(name: str) -> str:
    """Return a name of a column or measure as words."""
    return name.replace("_", " ")


def _environment(zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def moment(value: datetime) -> str:
        local = value.astimezone(zone)
        return f"{local.day} {local:%B %Y, %H:%M}"

    def day(value: date) -> str:
        return f"{value.day} {value:%B %Y}"

    environment.filters |= {"number": number, "percent": percent, "words": words, "moment": moment, "day": day}
    return environment


def _asset(name: str) -> Markup:
    """A style sheet or script of ours, which goes into the page as it is."""
    return Markup((resources.files("pipeline") / "templates" / name).read_text(encoding="utf-8"))


def _content_hash(script: str) -> str:
    """The hash by which the page's policy lets this script, and no other, run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _warning(row: Mapping[str, Any]) -> str:
    """A doubtful measure in words; a note is words already."""
    text = row["detail"] or words(row["measure"])
    if row["unit"] != "note":
        text = f"{words(row['measure'])} ({number(row['value'])} {row['unit'] or ''}): {text}"
    return text[:1].upper() + text[1:]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.drop(columns="geometry_wkb", errors="ignore").astype(object).to_dict("records")
    return [_plain_row(row) for row in rows]


def _plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row with None where a value is missing and lists as lists."""
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, float) and math.isnan(value) else value


def _by_rank(frame: pd.DataFrame, ranking: pd.DataFrame) -> pd.DataFrame:
    return frame.merge(ranking[["area_id", "rank"]], on="area_id").sort_values(["rank", "area_id"])
