"""Centres of areas, at which recording systems put what they cannot place."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.cells import Floats


def metres_to_centre(points: pd.DataFrame, areas: gpd.GeoDataFrame) -> Floats:
    """Return how far each point is from the nearest centre of an area or of all areas together.

    Centres are the centroid, the middle of the bounding box, and the point on the surface that map software labels.

    Parameters
    ----------
    points : pd.DataFrame
        x_m, y_m, finite, in the coordinate system of the areas.
    areas : gpd.GeoDataFrame
        Polygons.

    Returns
    -------
    Floats
        Metres, in the order of the points.
    """
    shapes = np.append(areas.geometry.to_numpy(), shapely.union_all(areas.geometry.to_numpy()))
    boxes = shapely.box(*shapely.bounds(shapes).T)
    centres = np.concatenate([shapely.centroid(shapes), shapely.centroid(boxes), shapely.point_on_surface(shapes)])
    if points.empty:
        return np.empty(0)
    found = shapely.points(points["x_m"].to_numpy(), points["y_m"].to_numpy())
    pairs, metres = shapely.STRtree(centres).query_nearest(found, return_distance=True, all_matches=False)
    return metres[np.argsort(pairs[0], kind="stable")]
