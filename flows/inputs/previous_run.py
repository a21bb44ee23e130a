"""Tables of the predecessor run, for hysteresis and change detection."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

import geopandas as gpd
import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store, read_people
from pipeline.publication.publish import read_places
from pipeline.store.same_people import SamePeople

PURPOSE = "compare this run with its predecessor"
READER = "harmspot run"


@dataclass(frozen=True, slots=True)
class Previous:
    """Tables of the predecessor run."""

    as_of: pd.Timestamp
    known_at: pd.Timestamp
    area_ranking: pd.DataFrame
    area_set_ranking: pd.DataFrame
    cell_forecast: pd.DataFrame
    market: pd.DataFrame
    hotspot: pd.DataFrame
    person_tier: pd.DataFrame
    tier_term: pd.DataFrame
    seller_term: pd.DataFrame
    same: SamePeople = field(default_factory=SamePeople, repr=False)  # as it knew them

    def days_until(self, as_of: datetime, zone: tzinfo) -> int:
        """Return the local days from this run to a later one, begun ones counted, at least one and at most seven."""
        then, now = (moment.astimezone(zone).replace(tzinfo=None) for moment in (self.as_of.to_pydatetime(), as_of))
        return min(max(math.ceil((now - then) / timedelta(days=1)), 1), 7)

    @property
    def listed_area_ids(self) -> frozenset[str]:
        """The ids of the listed areas."""
        return frozenset(self.area_ranking.loc[self.area_ranking["is_listed"], "area_id"])

    def listed_in(self, area_set: str) -> frozenset[str]:
        """Return the ids of the listed areas of a further set."""
        of_set = self.area_set_ranking[self.area_set_ranking["area_set"] == area_set]
        return frozenset(of_set.loc[of_set["is_listed"].astype(bool), "area_id"])

    def hotspot_shapes(self, crs: str) -> gpd.GeoDataFrame:
        """Return the hot spots with geometries in `crs`, that of `read_previous`."""
        shapes = gpd.GeoSeries.from_wkb(self.hotspot["geometry_wkb"].map(bytes), crs=crs)
        return gpd.GeoDataFrame(self.hotspot.drop(columns="geometry_wkb"), geometry=shapes)


def read_previous(home: Home, run_id: str | None, crs: str) -> Previous | None:
    """Return what a run published, outlines in `crs`, or None for a first run; reads of people are logged."""
    if run_id is None:
        return None
    names = ("run", "area_ranking", "area_set_ranking", "cell_forecast", "market", "hotspot")
    places = read_places(home.path, names, run_id)
    run = places.pop("run").iloc[0]
    outlined = {name: _in_crs(places[name], run["crs"], crs) for name in ("market", "hotspot")}
    with open_home_store(home) as store:
        same = store.same_people(run["known_at"].to_pydatetime())
    return Previous(
        same=same,
        as_of=run["as_of"],
        known_at=run["known_at"],
        **{**places, **outlined},
        **{
            name: read_people(home, name, run_id, reader=READER, purpose=PURPOSE)
            for name in ("person_tier", "tier_term", "seller_term")
        },
    )


def _in_crs(frame: pd.DataFrame, crs_before: str, crs: str) -> pd.DataFrame:
    """Return the frame with its outlines in `crs`; the force may have changed it since."""
    if crs == crs_before or frame.empty:
        return frame
    shapes = gpd.GeoSeries.from_wkb(frame["geometry_wkb"].map(bytes), index=frame.index, crs=crs_before)
    return frame.assign(geometry_wkb=shapes.to_crs(crs).to_wkb().astype(object))
