"""Map of the town: areas that tile it, streets as a jittered grid, and weights of incidents by street point.

Crime is concentrated: half of it happens on about a twentieth of the streets (Weisburd 2015, Criminology 53:133), so
point weights are heavy-tailed. The town lies in open sea and represents no real one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from models.simulate.world.draws import Floats, Ints, generator, pick

ORIGIN_LON, ORIGIN_LAT = 1.30, 54.00
METRES_PER_LAT = 111_317.0  # of one degree on WGS84 at 54° north
METRES_PER_LON = 65_578.0
COLUMNS, ROWS = 4, 3
WIDTH_M, HEIGHT_M = 6000.0, 5000.0
STREET_GAP_M, POINT_GAP_M = 210.0, 72.0
NEIGHBOURS = 8  # nearest street points that count as "next door"

NAMES = (
    "Northgate",
    "Harbour",
    "Old Town",
    "Millfield",
    "Station",
    "Priory",
    "Castle",
    "Riverside",
    "Westbrook",
    "Highfield",
    "Quarry",
    "Southmoor",
)
# Kinds of place by which incidents are drawn: anywhere, homes, shops, bars at night, police patrol.
PLACES = ("anywhere", "homes", "shops", "night", "patrol")
PLACE = {name: number for number, name in enumerate(PLACES)}
_CENTRALITY_M = {"anywhere": 4000.0, "homes": 20_000.0, "shops": 1200.0, "night": 900.0, "patrol": 3000.0}


@dataclass(frozen=True, slots=True)
class Town:
    """Geometry in metres from the south-western corner, with longitude and latitude beside it.

    `rings`: closed outlines of the areas, counter-clockwise. Points are sorted by area; `first_point[a]` …
    `first_point[a + 1]` are those of area a. `weights` [places, points] sums to 1 for each kind of place.
    """

    area_ids: tuple[str, ...]
    area_names: tuple[str, ...]
    rings: tuple[Floats, ...]
    x_m: Floats
    y_m: Floats
    lon: Floats
    lat: Floats
    area: Ints
    first_point: Ints
    neighbours: Ints
    weights: Floats

    def points(self, place: Ints, u: Floats) -> Ints:
        """Return points drawn anywhere in town, each by the weights of its kind of place."""
        drawn = np.zeros(len(u), dtype=np.int64)
        for kind, weights in enumerate(self.weights):
            drawn[place == kind] = pick(u[place == kind], weights)
        return drawn

    def points_in(self, area: Ints, u: Floats) -> Ints:
        """Return points drawn inside the given areas, by the weights of `anywhere`."""
        cumulative = np.concatenate([[0.0], np.cumsum(self.weights[PLACE["anywhere"]])])
        low, high = cumulative[self.first_point[area]], cumulative[self.first_point[area + 1]]
        drawn = np.searchsorted(cumulative, low + u * (high - low), side="right") - 1
        return np.clip(drawn, self.first_point[area], self.first_point[area + 1] - 1)

    def nearest_points(self, point: int, n: int) -> Ints:
        """Return the n street points nearest to one of them, itself first."""
        distance = np.hypot(self.x_m - self.x_m[point], self.y_m - self.y_m[point])
        return np.argsort(distance, kind="stable")[:n]

    def centre_point(self, area: int) -> int:
        """Return the street point nearest to the middle of an area."""
        x, y = self.rings[area][:-1].mean(axis=0)
        inside = np.arange(self.first_point[area], self.first_point[area + 1])
        return int(inside[np.argmin(np.hypot(self.x_m[inside] - x, self.y_m[inside] - y))])


def build_town(seed: int) -> Town:
    """Return a town with areas, streets and weights."""
    rng = generator(seed, -1, "town")
    rings = _rings(rng)
    x, y = _street_points(rng)
    area = _area_of(rings, x, y)
    kept = np.lexsort((x, y, area))[(area < 0).sum() :]
    x, y, area = x[kept], y[kept], area[kept]
    lon, lat = to_degrees(x, y)
    return Town(
        area_ids=tuple(f"A{number + 1:02d}" for number in range(len(rings))),
        area_names=NAMES,
        rings=rings,
        x_m=x,
        y_m=y,
        lon=lon,
        lat=lat,
        area=area,
        first_point=np.searchsorted(area, np.arange(len(rings) + 1)),
        neighbours=cKDTree(np.column_stack([x, y])).query(np.column_stack([x, y]), k=NEIGHBOURS + 1)[1][:, 1:],
        weights=_weights(rng, x, y, area, len(rings)),
    )


def to_degrees(x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
    """Return longitude and latitude (WGS84, to about 0.1 m) of coordinates in metres."""
    lon = ORIGIN_LON + np.asarray(x_m) / METRES_PER_LON
    lat = ORIGIN_LAT + np.asarray(y_m) / METRES_PER_LAT
    return np.round(lon, 6), np.round(lat, 6)


def areas_geojson(town: Town) -> dict[str, Any]:
    """Return the areas as a GeoJSON FeatureCollection (RFC 7946) with `area_id` and `name`."""
    features = []
    for area_id, name, ring in zip(town.area_ids, town.area_names, town.rings, strict=True):
        coordinates = np.column_stack(to_degrees(ring[:, 0], ring[:, 1])).tolist()
        geometry = {"type": "Polygon", "coordinates": [coordinates]}
        features.append({"type": "Feature", "properties": {"area_id": area_id, "name": name}, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _rings(rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return outlines with shared, jittered corners and shared, bent edges: they tile without gap or overlap."""
    grid_x, grid_y = np.meshgrid(np.linspace(0, WIDTH_M, COLUMNS + 1), np.linspace(0, HEIGHT_M, ROWS + 1))
    corners = np.stack([grid_x, grid_y], axis=-1) + rng.uniform(-230, 230, (ROWS + 1, COLUMNS + 1, 2))
    across = _bent(corners[:, :-1], corners[:, 1:], rng)
    upward = _bent(corners[:-1], corners[1:], rng)
    return tuple(
        np.concatenate(
            [
                across[row, column],
                upward[row, column + 1],
                across[row + 1, column, ::-1],
                upward[row, column, ::-1],
                across[row, column, :1],
            ]
        )[_distinct(across.shape[2])]
        for row in range(ROWS)
        for column in range(COLUMNS)
    )


