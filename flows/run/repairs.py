"""What was repaired or joined in the boundary files of a run, in words."""

from collections.abc import Iterable

import geopandas as gpd
import pandas as pd

from flows.run.assembly import Map
from geo.areas import find_repairs

LARGE_SHARE = 0.01  # of its ground: an area that a repair changes by more has to be looked at
NAMED = 10  # areas that a sentence names

Measure = tuple[str, float, str, bool, str]  # row of data_quality: measure, value, unit, is_warning, detail


def map_repairs(geography: Map) -> list[Measure]:
    """Return rows of data_quality on repaired and joined shapes of all sets of areas and of the points of interest."""
    of_sets = [repair_measures(areas, name) for name, areas in sorted(geography.further.items())]
    of_points = outline_measures(geography.points_of_interest)
    return [*repair_measures(geography.areas), *(measure for of_set in of_sets for measure in of_set), *of_points]


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
         f"outlines{where} crossed themselves, and the repair changed their ground: look at them, mend the file"),
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
    text = f"outlines{where} are several features of one id, joined: {listed(shown)}"
    return [("areas_joined" + suffix, float(len(joined)), "areas", False, text)]


def outline_measures(points_of_interest: gpd.GeoDataFrame) -> list[Measure]:
    """Return a row of data_quality on repaired outlines of points of interest, if there are any."""
    repaired = points_of_interest["repaired_m2"].dropna()
    if repaired.empty:
        return []
    detail = f"crossed themselves and were repaired, which changed {repaired.sum():,.0f} m² of ground"
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


def listed(names: list[str], most: int = NAMED) -> str:
    """Return at most so many names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
