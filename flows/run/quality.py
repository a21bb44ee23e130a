"""The `data_quality` table: counts of rows used, dropped, assumed or doubtful in a run."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd

from flows.inputs.assembly import Map, PlaceFrames, query
from geo.areas import find_overlaps, find_repairs
from models.people_lists.assess import PeopleLists
from models.places.ranking import PlacesConfig
from pipeline.events.reasons import in_words

STALE_DAYS = 7  # age of the last staffing report above which it is doubtful
REASONS = 3  # that a sentence on reports left out names
NAMED = 5  # areas that a sentence names
LARGE_SHARE = 0.01  # of its ground: an area that a repair changes by more has to be looked at
LISTED = 10  # areas that a list of repairs names
OUTSIDE_WARNING_SHARE = 0.02  # share of incidents outside every area above which the map is suspect

LEFT_OUT = "dead_letters_"  # before the reason, in the name of a measure
WAYS_OUT = {
    "address_piles_passed_over": "`harmspot show piles` says why; visits.allowed_addresses allows them",
    "address_piles": "`harmspot show piles` lists them",
    "areas_redrawn": "look at them on the map and mend the file of force.areas",
    "dead_letters_waiting": "`harmspot dead-letters` lists them; `harmspot replay` reads them again",
    "list_holds_all": "set its top_k in force.areas.further",
    "not_counted": "places.discoveries names what counts, the table of offences its weight",
    "outside_areas": "compare the map of force.areas with the city of the incidents",
    "staffing_assumed": "load staffing, or set force.staffing",
}

Measure = tuple[str, float, str, bool, str]  # row of data_quality: measure, value, unit, is_warning, detail


def data_quality(
    connection: duckdb.DuckDBPyConnection,
    frames: PlaceFrames,
    people: PeopleLists | None,
    notes: list[str],
    staffing_note: str | None,
    of_the_map: Sequence[Measure] = (),
) -> pd.DataFrame:
    """Return data_quality less run columns.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection of the run's snapshot.
    frames : PlaceFrames
        The frames of places, with the officer hours.
    people : PeopleLists or None
        The lists of people; None in a run that has none.
    notes : list of str
        The limitations that the models noted.
    staffing_note : str or None
        Why the officer hours were assumed, in the settings' words.
    of_the_map : sequence of Measure
        Rows about boundary files and further sets of areas.
    """
    measures = [
        *_ingest_measures(connection),
        *_placement_measures(frames.placement),
        *_precision_measures(connection),
        _staffing_measure(frames.officer_hours, staffing_note),
        cover_measure(frames.officer_hours),
        *force_cover_measures(frames.officer_hours),
        *(_people_measures(people) if people else []),
        *of_the_map,
        *[(f"note_{i}", 1.0, "note", True, note) for i, note in enumerate(notes, start=1)],
    ]
    table = pd.DataFrame(measures, columns=["measure", "value", "unit", "is_warning", "detail"])
    dead = query(connection, "quality#dead_by_reason").to_dict("records")
    of_reasons = {f"{LEFT_OUT}{row['reason']}": _where_left_out(row) for row in dead}
    ways_out = [of_reasons.get(name) or _way_out(name) for name in table["measure"]]
    return table.assign(way_out=pd.Series(ways_out, index=table.index, dtype=object))


def _way_out(measure: str) -> str | None:
    """Return what an analyst can do about a measure, which a set of areas may be named behind."""
    return next((text for name, text in WAYS_OUT.items() if f"{measure}_".startswith(f"{name}_")), None)


def _ingest_measures(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    totals = query(connection, "quality#ingest_totals").iloc[0]
    dead = query(connection, "quality#dead_by_reason")
    details = {
        "rows_in": "rows that came in: stored, delivered before, joined with another row, or left out",
        "versions_stored": "reports stored, a corrected one once for each version",
        "duplicates": "reports that had been delivered before",
        "merged": "rows that make up one report with another row of their file",
        "dead_letters": "reports left out, counted each time they came in; those read since count no more",
        "replayed": "reports that were left out at first and have been read since",
        "dead_letters_waiting": _left_out(dead),
        "conflicts": "reports came more than once with different details; one version of each was used",
    }
    doubtful = {"dead_letters_waiting", "conflicts"}
    return [
        *[
            (name, float(totals[name]), "rows", name in doubtful and totals[name] > 0, details[name])
            for name in details
        ],
        *[
            (
                f"{LEFT_OUT}{row['reason']}",
                float(row["n"]),
                "rows",
                False,
                f"reports left out: {in_words(row['reason'])}",
            )
            for row in dead.to_dict("records")
        ],
    ]


def _left_out(dead: pd.DataFrame) -> str:
    """Return why reports were left out, the commonest reasons first."""
    if dead.empty:
        return "reports left out; there are none"
    by_count = dead.sort_values(["n", "reason"], ascending=[False, True])
    (first, count), *others = by_count[["reason", "n"]].itertuples(index=False)
    reasons = [in_words(first) if not others else f"{in_words(first)} ({count:,})"]
    reasons += [f"{in_words(reason)} ({count:,})" for reason, count in others[: REASONS - 1]]
    rest = f"; and {len(others) + 1 - REASONS} other reasons" if len(others) >= REASONS else ""
    return f"reports left out: {'; '.join(reasons)}{rest}"


def _where_left_out(row: Mapping[Hashable, Any]) -> str:
    """Return where to look for the reports left out for one reason: columns, where the first stands; no values."""
    column = f"column {row['about']}, {row['different_values']:,} different values; " if row["about"] else ""
    first = f"the first in {row['place']}; " if pd.notna(row["place"]) else ""
    return f"{column}{first}`harmspot dead-letters` lists them"


def in_window(placement: Mapping[str, int]) -> int:
    """Return how many incidents the window of the ranking has, from the counts of `quality#placement`."""
    parts = ("ranked", "police", "uncounted", "outside", "unknown_area")
    return sum(placement[f"{part}_count"] for part in parts)


def _placement_measures(placement: dict[str, int]) -> list[Measure]:
    is_far_out = placement["outside_count"] > OUTSIDE_WARNING_SHARE * in_window(placement)
    return [
        ("incidents_in_window", placement["ranked_count"], "incidents", placement["ranked_count"] == 0,
         "incidents that the ranking counts"),
        ("outside_areas", placement["outside_count"], "incidents", is_far_out,
         "incidents outside every area; they are not ranked"),
        ("area_only", placement["area_only_count"], "incidents", False,
         "incidents known by their area alone; they are ranked, but lie in no square"),
        ("area_unknown", placement["unknown_area_count"], "incidents", placement["unknown_area_count"] > 0,
         "incidents with neither a point nor an area of today's map; they are not ranked"),
        ("police_discovered", placement["police_count"], "incidents", False,
         "incidents that police found themselves; they are shown apart and raise no rank"),
        ("not_counted", placement["uncounted_count"], "incidents", False,
         "incidents of an offence without weight, or found in a way that does not count"),
        ("before_window", placement["older_count"], "incidents", False,
         "older incidents, which the forecast and the markets use; they are not ranked"),
    ]  # fmt: skip


def record_measures(area_events: pd.DataFrame, codebook: pd.DataFrame, config: PlacesConfig) -> list[Measure]:
    """Return on how many days the ranking rests, and from how many earlier origins it learned the spread."""
    used = config.on_record(area_events, codebook)
    days, origins, window = used.window_days, used.earlier_origins(area_events, codebook), config.window_days
    is_young = days < window
    return [
        ("record_days", float(days), "days", is_young,
         f"the ranking rests on {days} days on record, fewer than the {window} it looks back"
         if is_young else "days on record that the ranking uses"),
        ("earlier_origins", float(origins), "days", origins == 0,
         "earlier days of ranking whose outcome is known, from which was learned how much months differ by chance"
         if origins else "no earlier day of ranking is on record, so how much months differ by chance is assumed; "
         "likely ranges of small areas are then too narrow"),
    ]  # fmt: skip


def dealing_measure(market_reports: pd.DataFrame) -> Measure:
    """Return how many public reports of dealing there are of the weeks of the markets."""
    count = float(market_reports["kind"].eq("dealing").sum())
    return ("dealing_reports", count, "reports", False, "public reports from which a street market could be found")


def _precision_measures(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    row = query(connection, "quality#precision").iloc[0]
    return [
        ("day_precision", float(row["day_count"]), "incidents", row["day_count"] > 0,
         "incidents known by their day only"),
        ("month_precision", float(row["month_count"]), "incidents", row["month_count"] > 0,
         "incidents known by their month only"),
        ("ambiguous_hour", float(row["ambiguous_count"]), "incidents", False,
         "incidents in the clock-change hour, which occurs twice; the first was taken"),
    ]  # fmt: skip


def _people_measures(people: PeopleLists) -> list[Measure]:
    if np.isnan(people.gini):
        return []
    return [
        ("people_gini", people.gini, "0 to 1", False, "how unequally counted incidents fall on adults at risk"),
        ("people_gini_by_chance", people.gini_by_chance, "0 to 1", False,
         "the same if every adult at risk had one rate: what lies below it is chance"),
        ("people_top_k", float(people.top_k), "people", False, "people whom the lists may call the worst"),
    ]  # fmt: skip


def _staffing_measure(hours: pd.DataFrame, note: str | None) -> Measure:
    count = int(hours["is_assumed"].sum())
    detail = "officer hours are an assumption, not a report"
    return ("staffing_assumed", float(count), "areas", count > 0, f"{detail}: {note}" if count and note else detail)


def cover_measure(hours: pd.DataFrame, measure: str = "staffing_partial", area_set: str = "") -> Measure:
    """Return how many areas staffing events report on only some of the force's days; columns of `officer_hours`."""
    partial = hours[hours["reported_days"] < hours["force_days"]].sort_values(["reported_days", "area_id"])
    said = [
        f"{row.area_id} on {row.reported_days:.0f} of {row.force_days:.0f}"
        for row in partial.head(NAMED).itertuples(index=False)
    ]
    named = f": {', '.join(said)}" + (f" and {len(partial) - NAMED} more" if len(partial) > NAMED else "")
    detail = (
        f"areas{area_set} whose staffing is reported on only some of the force's days; on the others they count "
        f"with no hours{named if said else ''}"
    )
    return (measure, float(len(partial)), "areas", len(partial) > 0, detail)


