"""Points of interest from a file: schools, transport stops, parks and treatment centres."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from geo.crs import metric_crs
from geo.vector_file import ONE_LAYER, made_valid, read_vector_file

KINDS = ("school", "transport", "park", "treatment")


def read_points_of_interest(
    path: Path, crs: Any, *, layer: str | None = None, choose_with: str = ONE_LAYER
) -> gpd.GeoDataFrame:
    """Read points (or outlines) of interest and reproject them to `crs`.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage or GeoParquet with column `kind`: school, transport, park or treatment.
    crs : Any
        metric coordinate system.
    layer : str | None
        layer to read if a file has several.
    choose_with : str
        see `read_vector_file`.

    Returns
    -------
    gpd.GeoDataFrame
        In file order: kind, repaired_m2 (see `made_valid`; missing where the shape was valid as drawn), geometry.

    Raises
    ------
    ValueError
        File, column `kind` or its coordinate system is missing, `crs` is not metric, or a kind is unknown.
    """
    target = metric_crs(crs, what="points of interest")
    source = read_vector_file(path, columns=["kind"], layer=layer, choose_with=choose_with)
    unknown = sorted(set(source["kind"].astype("str").fillna("")) - set(KINDS))
    if unknown:
        raise ValueError(f"{path}: unknown kinds {unknown}; expected {', '.join(KINDS)}")
    shapes, repaired_m2 = made_valid(source.geometry.to_crs(target))
    without_shape = np.flatnonzero(shapes.is_empty)
    if without_shape.size:
        raise ValueError(f"{path}: the outline in feature {without_shape[0] + 1} of {len(shapes)} has no area")
    return gpd.GeoDataFrame({"kind": source["kind"], "repaired_m2": repaired_m2}, geometry=shapes)
