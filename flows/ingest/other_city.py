"""A file of incidents of another city is refused before anything of it is stored."""

from collections.abc import Iterable

import msgspec
import numpy as np
import pandas as pd

from flows.home.home import Home
from flows.inputs.assembly import areas_of, further_areas_of, lies_in_an_area
from pipeline.errors import SourceError
from pipeline.events.batch import RecordBatch

LEAST_INCIDENTS = 5  # located ones of a file; fewer may all lie just off the map
LEAST_SHARE_INSIDE = 0.5
PLACE = ["lon", "lat", "area_id"]


class _Location(msgspec.Struct, gc=False):
    lon: float | None = None
    lat: float | None = None
    area_id: str | None = None


class _Incident(msgspec.Struct, gc=False):
    incident_id: str
    location: _Location


class _Event(msgspec.Struct, gc=False):
    data: _Incident


def refuse_other_city(home: Home, name: str, places: pd.DataFrame) -> None:
    """Refuse a file most of whose incidents lie in no area of the map; without a map, or of a handful, none is.

    Parameters
    ----------
    home : Home
        Its settings give the map.
    name : str
        The file.
    places : pandas.DataFrame
        lon, lat (degrees), area_id (as the source names it; counts where there is no point), incidents.

    Raises
    ------
    SourceError
        Fewer than half of the located incidents lie in an area.
    """
    located = places[places["lon"].notna() | places["area_id"].notna()]
    total = int(located["incidents"].sum())
    force = home.settings.force
    if force.areas.path is None or total < LEAST_INCIDENTS:
        return
    areas = areas_of(force)
    names = {
        area_id
        for of_set in [areas, *further_areas_of(force, areas.crs).values()]
        for area_id in (*of_set["area_id"], *of_set["raw_area_id"])
    }

    def inside(points: pd.DataFrame) -> pd.Series:
        """Return which rows lie in an area, or name one."""
        is_in = points["area_id"].isin(names)
        is_point = points["lon"].notna()
        is_in[is_point] = lies_in_an_area(points[is_point], areas, home.settings)
        return is_in

    def count(points: pd.DataFrame) -> int:
        return int(points.loc[inside(points), "incidents"].sum())

    outside = total - count(located)
    if outside <= (1 - LEAST_SHARE_INSIDE) * total:
        return
    exchanged = located[located["lon"].abs().le(90)].rename(columns={"lon": "lat", "lat": "lon"})
    raise SourceError(
        f"{name}: {outside:,} of {total:,} located incidents lie in no area of {force.name!r} "
        f"({force.areas.path.name}), so nothing of it is stored. {_way_out(count(exchanged), total)}"
    )


def _way_out(exchanged: int, total: int) -> str:
    """Return what to do; `exchanged` incidents would lie in an area if longitude and latitude changed places."""
    if exchanged >= LEAST_SHARE_INSIDE * total:
        return (
            f"With longitude and latitude exchanged, {exchanged:,} would lie in one: exchange the two in the mapping, "
            "or in the events"
        )
    return (
        "If it is of another city, name the home of that city with --home; if the map is wrong, correct "
        "force.areas; to load it all the same, add --allow-outside"
    )


def places_of(batches: Iterable[RecordBatch]) -> pd.DataFrame:
    """Return the distinct places of the incidents among raw events: lon, lat, area_id, incidents.

    Of an event only its location is looked at; whatever else is no incident is left to the decoder.
    """
    decoder, found = msgspec.json.Decoder(_Event), []
    try:
        for batch in batches:
            for record in batch.records:
                try:
                    place = decoder.decode(record.value or b"").data.location
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
                found.append((place.lon, place.lat, place.area_id))
    except SourceError:
        pass  # a damaged file; whoever loads it says so
    return _counted(pd.DataFrame(found, columns=PLACE))


def _counted(places: pd.DataFrame) -> pd.DataFrame:
    """Return distinct places with their number; a point out of range is none, which becomes a dead letter."""
    numbers = places.astype({"lon": float, "lat": float})
    is_point = numbers["lon"].abs().le(180) & numbers["lat"].abs().le(90)
    points = numbers.assign(lon=numbers["lon"].where(is_point, np.nan), lat=numbers["lat"].where(is_point, np.nan))
    return points.groupby(PLACE, dropna=False).size().rename("incidents").reset_index()
