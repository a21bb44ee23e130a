"""Where harm went while an operation ran: the weighted displacement difference of each market.

Wheeler and Ratcliffe (2018, Crime Science 7:4): WDD = (ΔT − ΔC) + (ΔD − ΔCD), the changes of the market, of the ring
around it, and of controls for both; each count is Poisson, so the variance is the sum of the counts, those of controls
divided by the square of how many there are. What moved into the ring beyond what its controls did is ΔD − ΔCD: an alarm
where its 80% interval lies above zero. Reports by public, partners and sensors count, as everywhere; overdoses do not.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

Row = dict[Hashable, Any]  # one row of a frame

Z80 = float(norm.ppf(0.9))  # half width of an 80% interval in standard errors
SEEN_DAYS = 365  # how far back site_events reach
SHORTEST_DAYS = 7  # a shorter window says nothing
PARTS = ("target", "ring", "control", "control_ring")
DISPLACEMENT_COLUMNS = (
    "market_id", "area_id", "started_at", "window_days", "control_count",
    *(f"{part}_{when}" for part in PARTS for when in ("before", "after")),
    "target_change", "displaced", "displaced_lo", "displaced_hi", "wdd", "wdd_lo", "wdd_hi", "is_alarm", "why",
)  # fmt: skip


def measure_displacement(
    sites: pd.DataFrame,
    operations: pd.DataFrame,
    site_events: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    longest_days: int,
) -> pd.DataFrame:
    """Measure the latest operation at each market, over as many days since its start as before it.

    Parameters
    ----------
    sites : market_id, area_id.
    operations : `models.operations.operations_of`, with market_id. One that was announced is no control from then on,
        be it begun or not: the announcement is meant to change what people do.
    site_events : market_id, incident_id, occurred_at (UTC), kind (overdose is left out), is_core (within the market,
        and not only within the ring around it), of the last SEEN_DAYS before `as_of`; a row for each market nearby.
    longest_days : the window is no longer than this.

    Returns
    -------
    DataFrame with DISPLACEMENT_COLUMNS, by market: counts before and after (of controls the sum), and per control the
    changes beyond theirs, with 80% intervals; missing where no market without an operation can be compared with, or
    fewer than SHORTEST_DAYS have passed, or are on record before it. `why` says it in words.
    """
    known = operations.dropna(subset="market_id")
    known = known.assign(felt_from=known[["announced_at", "started_at"]].min(axis=1)).dropna(subset="felt_from")
    begun = known.dropna(subset="started_at").sort_values(["started_at", "area_id"])
    latest = begun.drop_duplicates("market_id", keep="last").sort_values("market_id")
    events = site_events[site_events["kind"] != "overdose"]
    rows = [_measured(operation, sites, known, events, as_of, longest_days) for operation in latest.to_dict("records")]
    return pd.DataFrame(rows, columns=list(DISPLACEMENT_COLUMNS))


def _measured(
    operation: Row,
    sites: pd.DataFrame,
    known: pd.DataFrame,
    events: pd.DataFrame,
    as_of: pd.Timestamp,
    longest_days: int,
) -> Row:
    days_since = (as_of - operation["started_at"]) / pd.Timedelta(days=1)
    days_before = SEEN_DAYS - days_since
    window_days = int(min(days_since, longest_days, days_before))
    row: Row = {name: operation[name] for name in ("market_id", "area_id", "started_at")}
    row |= {"window_days": max(window_days, 0), "control_count": 0, "is_alarm": False}
    if window_days < SHORTEST_DAYS:
        return {**row, "why": _too_short(days_before)}
    span = pd.Timedelta(days=window_days)
    begin, start, end = operation["started_at"] - span, operation["started_at"], operation["started_at"] + span
    seen = events[(events["occurred_at"] >= begin) & (events["occurred_at"] < end)]
    seen = seen.assign(is_after=seen["occurred_at"] >= start)
    own = seen[seen["market_id"] == operation["market_id"]]
    busy = known[(known["felt_from"] < end) & ~(known["ended_at"] < begin)]
    free = sites.loc[~sites["market_id"].isin([*busy["market_id"], operation["market_id"]]), "market_id"]
    # What lies near both would stand on both sides of the difference.
    others = seen[seen["market_id"].isin(free) & ~seen["incident_id"].isin(own["incident_id"])]
    counts: Row = {**_counts(own, "target", "ring"), **_counts(others, "control", "control_ring")}
    row |= {**counts, "control_count": len(free)}
    if not len(free):
        return {**row, "why": "no market without an operation to compare with"}
    return {**row, **_differences(counts, len(free))}


def _too_short(days_before: float) -> str:
    if days_before < SHORTEST_DAYS:
        return f"it began too long ago: only {max(int(days_before), 0)} days before it are on record"
    return f"fewer than {SHORTEST_DAYS} days have passed since it began"


def _counts(events: pd.DataFrame, core: str, ring: str) -> Row:
    return {
        f"{part}_{when}": int((is_part & (events["is_after"] == (when == "after"))).sum())
        for part, is_part in ((core, events["is_core"]), (ring, ~events["is_core"]))
        for when in ("before", "after")
    }


def _differences(counts: Row, controls: int) -> Row:
    """Changes beyond those of the mean control, with their 80% intervals."""
    change = {part: counts[f"{part}_after"] - counts[f"{part}_before"] for part in PARTS}
    total = {part: counts[f"{part}_after"] + counts[f"{part}_before"] for part in PARTS}
    target = change["target"] - change["control"] / controls
    displaced = change["ring"] - change["control_ring"] / controls
    ring_half = Z80 * float(np.sqrt(total["ring"] + total["control_ring"] / controls**2))
    both_half = Z80 * float(
        np.sqrt(total["target"] + total["ring"] + (total["control"] + total["control_ring"]) / controls**2)
    )
    is_alarm = displaced - ring_half > 0
    rise = "reports rose" if is_alarm else "no rise"
    return {
        "target_change": target,
        "displaced": displaced, "displaced_lo": displaced - ring_half, "displaced_hi": displaced + ring_half,
        "wdd": target + displaced,
        "wdd_lo": target + displaced - both_half, "wdd_hi": target + displaced + both_half,
        "is_alarm": is_alarm,
        "why": f"{rise} around the market beyond chance",
    }  # fmt: skip
