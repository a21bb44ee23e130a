"""Sets of areas, such as districts, beats and wards: each is ranked by itself, from the same incidents."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import geopandas as gpd
import pandas as pd

from flows.home.settings import FurtherAreas, Settings
from flows.inputs.assembly import (
    AreaFrames,
    Map,
    area_names_of,
    area_tables,
    offence_counts,
    place_snapshot,
    query,
    reported_hours,
)
from flows.inputs.previous_run import Previous
from flows.run.quality import (
    NAMED,
    OUTSIDE_WARNING_SHARE,
    Measure,
    area_notes,
    cover_measure,
    in_window,
    listed,
    missing_days_measure,
)
from geo.areas import FIGURES, shared_ground
from models.area_review.near_list import check_list, moves_in_if, nearest
from models.area_review.offence_ranking import rank_offences
from models.area_review.recent_weeks import WEEKS, compare_weeks
from models.area_review.sensitivity import for_review
from models.area_review.sizes import few_residents, sized_hours, with_sizes, without_size
from models.operations.carried_hours import carry_hours
from models.places.coarse import sensitive_codes
from models.places.quality_checks import check_set
from models.places.ranking import PlacesConfig, rank_areas
from pipeline.publication.tables import RUN_COLUMNS, read_tables

SCHEMA = "further_set"
TABLE = "area_set_ranking"


@dataclass(frozen=True, slots=True)
class RankedSets:
    """The further sets of a run: rows of area_set_ranking, offence_ranking, quality_check and data_quality."""

    ranking: pd.DataFrame
    offences: list[pd.DataFrame]
    checks: list[pd.DataFrame]
    measures: list[Measure]


def rank_set(
    frames: AreaFrames,
    areas: gpd.GeoDataFrame,
    codebook: pd.DataFrame,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str],
) -> pd.DataFrame:
    """Return the ranking of one set of areas with their names, by rank: area_ranking less run columns."""
    sizes, events = area_sizes(areas), frames.area_events
    config = config.on_record(events, codebook)
    hours = sized_hours(frames.officer_hours, sizes, config.per)
    ranking = rank_areas(
        events, frames.area_evidence, codebook, hours, config=config, seed=seed, previously_listed=previously_listed
    )
    ranking = with_sizes(ranking, sizes).merge(areas[["area_id", "area_name"]], on="area_id")
    reviewed = for_review(config)
    return ranking.assign(
        horizon_days=config.horizon_days,
        moves_in_if=moves_in_if(
            ranking, events, codebook, hours, config=reviewed, seed=seed, previously_listed=previously_listed
        ),
    )


def areas_lately(
    connection: duckdb.DuckDBPyConnection, ranking: pd.DataFrame, codebook: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return area_recent less run columns, of the main set; call `place_incidents` on the connection first."""
    counts = query(
        connection,
        "area_recent",
        time_zone=settings.force.time_zone,
        last_day=7 * (WEEKS + 1) - 1,
        discoveries=list(settings.places.discoveries),
        sensitive=sorted(sensitive_codes(codebook)),
    )
    return compare_weeks(counts, ranking)


def rank_set_offences(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    areas: gpd.GeoDataFrame,
    codebook: pd.DataFrame,
    config: PlacesConfig,
    settings: Settings,
) -> pd.DataFrame:
    """Return offence_ranking less run columns of one set of areas, whose incidents are placed on the connection."""
    counts, shifts = offence_counts(connection, settings), [shift.name for shift in settings.force.day_shifts]
    ranked = rank_offences(counts, areas, codebook, shifts=shifts, config=config, seed=settings.seed)
    return ranked.assign(area_set=name)


