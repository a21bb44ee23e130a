"""Coordinate systems of the map service, named by URI as OGC API – Features Part 2 has it."""

import math
from dataclasses import dataclass
from functools import lru_cache

import shapely
from pyproj import CRS

from web.gis.refusal import RefusalError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A coordinate system: its URI, its name for PROJ, and how its axes lie.

    `is_northing_first` says that its authority writes north before east, as EPSG:4326 does; `is_degrees`, that x goes
    round the globe.
    """

    uri: str
    name: str
    is_northing_first: bool = False
    is_degrees: bool = False

    def box(self, text: str, name: str) -> shapely.Geometry:
        """Return a box of four numbers (six with heights, which are ignored), with x before y.

        Raises
        ------
        RefusalError
            It is no box: too few numbers, one that is not finite, or the north below the south.
        """
        parts = text.split(",")
        try:
            sides = [float(part) for part in parts]
        except ValueError:
            sides = []
        if len(sides) not in (4, 6) or not all(map(math.isfinite, sides)):
            raise RefusalError(
                f"{name}={text[:80]!r}: expected four numbers with commas, such as -75.2,39.9,-75.1,40.0, or six, "
                "with heights"
            )
        first, second = sides[:2], sides[len(sides) // 2 :][:2]
        if self.is_northing_first:
            first, second = first[::-1], second[::-1]
        (west, south), (east, north) = first, second
        if south > north:
            raise RefusalError(f"{name}={text[:80]!r}: its north {north} is below its south {south}; swap them")
        if west <= east:
            return shapely.box(west, south, east, north)
        if not self.is_degrees:
            raise RefusalError(f"{name}={text[:80]!r}: its east {east} is left of its west {west}; swap them")
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])

    def as_written(self, shapes: "shapely.Geometry | list[shapely.Geometry]") -> "shapely.Geometry":
        """Return shapes with x before y in the order of the authority's axes, or back."""
        return shapely.transform(shapes, lambda at: at[:, ::-1]) if self.is_northing_first else shapes


@lru_cache(maxsize=8)
def offered(metric: str) -> dict[str, Coordinates]:
    """Return the systems that answers may be in by URI: degrees, Web Mercator, and the metric one of the run."""
    systems = [Coordinates(CRS84, "EPSG:4326", is_degrees=True)]
    systems += [_of_authority(code) for code in ("4326", "3857")]
    own = stored(metric)
    return {each.uri: each for each in [*systems, *([own] if own else [])]}


def stored(metric: str) -> Coordinates | None:
    """Return the metric system of a run; None if no authority numbers it."""
    authority = CRS.from_user_input(metric).to_authority()
    return _of_authority(authority[1]) if authority and authority[0] == "EPSG" else None


def chosen(systems: dict[str, Coordinates], asked: str, name: str) -> Coordinates:
    """Return the system that a parameter names by URI, or as [EPSG:4326]; RefusalError if it is not offered."""
    short = asked.strip("[]").upper()
    uri = CRS84 if short == "OGC:CRS84" else EPSG + short[5:] if short.startswith("EPSG:") else asked
    if uri not in systems:
        raise RefusalError(f"{name}={asked[:120]!r} is not offered; expected one of {', '.join(systems)}")
    return systems[uri]


def _of_authority(code: str) -> Coordinates:
    system = CRS.from_epsg(int(code))
    first = system.axis_info[0].direction
    return Coordinates(EPSG + code, f"EPSG:{code}", first == "north", system.is_geographic)
