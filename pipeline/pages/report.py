"""Self-contained page about a run: map and tables of places, counts of people, reading guide; no network needed."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from pipeline.pages.base import number, page_environment, page_row, page_rows, read_asset, words
from pipeline.pages.svg_map import CELL_STEPS, PROBABILITY_STEPS, draw_map
from pipeline.pages.svg_plots import line_plot
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.tables import Cell, read_tables

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
OUTCOME_ROWS = 8
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
    axes: Mapping[str, Any],
    *,
    written_at: datetime,
) -> str:
    """Return the page of one run as HTML; the same arguments give the same bytes.

    Parameters
    ----------
    run : mapping
        The row of table `run`.
    tables : mapping of str to pandas.DataFrame
        The run's tables of places as published: area_ranking, area_set_ranking, sensitivity_summary, cell_forecast,
        address_pile, hotspot, market, officer_allocation, area_notice, outcome_monitor, place_change, data_quality,
        quality_check; area_notice also with `state` and `superseded_by`, the notice that replaces it.
    shapes : mapping of str to geopandas.GeoDataFrame or None
        Layers of the map, see `pipeline.pages.svg_map.draw_map`.
    people_counts : mapping of str to int
        Row counts of the run by restricted table.
    axes : mapping
        The axes of the area ranking, by the name in their columns, with `words` and `colours` (light and dark page).
    written_at : datetime
        Time at which `state` and `superseded_by` of the notices were valid; shown on the page.

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
    ranking = tables["area_ranking"].sort_values(["rank", "area_id"])
    piles = tables["address_pile"][tables["address_pile"]["is_address_pile"].astype(bool)]
    environment = page_environment(zone)
    html = environment.get_template("report.html.jinja").render(
        run=page_row(run),
        css=_with_axes(read_asset("report.css"), axes) + read_asset("plots.css"),
        js=read_asset("report.js"),
        js_hash=_content_hash(read_asset("report.js")),
        warnings=warnings_of(run, tables),
        drawing=draw_map(shapes),
        areas=page_rows(ranking.assign(area_count=len(ranking), top_k=run["top_k"])),
        area_sets=[_area_set(name, of_set, environment, run) for name, of_set in _by_set(tables["area_set_ranking"])],
        area_count=len(ranking),
        horizon_days=ranking["horizon_days"].iloc[0] if len(ranking) else None,
        near_list=_near_list(tables["quality_check"]),
        variants=page_rows(_in_file_order(tables["sensitivity_summary"])),
        names=dict(zip(ranking["area_id"], ranking["area_name"], strict=True)),
        forecast=page_rows(tables["cell_forecast"].nsmallest(FORECAST_ROWS, "rank")),
        forecast_count=len(tables["cell_forecast"]),
        overlap=naive_overlap(tables["cell_forecast"]),
        piles=page_rows(piles.nsmallest(FORECAST_ROWS, "rank")),
        pile_count=len(piles),
        outcomes=page_rows(latest_outcomes(tables["outcome_monitor"])),
        outcome_plot=plot_outcomes(tables["outcome_monitor"], zone),
        hotspots=page_rows(tables["hotspot"].sort_values("rank")),
        has_market_reports=_has_market_reports(tables["data_quality"]),
        markets=page_rows(tables["market"].sort_values("rank")),
        allocation=page_rows(_by_rank(tables["officer_allocation"], ranking)),
        written_at=written_at,
        notices=page_rows(tables["area_notice"].sort_values("notice_id")),
        changes=page_rows(tables["place_change"]),
        quality=page_rows(tables["data_quality"]),
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
        *(["Markets are provisional: graded from single cells, before the full detector."]
          if tables["market"]["is_provisional"].astype(bool).any() else []),
        *[_warning(row) for row in doubtful],
    ]  # fmt: skip


def _near_list(checks: pd.DataFrame) -> str | None:
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


def plot_outcomes(record: pd.DataFrame, zone: ZoneInfo) -> Markup:
    """Plot the share of harm in the top 5% of cells over time, for the forecast and the naive count."""
    ordered = record.sort_values(["forecast_as_of", "forecast_run_id"])
    series = {"forecast": ordered["harm_share_top5"], "naive count": ordered["naive_harm_share_top5"]}
    return line_plot(
        [f"{moment.astimezone(zone):%Y-%m-%d}" for moment in ordered["forecast_as_of"]],
        {name: values.astype(float).tolist() for name, values in series.items()},
        title="Share of harm in the 5% of cells ranked first, by forecast",
    )


def _cells(table: str, environment: Environment, run: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """Return column and cell of each cell that `tables.yml` shows of a table, with its words about this run."""
    return [
        (
            column.name,
            replace(
                cell,
                head=environment.from_string(cell.head).render(run),
                tip=environment.from_string(cell.tip).render(run),
                draw=cell.draw or ("number" if column.is_number else "text"),
            ),
        )
        for column in read_tables().published[table].shown
        for cell in column.show.report
    ]


def _with_axes(css: str, axes: Mapping[str, Any]) -> Markup:
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
    if row["unit"] != "note":
        text = f"{words(row['measure'])} ({number(row['value'])} {row['unit'] or ''}): {text}"
    return text[:1].upper() + text[1:]


def _by_rank(frame: pd.DataFrame, ranking: pd.DataFrame) -> pd.DataFrame:
    return frame.merge(ranking[["area_id", "rank"]], on="area_id").sort_values(["rank", "area_id"])
