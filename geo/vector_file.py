"""Read a GeoJSON, GeoPackage or GeoParquet file; raise if its coordinate system is unknown."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely

PARQUET_SUFFIXES = (".parquet", ".geoparquet")


def read_vector_file(path: Path, *, columns: list[str], layer: str | None = None) -> gpd.GeoDataFrame:
    """Return the features of a file, in its own coordinate system and in two dimensions.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage, GeoParquet, or another format of GDAL.
    columns : list[str]
        required columns.
    layer : str | None
        layer to read, required if a GeoPackage has several.

    Raises
    ------
    ValueError
        The file is absent or unreadable, or has no features, several layers, a null geometry or no coordinate system;
        degrees are out of range; or a column is missing (the message lists the existing ones).
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    try:
        frame = gpd.read_parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else _read_with_gdal(path, layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path}: cannot be read: {cause}") from cause
    _check(frame, path, columns)
    attributes = frame.drop(columns=frame.geometry.name)
    return gpd.GeoDataFrame(attributes, geometry=frame.geometry.force_2d()).reset_index(drop=True)


def _read_with_gdal(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    # Layers without geometry, such as embedded styles, are not candidates.
    names = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    if layer is None and len(names) != 1:
        raise ValueError(f"{path}: expected one layer with geometry, found {names or 'none'}")
    if layer is not None and layer not in names:
        raise ValueError(f"{path}: no layer {layer!r}; it has {names}")
    return pyogrio.read_dataframe(path, layer=layer or names[0])


def _check(frame: gpd.GeoDataFrame, path: Path, columns: list[str]) -> None:
    for name in columns:
        if name not in frame.columns:
            there = sorted(column for column in frame.columns if column != frame.geometry.name)
            raise ValueError(f"{path}: no column {name!r}; it has {there}")
    if frame.empty:
        raise ValueError(f"{path}: no features")
    if frame.crs is None or not (frame.crs.is_geographic or frame.crs.is_projected):
        raise ValueError(f"{path}: no coordinate system; write the file again with one, such as EPSG:4326")
    bad_rows = np.flatnonzero(frame.geometry.isna() | frame.geometry.is_empty)
    if bad_rows.size:
        raise ValueError(f"{path}: no geometry in feature {bad_rows[0] + 1} of {len(frame)}")
    _check_degrees(frame, path)


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
