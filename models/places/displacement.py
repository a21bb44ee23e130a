"""Displacement during an operation: the weighted displacement difference of each market, in total and by part.

Wheeler and Ratcliffe (2018, Crime Science 7:4): WDD = (ΔT − ΔC) + (ΔD − ΔCD), the changes of the market, of the ring
around it, and of controls for both; each count is Poisson, so the variance is the sum of the counts, those of controls
divided by the square of their number. In harm, with w_k days for offence k, it is Σ w_k WDD_k with the variance
Σ w_k² Var_k. Displacement into the ring is ΔD − ΔCD. A row has an alarm if the 80% interval of that difference is above
zero, which chance alone causes in about one row in ten. The same difference for one category of offences, or for one
half of the day, measures displacement to other offences and other times, two of the five kinds of Clarke and Eck.

Reports by public, partners and sensors count, as in all models; overdoses do not.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.arrays import Row
from models.places.controls import nearest_controls

Z80 = float(ndtri(0.9))  # half width of an 80% interval in standard errors
SEEN_DAYS = 365  # length of the event history
SHORTEST_DAYS = 7  # a shorter window has too little information
PARTS = ("target", "ring", "control", "control_ring")
WHOLE = "all"
SPLITS = {"offence": "category", "time": "daypart"}  # kind of split → column of the reports
_ENDS = ("", "_lo", "_hi")
DISPLACEMENT_COLUMNS = (
    "market_id", "split", "part", "area_id", "started_at", "window_days", "control_count", "control_ids",
    *(f"{part}_{when}" for part in PARTS for when in ("before", "after")),
    "target_change", *(f"displaced{end}" for end in _ENDS), *(f"wdd{end}" for end in _ENDS),
    "harm_target_change", *(f"harm_displaced{end}" for end in _ENDS), *(f"harm_wdd{end}" for end in _ENDS),
    "is_alarm", "is_harm_alarm", "why",
)  # fmt: skip


def measure_displacement(
    site_cells: pd.DataFrame,
    operations: pd.DataFrame,
    events: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    longest_days: int,
) -> pd.DataFrame:
    """Measure the latest operation at each market, with windows of equal length before and after its start.

    Parameters
    ----------
    site_cells : pd.DataFrame
        market_id, cell_id of every market and of every other possible control, including its ring.
    operations : pd.DataFrame
        `models.operations.history.operations_of`, with market_id. A place with an announced operation is not a control
        from the announcement on, even if the operation has not started.
    events : pd.DataFrame
        market_id, incident_id, occurred_at (UTC), kind (overdose is left out), is_core (within the place, not only
        within its ring), harm_days, category, daypart (the last two missing if unknown), of the last SEEN_DAYS before
        `as_of`; one row per nearby place.
    as_of : pd.Timestamp
        end of the events (UTC).
    longest_days : int
        maximum length of the window in days.

    Returns
    -------
    pd.DataFrame
        DISPLACEMENT_COLUMNS, by market: all its reports first, then each part. Counts before and after (the sum over
        controls), and changes in excess of the mean control, in reports and in days of harm, with 80% intervals. They
        are missing if there is no control, or if fewer than SHORTEST_DAYS have passed since the start or are on record
        before it. `why` gives the reason as text.
    """
    known = operations.dropna(subset="market_id")
    known = known.assign(felt_from=known[["announced_at", "started_at"]].min(axis=1)).dropna(subset="felt_from")
    begun = known.dropna(subset="started_at").sort_values(["started_at", "area_id"])
    latest = begun.drop_duplicates("market_id", keep="last").sort_values("market_id")
    counted = events[events["kind"] != "overdose"]
    rows = [
        row
        for operation in latest.to_dict("records")
        for row in _measured(operation, site_cells, known, counted, as_of, longest_days)
    ]
    return pd.DataFrame(rows, columns=list(DISPLACEMENT_COLUMNS))


def _measured(
    operation: Row,
    site_cells: pd.DataFrame,
    known: pd.DataFrame,
    events: pd.DataFrame,
    as_of: pd.Timestamp,
    longest_days: int,
) -> list[Row]:
    days_since = (as_of - operation["started_at"]) / pd.Timedelta(days=1)
    days_before = SEEN_DAYS - days_since
    window_days = int(min(days_since, longest_days, days_before))
    row: Row = {name: operation[name] for name in ("market_id", "area_id", "started_at")}
    row |= {"split": WHOLE, "part": WHOLE, "window_days": max(window_days, 0), "control_count": 0, "control_ids": []}
    row |= {"is_alarm": False, "is_harm_alarm": False}
    if window_days < SHORTEST_DAYS:
        return [{**row, "why": _too_short(days_before)}]
    span = pd.Timedelta(days=window_days)
    begin, start, end = operation["started_at"] - span, operation["started_at"], operation["started_at"] + span
    busy = known[(known["felt_from"] < end) & ~(known["ended_at"] < begin)]
    is_taken = site_cells["market_id"].isin([*busy["market_id"], operation["market_id"]])
    controls = nearest_controls(
        operation["market_id"],
        site_cells,
        events,
        set(site_cells.loc[is_taken, "cell_id"]),
        until=start - pd.Timedelta(days=longest_days),
        since=as_of - pd.Timedelta(days=SEEN_DAYS),
    )
    if not controls:
        return [{**row, "why": "no place without an operation to compare with"}]
    row |= {"control_count": len(controls), "control_ids": controls}
    seen = events[(events["occurred_at"] >= begin) & (events["occurred_at"] < end)]
    seen = seen[seen["market_id"].isin([operation["market_id"], *controls])]
    is_own, is_core = seen["market_id"].eq(operation["market_id"]), seen["is_core"]
    side = np.select([is_own & is_core, is_own, is_core], PARTS[:3], PARTS[3])
    seen = seen.assign(side=side, is_after=seen["occurred_at"] >= start)
    return [{**row, **part, **_differences(of_part, len(controls))} for part, of_part in _split(seen)]


def _too_short(days_before: float) -> str:
    if days_before < SHORTEST_DAYS:
        return f"it began too long ago: only {max(int(days_before), 0)} days before it are on record"
    return f"fewer than {SHORTEST_DAYS} days have passed since it began"


def _split(seen: pd.DataFrame) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Yield all reports, then those of each part."""
    yield {"split": WHOLE, "part": WHOLE}, seen
    for split, column in SPLITS.items():
        for part in sorted(seen[column].dropna().unique()):
            yield {"split": split, "part": part}, seen[seen[column] == part]


