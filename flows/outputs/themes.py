"""The themes of the map layers: the table each shows, its geometry, its names. A further theme is a further entry."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from flows.run.map_shapes import DrawnMap
from geo.cells import Grid
from geo.layers import Description, Field
from pipeline.publication.tables import Column, read_tables

KINDS = {
    "VARCHAR": "string",
    "VARCHAR[]": "list",
    "INTEGER[]": "list",
    "DOUBLE[]": "list",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "DOUBLE": "double",
    "BOOLEAN": "bool",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "time",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a run draws: its tables, its row of table `run`, and the shapes it was published with."""

    tables: Mapping[str, pd.DataFrame]
    run: Mapping[str, Any]
    shapes: DrawnMap

    @property
    def crs(self) -> str:
        """The metric coordinate system of the run."""
        return str(self.run["crs"])


@dataclass(frozen=True, slots=True)
class Theme:
    """A layer: its table, what gives the table's rows their geometry, and its description where the table has none.

    `label` is a QGIS expression, `more` describes columns that the drawing adds to those of the table. With
    `needs_rows` an empty table gives no layer instead of an empty one.
    """

    table: str
    title: str
    draw: Callable[[Drawn, pd.DataFrame], gpd.GeoDataFrame]
    label: str
    more: tuple[Column, ...] = ()
    is_shown: bool = True
    is_always_labelled: bool = False
    labels_from_scale: int = 0
    duration: tuple[str, str] | None = None
    needs_rows: bool = False

    def description(self, style: str) -> Description:
        """Return what the theme says of itself, in the words of `tables.yml`."""
        table = read_tables().find(self.table)
        columns = [*(column for column in table.columns if column.duckdb_type in KINDS), *self.more]
        return Description(
            title=self.title,
            about=table.about,
            key=table.key,
            label=self.label,
            fields=tuple(Field(c.name, c.title, c.comment, KINDS[c.duckdb_type], c.unit or "") for c in columns),
            tip=tuple(column.name for column in table.shown if column.show.command),
            style=style,
            is_shown=self.is_shown,
            is_always_labelled=self.is_always_labelled,
            labels_from_scale=self.labels_from_scale,
            duration=self.duration,
        )


def place_layers(drawn: Drawn, only: Collection[str] | None = None) -> dict[str, gpd.GeoDataFrame]:
    """Return one layer per theme, or those named alone, in the run's metric coordinate system."""
    return {
        name: theme.draw(drawn, drawn.tables[theme.table])
        for name, theme in THEMES.items()
        if (name in only if only else len(drawn.tables[theme.table]) or not theme.needs_rows)
    }


def descriptions() -> dict[str, Description]:
    """Return what each theme says of itself."""
    return {name: theme.description(name) for name, theme in THEMES.items()}


def _area_shapes(drawn: Drawn, ranking: pd.DataFrame) -> gpd.GeoDataFrame:
    areas = drawn.shapes.areas[["area_id", "geometry"]].merge(ranking, on="area_id").sort_values("rank")
    return gpd.GeoDataFrame(areas, geometry="geometry", crs=drawn.crs)


def _further_sets(drawn: Drawn, ranking: pd.DataFrame) -> gpd.GeoDataFrame:
    """Draw the areas of all further sets, by set and rank."""
    shapes = drawn.shapes.further[["area_set", "area_id", "geometry"]]
    ranked = shapes.merge(ranking, on=["area_set", "area_id"]).sort_values(["area_set", "rank"])
    return gpd.GeoDataFrame(ranked, geometry="geometry", crs=drawn.crs)


def _squares(drawn: Drawn, cells: pd.DataFrame) -> gpd.GeoDataFrame:
    if cells.empty:
        return gpd.GeoDataFrame(cells, geometry=gpd.GeoSeries([], crs=drawn.crs))
    grid = Grid(crs=drawn.crs, size_m=float(cells["cell_size_m"].iloc[0]))
    squares = grid.squares(*grid.index(cells["x_min_m"] + grid.size_m / 2, cells["y_min_m"] + grid.size_m / 2))
    return gpd.GeoDataFrame(cells, geometry=squares.to_numpy(), crs=drawn.crs)


def _outlines(drawn: Drawn, frame: pd.DataFrame) -> gpd.GeoDataFrame:
    shapes = gpd.GeoSeries.from_wkb(frame["geometry_wkb"].map(bytes), crs=drawn.crs)
    return gpd.GeoDataFrame(frame.drop(columns="geometry_wkb"), geometry=shapes.to_numpy(), crs=drawn.crs)


def _changed(drawn: Drawn, changes: pd.DataFrame) -> gpd.GeoDataFrame:
    """Draw the changes at their places; an area that is on the map no more has no shape and is left out."""
    outlined = _outlines(drawn, changes[changes["geometry_wkb"].notna()])
    shapes = drawn.shapes.areas.set_index("area_id").geometry
    areas = changes[(changes["place_kind"] == "area") & changes["place_id"].isin(shapes.index)]
    at_areas = gpd.GeoDataFrame(
        areas.drop(columns="geometry_wkb"), geometry=shapes.reindex(areas["place_id"]).to_numpy(), crs=drawn.crs
    )
    return gpd.GeoDataFrame(pd.concat([at_areas, outlined], ignore_index=True), crs=drawn.crs)


def _visited(drawn: Drawn, visits: pd.DataFrame) -> gpd.GeoDataFrame:
    """Draw each visit at its cell, with the time on the clock of the force."""
    corners = drawn.tables["cell_forecast"][["cell_id", "x_min_m", "y_min_m", "cell_size_m"]]
    squares = _squares(drawn, visits.merge(corners, on="cell_id").sort_values(["starts_at", "cell_id"]))
    local = squares["starts_at"].dt.tz_convert(drawn.run["time_zone"]).dt.strftime("%Y-%m-%d %H:%M").astype("str")
    return squares.drop(columns=["x_min_m", "y_min_m", "cell_size_m"]).assign(starts_local=local)


# In the order of drawing, lowest first.
THEMES: Mapping[str, Theme] = {
    "area_sets": Theme(
        "area_set_ranking",
        "Further sets of areas",
        _further_sets,
        """concat("area_name", '\\n', 'rank ', "rank", ', likely ', "rank_lo", ' to ', "rank_hi")""",
        is_shown=False,
        needs_rows=True,
    ),
    "areas": Theme(
        "area_ranking",
        "Areas",
        _area_shapes,
        """concat("area_name", '\\n', 'rank ', "rank", ', likely ', "rank_lo", ' to ', "rank_hi")""",
        is_always_labelled=True,
    ),
    "cells": Theme(
        "cell_forecast", "Squares", _squares, """concat('square, rank ', "rank")""", labels_from_scale=10_000
    ),
    "hotspots": Theme("hotspot", "Hot spots", _outlines, """concat('hot spot ', "rank")"""),
    "markets": Theme("market", "Street markets", _outlines, """concat("grade", ' market, rank ', "rank")"""),
    "changes": Theme(
        "place_change",
        "Changes since the run before",
        _changed,
        """concat(coalesce("place", "place_kind"), ' ', "change", ', rank ', """
        """coalesce("rank_before", '–'), '→', coalesce("rank_after", '–'))""",
        is_shown=False,
    ),
    "visits": Theme(
        "visit_plan",
        "Planned visits",
        _visited,
        """concat(right("starts_local", 5), ', ', "minutes", ' min')""",
        more=(Column("starts_local", "VARCHAR", "When to be there, on the clock of the force."),),
        is_shown=False,
        duration=("starts_at", "minutes"),
    ),
}
