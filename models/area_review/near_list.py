"""How near the target list is: the nearest areas off it, the reports that would bring them on, and why nobody is on.

The reports are found on the ranking itself: they are added to the area, which is drawn and ranked again with the
priors held, all other areas unchanged. They fall in the middle of the last 30 days.
"""

from collections.abc import Iterator

import pandas as pd

from models.area_review.live_areas import LiveAreas
from models.places.axes import AXES, groups
from models.places.quality_checks import COLUMNS
from models.places.ranking import PlacesConfig

NEAR = 3  # areas off the list, the first by rank
DAYS = 30
MOST = 1000  # reports tried
PRECISION = 0.1  # of the number of reports, which is named to the next greater one
SOME_CHANCE = 0.1
THIN = 30  # counted incidents; half of the areas with fewer are little to tell areas apart by
CHECK = "near_list"


def moves_in_if(
    ranking: pd.DataFrame,
    area_events: pd.DataFrame,
    codebook: pd.DataFrame,
    officer_hours: pd.DataFrame,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str] = frozenset(),
) -> pd.Series:
    """Return what would bring each of the nearest areas onto the target list, null for all others.

    Parameters
    ----------
    ranking : pd.DataFrame
        area_id, rank, is_listed, public_count of every area.
    area_events, codebook, officer_hours : pd.DataFrame
        those of `models.places.ranking.draw_areas`.
    config : PlacesConfig
        the settings of the ranking; with fewer draws the figures are rougher.
    previously_listed : frozenset[str]
        area_ids listed in the previous run.

    Returns
    -------
    pd.Series
        Sentences on the index of `ranking`.
    """
    near, said = nearest(ranking), {}
    if len(near) and config.top_k < len(ranking):
        events = area_events.astype(dict.fromkeys(("area_id", "offence_code", "discovery"), "category"))
        offences = list(_typical_offences(area_events, codebook, config))
        areas = LiveAreas(events, codebook, officer_hours, config=config, seed=seed)
        for area_id in near["area_id"].astype(str):  # each needs its own search
            needed = (
                (offence, count)
                for offence in offences
                if (count := _reports_needed(areas, area_id, offence, config, previously_listed))
            )
            said[area_id] = _sentence(next(needed, None), area_id, area_events, config)
    return pd.Series([said.get(area_id) for area_id in ranking["area_id"]], index=ranking.index, dtype=object)


def check_list(
    ranking: pd.DataFrame,
    summary: pd.DataFrame | None,
    *,
    top_k: int,
    list_enter: float,
    area_set: str | None = None,
) -> pd.DataFrame:
    """Say how near the target list the next areas are; this check only warns, where nobody is on the list.

    Parameters
    ----------
    ranking : pd.DataFrame
        area_name, rank, p_top_k, p_top_k_now, p_top_k_fixed_weights, is_listed, public_count and moves_in_if of every
        area.
    summary : pd.DataFrame | None
        variant, meaning and largest_p_top_k of `models.area_review.sensitivity.Sensitivity`.
    area_set : str | None
        name of a further set of areas.

    Returns
    -------
    pd.DataFrame
        one row as those of `models.places.quality_checks.check_input`; no row where the list cannot choose.
    """
    near = nearest(ranking)
    if near.empty or top_k >= len(ranking):
        return pd.DataFrame(columns=COLUMNS).astype({"value": float, "limit_value": float})
    first = near.iloc[0]
    listed = int(ranking["is_listed"].sum())
    said = [
        f"Set {area_set}: next on its list is" if listed and area_set
        else f"Set {area_set}: no area is on its list; the nearest is" if area_set
        else "Next on the list is" if listed
        else "No area is on the list; the nearest is",
        f"{first['area_name']}, with a chance of {first['p_top_k']:.0%} of being among the {top_k} worst (the list "
        f"begins at {list_enter:.0%}).",
        *([str(first["moves_in_if"])] if pd.notna(first["moves_in_if"]) else []),
        *([] if listed else _why_empty(ranking, top_k, list_enter)),
        *([] if listed or summary is None else _other_choices(summary)),
    ]  # fmt: skip
    row = {
        "check_name": check_name(area_set),
        "value": float(first["p_top_k"]),
        "limit_value": list_enter,
        "unit": "probability",
        "outcome": "passed" if listed else "warning",
        "detail": " ".join(said),
        "way_out": None
        if listed
        else "The limits stay as they are."
        if area_set
        else "See table sensitivity for other choices; the limits stay as they are.",
    }
    return pd.DataFrame([row], columns=COLUMNS).astype({"way_out": object})


