"""The first things a planner reads: the places to be today, why and how sure, and what was left out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from string import ascii_uppercase
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.map_link import map_link
from pipeline.wording.catalogue import Catalogue

MOST_PLACES = 5
OF_THE_WINDOW = ("incidents_in_window", "outside_areas", "police_discovered", "not_counted", "area_unknown")


def places_today(
    visits: pd.DataFrame,
    forecast: pd.DataFrame,
    zone: ZoneInfo,
    link: str,
    catalogue: Catalogue,
    shifts: Mapping[str, tuple[int, int]],
    *,
    cell_count: int | None = None,
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
    shifts : mapping of str to (int, int)
        When each shift starts and ends, minutes after local midnight; without any, times stand by themselves.
    cell_count : int, optional
        Squares of the force; by default those of `forecast`, which may be of one area alone.

    Returns
    -------
    list of dict
        `letter` (A is the worst), `place` (None in runs of earlier versions), `cell_id`, `area_id`, `at` and `link`
        (None without coordinates), `times` (of each shift its name, span and local times), `visits` (how many and how
        long, None without a plan), `why`, `sure`.
    """
    return [
        {"letter": letter, **_place(row, visits, cell_count or len(forecast), zone, link, catalogue, shifts)}
        for letter, row in _chosen(visits, forecast).items()
    ]


def letters_today(visits: pd.DataFrame, forecast: pd.DataFrame) -> dict[str, str]:
    """Return the letter of each place to be, by its cell_id; arguments are those of `places_today`."""
    return {str(row["cell_id"]): letter for letter, row in _chosen(visits, forecast).items()}


