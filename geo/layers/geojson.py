"""GeoJSON of each theme after RFC 7946: WGS84 degrees with seven decimals, an id per feature."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely

import geo.crs
from geo.layers.layer import Layer

DEGREE_GRID = 1e-7  # about a centimetre: the seven decimals that RFC 7946 advises
ID_COLUMN = "feature_id"  # GDAL takes the id from a column, which it then leaves out


def write_geojson(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.geojson` per layer."""
    said = {"DESCRIPTION": run["warning"]} if run.get("warning") else {}
    return [_write(layer, folder / f"{layer.theme}.geojson", said) for layer in layers]


def in_degrees(features: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the features in WGS84, on a grid of seven decimals."""
    degrees = geo.crs.in_degrees(features.geometry)
    rounded = shapely.set_precision(degrees.to_numpy(), DEGREE_GRID)
    return features.set_geometry(gpd.GeoSeries(rounded, index=features.index, crs=degrees.crs))


def time_text(value: Any) -> str:
    """Return a time as RFC 3339 has it, in UTC, with fractions of a second where it has some."""
    moment = pd.Timestamp(value).tz_convert("UTC")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if moment.microsecond else "%Y-%m-%dT%H:%M:%SZ")


def time_texts(values: "pd.Series[Any]") -> list[str | None]:
    """Return times as `time_text` does; None where one is missing."""
    texts = {value: time_text(value) for value in values.dropna().unique()}
    return [texts.get(value) for value in values]


def _write(layer: Layer, path: Path, said: Mapping[str, str]) -> Path:
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "7", **said}
    features, ids = in_degrees(layer.flat), layer.ids
    if ids is not None:
        features = features.assign(**{ID_COLUMN: ids})
        options |= {"ID_FIELD": ID_COLUMN, "ID_TYPE": "String"}
    pyogrio.write_dataframe(
        features, path, layer=layer.theme, driver="GeoJSON", geometry_type="Unknown", layer_options=options
    )
    return path
