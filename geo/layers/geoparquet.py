"""GeoParquet 1.1 of each theme: metres, lists kept, boxes for readers that filter, meanings in the schema."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geo.layers.layer import Field, Layer

VERSION = "1.1.0"
BOX = ("xmin", "ymin", "xmax", "ymax")
TYPES = {
    "string": pa.string(),
    "list": pa.list_(pa.string()),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("ms", tz="UTC"),
}


def write_geoparquet(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.parquet` per layer."""
    paths = [folder / f"{layer.theme}.parquet" for layer in layers]
    for layer, path in zip(layers, paths, strict=True):
        pq.write_table(_table(layer), path, compression="zstd")
    return paths


def _table(layer: Layer) -> pa.Table:
    """Return the layer in the columns of GeoParquet, the geometry as well-known binary, with its metadata."""
    features = layer.features
    shapes = features.geometry.to_numpy()
    boxes = shapely.bounds(shapes).reshape(-1, len(BOX))
    columns = [_column(field, features[field.name]) for field in layer.fields]
    box = pa.StructArray.from_arrays([pa.array(side) for side in np.ascontiguousarray(boxes.T)], names=list(BOX))
    # Every flavour of polygon is written as little-endian ISO well-known binary, as the format asks.
    wkb = pa.array(shapely.to_wkb(shapes, flavor="iso", byte_order=1), pa.binary())
    schema = pa.schema(
        [
            *(_described(field, column.type) for field, column in zip(layer.fields, columns, strict=True)),
            pa.field("geometry", pa.binary()),
            pa.field("bbox", box.type),
        ],
        metadata={
            "geo": json.dumps(_geo(layer, boxes), separators=(",", ":")),
            "title": layer.description.title,
            "description": layer.description.about,
        },
    )
    return pa.Table.from_arrays([*columns, wkb, box], schema=schema)


def _column(field: Field, values: pd.Series) -> pa.Array:
    array = pa.array(values, type=TYPES.get(field.kind or ""), from_pandas=True)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.cast(_widely_read(array.type))


def _widely_read(kind: pa.DataType) -> pa.DataType:
    """Return the type with string for large_string, which not every reader knows, and for the type without values."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_widely_read(kind.value_type))
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_null(kind) else kind


def _described(field: Field, kind: pa.DataType) -> pa.Field:
    said = {"title": field.label, "description": field.meaning}
    return pa.field(field.name, kind, metadata={name: text for name, text in said.items() if text})


def _geo(layer: Layer, boxes: np.ndarray) -> dict[str, Any]:
    """Return the metadata of the format; a layer without features has no extent."""
    crs = layer.features.crs.to_json_dict()
    covering = {"bbox": {side: ["bbox", side] for side in BOX}}
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(set(layer.features.geom_type)),
        "crs": crs,
        "covering": covering,
    }
    if len(boxes):
        column["bbox"] = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    return {"version": VERSION, "primary_column": "geometry", "columns": {"geometry": column}}