def _chosen(visits: pd.DataFrame, forecast: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    """Return the rows of `forecast` of the places to be, by letter."""
    open_cells = forecast[~forecast["is_address_pile"].fillna(False).astype(bool)]
    planned = open_cells[open_cells["cell_id"].isin(visits["cell_id"])]
    chosen = (open_cells if planned.empty else planned).sort_values(["rank", "cell_id"]).head(MOST_PLACES)
    return dict(zip(ascii_uppercase, chosen.to_dict("records"), strict=False))


def why_here(rank: int, cells: int, harm: float, days: int, count: int, catalogue: Catalogue) -> str:
    """Return why to be at a square: its rank, the harm expected there, last year's incidents."""
    number = catalogue.formats.number
    return catalogue.text(
        "Rank {rank} of {cells} squares of the force; {points} expected here in the next {days} days; "
        "{count} incidents here in the last year.",
        rank=number(rank), cells=number(cells), days=number(days), count=number(count),
        points=catalogue.plural("{count} harm point", "{count} harm points", round(harm)),
    )  # fmt: skip


def coordinates(row: Mapping[Any, Any], link: str) -> dict[str, str | None]:
    """Return the coordinates of a row as text and their link, None where it has none."""
    lat, lon = row.get("lat"), row.get("lon")
    if lat is None or lon is None or pd.isna(lat) or pd.isna(lon):
        return {"at": None, "link": None}
    return {"at": f"{lat:.5f}, {lon:.5f}", "link": map_link(lat, lon, link)}


def passed_over(forecast: pd.DataFrame, today: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the address piles that rank before the last of the places to be, by place."""
    ranks = forecast.set_index("cell_id")["rank"]
    last = max((int(ranks[place["cell_id"]]) for place in today), default=0)
    piles = forecast[forecast["is_address_pile"].fillna(False).astype(bool) & (forecast["rank"] < last)]
    return [
        str(row["cell_id"] if pd.isna(row.get("place")) else row["place"])
        for row in piles.sort_values("rank").to_dict("records")
    ]


def _share(part: int, whole: int, catalogue: Catalogue) -> str:
    """Return a share in words; a run of an earlier version may not say of what."""
    return catalogue.formats.percent(part / whole) if whole else catalogue.text("an unknown part")


def left_out(quality: pd.DataFrame, pile_count: int, catalogue: Catalogue) -> list[str]:
    """Return what the run did not use, one sentence for each kind that there is."""
    counts = {str(name): int(value) for name, value in zip(quality["measure"], quality["value"], strict=True)
              if not pd.isna(value)}  # fmt: skip
    without, found_by_police = counts.get("dead_letters_no_location", 0), counts.get("police_discovered", 0)
    unusable = counts.get("dead_letters", 0) - without
    rows, in_window = counts.get("rows_in", 0), sum(counts.get(name, 0) for name in OF_THE_WINDOW)
    found = [
        (without, catalogue.plural(
            "{count} report was left out: it has no location ({share} of all rows that came in).",
            "{count} reports were left out: they have no location ({share} of all rows that came in).", without,
            share=_share(without, rows, catalogue))),
        (unusable, catalogue.plural(
            "{count} report was left out: it could not be used ({share} of all rows that came in).",
            "{count} reports were left out: they could not be used ({share} of all rows that came in).", unusable,
            share=_share(unusable, rows, catalogue))),
        (counts.get("outside_areas", 0), catalogue.plural(
            "{count} incident lies outside every area and is not ranked ({share} of those in the window).",
            "{count} incidents lie outside every area and are not ranked ({share} of those in the window).",
            counts.get("outside_areas", 0), share=_share(counts.get("outside_areas", 0), in_window, catalogue))),
        (found_by_police, catalogue.plural(
            "{count} incident that police found themselves raises no rank ({share} of those in the window).",
            "{count} incidents that police found themselves raise no rank ({share} of those in the window).",
            found_by_police, share=_share(found_by_police, in_window, catalogue))),
        (pile_count, catalogue.plural(
            "{count} square where records are filed of incidents that happened elsewhere is not visited.",
            "{count} squares where records are filed of incidents that happened elsewhere are not visited.",
            pile_count)),
    ]  # fmt: skip
    return [text for count, text in found if count]


def _place(
    row: dict[Any, Any],
    visits: pd.DataFrame,
    cell_count: int,
    zone: ZoneInfo,
    link: str,
    catalogue: Catalogue,
    shifts: Mapping[str, tuple[int, int]],
) -> dict[str, Any]:
    planned = visits[visits["cell_id"] == row["cell_id"]].sort_values("starts_at")
    number = catalogue.formats.number
    place = row.get("place")
    return {
        "place": None if pd.isna(place) else place,
        "cell_id": row["cell_id"],
        "area_id": row["area_id"],
        **coordinates(row, link),
        "times": _by_shift([moment.astimezone(zone) for moment in planned["starts_at"]], shifts, catalogue),
        "visits": None if planned.empty else _how_long(planned["minutes"], catalogue),
        "mostly": _mostly(planned, catalogue),
        "why": why_here(
            row["rank"], cell_count, row["expected_harm"], row["horizon_days"], row["naive_count"], catalogue
        ),
        "sure": catalogue.text(
            "Chance of being in the worst 1% of squares: {chance}. Likely {lo} to {hi} harm points (8 cases in 10).",
            chance=catalogue.formats.chance(row["p_top1"]),
            lo=number(row["expected_harm_lo"]),
            hi=number(row["expected_harm_hi"]),
        ),
    }


def _mostly(planned: pd.DataFrame, catalogue: Catalogue) -> str | None:
    """Return what happens at a place most, in words; None where nothing may be told."""
    offences = planned["mostly"].iloc[0] if "mostly" in planned and len(planned) else None
    return None if offences is None or isinstance(offences, float) else offences_here(list(offences), catalogue)


def offences_here(offences: Sequence[str], catalogue: Catalogue) -> str | None:
    """Return the offences that make up most of a square's harm in a sentence; None if there are none."""
    names = [catalogue.text(name) for name in offences]
    return catalogue.text("Mostly: {offences}.", offences=", ".join(names)) if names else None


def _by_shift(
    times: Sequence[datetime], shifts: Mapping[str, tuple[int, int]], catalogue: Catalogue
) -> list[dict[str, Any]]:
    """Return the times of each shift, as they come, under its name and span; none without a shift that holds them."""
    found: dict[str | None, list[str]] = {}
    for time in times:
        found.setdefault(_shift_of(time.hour * 60 + time.minute, shifts), []).append(f"{time:%H:%M}")
    return [
        {"shift": None if name is None else catalogue.text(name),
         "span": None if name is None else "–".join(f"{end // 60:02}:{end % 60:02}" for end in shifts[name]),
         "at": at}
        for name, at in found.items()
    ]  # fmt: skip


def _shift_of(minute: int, shifts: Mapping[str, tuple[int, int]]) -> str | None:
    day = 24 * 60
    holds = (
        name for name, (starts, ends) in shifts.items() if (minute - starts) % day < ((ends - starts) % day or day)
    )
    return next(holds, None)


def _how_long(minutes: "pd.Series[int]", catalogue: Catalogue) -> str:
    """Return how many visits there are and how long each is, in one figure."""
    count = catalogue.plural("{count} visit", "{count} visits", len(minutes))
    if minutes.min() == minutes.max():
        each = catalogue.plural("{count} minute each", "{count} minutes each", int(minutes.iloc[0]))
    else:
        each = catalogue.plural("about {count} minute each", "about {count} minutes each", round(minutes.mean()))
    return f"{count}, {each}"