def force_cover_measures(hours: pd.DataFrame) -> list[Measure]:
    """Return on how many days the force lacks staffing of every area, and how old its last report is.

    Columns of `officer_hours`; no rows where staffing is never reported.
    """
    age_days = hours["report_age_days"].max()
    if pd.isna(age_days):
        return []
    age = ("staffing_report_age", float(age_days), "days", bool(age_days > STALE_DAYS),
           "days since the last shift of which staffing was reported")  # fmt: skip
    return [missing_days_measure(hours), age] if hours["force_days"].notna().any() else [age]


def missing_days_measure(
    hours: pd.DataFrame, measure: str = "staffing_days_missing", area_set: str = "any area"
) -> Measure:
    """Return on how many days no staffing event reports any area of a set; columns of `officer_hours`.

    Areas that take their hours from another set have its days: those with most days missing count.
    """
    missing = (hours["expected_days"] - hours["force_days"]).fillna(0.0)
    days = hours.iloc[int(missing.to_numpy().argmax())]
    told = f": on {days['force_days']:.0f} of {days['expected_days']:.0f}" if missing.max() > 0 else ""
    detail = (
        f"days of the last four weeks, since the first report, on which the force reports no staffing of {area_set}; "
        f"hours are averaged over those alone on which it reports some{told}"
    )
    return (measure, float(missing.max()), "days", bool(missing.max() > 0), detail)


