"""Officer hours spread so that the greatest number of crimes per officer-hour is as small as it can be.

Minimise z subject to D_a ≤ z·x_a, Σ x_a = X and floor ≤ x_a ≤ ceiling for every area a. The best answer is
water-filling: x_a = D_a·t clipped to its bounds, with the one t at which the hours add up (a continuous resource
allocation; Patriksson 2008, European Journal of Operational Research 185:1). Among the optima it is the one that evens
out the rest as well.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def allocate_minimax(
    crimes_per_day: pd.Series,
    hours_today: pd.Series,
    *,
    floor_share: float = 0.5,
    ceiling_share: float = 2.0,
    is_assumed: pd.Series | None = None,
) -> pd.DataFrame:
    """Propose officer hours per area that minimise the greatest crimes per officer-hour; today's total is kept.

    Parameters
    ----------
    crimes_per_day : index area_id; expected crimes per day, ≥ 0.
    hours_today : same index; available officer-hours per day, ≥ 0. Zero is unknown: the area takes no part.
    floor_share, ceiling_share : bounds relative to today. The floor is cover that no area may lose.
    is_assumed : same index; True where today's hours are an assumption.

    Returns
    -------
    DataFrame sorted by area_id: the columns of `officer_allocation` without the run's; ratios are null at zero hours.

    Raises
    ------
    ValueError : indexes differ or repeat, a value is negative or not finite, or not 0 ≤ floor ≤ 1 ≤ ceiling.
    """
    today, crimes = hours_today.sort_index(), crimes_per_day.sort_index()
    _check(crimes, today, floor_share, ceiling_share)
    hours, demand = today.to_numpy(dtype=float), crimes.to_numpy(dtype=float)
    proposed = fill_to_level(demand, floor_share * hours, ceiling_share * hours, float(hours.sum()))
    assumed = pd.Series(False, index=today.index) if is_assumed is None else is_assumed.reindex(today.index)
    return pd.DataFrame(
        {
            "area_id": today.index.to_numpy(),
            "today_hours": hours,
            "proposed_hours": proposed,
            "crimes_per_day": demand,
            "today_ratio": _ratio(demand, hours),
            "proposed_ratio": _ratio(demand, proposed),
            "is_staffing_assumed": assumed.to_numpy(dtype=bool),
        }
    )


def fill_to_level(demand: Floats, floor: Floats, ceiling: Floats, total: float) -> Floats:
    """Clip demand × t to [floor, ceiling] with the t that makes it add up to `total`; Σ floor ≤ total ≤ Σ ceiling.

    Where every area with demand stands at its ceiling, what is left goes to the others, in proportion to their room.
    """
    wanting = demand > 0
    filled = floor.copy()
    left = total - float(floor[~wanting].sum())
    if wanting.any():
        filled[wanting] = _level(demand[wanting], floor[wanting], ceiling[wanting], left)
    room = np.where(wanting, 0.0, ceiling - floor)
    rest = total - float(filled.sum())
    if rest > 0 and room.sum() > 0:
        filled = filled + room * min(rest / room.sum(), 1.0)
    return filled


def _level(demand: Floats, floor: Floats, ceiling: Floats, total: float) -> Floats:
    """Water-filling in closed form: the sum is piecewise linear in t, with a bend wherever an area meets a bound."""
    bends = np.concatenate([floor / demand, ceiling / demand])
    order = np.argsort(bends, kind="stable")
    bends, slopes = bends[order], np.cumsum(np.concatenate([demand, -demand])[order])
    sums = floor.sum() + np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(bends))])
    at = int(np.clip(np.searchsorted(sums, total, side="right") - 1, 0, len(bends) - 1))
    # The cumulated slope carries rounding; the slope of the areas between their bounds is exact.
    level = bends[at]
    free = (floor / demand <= level) & (ceiling / demand > level)
    if free.any():
        level += (total - np.clip(demand * level, floor, ceiling).sum()) / demand[free].sum()
    return np.clip(demand * level, floor, ceiling)


def _ratio(crimes: Floats, hours: Floats) -> Floats:
    return np.divide(crimes, hours, out=np.full(len(hours), np.nan), where=hours > 0)


def _check(crimes: pd.Series, hours: pd.Series, floor_share: float, ceiling_share: float) -> None:
    if not 0 <= floor_share <= 1 <= ceiling_share < np.inf:
        raise ValueError(
            f"floor_share={floor_share!r} and ceiling_share={ceiling_share!r}: expected a floor of 0 to 1 and "
            "a ceiling of at least 1, or today's hours could not be spread"
        )
    if hours.index.has_duplicates or not hours.index.equals(crimes.index):
        raise ValueError("crimes_per_day and hours_today: expected the same areas, each once")
    for name, values in (("crimes_per_day", crimes), ("hours_today", hours)):
        if not (np.isfinite(values.to_numpy(dtype=float)).all() and (values >= 0).all()):
            raise ValueError(f"{name} holds a negative or missing value: expected finite numbers from zero up")
