"""Shapefiles, for systems that read nothing else: names of ten characters, and a text that says what they stand for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyogrio

from geo.layers.fixed_times import write_archive
from geo.layers.layer import Layer

LONGEST_NAME = 10
LONGEST_TEXT = 254  # bytes
COLUMNS = "columns.txt"


def write_shapefiles(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.shp.zip` per layer, which GDAL and QGIS read as it is."""
    return [_write(layer, folder, run["as_of"]) for layer in layers]


def short_names(columns: Sequence[str]) -> dict[str, str]:
    """Return a name of at most ten characters for each column; no two are the same, in any case of letters.

    Words lose their last letters, the longest first, so that each is still there; a number tells twins apart.

    >>> list(short_names(["rank", "p_top_k_fixed_weights", "violence_share", "violence_shard"]).values())
    ['rank', 'p_t_k_f_we', 'viol_share', 'viol_shard']
    """
    names: dict[str, str] = {}
    for column in columns:
        short, twins = _shortened(column), 1
        while (name := short if twins == 1 else f"{short[: LONGEST_NAME - len(str(twins))]}{twins}") in names.values():
            twins += 1
        names[column] = name
    return names


def _shortened(column: str) -> str:
    words = column.lower().split("_")
    while len("_".join(words)) > LONGEST_NAME and max(map(len, words)) > 1:
        longest = max(range(len(words)), key=lambda place: len(words[place]))
        words[longest] = words[longest][:-1]
    return "_".join(words)[:LONGEST_NAME]


def _write(layer: Layer, folder: Path, as_of: pd.Timestamp) -> Path:
    names = short_names([field.name for field in layer.fields])
    features = layer.flat
    for name, dtype in features.dtypes.items():
        if isinstance(dtype, pd.DatetimeTZDtype):  # the format has days without a time
            features[name] = features[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif not (pd.api.types.is_numeric_dtype(dtype) or name == features.geometry.name):
            features[name] = features[name].map(_cut)
    with TemporaryDirectory(dir=folder) as scratch:
        pyogrio.write_dataframe(
            features.rename(columns=names),
            Path(scratch) / f"{layer.theme}.shp",
            driver="ESRI Shapefile",
            geometry_type=layer.geometry_type.removeprefix("Multi"),  # which in this format has several parts, too
            layer_options={"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": as_of.strftime("%Y-%m-%d")},
        )
        members = {path.name: path.read_bytes() for path in sorted(Path(scratch).iterdir())}
    return write_archive(folder / f"{layer.theme}.shp.zip", {**members, COLUMNS: _columns(layer, names).encode()})


def _cut(value: Any) -> Any:
    """Return text of at most 254 bytes, the longest that the format holds."""
    return value.encode()[:LONGEST_TEXT].decode(errors="ignore") if isinstance(value, str) else value


def _columns(layer: Layer, names: Mapping[str, str]) -> str:
    lines = [
        f"Shapefiles cut names after {LONGEST_NAME} characters and text after {LONGEST_TEXT} bytes.",
        "Times are text, in UTC. Take the GeoPackage where you can.",
        "",
        *("\t".join((names[field.name], field.name, field.meaning)).rstrip() for field in layer.fields),
    ]
    return "\n".join(lines) + "\n"
