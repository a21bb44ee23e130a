"""Places planted in the town: three street markets, their decoys, points of interest, the under-staffed area."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.simulate.world.draws import Floats, Ints, generator
from models.simulate.world.town import PLACE, Town, to_degrees

MARKETS = 3
POINTS_PER_SITE = 6
# Half of what happens at a site happens at its middle.
POINT_SHARES = np.array([0.5, 0.14, 0.12, 0.1, 0.08, 0.06])
# What stands near each market: its visibility.
NEAR_MARKETS = ("transport", "school", "park")
ELSEWHERE = (*["school"] * 7, *["transport"] * 4, *["park"] * 4, "treatment", "treatment")


@dataclass(frozen=True, slots=True)
class Site:
    """A place and the street points around its middle, the middle first."""

    kind: str  # open_air, bar_street, police_drugs, house
    area: int
    points: Ints


@dataclass(frozen=True, slots=True)
class Sites:
    """Everything planted on the map, each in an area of its own."""

    markets: tuple[Site, ...]
    bar_street: Site
    police_drugs: Site
    house: Site
    understaffed_area: int
    poi_kinds: tuple[str, ...]
    poi_x_m: Floats
    poi_y_m: Floats
    patrol_weights: Floats  # by street point: where officers happen to be

    @property
    def decoys(self) -> tuple[Site, ...]:
        return (self.bar_street, self.police_drugs, self.house)


def plant_sites(seed: int, town: Town, *, with_markets: bool) -> Sites:
    """Choose areas for the sites and put them at street points near the middle of each."""
    rng = generator(seed, -1, "sites")
    areas = rng.permutation(len(town.area_ids))
    kinds = (*["open_air"] * MARKETS, "bar_street", "police_drugs", "house")
    sites = [_site(town, kind, int(area)) for kind, area in zip(kinds, areas, strict=False)]
    poi_kinds, poi_x, poi_y = _points_of_interest(rng, town, sites[:MARKETS])
    return Sites(
        markets=tuple(sites[:MARKETS]) if with_markets else (),
        bar_street=sites[3],
        police_drugs=sites[4],
        house=sites[5],
        understaffed_area=int(areas[6]),
        poi_kinds=poi_kinds,
        poi_x_m=poi_x,
        poi_y_m=poi_y,
        patrol_weights=_patrol(town, sites[4]),
    )


def points_of_interest_geojson(sites: Sites) -> dict[str, Any]:
    """Schools, stops, parks and treatment centres as GeoJSON points with `kind` and `name`."""
    lon, lat = to_degrees(sites.poi_x_m, sites.poi_y_m)
    features = [
        {
            "type": "Feature",
            "properties": {"kind": kind, "name": f"{kind} {number + 1}"},
            "geometry": {"type": "Point", "coordinates": [x, y]},
        }
        for number, (kind, x, y) in enumerate(zip(sites.poi_kinds, lon.tolist(), lat.tolist(), strict=True))
    ]
    return {"type": "FeatureCollection", "features": features}


def _site(town: Town, kind: str, area: int) -> Site:
    return Site(kind, area, town.nearest_points(town.centre_point(area), POINTS_PER_SITE))


def _points_of_interest(
    rng: np.random.Generator, town: Town, markets: list[Site]
) -> tuple[tuple[str, ...], Floats, Floats]:
    """One point of interest a short walk from each market, the others anywhere, treatment away from markets."""
    middles = np.array([market.points[0] for market in markets])
    angle = rng.uniform(0, 2 * np.pi, len(middles))
    near_x, near_y = town.x_m[middles] + 90 * np.cos(angle), town.y_m[middles] + 90 * np.sin(angle)
    from_markets_m = np.hypot(town.x_m[:, None] - town.x_m[middles], town.y_m[:, None] - town.y_m[middles]).min(axis=1)
    elsewhere = rng.choice(np.flatnonzero(from_markets_m > 600), len(ELSEWHERE), replace=False)
    return (
        (*NEAR_MARKETS, *ELSEWHERE),
        np.concatenate([near_x, town.x_m[elsewhere]]),
        np.concatenate([near_y, town.y_m[elsewhere]]),
    )


def _patrol(town: Town, decoy: Site) -> Floats:
    """Patrol goes where it always went; a fifth of it to one place where little else happens."""
    weights = 0.8 * town.weights[PLACE["patrol"]]
    weights[decoy.points] += 0.2 * POINT_SHARES
    return weights