def area_sizes(areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return area_id, residents, street_km, area_km2 of each area; the ground is that of its shape as drawn."""
    return pd.DataFrame(areas.reindex(columns=["area_id", *FIGURES])).assign(area_km2=areas.area / 1e6)


def size_measure(areas: gpd.GeoDataFrame, per: str, name: str = "", where: str = "") -> list[Measure]:
    """Return the row of data_quality about areas that rank last for want of a size; none if every area has one."""
    last = without_size(area_sizes(areas), per)
    if not last:
        return []
    named, size = listed(last, NAMED), {"street_km": "kilometres of street"}.get(per, per)
    detail = f"areas{where} without a figure of {size} above zero: they rank last and are not listed ({named})"
    return [(f"without_{per}{name}", float(len(last)), "areas", True, detail)]


def few_residents_measure(ranking: pd.DataFrame, config: PlacesConfig, name: str = "") -> list[Measure]:
    """Return the row of data_quality about areas among the first or near the list where few live; none without any."""
    if config.per != "residents":
        return []
    is_first = ranking["rank"].le(config.top_k) | ranking["area_id"].isin(nearest(ranking)["area_id"])
    few = set(few_residents(ranking))
    named = [area for area in ranking.loc[is_first, "area_name"] if area in few]
    if not named:
        return []
    detail = f"{listed(named, NAMED)}: few live there, so harm per resident says little"
    return [(f"few_residents{name}", float(len(named)), "areas", True, detail)]


def rank_further_sets(
    connection: duckdb.DuckDBPyConnection,
    geography: Map,
    officer_hours: pd.DataFrame,
    codebook: pd.DataFrame,
    as_of: datetime,
    settings: Settings,
    previous: Previous | None,
) -> RankedSets:
    """Rank each further set of areas as the main set is ranked; the sets do not affect each other.

    A set that holds too few of the incidents of the window is not ranked (`check_set`): its ranking would say nothing.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection of the run's snapshot, after `place_incidents`.
    geography : Map
        The main set, the further sets and the grid.
    officer_hours : pandas.DataFrame
        The columns of `officer_hours` for the main set, carried over where a set's own hours are not reported.
    codebook : pandas.DataFrame
        The codebook in force.
    as_of : datetime
        The run's as_of.
    settings : Settings
        The settings.
    previous : Previous or None
        The predecessor run: who was listed in each set.
    """
    columns = [name for name in read_tables().find(TABLE).column_names if name not in RUN_COLUMNS]
    rankings: list[pd.DataFrame] = []
    offences: list[pd.DataFrame] = []
    checks: list[pd.DataFrame] = []
    measures: list[Measure] = []
    for name, areas in sorted(geography.further.items()):
        of_set = settings.force.areas.further[name]
        config = replace(settings.places, top_k=of_set.top_k or settings.places.top_k)
        with further_set(connection, name, geography, officer_hours, as_of, settings) as hours:
            frames = AreaFrames(**area_tables(connection, settings), officer_hours=hours)
            on_record = config.on_record(frames.area_events, codebook)
            by_offence = rank_set_offences(connection, name, areas, codebook, on_record, settings)
        measures += _set_measures(name, areas, frames, of_set, config.top_k)
        measures += size_measure(areas, config.per, f"_{name}", f" of set {name!r}")
        placed = frames.placement
        checks.append(
            check_set(name, in_window(placed), placed["outside_count"], placed["ranked_count"], settings.quality)
        )
        if checks[-1]["outcome"].eq("passed").all():
            was_listed = previous.listed_in(name) if previous else frozenset()
            ranking = rank_set(frames, areas, codebook, config=config, seed=settings.seed, previously_listed=was_listed)
            measures += few_residents_measure(ranking, config, f"_{name}")
            rankings.append(ranking.assign(area_set=name, top_k=config.top_k))
            offences.append(by_offence)
            checks.append(check_list(ranking, None, top_k=config.top_k, list_enter=config.list_enter, area_set=name))
    ranking = pd.concat(rankings, ignore_index=True) if rankings else pd.DataFrame(columns=columns)
    return RankedSets(ranking, offences, checks, measures)


def own_names(areas: gpd.GeoDataFrame, others: list[gpd.GeoDataFrame]) -> pd.DataFrame:
    """Return raw_area_id and area_id of the areas that an event can name and mean this set alone.

    An id that an area of another set has, too, says nothing of this set; of two, the one with the version may still do.
    """
    taken = {area_id for other in others for name in ("raw_area_id", "area_id") for area_id in other[name]}
    raw = areas["raw_area_id"].where(~areas["raw_area_id"].isin(taken), areas["area_id"])
    names = pd.DataFrame({"raw_area_id": raw, "area_id": areas["area_id"]})
    return names[~raw.isin(taken)]


@contextmanager
def further_set(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    geography: Map,
    officer_hours: pd.DataFrame,
    as_of: datetime,
    settings: Settings,
) -> Iterator[pd.DataFrame]:
    """Yield the officer hours of a further set, while queries find its placed incidents in place of the main set's."""
    areas = geography.further[name]
    others = [geography.areas, *(further for other, further in geography.further.items() if other != name)]
    with _own_schema(connection):
        area_names_of(connection, own_names(areas, others))
        place_snapshot(connection, replace(geography, areas=areas), as_of, settings)
        reported = reported_hours(connection, as_of, settings)
        yield _officer_hours(areas, reported, geography.areas, officer_hours)


@contextmanager
def _own_schema(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make a schema in which tables are created and looked for first, and drop it afterwards.

    So the statements that place and count incidents for the main set do the same for another, beside it.
    """
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(f"SET search_path = '{SCHEMA},main'")
    try:
        yield
    finally:
        connection.execute("RESET search_path")
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def _officer_hours(
    areas: gpd.GeoDataFrame, reported: pd.DataFrame, main: gpd.GeoDataFrame, hours_of_main: pd.DataFrame
) -> pd.DataFrame:
    """Return the columns of `officer_hours`: the set's own staffing events first, else the main set's hours."""
    carried = carry_hours(hours_of_main, shared_ground(areas, main), pd.Index(areas["area_id"]))
    own = reported.reindex(carried["area_id"]).reset_index(drop=True)
    is_own = own["hours_per_day"].notna()
    values = {name: carried[name].mask(is_own, own[name]) for name in own.columns}
    return carried.assign(**values, is_assumed=carried["is_assumed"] & ~is_own)


def _set_measures(
    name: str, areas: gpd.GeoDataFrame, frames: AreaFrames, of_set: FurtherAreas, top_k: int
) -> list[Measure]:
    """Return rows of data_quality about a further set."""
    placed, where = frames.placement, f"set {name!r}"
    outside = placed["outside_count"]
    is_far_out = outside > OUTSIDE_WARNING_SHARE * in_window(placed)
    assumed = int(frames.officer_hours["is_assumed"].sum())
    notes = [f"{where}: {note}" for note in area_notes(areas, of_set.note)]
    return [
        (f"outside_areas_{name}", outside, "incidents", is_far_out,
         f"incidents at points outside every area of {where}; they are not ranked there"),
        (f"not_in_set_{name}", placed["unknown_area_count"], "incidents", False,
         f"incidents known by an area of another set alone; they are not ranked in {where}"),
        (f"area_only_{name}", placed["area_only_count"], "incidents", False,
         f"incidents known by an area of {where} alone; they count in no other set"),
        (f"staffing_assumed_{name}", assumed, "areas", assumed > 0,
         f"officer hours of {where} are not reported: those of the main set, split equally over the areas in each"),
        cover_measure(frames.officer_hours, f"staffing_partial_{name}", f" of {where}"),
        missing_days_measure(frames.officer_hours, f"staffing_days_missing_{name}", f"any area of {where}"),
        *([(f"list_holds_all_{name}", float(len(areas)), "areas", True,
            f"{where} has {len(areas)} areas, no more than the {top_k} of its target list, so that none is listed")]
          if len(areas) <= top_k else []),
        *[(f"note_{name}_{i}", 1.0, "note", True, note) for i, note in enumerate(notes, start=1)],
    ]  # fmt: skip