def _differences(seen: pd.DataFrame, controls: int) -> Row:
    """Return counts of each side, and changes in excess of the mean control in reports and harm, with intervals."""
    counts: Row = {
        f"{side}_{when}": int((seen["side"].eq(side) & seen["is_after"].eq(when == "after")).sum())
        for side in PARTS
        for when in ("before", "after")
    }
    reports = _difference(seen, np.ones(len(seen)), controls)
    harm = _difference(seen, seen["harm_days"].to_numpy(np.float64), controls)
    is_alarm, is_harm_alarm = reports["displaced_lo"] > 0, harm["displaced_lo"] > 0
    rise = " and ".join(["reports"] * is_alarm + ["harm"] * is_harm_alarm)
    return {
        **counts,
        **reports,
        **{f"harm_{name}": value for name, value in harm.items()},
        "is_alarm": is_alarm,
        "is_harm_alarm": is_harm_alarm,
        "why": f"{rise} rose around the market beyond chance" if rise else "no rise around the market beyond chance",
    }


def _difference(seen: pd.DataFrame, weight: np.ndarray, controls: int) -> Row:
    """Return weighted differences of Poisson reports; each adds w to the change and w² to the variance (w: weight)."""
    share = np.where(seen["side"].isin(["target", "ring"]), 1.0, -1.0 / controls)
    change = weight * share * np.where(seen["is_after"], 1.0, -1.0)
    variance = (weight * share) ** 2
    is_ring = seen["side"].isin(["ring", "control_ring"]).to_numpy()
    displaced, wdd = float(change[is_ring].sum()), float(change.sum())
    ring_half, both_half = (Z80 * float(np.sqrt(part.sum())) for part in (variance[is_ring], variance))
    return {
        "target_change": float(change[~is_ring].sum()),
        "displaced": displaced, "displaced_lo": displaced - ring_half, "displaced_hi": displaced + ring_half,
        "wdd": wdd, "wdd_lo": wdd - both_half, "wdd_hi": wdd + both_half,
    }  # fmt: skip
