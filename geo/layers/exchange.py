"""Further formats, for those who ask: FlatGeobuf, Esri File Geodatabase, vector tiles in PMTiles or one by one."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from geo.layers.fixed_times import write_archive
from geo.layers.geojson import in_degrees, time_texts
from geo.layers.layer import Layer, write_features

GEODATABASE = "harmspot.gdb"
FIRST_ZOOM, LAST_ZOOM = 9, 13  # from a county on the screen to a cell of 150 m over 15 pixels
ZOOMS = {"MINZOOM": str(FIRST_ZOOM), "MAXZOOM": str(LAST_ZOOM)}
WHOLE_TILES = {"MAX_SIZE": "20000000", "MAX_FEATURES": "1000000"}  # else GDAL thins out a tile with all cells of a city


def write_flatgeobuf(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.fgb` per layer, in metres, with a spatial index."""
    paths = [folder / f"{layer.theme}.fgb" for layer in layers]
    for layer, path in zip(layers, paths, strict=True):
        about = {"TITLE": layer.description.title, "DESCRIPTION": layer.description.about}
        write_features(layer, layer.flat, path, "FlatGeobuf", layer_options=about)
    return paths


def write_file_geodatabase(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `harmspot.gdb.zip`, a File Geodatabase of all themes in metres; GDAL and QGIS read it unpacked or not."""
    with TemporaryDirectory(dir=folder) as scratch:
        geodatabase = Path(scratch) / GEODATABASE
        for layer in layers:
            _add_feature_class(layer, geodatabase)
        files = sorted(path for path in geodatabase.iterdir() if path.suffix != ".lock")
        members = {f"{GEODATABASE}/{path.name}": path.read_bytes() for path in files}
    return [write_archive(folder / f"{GEODATABASE}.zip", members)]


def _add_feature_class(layer: Layer, geodatabase: Path) -> None:
    """Add a feature class; whole numbers beyond 32 bits become real ones, which every version of the format has."""
    features = layer.flat
    long = [name for name, dtype in features.dtypes.items() if str(dtype).lower() == "int64"]
    features = features.astype(dict.fromkeys(long, "Float64"))
    write_features(layer, features, geodatabase, "OpenFileGDB", layer_options={"LAYER_ALIAS": layer.description.title})


def write_pmtiles(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.pmtiles` per layer with features: the format cannot hold tiles of nothing."""
    drawn = [layer for layer in layers if len(layer.features)]
    paths = [folder / f"{layer.theme}.pmtiles" for layer in drawn]
    for layer, path in zip(drawn, paths, strict=True):
        about = {"NAME": layer.description.title, "DESCRIPTION": layer.description.about}
        write_features(
            layer, in_degrees(layer.flat), path, "PMTiles", dataset_options={**ZOOMS, **WHOLE_TILES, **about}
        )
    return paths


def tiles_of(layer: Layer, zoom: int) -> dict[tuple[int, int], bytes]:
    """Return the vector tiles of a zoom by column and row, counted from the north-west and packed with gzip."""
    if layer.features.empty:
        return {}
    features = in_degrees(layer.flat)
    times = features.select_dtypes("datetimetz")  # which the format has no values for; GDAL writes a form of its own
    texts = {str(name): pd.Series(time_texts(times[name]), index=times.index, dtype="str") for name in times}
    features = features.assign(**texts)
    with TemporaryDirectory(prefix="harmspot-") as folder:
        path = Path(folder) / "zoom.mbtiles"
        one_zoom = {"FORMAT": "MBTILES", "MINZOOM": str(zoom), "MAXZOOM": str(zoom)}
        write_features(layer, features, path, "MVT", dataset_options=one_zoom | WHOLE_TILES)
        with closing(sqlite3.connect(path)) as tiles:
            rows = tiles.execute("SELECT tile_column, tile_row, tile_data FROM tiles ORDER BY 1, 2").fetchall()
    return {(column, 2**zoom - 1 - row): data for column, row, data in rows}  # MBTiles count from the south
