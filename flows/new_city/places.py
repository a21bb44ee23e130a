"""Where the points are: marks in numbers, coordinate system, order of the axes, time zone."""

import re
from dataclasses import dataclass, replace
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

WGS84 = "EPSG:4326"
_TRIED = 400  # points
_POINT = re.compile(r"^\s*POINT\s*Z?\s*\(\s*(-?[\d.]+)\s+(-?[\d.]+)", re.IGNORECASE)
_PAIR = re.compile(r"^\s*\(?\s*(-?\d+\.\d+)\s*[,; ]\s*(-?\d+\.\d+)\s*\)?\s*$")
_OLD_DATUM = re.compile(r"NAD27|WGS 72|BLM|\(HARN\)|\(CSRS|\(NSRS2007\)|\(2011\)|Amtrak|Conus|Atlas")


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a column of numbers."""

    decimal: str = "."
    thousands: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A sample of points in degrees, with how they were found."""

    points: pd.DataFrame  # lon, lat; the index of the sample
    crs: str
    is_swapped: bool
    share_inside: float | None  # of the areas, where areas are given
    rivals: tuple[str, ...] = ()  # other systems that fit as well


def number_marks(texts: pd.Series) -> Marks:
    """Return the decimal and thousands marks that a column of numbers uses."""
    values = texts.dropna().head(2_000)
    if values.empty or values.str.fullmatch(r"[-+]?\d*\.?\d*(?:[eE][-+]?\d+)?").mean() >= 0.9:
        return Marks()
    for thousands in (",", " ", "'"):
        if values.str.fullmatch(rf"[-+]?\d{{1,3}}(?:{thousands}\d{{3}})+(?:\.\d+)?").mean() >= 0.9:
            return Marks(".", thousands)
    for thousands in (".", " ", "'"):
        if values.str.fullmatch(rf"[-+]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+,\d+").mean() >= 0.9:
            return Marks(",", thousands)
    return Marks(",") if values.str.fullmatch(r"[-+]?\d+,\d+").mean() >= 0.9 else Marks()


def numbers(texts: pd.Series, marks: Marks) -> pd.Series:
    """Return texts as numbers; missing where they are none."""
    plain = texts.str.replace(marks.thousands, "", regex=False) if marks.thousands else texts
    return pd.to_numeric(plain.str.replace(marks.decimal, ".", regex=False), errors="coerce").astype(float)


def split_points(texts: pd.Series) -> pd.DataFrame:
    """Return x and y of texts `POINT (x y)` or `(lat, lon)`; missing where a text is neither."""
    known = texts.astype("str")
    well_known, pair = known.str.extract(_POINT), known.str.extract(_PAIR)
    x, y = well_known[0].fillna(pair[1]), well_known[1].fillna(pair[0])
    return pd.DataFrame({"x": pd.to_numeric(x), "y": pd.to_numeric(y)}, index=texts.index)


def locate(points: pd.DataFrame, areas: gpd.GeoDataFrame | None, stated: str | None) -> Located | None:
    """Find the coordinate system of x and y; None if they are not degrees and nothing tells what they are.

    Parameters
    ----------
    points : pandas.DataFrame
        x, y; rows with a missing number or 0, 0 are left out.
    areas : geopandas.GeoDataFrame or None
        Areas into which the points should fall.
    stated : str or None
        The system that the file or a person states.
    """
    given = points.dropna()
    given = given[~((given["x"] == 0) & (given["y"] == 0))]
    if given.empty:
        return None
    systems = _candidates(given, areas, stated)
    # Without areas nothing decides between systems; the order of the axes is decided by land and sea.
    few = given.iloc[:: max(1, len(given) // _TRIED)]
    tried = [_transformed(few, system, is_swapped) for system in systems for is_swapped in (False, True)]
    ground = None if areas is None else areas.to_crs(WGS84).geometry.union_all()
    found = [_judged(one, ground) for one in tried if one is not None]
    least = 0.3 if len(systems) > 1 else 0.0  # under a wrong system some points may fall into an area by chance
    found = [one for one in found if one.share_inside is None or one.share_inside > least]
    if not found:
        return None if stated is None else _transformed(given, stated, is_swapped=False)
    best = max(found, key=lambda one: (round(one.share_inside or 0, 2), not one.is_swapped, _is_plain(one.crs)))
    if areas is None and _is_at_sea(best.points):
        best = next((one for one in found if one.is_swapped != best.is_swapped and not _is_at_sea(one.points)), best)
    share = best.share_inside or 0
    whole = _transformed(given, best.crs, best.is_swapped) or best
    rivals = tuple(one.crs for one in found if one.crs != best.crs and (one.share_inside or 0) >= share - 0.005)
    return replace(best, points=whole.points, rivals=tuple(dict.fromkeys(rivals)))


def zone_of(points: pd.DataFrame) -> tuple[str, float] | None:
    """Return the time zone in which most of the points (lon, lat) lie, and the share of them; None without points."""
    from timezonefinder import TimezoneFinder

    tried = points.dropna().drop_duplicates().iloc[:: max(1, len(points) // 200)].head(200)
    if tried.empty:
        return None
    finder = TimezoneFinder()
    zones = pd.Series([finder.timezone_at(lng=lon, lat=lat) for lon, lat in tried[["lon", "lat"]].to_numpy()])
    counts = zones.dropna().value_counts()
    return (str(counts.index[0]), float(counts.iloc[0] / len(tried))) if len(counts) else None


def _candidates(points: pd.DataFrame, areas: gpd.GeoDataFrame | None, stated: str | None) -> list[str]:
    if stated is not None:
        return [stated]
    is_degrees = (points["x"].abs() <= 180) & (points["y"].abs() <= 180)
    if is_degrees.mean() >= 0.95:
        return [WGS84]
    if areas is None:
        return []
    bounds = areas.to_crs(WGS84).total_bounds
    known = query_crs_info("EPSG", PJType.PROJECTED_CRS, AreaOfInterest(*bounds), contains=True)
    return [f"EPSG:{system.code}" for system in known]


def _transformed(points: pd.DataFrame, crs: str, is_swapped: bool) -> Located | None:
    x, y = (points["y"], points["x"]) if is_swapped else (points["x"], points["y"])
    try:
        lon, lat = _to_degrees(crs).transform(x.to_numpy(), y.to_numpy())
    except ProjError:
        return None
    frame = pd.DataFrame({"lon": lon, "lat": lat}, index=points.index)
    is_on_earth = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    return Located(frame[is_on_earth], crs, is_swapped, None) if is_on_earth.mean() > 0.5 else None


@cache
def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, WGS84, always_xy=True)


def _judged(located: Located, ground: BaseGeometry | None) -> Located:
    if ground is None:
        return located
    tried = located.points.iloc[:: max(1, len(located.points) // _TRIED)]
    inside = shapely.contains_xy(ground, tried["lon"].to_numpy(), tried["lat"].to_numpy())
    return replace(located, share_inside=float(inside.mean()))


def _is_plain(crs: str) -> tuple[bool, int]:
    """Return what orders systems that differ by metres: today's common datums first, then the lower code."""
    found = CRS.from_user_input(crs)
    return not _OLD_DATUM.search(found.name), -int((found.to_authority() or ("", "0"))[1])


def _is_at_sea(points: pd.DataFrame) -> bool:
    zone = zone_of(points)
    return zone is None or zone[0].startswith("Etc/") or zone[0].startswith("Antarctica/")
