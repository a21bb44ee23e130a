"""Places planted in the town: three street markets, their decoys, points of interest, the understaffed area."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.simulate.world.draws import Floats, Ints, generator
from models.simulate.world.town import PLACE, Town, to_degrees

MARKETS = 3
POINTS_PER_SITE = 6
# Share of a site's incidents at each of its points; half are at its middle.
POINT_SHARES = np.array([0.5, 0.14, 0.12, 0.1, 0.08, 0.06])
# Kind of point of interest near each market; it makes the market visible.
NEAR_MARKETS = ("transport", "school", "park")
ELSEWHERE = (*["school"] * 7, *["transport"] * 4, *["park"] * 4, "treatment", "treatment")


@dataclass(frozen=True, slots=True)
class Site:
    """A place and the street points around its middle; the middle is first."""

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
    patrol_weights: Floats  # by street point: presence of officers

    @property
    def decoys(self) -> tuple[Site, ...]:
        """Sites that resemble a street market but are not one."""
        return (self.bar_street, self.police_drugs, self.house)


def plant_sites(seed: int, town: Town, *, with_markets: bool) -> Sites:
    """Choose areas for the sites and place them at street points near the middle of each area."""
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
    """Return schools, stops, parks and treatment centres as GeoJSON points with `kind` and `name`."""
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
    """Return one point of interest a short walk from each market, and the others more than 600 m from markets."""
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
    """Return patrol weights: the usual ones, and a fifth at one decoy with few other incidents."""
    weights = 0.8 * town.weights[PLACE["patrol"]]
    weights[decoy.points] += 0.2 * POINT_SHARES
    return weights