def nearest(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return the first areas by rank that are off the list and have a counted incident."""
    is_off = ~ranking["is_listed"].astype(bool) & (ranking["public_count"] > 0)
    return ranking[is_off].nsmallest(NEAR, "rank")


def check_name(area_set: str | None = None) -> str:
    """Return the name of the check of the main set's list, or of that of a further set."""
    return CHECK if area_set is None else f"{CHECK}_{area_set}"


def near_line(checks: pd.DataFrame, area_set: str | None = None) -> str | None:
    """Return what `check_list` says beside a list that is not empty; an empty one is among the warnings."""
    passed = checks.loc[checks["check_name"].eq(check_name(area_set)) & checks["outcome"].eq("passed"), "detail"]
    return None if passed.empty else str(passed.iloc[0])


def _typical_offences(area_events: pd.DataFrame, codebook: pd.DataFrame, config: PlacesConfig) -> Iterator[str]:
    """Yield of each axis that counts events, the heaviest in weight first, the offence with most harm in the force."""
    is_counted = area_events["discovery"].isin(config.discoveries) & (area_events["age_days"] < config.window_days)
    incidents = area_events[is_counted].groupby("offence_code", observed=True)["n"].sum()
    of_code = codebook.loc[codebook.index.isin(incidents.index) & (codebook["harm_days"] > 0)].sort_index()
    harm = of_code["harm_days"] * incidents.reindex(of_code.index)
    is_in = groups(of_code.assign(is_minor_used_by_adult=False))
    for axis in sorted(AXES, key=lambda name: -config.weights[name]):
        if axis in is_in and is_in[axis].any() and config.weights[axis] > 0:
            yield str(harm[is_in[axis]].idxmax())


def _reports_needed(
    areas: LiveAreas, area_id: str, offence: str, config: PlacesConfig, previously_listed: frozenset[str]
) -> int | None:
    """Return how many more reports put the area on the list, to `PRECISION`; None if `MOST` do not."""
    report = pd.DataFrame({"area_id": [area_id], "offence_code": offence, "discovery": config.discoveries[0],
                           "is_minor_used_by_adult": False, "age_days": DAYS // 2})  # fmt: skip
    added = 0

    def add(count: int) -> None:
        nonlocal added
        areas.change(report.assign(n=count - added))
        added = count

    def is_listed_with(count: int) -> bool:
        add(count)
        table = areas.rank(previously_listed)
        return bool(table.loc[table["area_id"] == area_id, "is_listed"].iloc[0])

    too_few, enough = 0, 8
    while not (is_enough := is_listed_with(enough)) and enough < MOST:
        too_few, enough = enough, min(4 * enough, MOST)
    while is_enough and enough - too_few > max(1, PRECISION * enough):
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_listed_with(middle) else (middle, enough)
    add(0)
    return enough if is_enough else None


def _sentence(needed: tuple[str, int] | None, area_id: str, area_events: pd.DataFrame, config: PlacesConfig) -> str:
    if needed is None:
        return f"Not even {MOST:,} more reports of one kind in the last {DAYS} days would put it on the list."
    offence, count = needed
    is_here = (area_events["area_id"] == area_id) & (area_events["offence_code"] == offence)
    is_here &= area_events["discovery"].isin(config.discoveries)
    were = int(area_events.loc[is_here & (area_events["age_days"] < DAYS), "n"].sum())
    more = f"{count:,} more {'report' if count == 1 else 'reports'} of {_noun(offence)}"
    how_far = "It is far from the list, and would be on it" if count > were else "It would be on the list"
    return f"{how_far} with {more} in the last {DAYS} days (there were {were:,})."


def _noun(offence: str) -> str:
    """Return an offence as in "3 more reports of <noun>"."""
    return offence.removesuffix("_report").replace("_", " ")


def _why_empty(ranking: pd.DataFrame, top_k: int, list_enter: float) -> list[str]:
    """Return why nobody is on the list: rates too close together, days that are mostly chance, thin data, weights."""
    some = int((ranking["p_top_k"] > SOME_CHANCE).sum())
    apart = int((ranking["p_top_k_now"] >= list_enter).sum())
    close = f"{some} areas have a chance above {SOME_CHANCE:.0%}" + (
        f". By the level of harm now {apart} would be among the {top_k} worst with a chance of at least "
        f"{list_enter:.0%}, but what the days ahead bring to areas this small is mostly chance."
        if apart
        else " and lie too close together to tell the worst apart."
    )
    median, fixed = float(ranking["public_count"].median()), float(ranking["p_top_k_fixed_weights"].max())
    thin = f"Half of the areas have at most {median:,.0f} counted incidents." if median < THIN else ""
    decide = f"With fixed weights of the measures the largest chance would be {fixed:.0%}: the weights decide."
    return [text for text in (close, thin, decide if fixed >= list_enter else "") if text]


def _other_choices(summary: pd.DataFrame) -> list[str]:
    others = summary[summary["variant"] != "published"].sort_values(["largest_p_top_k", "variant"], ignore_index=True)
    if others.empty:
        return []
    least, most = others.iloc[0], others.iloc[-1]
    return [f"With other choices the largest chance is from {least['largest_p_top_k']:.0%} ({least['meaning']}) to "
            f"{most['largest_p_top_k']:.0%} ({most['meaning']})."]  # fmt: skip
