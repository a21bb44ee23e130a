"""Coordinate systems: `geo` accepts only systems in true metres. A city may lie on both sides of the 180th meridian."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Proj
from pyproj.exceptions import CRSError

EXAMPLE = 'for example "EPSG:32618" (UTM zone 18N) or "EPSG:27700" (British National Grid)'

# Web Mercator's unit is named metre, but at 40° of latitude it is 0.77 m long. National grids are accurate within
# 0.1% and continental equal-area ones within 5%.
LARGEST_SCALE_ERROR = 0.05

CUT_GRID = 1e-9  # degrees, a tenth of a millimetre


def metric_crs(crs: Any, *, what: str) -> CRS:
    """Return `crs` as a pyproj CRS whose axes are metres.

    Parameters
    ----------
    crs : Any
        any input of pyproj: "EPSG:32618", a CRS, well-known text.
    what : str
        name of the object, for the error message.

    Raises
    ------
    ValueError
        The system is missing, unknown, geographic, or its unit is not the metre.
    """
    if crs is None:
        raise ValueError(f"{what}: no coordinate system; expected one in metres, {EXAMPLE}")
    try:
        found = CRS.from_user_input(crs)
    except CRSError as cause:
        raise ValueError(f"{what}: unknown coordinate system {crs!r}; expected one in metres, {EXAMPLE}") from cause
    units = sorted({axis.unit_name for axis in found.axis_info})
    if not found.is_projected or units != ["metre"]:
        raise ValueError(f"{what}: {crs_name(found)} is in {', '.join(units)}; expected metres, {EXAMPLE}")
    return found


def crs_name(crs: CRS) -> str:
    """Return the short name, such as EPSG:32618, or the full definition if the system has none."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.to_string())


def same_crs(frame: gpd.GeoDataFrame | gpd.GeoSeries, crs: Any, *, what: str) -> None:
    """Raise ValueError unless `frame` is in the metric system `crs`."""
    found, expected = metric_crs(frame.crs, what=what), metric_crs(crs, what="grid")
    if found != expected:
        raise ValueError(f"{what}: in {crs_name(found)}, expected {crs_name(expected)}; reproject with to_crs first")


def chosen_crs(frame: gpd.GeoDataFrame, crs: Any | None, *, what: str) -> CRS:
    """Return the metric system to use for `frame`: `crs` if given and accurate, else the UTM zone of its centre.

    Raises
    ------
    ValueError
        `crs` is not metric, its scale error is above 5% at the centre of the frame (as for Web Mercator), or there is
        no UTM zone there.
    """
    if crs is None:
        try:
            return _utm_zone(frame)
        except RuntimeError as cause:
            raise ValueError(f"{what}: no UTM zone covers it; name a coordinate system in metres, {EXAMPLE}") from cause
    found = metric_crs(crs, what=what)
    scale_error = _scale_error(frame, found)
    if not scale_error <= LARGEST_SCALE_ERROR:  # also if NaN, far outside the domain of the system
        zone = crs_name(_utm_zone(frame))
        raise ValueError(
            f"{what}: a metre of {crs_name(found)} is off by {scale_error:.0%} there; expected at most "
            f"{LARGEST_SCALE_ERROR:.0%}, as {zone} is"
        )
    return found


def in_degrees(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return the shapes in WGS84 degrees, those on the 180th meridian cut there as RFC 7946 (3.1.9) asks."""
    degrees = shapes.to_crs("EPSG:4326")
    bounds = shapely.bounds(degrees.to_numpy())
    is_across = bounds[:, 2] - bounds[:, 0] > 180
    if not is_across.any():
        return degrees
    cut = degrees.to_numpy().copy()
    cut[is_across] = [_cut_at_180(shape) for shape in cut[is_across]]
    return gpd.GeoSeries(cut, index=shapes.index, crs=degrees.crs)


def extent_in_degrees(shapes: Sequence[gpd.GeoSeries]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of all shapes in WGS84 degrees, measured the shorter way round the globe.

    A place on both sides of the 180th meridian has west > east, as RFC 7946 (5.2) and ISO 19115 have it.
    """
    found = [shapely.get_coordinates(each.to_crs("EPSG:4326").to_numpy()) for each in shapes]
    lon, lat = np.concatenate(found).T
    around = _shorter_way(lon)
    west, east = ((side + 180) % 360 - 180 if side > 180 else side for side in (around.min(), around.max()))
    return float(west), float(lat.min()), float(east), float(lat.max())


def _shorter_way(lon: np.ndarray) -> np.ndarray:
    """Return the longitudes, or those from 0 to 360 degrees, whichever lie closer together."""
    turned = lon % 360
    return turned if np.ptp(turned) < np.ptp(lon) else lon


def _cut_at_180(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape whose longitudes jump from 180 to -180 in parts on either side of that meridian."""
    whole = shapely.make_valid(shapely.transform(shape, lambda at: np.column_stack([at[:, 0] % 360, at[:, 1]])))
    halves = [shapely.box(lon, -90, lon + 180, 90) for lon in (0, 180)]
    west, east = shapely.intersection(shapely.set_precision(whole, CUT_GRID), halves)
    parts = shapely.get_parts([west, shapely.transform(east, lambda at: at - [360, 0])])
    kind = shapely.get_dimensions(shape)
    return shapely.union_all([part for part in parts if shapely.get_dimensions(part) == kind])


def _utm_zone(frame: gpd.GeoDataFrame) -> CRS:
    return _utm_zone_at(*_centre(frame))


@lru_cache(maxsize=16)
def _utm_zone_at(lon: float, lat: float) -> CRS:
    """Return the UTM zone of a place; to look it up takes 70 ms, and a command reads its map several times."""
    return gpd.GeoSeries([shapely.Point(lon, lat)], crs="EPSG:4326").estimate_utm_crs()


def _scale_error(frame: gpd.GeoDataFrame, crs: CRS) -> float:
    factors = Proj(crs).get_factors(*_centre(frame))
    return max(abs(factors.meridional_scale - 1), abs(factors.parallel_scale - 1))


def _centre(frame: gpd.GeoDataFrame) -> tuple[float, float]:
    """Return longitude and latitude of the middle of the extent, which is measured the shorter way round the globe."""
    lon, lat = shapely.get_coordinates(frame.to_crs("EPSG:4326").geometry.to_numpy()).T
    around = _shorter_way(lon)
    east = (around.min() + around.max()) / 2
    return float((east + 180) % 360 - 180), float((lat.min() + lat.max()) / 2)
