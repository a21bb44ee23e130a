"""Layers of the map as GeoJSON in degrees, each with what the map needs to draw and name a feature."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.layers.renderers import rank_classes

DEGREES = 6  # decimals: a tenth of a metre
# Layer → column that identifies a feature, and the columns that it is drawn and named by.
KEYS = {
    "areas": "area_id",
    "area_sets": "area_id",
    "cells": "cell_id",
    "hotspots": "hotspot_id",
    "markets": "market_id",
    "visits": "cell_id",
    "points": "kind",
}
SHARES = {"areas": (1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1), "cells": (0.01, 0.05, 0.1, 0.25, 1)}
SHOWN = ("rank", "area_set", "area_name", "place", "is_listed", "grade", "starts_local", "minutes", "kind")


def bounds_of(areas: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    """Return the box of all areas in degrees: west, south, east, north."""
    west, south, east, north = map(float, areas.to_crs(4326).total_bounds)
    return west, south, east, north


def packed_layer(name: str, features: gpd.GeoDataFrame) -> bytes:
    """Return a layer, in the metric coordinate system it comes in, as GeoJSON in degrees, packed with gzip."""
    return gzip.compress(_geojson(name, features.to_crs(4326)), 5, mtime=0)


def _geojson(name: str, features: gpd.GeoDataFrame) -> bytes:
    shown = pd.DataFrame({column: features[column] for column in SHOWN if column in features})
    shown.insert(0, "id", features[KEYS[name]].astype(str))
    if name in SHARES:
        shown["step"] = _steps(features["rank"].to_numpy(dtype=float), SHARES[name])
    shapes = shapely.to_geojson(shapely.set_precision(features.geometry.to_numpy(), 10.0**-DEGREES))
    properties = [json.dumps(_plain(row)) for row in shown.to_dict("records")]
    written = (
        f'{{"type":"Feature","geometry":{shape},"properties":{row}}}'
        for shape, row in zip(shapes, properties, strict=True)
    )
    return f'{{"type":"FeatureCollection","features":[{",".join(written)}]}}'.encode()


def _steps(ranks: "np.ndarray[Any, np.dtype[np.float64]]", shares: tuple[float, ...]) -> "np.ndarray[Any, Any]":
    """Return the class of each rank, 0 for the first ones."""
    lasts = [last for _, last, _ in rank_classes(len(ranks), shares)]
    return np.searchsorted(lasts, ranks, side="left")


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    values = {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
    return {name: value for name, value in values.items() if value is not None and not pd.isna(value)}
