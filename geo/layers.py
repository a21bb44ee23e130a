"""Map layers of a run: one GeoPackage with styles, and each theme as GeoParquet and GeoJSON.

The same layers and run give the same bytes. GeoPackage: OGC 12-128; its styles are in `layer_styles`, where QGIS
reads them. GeoParquet keeps the metric coordinate system; GeoJSON is RFC 7946: WGS84 degrees with seven decimals.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from geo.crs import in_degrees, metric_crs

STYLES = Path(__file__).parent / "styles"
PACKAGE_NAME = "harmspot.gpkg"
PACKAGE_VERSION = "1.2"  # read by every QGIS 3 and by GDAL from 2.4 without a warning
GEOMETRY_NAME = "geom"
RUN_COLUMNS = ("run_id", "as_of", "valid_to")

THEME_NAME = re.compile(r"[a-z][a-z0-9_]*")
PERSON_COLUMN = re.compile(r"(.*_)?person_ids?", re.IGNORECASE)
PSEUDONYM = r"p_[0-9a-f]{32}"

DEGREE_GRID = 1e-7  # about a centimetre: the seven decimals that RFC 7946 advises

GEOMETRY_TYPES = {
    frozenset({"Polygon", "MultiPolygon"}): "MultiPolygon",
    frozenset({"LineString", "MultiLineString"}): "MultiLineString",
    frozenset({"Point"}): "Point",
}


def write_layers(layers: Mapping[str, gpd.GeoDataFrame], folder: Path, *, run: Mapping[str, Any]) -> list[Path]:
    """Write the layers of a run into an empty folder.

    Parameters
    ----------
    layers : Mapping[str, gpd.GeoDataFrame]
        theme → features in metres, in the order of writing; an empty frame gives an empty layer. A theme with a style
        in `geo/styles` gets it. Lists become text joined by "; ", except in GeoParquet.
    folder : Path
        empty folder, created if absent; the caller puts it in its place when all files are complete.
    run : Mapping[str, Any]
        run_id, as_of and valid_to (with time zone), written to every feature; other keys are ignored.

    Returns
    -------
    list[Path]
        Paths of `harmspot.gpkg` (a layer per theme, and `layer_styles`), then per theme `<theme>.parquet`,
        `<theme>.geojson` and, with a style, `<theme>.qml`, which QGIS loads with the file of the same name.

    Raises
    ------
    ValueError
        There are no layers; a theme is not a valid table name; a layer has no or a geographic coordinate system or a
        missing geometry; a layer names a person; `run` is incomplete or has a time without zone.
    """
    if not layers:
        raise ValueError("layers: no themes; expected at least one")
    stamp = _run_stamp(run)
    stamped = {theme: _stamped(theme, features, stamp) for theme, features in layers.items()}
    styles = {theme: _style(theme, len(features)) for theme, features in stamped.items()}
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write_package(stamped, styles, folder, stamp["as_of"])]
    for theme, features in stamped.items():
        written += _write_theme(theme, features, styles[theme], folder)
    return written


def _run_stamp(run: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in RUN_COLUMNS if name not in run]
    if missing:
        raise ValueError(f"run: no {', '.join(missing)}; expected {', '.join(RUN_COLUMNS)}")
    times = {name: pd.Timestamp(run[name]) for name in ("as_of", "valid_to")}
    for name, time in times.items():
        if time.tzinfo is None:
            raise ValueError(f"run: {name}={time} has no time zone")
    return {"run_id": str(run["run_id"])} | {name: time.tz_convert("UTC") for name, time in times.items()}


def _stamped(theme: str, features: gpd.GeoDataFrame, stamp: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Return the features with the run's columns first and the geometry last; raise if they must not be exported."""
    if not THEME_NAME.fullmatch(theme) or theme == "layer_styles":
        raise ValueError(f"theme {theme!r}: expected lower-case letters, digits and underscores, and not layer_styles")
    metric_crs(features.crs, what=f"layer {theme}")
    _refuse_persons(theme, features)
    without_shape = int((features.geometry.isna() | features.geometry.is_empty).sum())
    if without_shape:
        raise ValueError(f"layer {theme}: {without_shape} of {len(features)} features have no geometry")
    geometry_name = features.geometry.name
    values = features.drop(columns=[geometry_name, *RUN_COLUMNS], errors="ignore").reset_index(drop=True)
    stamps = pd.DataFrame(dict(stamp), index=values.index).astype({"run_id": "str"})
    stamps = stamps.astype({"as_of": "datetime64[ms, UTC]", "valid_to": "datetime64[ms, UTC]"})
    attributes = pd.concat([stamps, values], axis=1)
    return gpd.GeoDataFrame(attributes, geometry=features.geometry.to_numpy(), crs=features.crs)


