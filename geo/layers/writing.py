"""Map layers of a run: one GeoPackage with styles and a QGIS project, and each theme in further formats.

The same layers and run give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd

from geo.layers.fixed_times import clock_of_gdal
from geo.layers.formats import ALWAYS, DEFAULT_FORMATS, writer_of
from geo.layers.layer import Description, layer_of, run_stamp


def write_layers(
    layers: Mapping[str, gpd.GeoDataFrame],
    folder: Path,
    *,
    run: Mapping[str, Any],
    themes: Mapping[str, Description] | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> list[Path]:
    """Write the layers of a run into an empty folder.

    Parameters
    ----------
    layers : Mapping[str, gpd.GeoDataFrame]
        theme → features in metres, in the order of writing, which is also the order of drawing, lowest first; an empty
        frame gives an empty layer. Lists become text joined by "; ", except in GeoParquet.
    folder : Path
        empty folder, created if absent; the caller puts it in its place when all files are complete.
    run : Mapping[str, Any]
        run_id, as_of and valid_to (with time zone), written to every feature; force_name is said in the metadata and
        the project where it is given. A `warning`, such as that nobody may act on the run, is said first in the title
        of the project, in the metadata and in what each layer says of itself. Other keys are ignored.
    themes : Mapping[str, Description] or None
        theme → what it says of itself; one that is missing has its name for a title, and no aliases, ids or labels.
    formats : Sequence[str]
        names of `geo.layers.formats.FORMATS`. The GeoPackage, the styles and the project are always written.

    Returns
    -------
    list[Path]
        Paths of `harmspot.gpkg` (a layer per theme, and `layer_styles`), `<theme>.qml` per theme with a style, which
        QGIS loads with the file of the same name, `harmspot.qgz`, and then the files of each format.

    Raises
    ------
    ValueError
        There are no layers; a theme is not a valid table name; a layer has no or a geographic coordinate system or a
        missing geometry; a layer names a person; `run` is incomplete or has a time without zone; a format is unknown.
    """
    if not layers:
        raise ValueError("layers: no themes; expected at least one")
    writers = [*ALWAYS, *(writer_of(name) for name in dict.fromkeys(formats))]
    stamp = run_stamp(run)
    described = {theme: _warned((themes or {}).get(theme, Description(title=theme)), run) for theme in layers}
    stamped = [layer_of(theme, features, described[theme], stamp) for theme, features in layers.items()]
    known = {**run, **stamp}
    folder.mkdir(parents=True, exist_ok=True)
    with clock_of_gdal(stamp["as_of"]):
        return [path for write in dict.fromkeys(writers) for path in write(stamped, folder, known)]


def _warned(description: Description, run: Mapping[str, Any]) -> Description:
    """Return a description that begins with the warning of the run, if it has one."""
    warning = run.get("warning")
    return replace(description, about=f"{warning} {description.about}".strip()) if warning else description