def _bent(start: Floats, end: Floats, rng: np.random.Generator) -> Floats:
    """Return edges of five points [rows, columns, 5, 2] from start to end, bent sideways in between."""
    share = np.linspace(0, 1, 5)[:, None]
    bend = rng.uniform(-70, 70, (*start.shape[:2], 5, 2))
    bend[:, :, [0, -1]] = 0.0
    return start[:, :, None] * (1 - share) + end[:, :, None] * share + bend


def _distinct(length: int) -> Ints:
    """Return positions in four joined edges and the closing point, without the corners that two edges share."""
    edges = [np.arange(edge * length, (edge + 1) * length - 1) for edge in range(4)]
    return np.concatenate([*edges, [4 * length]])


def _street_points(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return points along wavy streets that run east and north, each jittered by the width of a house."""
    east = _street_lines(rng, WIDTH_M, HEIGHT_M)
    north = _street_lines(rng, HEIGHT_M, WIDTH_M)
    return np.concatenate([east[0], north[1]]), np.concatenate([east[1], north[0]])


def _street_lines(rng: np.random.Generator, length_m: float, breadth_m: float) -> tuple[Floats, Floats]:
    offsets = np.arange(STREET_GAP_M / 2, breadth_m, STREET_GAP_M)
    offsets = offsets + rng.uniform(-40, 40, len(offsets))
    along = np.arange(POINT_GAP_M / 2, length_m, POINT_GAP_M)
    phase, swing = rng.uniform(0, 2 * np.pi, (len(offsets), 1)), rng.uniform(0, 35, (len(offsets), 1))
    shape = (len(offsets), len(along))
    sideways = offsets[:, None] + swing * np.sin(along[None, :] / 700 + phase) + rng.uniform(-4, 4, shape)
    return (along[None, :] + rng.uniform(-15, 15, shape)).ravel(), sideways.ravel()


def _area_of(rings: tuple[Floats, ...], x: Floats, y: Floats) -> Ints:
    """Return the area of each point, −1 outside all."""
    area = np.full(len(x), -1, dtype=np.int64)
    for number, ring in enumerate(rings):
        area[shapely.contains_xy(shapely.Polygon(ring), x, y)] = number
    return area


def _weights(rng: np.random.Generator, x: Floats, y: Floats, area: Ints, areas: int) -> Floats:
    """Return weights [places, points]: random factors of the area and point, falling with distance to the centre."""
    from_centre_m = np.hypot(x - WIDTH_M / 2, y - HEIGHT_M / 2)
    weights = np.empty((len(PLACES), len(x)))
    for kind, place in enumerate(PLACES):
        area_factor = rng.lognormal(0, 0.4, areas)[area]
        weights[kind] = area_factor * rng.gamma(0.6, size=len(x)) * np.exp(-from_centre_m / _CENTRALITY_M[place])
    return weights / weights.sum(axis=1, keepdims=True)