def _refuse_persons(theme: str, features: gpd.GeoDataFrame) -> None:
    columns = [str(name) for name in [*features.columns, *features.index.names]]
    named = [name for name in columns if PERSON_COLUMN.fullmatch(name)]
    if named:
        raise ValueError(f"layer {theme}: column {named[0]!r} identifies persons, which no layer may; leave it out")
    texts = _as_text(features).select_dtypes(include=["object", "string", "category"])
    for name in texts.columns:
        if texts[name].astype("str").str.contains(PSEUDONYM, regex=True, na=False).any():
            raise ValueError(
                f"layer {theme}: column {name!r} has the pseudonym of a person, which no layer may; leave it out"
            )


def _as_text(features: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the attributes with lists joined to text, for formats and checks without lists."""
    attributes = pd.DataFrame(features.drop(columns=features.geometry.name))
    may_hold_lists = [str(name) for name, column in attributes.items() if pd.api.types.is_object_dtype(column)]
    return attributes.assign(**{name: attributes[name].map(_joined) for name in may_hold_lists})


def _joined(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, (list, tuple, np.ndarray)) else value


def _style(theme: str, count: int) -> str | None:
    """Return the theme's style with the number of features of each top share filled in."""
    path = STYLES / f"{theme}.qml"
    if not path.exists():
        return None
    shares = {f"percent_{share}": math.ceil(count * share / 100) for share in (1, 5, 10, 25)}
    return Template(path.read_text(encoding="utf-8")).substitute(shares)


def _write_package(
    layers: Mapping[str, gpd.GeoDataFrame], styles: Mapping[str, str | None], folder: Path, as_of: pd.Timestamp
) -> Path:
    path = folder / PACKAGE_NAME
    with clock_of_gdal(as_of):
        for theme, features in layers.items():
            pyogrio.write_dataframe(
                _flat(features),
                path,
                layer=theme,
                driver="GPKG",
                geometry_type=_geometry_type(features),
                promote_to_multi=_geometry_type(features).startswith("Multi"),
                dataset_options={"VERSION": PACKAGE_VERSION},
                layer_options={"GEOMETRY_NAME": GEOMETRY_NAME, "IDENTIFIER": theme},
            )
        pyogrio.write_dataframe(
            _style_table(styles, as_of), path, layer="layer_styles", driver="GPKG", layer_options={"FID": "id"}
        )
    return path


@contextmanager
def clock_of_gdal(now: pd.Timestamp) -> Iterator[None]:
    """Set GDAL's timestamps to the run's time, so that the files of one run are byte-identical.

    A GeoPackage is not flushed to the disk layer by layer either: it is complete before it is moved into place.
    """
    options = {"OGR_CURRENT_DATE": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _style_table(styles: Mapping[str, str | None], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the styles in the columns QGIS reads; an empty schema means "in this file"."""
    styled = {theme: style for theme, style in styles.items() if style is not None}
    rows = pd.DataFrame({"f_table_name": list(styled), "styleQML": list(styled.values())}, dtype="str")
    constants = {"f_table_catalog": "", "f_table_schema": "", "f_geometry_column": GEOMETRY_NAME, "styleSLD": ""}
    described = rows.assign(**constants, description="harmspot", owner="", ui="", useAsDefault=True)
    times = pd.Series(as_of, index=rows.index, dtype="datetime64[ms, UTC]")
    table = described.assign(styleName=rows["f_table_name"], update_time=times)
    order = ["f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName", "styleQML"]
    return table[[*order, "styleSLD", "useAsDefault", "description", "owner", "ui", "update_time"]]


def _write_theme(theme: str, features: gpd.GeoDataFrame, style: str | None, folder: Path) -> list[Path]:
    parquet, geojson, qml = (folder / f"{theme}.{suffix}" for suffix in ("parquet", "geojson", "qml"))
    features.to_parquet(parquet, index=False, compression="zstd")
    _write_geojson(theme, features, geojson)
    if style is None:
        return [parquet, geojson]
    qml.write_text(style, encoding="utf-8")
    return [parquet, geojson, qml]


def _write_geojson(theme: str, features: gpd.GeoDataFrame, path: Path) -> None:
    degrees = in_degrees(features.geometry)
    rounded = shapely.set_precision(degrees.to_numpy(), DEGREE_GRID)
    pyogrio.write_dataframe(
        gpd.GeoDataFrame(_as_text(features), geometry=rounded, crs=degrees.crs),
        path,
        layer=theme,
        driver="GeoJSON",
        geometry_type="Unknown",
        layer_options={"RFC7946": "YES", "COORDINATE_PRECISION": "7"},
    )


def _flat(features: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(_as_text(features), geometry=features.geometry)


def _geometry_type(features: gpd.GeoDataFrame) -> str:
    found = set(features.geom_type)
    if not found:
        return "MultiPolygon"  # the type of all current themes
    return next((name for kinds, name in GEOMETRY_TYPES.items() if found <= kinds), "Unknown")
