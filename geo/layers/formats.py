"""The formats that layers can be written in: a name, and the function that writes all layers of a run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from geo.layers.exchange import write_file_geodatabase, write_flatgeobuf, write_pmtiles
from geo.layers.geojson import write_geojson
from geo.layers.geopackage import write_geopackage
from geo.layers.geoparquet import write_geoparquet
from geo.layers.layer import Layer
from geo.layers.project import write_project
from geo.layers.shapefile import write_shapefiles
from geo.layers.styles import write_styles

# Layers, folder and the row of the run → paths written.
Writer = Callable[[Sequence[Layer], Path, Mapping[str, Any]], list[Path]]

FORMATS: Mapping[str, Writer] = {
    "geopackage": write_geopackage,
    "geoparquet": write_geoparquet,
    "geojson": write_geojson,
    "flatgeobuf": write_flatgeobuf,
    "filegdb": write_file_geodatabase,
    "pmtiles": write_pmtiles,
    "shapefile": write_shapefiles,
}
DEFAULT_FORMATS = ("geopackage", "geoparquet", "geojson")
ALWAYS: tuple[Writer, ...] = (write_geopackage, write_styles, write_project)  # the project shows the GeoPackage


def writer_of(name: str) -> Writer:
    """Return the writer of a format.

    Raises
    ------
    ValueError
        There is no such format; the message lists them.
    """
    if name not in FORMATS:
        raise ValueError(f"format {name!r} of layers is unknown; expected some of {', '.join(FORMATS)}")
    return FORMATS[name]
