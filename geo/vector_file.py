"""Read a GeoJSON, GeoPackage or GeoParquet file and repair its shapes; raise if its coordinate system is unknown."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely

PARQUET_SUFFIXES = (".parquet", ".geoparquet")
ONE_LAYER = "`ogr2ogr areas.gpkg FILE LAYER`"  # writes one layer to a file of its own


def read_vector_file(
    path: Path, *, columns: list[str], layer: str | None = None, choose_with: str = ONE_LAYER
) -> gpd.GeoDataFrame:
    """Return the features of a file, in its own coordinate system and in two dimensions.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage, GeoParquet, or another format of GDAL.
    columns : list[str]
        required columns.
    layer : str | None
        layer to read, required if a file has several with geometry.
    choose_with : str
        what a user chooses a layer with, such as a setting; for the error messages.

    Raises
    ------
    ValueError
        The file is absent or unreadable, or has no features, no geometry, several layers, a null geometry or no
        coordinate system; degrees are out of range; or a column is missing (the message lists the existing ones).
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    is_parquet = path.suffix.lower() in PARQUET_SUFFIXES
    if is_parquet and layer is not None:
        raise ValueError(f"{path}: a Parquet file has no layers; leave out {choose_with}, which is {layer!r}")
    try:
        frame = _read_parquet(path) if is_parquet else _read_with_gdal(path, layer, choose_with)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path}: cannot be read: {str(cause).split('; It might help')[0]}") from cause
    _check(frame, path, columns)
    attributes = frame.drop(columns=frame.geometry.name)
    return gpd.GeoDataFrame(attributes, geometry=frame.geometry.force_2d()).reset_index(drop=True)


def made_valid(geometry: gpd.GeoSeries) -> tuple[gpd.GeoSeries, pd.Series]:
    """Return the geometries with invalid ones repaired, and how much ground each repair changed.

    Holes stay holes where rings cross, and are ground where they lie outside; a shape without area becomes empty.

    Parameters
    ----------
    geometry : gpd.GeoSeries
        in metres.

    Returns
    -------
    tuple[gpd.GeoSeries, pd.Series]
        The valid geometries, and per geometry the difference in square metres between the ground after the repair and
        that by the shoelace formula before it, which counts ground twice where rings wind twice, and not where they
        wind backwards; missing where the geometry was valid as drawn.
    """
    is_invalid = ~geometry.is_valid
    changed_m2 = pd.Series(np.nan, index=geometry.index)
    if not is_invalid.any():
        return geometry, changed_m2
    drawn = geometry[is_invalid]
    # A zero buffer drops lines and points.
    repaired = drawn.make_valid(method="structure").buffer(0)
    changed_m2[is_invalid] = (repaired.area - drawn.area).abs()
    valid = geometry.copy()
    valid[is_invalid] = repaired
    return valid, changed_m2


def _read_parquet(path: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(path)
    except ValueError as cause:  # geopandas does not name the file
        if "geo metadata" not in str(cause):
            raise
        raise ValueError(f"{path}: no geometry; write it as GeoParquet, which says which column holds it") from cause


def _read_with_gdal(path: Path, layer: str | None, choose_with: str) -> gpd.GeoDataFrame:
    # Layers without geometry, such as embedded styles, are not candidates.
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not names:
        raise ValueError(f"{path}: no geometry; expected a layer of polygons or points, found columns alone")
    if layer is not None and layer not in names:
        raise ValueError(
            f"{path}: no layer {layer!r}; it has {names}{_nearest(layer, names)}; choose one with {choose_with}"
        )
    if layer is None and len(names) > 1:
        raise ValueError(f"{path}: {len(names)} layers with geometry, {names}; choose one with {choose_with}")
    return pyogrio.read_dataframe(path, layer=layer or names[0])


def _check(frame: gpd.GeoDataFrame, path: Path, columns: list[str]) -> None:
    if frame.empty:
        raise ValueError(f"{path}: no features; expected at least one")
    for name in columns:
        if name not in frame.columns:
            there = sorted(str(column) for column in frame.columns if column != frame.geometry.name)
            raise ValueError(missing_column(path, name, there))
    if frame.crs is None or not (frame.crs.is_geographic or frame.crs.is_projected):
        raise ValueError(f"{path}: no coordinate system; write the file again with one, such as EPSG:4326")
    bad_rows = np.flatnonzero(frame.geometry.isna() | frame.geometry.is_empty)
    if bad_rows.size:
        count = f" (and {bad_rows.size - 1} others)" if bad_rows.size > 1 else ""
        raise ValueError(f"{path}: no geometry in feature {bad_rows[0] + 1} of {len(frame)}{count}")
    _check_degrees(frame, path)


def missing_column(path: Path, name: str, there: Sequence[str]) -> str:
    """Return the message that a file has no such column, with those that it has."""
    return f"{path}: no column {name!r}; it has {list(there) or 'geometry alone'}{_nearest(name, there)}"


def _nearest(name: str, there: Sequence[str]) -> str:
    """Return "; did you mean …?" for the word most like `name`, whatever its case; empty if none is alike."""
    folded = {word.casefold(): word for word in reversed(there)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def _check_degrees(frame: gpd.GeoDataFrame, path: Path) -> None:
    # A GeoJSON file without a named system is in degrees by definition, even if its numbers are not.
    if not frame.crs.is_geographic:
        return
    bounds = shapely.total_bounds(frame.geometry.to_numpy())
    # Files of places on the 180th meridian often count longitudes on beyond it.
    if not (np.abs(bounds[[0, 2]]) <= 360).all() or not (np.abs(bounds[[1, 3]]) <= 90).all():
        raise ValueError(
            f"{path}: coordinates up to {np.abs(bounds).max():.6g} are not degrees, but the file names no other system"
        )
