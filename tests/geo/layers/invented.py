"""Invented layers: a small city, and one of 5,160 areas of which few have any chance to be among the worst."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import box

from geo.cells import Grid
from geo.layers import Description, Field

CRS = "EPSG:32618"
RUN = {
    "run_id": "0f3a",
    "as_of": pd.Timestamp("2019-12-01", tz="America/New_York"),
    "valid_to": pd.Timestamp("2019-12-03 05:00", tz="UTC"),
    "force_name": "Invented & Sons <police>",
}
RUN_FIELDS = (
    Field("run_id", "Run", "Hash of everything.", "string"),
    Field("as_of", "As of", "What happened before counts. [UTC]", "time"),
    Field("valid_to", "Valid to", "Not to be used after. [UTC]", "time"),
)
THEMES = {
    "areas": Description(
        title="Areas",
        about="Areas by harm.",
        key=("area_id",),
        label="""concat("area_name", '\\n', 'rank ', "rank")""",
        fields=(
            *RUN_FIELDS,
            Field("area_id", "Area id", "Area, with its version.", "string"),
            Field("area_name", "Name", "The area's own name.", "string"),
            Field("rank", "Rank", "1 is the worst.", "int32"),
            Field("rank_before", "Rank before", "Rank in the run before.", "int32"),
            Field("p_top_k", "P(top K)", "Chance to be in the top K. [probability]", "double", "probability"),
            Field("is_listed", "Listed", "In the target list.", "bool"),
            Field("evidence_ids", "Evidence", "The heaviest incidents.", "list"),
        ),
        tip=("rank", "p_top_k"),
        is_always_labelled=True,
    ),
    "cells": Description(
        title="Cells",
        about="Cells by expected harm.",
        key=("cell_id",),
        label="""concat('cell, rank ', "rank")""",
        fields=RUN_FIELDS,
        labels_from_scale=10_000,
    ),
    "hotspots": Description(
        title="Hot spots",
        about="Clusters of harm.",
        key=("hotspot_id",),
        label="""concat('hot spot ', "rank")""",
        fields=(*RUN_FIELDS, Field("rank", "Rank", "1 is the worst.", "int32"), Field("cell_ids", "Cells", "", "list")),
    ),
    "visits": Description(
        title="Visits",
        about="When to be where.",
        key=("cell_id", "visit_number"),
        duration=("starts_at", "minutes"),
        is_shown=False,
    ),
}


def city(columns: int = 5, rows: int = 4, *, hotspots: int = 0) -> dict[str, gpd.GeoDataFrame]:
    """Layers of `columns` × `rows` square areas of 600 m, cells of 300 m, and as many hot spots as are asked for."""
    layers = {"areas": areas(columns, rows), "cells": cells(2 * columns, 2 * rows), "hotspots": hot(hotspots)}
    return layers | {"visits": visits(layers["cells"])}


def areas(columns: int, rows: int) -> gpd.GeoDataFrame:
    count = columns * rows
    x, y = np.arange(count) % columns, np.arange(count) // columns
    rank = np.random.default_rng(1).permutation(count) + 1
    frame = {
        "area_id": [f"{place:04d}@1" for place in range(count)],
        "area_name": [f"Tract {place:04d}" for place in range(count)],
        "rank": rank.astype("int32"),
        "rank_before": np.where(rank == 1, np.nan, count + 1 - rank),
        "p_top_k": np.where(rank <= 50, 0.97 * np.exp(-(rank - 1) / 12), 0.0),
        "is_listed": rank <= 5,
        "evidence_ids": [np.array(["a", "b"], dtype=object)] * count,
    }
    west, south = 480_000 + 600.0 * x, 4_420_000 + 600.0 * y
    return gpd.GeoDataFrame(frame, geometry=box(west, south, west + 600, south + 600), crs=CRS).sort_values("rank")


def cells(columns: int, rows: int) -> gpd.GeoDataFrame:
    grid, count = Grid(CRS, 300), columns * rows
    ix, iy = 1600 + np.arange(count) % columns, 14733 + np.arange(count) // columns
    harm = np.random.default_rng(2).gamma(0.3, 1, count)
    frame = {"cell_id": grid.cell_id(ix, iy), "rank": pd.Series(-harm).rank(method="first").astype("int32").to_numpy()}
    return gpd.GeoDataFrame(frame | {"expected_harm": harm}, geometry=grid.squares(ix, iy)).sort_values("rank")


def hot(count: int) -> gpd.GeoDataFrame:
    frame = pd.DataFrame({"hotspot_id": [f"h{place}" for place in range(count)], "rank": np.arange(1, count + 1)})
    cell_ids = pd.Series([["c"]] * count, dtype=object)
    west = 480_100 + 700.0 * np.arange(count)
    return gpd.GeoDataFrame(
        frame.assign(cell_ids=cell_ids), geometry=box(west, 4_420_100, west + 400, 4_420_500), crs=CRS
    )


def visits(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    worst = places.head(1)
    starts = pd.Timestamp("2019-12-01 18:40", tz="UTC")
    return worst[["cell_id", "geometry"]].assign(visit_number=1, starts_at=starts, minutes=12)
