"""Points of interest from a file: schools, transport stops, parks and treatment centres."""

from pathlib import Path
from typing import Any

import geopandas as gpd

from geo.crs import metric_crs
from geo.vector_file import read_vector_file

KINDS = ("school", "transport", "park", "treatment")


def read_points_of_interest(path: Path, crs: Any) -> gpd.GeoDataFrame:
    """Read points (or outlines) of interest and reproject them to `crs`.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage or GeoParquet with column `kind`: school, transport, park or treatment.
    crs : Any
        metric coordinate system.

    Returns
    -------
    gpd.GeoDataFrame
        In file order: kind, geometry.

    Raises
    ------
    ValueError
        File, column `kind` or its coordinate system is missing, `crs` is not metric, or a kind is unknown.
    """
    target = metric_crs(crs, what="points of interest")
    source = read_vector_file(path, columns=["kind"])
    unknown = sorted(set(source["kind"].astype("str").fillna("")) - set(KINDS))
    if unknown:
        raise ValueError(f"{path}: unknown kinds {unknown}; expected {', '.join(KINDS)}")
    return source[["kind", "geometry"]].to_crs(target)
