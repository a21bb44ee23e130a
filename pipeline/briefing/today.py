"""The first things a planner reads: the places to be today, why and how sure, and what was left out."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.map_link import map_link
from pipeline.wording.catalogue import Catalogue

MOST_PLACES = 5


def places_today(
    visits: pd.DataFrame,
    forecast: pd.DataFrame,
    zone: ZoneInfo,
    link: str,
    catalogue: Catalogue,
) -> list[dict[str, Any]]:
    """Return the places to be, at most five, worst first; an address pile is none.

    Parameters
    ----------
    visits, forecast : pandas.DataFrame
        Tables `visit_plan` and `cell_forecast`. Cells with a planned visit come first; without a plan, all count.
    zone : ZoneInfo
        Zone of the times.
    link : str
        Form of the link to a point.
    catalogue : Catalogue
        Language of the sentences.

    Returns
    -------
    list of dict
        `place` (None in runs of earlier versions), `cell_id`, `area_id`, `at` and `link` (None without coordinates),
        `times` (local), `minutes`, `why`, `sure`.
    """
    open_cells = forecast[~forecast["is_address_pile"].fillna(False).astype(bool)]
    planned = open_cells[open_cells["cell_id"].isin(visits["cell_id"])]
    chosen = (open_cells if planned.empty else planned).sort_values(["rank", "cell_id"]).head(MOST_PLACES)
    return [_place(row, visits, zone, link, catalogue) for row in chosen.to_dict("records")]


def coordinates(row: Mapping[Any, Any], link: str) -> dict[str, str | None]:
    """Return the coordinates of a row as text and their link, None where it has none."""
    lat, lon = row.get("lat"), row.get("lon")
    if lat is None or lon is None or pd.isna(lat) or pd.isna(lon):
        return {"at": None, "link": None}
    return {"at": f"{lat:.5f}, {lon:.5f}", "link": map_link(lat, lon, link)}


def left_out(quality: pd.DataFrame, pile_count: int, catalogue: Catalogue) -> list[str]:
    """Return what the run did not use, one sentence for each kind that there is."""
    counts = {str(name): int(value) for name, value in zip(quality["measure"], quality["value"], strict=True)
              if not pd.isna(value)}  # fmt: skip
    without = counts.get("dead_letters_no_location", 0)
    unusable = counts.get("dead_letters", 0) - without
    found = [
        (without, catalogue.plural(
            "{count} report was left out: it has no location.",
            "{count} reports were left out: they have no location.", without)),
        (unusable, catalogue.plural(
            "{count} report was left out: it could not be used.",
            "{count} reports were left out: they could not be used.", unusable)),
        (counts.get("outside_areas", 0), catalogue.plural(
            "{count} incident lies outside every area and is not ranked.",
            "{count} incidents lie outside every area and are not ranked.", counts.get("outside_areas", 0))),
        (counts.get("police_discovered", 0), catalogue.plural(
            "{count} incident that police found themselves raises no rank.",
            "{count} incidents that police found themselves raise no rank.", counts.get("police_discovered", 0))),
        (pile_count, catalogue.plural(
            "{count} square where records are filed of incidents that happened elsewhere is not visited.",
            "{count} squares where records are filed of incidents that happened elsewhere are not visited.",
            pile_count)),
    ]  # fmt: skip
    return [text for count, text in found if count]


def _place(
    row: dict[Any, Any], visits: pd.DataFrame, zone: ZoneInfo, link: str, catalogue: Catalogue
) -> dict[str, Any]:
    planned = visits[visits["cell_id"] == row["cell_id"]].sort_values("starts_at")
    times = [moment.astimezone(zone) for moment in planned["starts_at"]]
    number = catalogue.formats.number
    place = row.get("place")
    return {
        "place": None if pd.isna(place) else place,
        "cell_id": row["cell_id"],
        "area_id": row["area_id"],
        **coordinates(row, link),
        "times": [f"{time:%H:%M}" for time in times],
        "minutes": None if planned.empty else int(planned["minutes"].iloc[0]),
        "why": catalogue.text(
            "{count} incidents here in the last year; {expected} of harm expected in the next {days} days.",
            count=number(row["naive_count"]),
            expected=catalogue.plural("{count} point", "{count} points", round(row["expected_harm"])),
            days=number(row["horizon_days"]),
        ),
        "sure": catalogue.text(
            "Chance of being in the worst 1% of squares: {chance}. Likely {lo} to {hi} points (8 cases in 10).",
            chance=catalogue.formats.chance(row["p_top1"]),
            lo=number(row["expected_harm_lo"]),
            hi=number(row["expected_harm_hi"]),
        ),
    }