def map_repairs(geography: Map) -> list[Measure]:
    """Return rows of data_quality on repaired and joined shapes of all sets of areas and of the points of interest."""
    of_sets = [repair_measures(areas, name) for name, areas in sorted(geography.further.items())]
    of_points = outline_measures(geography.points_of_interest)
    return [*repair_measures(geography.areas), *(measure for of_set in of_sets for measure in of_set), *of_points]


def area_notes(areas: gpd.GeoDataFrame, note: str | None) -> list[str]:
    """Return what readers have to know of the areas: the note of the settings, and which ones overlap."""
    notes = [note] if note else []
    if len(pairs := find_overlaps(areas)):
        first, second = (
            areas.set_index("area_id")["area_name"].reindex(pairs[key]) for key in ("area_id", "other_area_id")
        )
        both = [f"{name} and {other}" for name, other in zip(first, second, strict=True)]
        notes.append(f"Areas overlap; an incident in both counts for the one named first: {listed(both)}")
    return notes


def repair_measures(areas: gpd.GeoDataFrame, area_set: str | None = None) -> list[Measure]:
    """Return rows of data_quality on areas repaired, by how much ground, and on areas joined from several features.

    Parameters
    ----------
    areas : gpd.GeoDataFrame
        Result of `read_areas`.
    area_set : str or None
        Name of a further set; None for the main set.
    """
    repairs = find_repairs(areas)
    suffix, where = ("", "") if area_set is None else (f"_{area_set}", f" of set {area_set!r}")
    is_large = repairs["changed_share"] > LARGE_SHARE
    measures = []
    for name, of_kind, is_warning, text in (
        ("areas_repaired", repairs[~is_large], False, f"outlines{where} crossed themselves and were repaired"),
        ("areas_redrawn", repairs[is_large], True,
         f"outlines{where} crossed themselves, and the repair changed their ground"),
    ):  # fmt: skip
        if len(of_kind):
            measures.append((name + suffix, float(len(of_kind)), "areas", is_warning, f"{text}: {_named(of_kind)}"))
    return [*measures, *_joined(areas, suffix, where)]


