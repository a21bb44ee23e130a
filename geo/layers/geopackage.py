"""GeoPackage (OGC 12-128) of all themes: styles where QGIS reads them, the meaning of each column, metadata."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pyogrio

from geo.crs import crs_name, extent_in_degrees
from geo.layers.layer import Layer, shapes_of, write_features
from geo.layers.styles import in_xml, style_of

NAME = "harmspot.gpkg"
VERSION = "1.2"  # read by every QGIS 3 and by GDAL from 2.4 without a warning
GEOMETRY_NAME = "geom"
TABLES = Path(__file__).with_name("geopackage.sql")
METADATA = Path(__file__).with_name("iso19139.xml")
SIDES = ("west", "south", "east", "north")
BOX = Path(__file__).with_name("iso19139_box.xml")
ISO = "http://www.isotc211.org/2005/gmd"
SCHEMA_EXTENSION = ("gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema")
METADATA_EXTENSION = ("gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata")
EXTENSIONS = {
    "gpkg_data_columns": SCHEMA_EXTENSION,
    "gpkg_data_column_constraints": SCHEMA_EXTENSION,
    "gpkg_metadata": METADATA_EXTENSION,
    "gpkg_metadata_reference": METADATA_EXTENSION,
}


def write_geopackage(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `harmspot.gpkg`: a table per theme in the order of its key, so that a kept place keeps its number."""
    path = folder / NAME
    for layer in layers:
        _write_layer(layer, path)
    pyogrio.write_dataframe(
        _style_table(layers, run["as_of"]), path, layer="layer_styles", driver="GPKG", layer_options={"FID": "id"}
    )
    _describe(path, layers, run)
    return [path]


def _write_layer(layer: Layer, path: Path) -> None:
    features, ids = layer.flat, layer.ids
    if ids is not None:
        features = features.iloc[ids.argsort(kind="stable")]
    write_features(
        layer,
        features,
        path,
        "GPKG",
        dataset_options={"VERSION": VERSION},
        layer_options={
            "GEOMETRY_NAME": GEOMETRY_NAME,
            "IDENTIFIER": layer.description.title,
            "DESCRIPTION": layer.description.about,
        },
    )


def _style_table(layers: Sequence[Layer], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the styles in the columns QGIS reads; an empty schema means "in this file"."""
    styled = {layer.theme: style for layer in layers if (style := style_of(layer)) is not None}
    rows = pd.DataFrame({"f_table_name": list(styled), "styleQML": list(styled.values())}, dtype="str")
    constants = {"f_table_catalog": "", "f_table_schema": "", "f_geometry_column": GEOMETRY_NAME, "styleSLD": ""}
    described = rows.assign(**constants, description="harmspot", owner="", ui="", useAsDefault=True)
    times = pd.Series(as_of, index=rows.index, dtype="datetime64[ms, UTC]")
    table = described.assign(styleName=rows["f_table_name"], update_time=times)
    order = ["f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName", "styleQML"]
    return table[[*order, "styleSLD", "useAsDefault", "description", "owner", "ui", "update_time"]]


def _describe(path: Path, layers: Sequence[Layer], run: Mapping[str, Any]) -> None:
    """Add what GDAL cannot be told through pyogrio: names and meanings of columns, and metadata; in one transaction."""
    columns = [
        (layer.theme, field.name, field.label, field.label, field.meaning or None)
        for layer in layers
        for field in layer.fields
    ]
    extensions = [(table, None, *extension, "read-write") for table, extension in EXTENSIONS.items()]
    tables = ("table_name", "column_name", "extension_name", "definition", "scope")
    with closing(sqlite3.connect(path, isolation_level=None)) as package:
        package.execute("PRAGMA synchronous = OFF")
        package.executescript(f"BEGIN;\n{TABLES.read_text(encoding='utf-8')}")
        package.executemany(f"INSERT INTO gpkg_extensions ({', '.join(tables)}) VALUES (?, ?, ?, ?, ?)", extensions)  # noqa: S608
        package.executemany("INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, NULL)", columns)
        package.execute(
            "INSERT INTO gpkg_metadata VALUES (1, 'dataset', ?, 'text/xml', ?)", (ISO, metadata(layers, run))
        )
        package.execute(
            "INSERT INTO gpkg_metadata_reference VALUES ('geopackage', NULL, NULL, NULL, ?, 1, NULL)",
            (run["as_of"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),),
        )
        package.execute("COMMIT")


def metadata(layers: Sequence[Layer], run: Mapping[str, Any]) -> str:
    """Return the metadata of the run after ISO 19115, as XML of ISO 19139; without features they have no extent."""
    warning = f"{run['warning']} " if run.get("warning") else ""
    abouts = [f"{layer.description.title}: {layer.description.about.removeprefix(warning)}" for layer in layers]
    shapes = shapes_of(layers)
    said = {
        "run_id": run["run_id"],
        "force": str(run.get("force_name") or "unnamed force"),
        "as_of": run["as_of"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "valid_to": run["valid_to"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "crs": crs_name(layers[0].features.crs),
        "warning": warning,
        "themes": "; ".join(abouts),
    }
    box = _box(extent_in_degrees(shapes)) if shapes else ""
    return _filled(METADATA, {name: in_xml(escape(text)) for name, text in said.items()} | {"box": box})


def _box(sides: Sequence[float]) -> str:
    return _filled(BOX, {name: f"{side:.7f}" for name, side in zip(SIDES, sides, strict=True)})


def _filled(template: Path, said: Mapping[str, str]) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(said)
