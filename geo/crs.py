"""Coordinate systems: `geo` accepts only systems in true metres."""

from typing import Any

import geopandas as gpd
from pyproj import CRS, Proj
from pyproj.exceptions import CRSError

EXAMPLE = 'for example "EPSG:32618" (UTM zone 18N) or "EPSG:27700" (British National Grid)'

# Web Mercator's unit is named metre, but at 40° of latitude it is 0.77 m long. National grids are accurate within
# 0.1% and continental equal-area ones within 5%.
LARGEST_SCALE_ERROR = 0.05


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
            return frame.estimate_utm_crs()
        except RuntimeError as cause:
            raise ValueError(f"{what}: no UTM zone covers it; name a coordinate system in metres, {EXAMPLE}") from cause
    found = metric_crs(crs, what=what)
    scale_error = _scale_error(frame, found)
    if not scale_error <= LARGEST_SCALE_ERROR:  # also if NaN, far outside the domain of the system
        zone = crs_name(frame.estimate_utm_crs())
        raise ValueError(
            f"{what}: a metre of {crs_name(found)} is off by {scale_error:.0%} there; expected at most "
            f"{LARGEST_SCALE_ERROR:.0%}, as {zone} is"
        )
    return found


def _scale_error(frame: gpd.GeoDataFrame, crs: CRS) -> float:
    west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
    factors = Proj(crs).get_factors((west + east) / 2, (south + north) / 2)
    return max(abs(factors.meridional_scale - 1), abs(factors.parallel_scale - 1))