def _joined(areas: gpd.GeoDataFrame, suffix: str, where: str) -> list[Measure]:
    """Return a row of data_quality on areas that several features of the file make up, if there are any."""
    joined = areas.loc[areas["part_count"] > 1, ["area_id", "part_count"]]
    if joined.empty:
        return []
    joined = joined.sort_values(["part_count", "area_id"], ascending=[False, True])
    shown = [f"{area_id} ({parts})" for area_id, parts in joined.itertuples(index=False)]
    text = f"outlines{where} are drawn in several parts, which were joined: {listed(shown)}"
    return [("areas_joined" + suffix, float(len(joined)), "areas", False, text)]


def outline_measures(points_of_interest: gpd.GeoDataFrame) -> list[Measure]:
    """Return a row of data_quality on repaired outlines of points of interest, if there are any."""
    repaired = points_of_interest["repaired_m2"].dropna()
    if repaired.empty:
        return []
    detail = f"outlines crossed themselves and were repaired, which changed {repaired.sum():,.0f} m² of ground"
    return [("outlines_repaired", float(len(repaired)), "points of interest", False, detail)]


def repair_lines(measures: Iterable[Measure]) -> list[str]:
    """Return measures of repairs as sentences for the terminal."""
    return [f"{value:,.0f} {unit}: {detail}" for _, value, unit, _, detail in measures]


def _named(repairs: pd.DataFrame) -> str:
    """Name the areas whose repair changed most ground, and how much of it."""
    shown = [
        f"{area_id} ({changed_m2:,.0f} m², {changed_share:.1%})"
        for area_id, changed_m2, changed_share in repairs.itertuples(index=False)
    ]
    return listed(shown)


def listed(names: list[str], most: int = LISTED) -> str:
    """Return at most so many names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
