"""Officer hours per area: the plan that evens out crimes per officer-hour, and the plan that averts most harm.

Minimax: minimise z subject to D_a ≤ z·x_a, Σ x_a = X and floor ≤ x_a ≤ ceiling for every area a. The solution is
water-filling: x_a = D_a·t clipped to its bounds, with the t at which the hours sum to X (a continuous resource
allocation; Patriksson 2008, European Journal of Operational Research 185:1). Among the optima it is the one that also
evens out the other areas. `models.operations.marginal_allocation` describes the marginal plan and its assumptions.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats
from models.checks import expect
from models.operations.marginal_allocation import (
    Caps,
    MarginalPlan,
    averted,
    harm_prices,
    most_averted,
    without_officers,
)
from models.statistics.water_filling import fill_in

# The effect of an officer-hour is rarely identified, so plans are also shown for half and twice the assumed effect.
KAPPA_MULTIPLES = {"half": 0.5, "default": 1.0, "double": 2.0}
CURVE_STEPS = 11
MOST_AVERTED = 0.95  # greatest share of an area's harm that its hours of today avert


@dataclass(frozen=True, slots=True)
class AllocationConfig:
    """Bounds relative to today, the assumed dose-effect, and the greatest burden of any group."""

    floor_share: float
    ceiling_share: float
    averted_share: float
    equity_cap_ratio: float

    def __post_init__(self) -> None:
        _check_bounds(self.floor_share, self.ceiling_share)
        expect(0 < self.averted_share < 1, "allocation.", self, "averted_share", "a share between 0 and 1")
        expect(self.equity_cap_ratio > 0, "allocation.", self, "equity_cap_ratio", "a number above zero")


@dataclass(frozen=True, slots=True)
class Allocation:
    """The plans by area, the harm they avert as hours increase, and the cost of each constraint."""

    areas: pd.DataFrame  # the columns of `officer_allocation` without the run's
    curve: pd.DataFrame  # those of `allocation_curve`
    costs: pd.DataFrame  # those of `allocation_cost`


def allocate(
    crimes_per_day: pd.Series,
    harm_per_day: pd.Series,
    hours_today: pd.Series,
    *,
    config: AllocationConfig,
    group_shares: pd.DataFrame | None = None,
    is_assumed: pd.Series | None = None,
    is_partial: pd.Series | None = None,
) -> Allocation:
    """Propose officer hours by both plans; today's total is kept.

    Parameters
    ----------
    crimes_per_day : Series
        Index area_id; expected crimes per day, ≥ 0.
    harm_per_day : Series
        Same index; harm-days per day as measured under today's hours, ≥ 0.
    hours_today : Series
        Same index; available officer-hours per day, ≥ 0. Zero means unknown: the area is left out.
    config : AllocationConfig
        Bounds, dose-effect and equity cap.
    group_shares : DataFrame, optional
        area_id, group, share: the share of an area's hours that falls on a group. No group may bear more than
        `config.equity_cap_ratio` times its hours of today under the marginal plan (Wheeler 2019, Police Quarterly).
    is_assumed, is_partial : Series, optional
        Same index; True where today's hours are an assumption, or are reported on only some of the force's days.

    Returns
    -------
    Allocation
        Both plans, the curve and the costs of the constraints.

    Raises
    ------
    ValueError
        As `allocate_minimax`; if group_shares has an unknown area; if the floors alone break a cap.
    """
    areas = allocate_minimax(
        crimes_per_day,
        hours_today,
        floor_share=config.floor_share,
        ceiling_share=config.ceiling_share,
        is_assumed=is_assumed,
    )
    problem = _Problem.of(areas, harm_per_day, config, group_shares)
    plans = {name: problem.solve(multiple) for name, multiple in KAPPA_MULTIPLES.items()}
    floor_price, _ = problem.prices(plans["default"])
    areas = areas.assign(
        is_staffing_partial=_flags(is_partial, areas["area_id"]),
        harm_per_day=problem.harm,
        floor_hours=problem.floor,
        ceiling_hours=problem.ceiling,
        marginal_hours=plans["default"].hours,
        marginal_hours_half=plans["half"].hours,
        marginal_hours_double=plans["double"].hours,
        floor_price=np.where(problem.is_known & (plans["default"].hours <= problem.floor + TOUCHING), floor_price, 0.0),
        harm_without_officers=np.where(problem.is_known, problem.untreated(), np.nan),
    )
    return Allocation(areas, _curve(problem), _costs(problem, plans["default"]))


TOUCHING = 1e-7  # hours; a plan closer to a bound than this is at the bound


@dataclass(frozen=True, slots=True)
class _Problem:
    """Inputs of the marginal plan, in order of area; `harm` is as measured under today's hours."""

    harm: Floats
    demand: Floats
    today: Floats
    floor: Floats
    ceiling: Floats
    kappa: float
    caps: Caps

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Return whether hours are known; other areas are left out."""
        return self.today > 0

    @classmethod
    def of(
        cls, areas: pd.DataFrame, harm_per_day: pd.Series, config: AllocationConfig, group_shares: pd.DataFrame | None
    ) -> "_Problem":
        today = areas["today_hours"].to_numpy(dtype=float)
        harm = harm_per_day.reindex(areas["area_id"]).to_numpy(dtype=float)
        if not (np.isfinite(harm).all() and (harm >= 0).all()):
            raise ValueError("harm_per_day holds a negative or missing value: expected finite numbers from zero up")
        mean_hours = float(today[today > 0].mean()) if (today > 0).any() else 1.0
        return cls(
            harm=harm,
            demand=areas["crimes_per_day"].to_numpy(dtype=float),
            today=today,
            floor=config.floor_share * today,
            ceiling=config.ceiling_share * today,
            kappa=-float(np.log1p(-config.averted_share)) / mean_hours,
            caps=_caps(areas["area_id"], today, group_shares, config.equity_cap_ratio),
        )

    def effect(self, multiple: float = 1.0) -> float:
        """Return a multiple of κ, as far as no area's hours of today avert more than `MOST_AVERTED` of its harm.

        The limit is one for all areas: a limit for each would move hours where measured harm is alike.
        """
        return min(
            multiple * self.kappa, -float(np.log1p(-MOST_AVERTED)) / max(float(self.today.max(initial=0.0)), 1e-12)
        )

    def untreated(self, multiple: float = 1.0) -> Floats:
        """Return the harm per day of areas without officers, if an hour does a multiple of κ; 0 where left out."""
        return np.where(self.is_known, without_officers(self.harm, self.today, self.effect(multiple)), 0.0)

    def averted(self, hours: Floats, multiple: float = 1.0) -> float:
        """Return harm-days averted per day compared with no officers."""
        return averted(self.untreated(multiple), hours, self.effect(multiple))

    def prices(self, plan: MarginalPlan) -> tuple[Floats, Floats]:
        """Return the prices of floors and ceilings, as `harm_prices` does."""
        return harm_prices(self.untreated(), self.effect(), plan, self.caps)

    def solve(self, multiple: float = 1.0, *, share: float = 1.0, without: str = "") -> MarginalPlan:
        """Return the marginal plan at a multiple of κ and a share of today's hours, with one constraint left out."""
        return most_averted(
            self.untreated(multiple),
            self.effect(multiple),
            np.zeros_like(self.floor) if without == "floor" else self.floor,
            np.where(self.is_known, share * self.today.sum(), 0.0) if without == "ceiling" else self.ceiling,
            share * float(self.today.sum()),
            self.caps.without(without),
        )


def _caps(area_ids: pd.Series, today: Floats, group_shares: pd.DataFrame | None, ratio: float) -> Caps:
    if group_shares is None or group_shares.empty:
        return Caps.over(len(today))
    unknown = sorted(set(group_shares["area_id"]) - set(area_ids))
    if unknown:
        raise ValueError(f"group_shares: area_id {unknown[0]!r} is not an area of this run")
    wide = group_shares.pivot(index="group", columns="area_id", values="share")  # noqa: PD010 - one value each
    shares = wide.reindex(columns=area_ids.tolist()).fillna(0.0).sort_index()
    matrix = shares.to_numpy(dtype=float)
    if not (np.isfinite(matrix).all() and (matrix >= 0).all() and (matrix <= 1).all()):
        raise ValueError("group_shares: a share is not between 0 and 1")
    return Caps(tuple(map(str, shares.index)), matrix, ratio * (matrix @ today))


def _curve(problem: _Problem) -> pd.DataFrame:
    """Return harm averted per day at 0.5 to 1.5 times today's hours, by three plans and three doses.

    Averted is compared with no officers, gains with today's hours. Equity caps are relative to today's hours, so the
    curve leaves them out; the costs include their cost today.
    """
    low, high = _curve_range(problem)
    problem = replace(problem, caps=Caps.over(len(problem.today)))
    rows = []
    for multiple in KAPPA_MULTIPLES.values():
        now = problem.averted(problem.today, multiple)
        for share in sorted({*np.linspace(low, high, CURVE_STEPS).round(6).tolist(), 1.0}):
            total = share * float(problem.today.sum())
            hours_of = {
                "today": share * problem.today,
                "minimax": fill_to_level(problem.demand, problem.floor, problem.ceiling, total),
                "marginal": problem.solve(multiple, share=share).hours,
            }
            rows.append(
                {
                    "kappa_multiple": multiple,
                    "hours_share": share,
                    "total_hours": total,
                    **{f"averted_{name}": problem.averted(hours, multiple) for name, hours in hours_of.items()},
                    **{f"gain_{name}": problem.averted(hours, multiple) - now for name, hours in hours_of.items()},
                    "harm_without_officers": float(problem.untreated(multiple).sum()),
                }
            )
    return pd.DataFrame(rows)


def _curve_range(problem: _Problem) -> tuple[float, float]:
    """Return the least and greatest share of today's hours that floors and ceilings allow."""
    total = max(float(problem.today.sum()), 1e-12)
    return max(0.5, float(problem.floor.sum()) / total), min(1.5, float(problem.ceiling.sum()) / total)


def _costs(problem: _Problem, plan: MarginalPlan) -> pd.DataFrame:
    """Return the cost of each constraint: at the margin, and in total against a plan without it."""
    floor_price, ceiling_price = problem.prices(plan)
    at_floor = (plan.hours <= problem.floor + TOUCHING) & (problem.floor > 0)
    at_ceiling = (plan.hours >= problem.ceiling - TOUCHING) & (problem.ceiling > 0)
    best = problem.averted(plan.hours)

    def lost(without: str) -> float:
        return max(problem.averted(problem.solve(without=without).hours) - best, 0.0)

    floor_worst, ceiling_worst = _greatest(floor_price, at_floor), _greatest(ceiling_price, at_ceiling)
    rows = [
        ("hours", plan.hour_price, int(plan.hour_price > 0), np.nan, problem.today.sum(), plan.hours.sum()),
        ("floor", floor_worst, int(at_floor.sum()), lost("floor"), problem.floor.sum(), np.nan),
        ("ceiling", ceiling_worst, int(at_ceiling.sum()), lost("ceiling"), problem.ceiling.sum(), np.nan),
        *[
            (f"equity:{group}", price, int(price > 0), lost(f"equity:{group}"), cap, float(shares @ plan.hours))
            for group, price, shares, cap in zip(
                problem.caps.groups, plan.cap_prices, problem.caps.shares, problem.caps.caps, strict=True
            )
        ],
    ]  # fmt: skip
    columns = ["constraint_name", "price", "binding_count", "harm_lost_per_day", "limit_hours", "planned_hours"]
    return pd.DataFrame(rows, columns=columns)


def _greatest(prices: Floats, is_binding: npt.NDArray[np.bool_]) -> float:
    return float(prices[is_binding].max(initial=0.0))


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
    crimes_per_day : Series
        Index area_id; expected crimes per day, ≥ 0.
    hours_today : Series
        Same index; available officer-hours per day, ≥ 0. Zero means unknown: the area is left out.
    floor_share, ceiling_share : float
        Bounds relative to today. The floor is the cover that every area keeps.
    is_assumed : Series, optional
        Same index; True where today's hours are an assumption.

    Returns
    -------
    DataFrame
        Sorted by area_id: the columns of `officer_allocation` up to is_staffing_assumed, without the run's. Ratios are
        null at zero hours.

    Raises
    ------
    ValueError
        If indexes differ or repeat, a value is negative or not finite, or not 0 ≤ floor ≤ 1 ≤ ceiling.
    """
    today, crimes = hours_today.sort_index(), crimes_per_day.sort_index()
    _check(crimes, today, floor_share, ceiling_share)
    hours, demand = today.to_numpy(dtype=float), crimes.to_numpy(dtype=float)
    proposed = fill_to_level(demand, floor_share * hours, ceiling_share * hours, float(hours.sum()))
    return pd.DataFrame(
        {
            "area_id": today.index.to_numpy(),
            "today_hours": hours,
            "proposed_hours": proposed,
            "crimes_per_day": demand,
            "today_ratio": _ratio(demand, hours),
            "proposed_ratio": _ratio(demand, proposed),
            "is_staffing_assumed": _flags(is_assumed, today.index),
        }
    )


def fill_to_level(demand: Floats, floor: Floats, ceiling: Floats, total: float) -> Floats:
    """Clip demand × t to [floor, ceiling] with the t at which the sum is `total`; Σ floor ≤ total ≤ Σ ceiling.

    If every area with demand is at its ceiling, the remaining hours go to the others, in proportion to their room.
    """
    return fill_in(demand > 0, demand, np.zeros_like(demand), floor, ceiling, total)


def _flags(is_so: pd.Series | None, area_ids: pd.Series | pd.Index) -> npt.NDArray[np.bool_]:
    return np.zeros(len(area_ids), bool) if is_so is None else is_so.reindex(area_ids).to_numpy(dtype=bool)


def _ratio(crimes: Floats, hours: Floats) -> Floats:
    return np.divide(crimes, hours, out=np.full(len(hours), np.nan), where=hours > 0)


def _check_bounds(floor_share: float, ceiling_share: float) -> None:
    if not 0 <= floor_share <= 1 <= ceiling_share < np.inf:
        raise ValueError(
            f"floor_share={floor_share!r} and ceiling_share={ceiling_share!r}: expected a floor of 0 to 1 and "
            "a ceiling of at least 1, or today's hours could not be spread"
        )


def _check(crimes: pd.Series, hours: pd.Series, floor_share: float, ceiling_share: float) -> None:
    _check_bounds(floor_share, ceiling_share)
    if hours.index.has_duplicates or not hours.index.equals(crimes.index):
        raise ValueError("crimes_per_day and hours_today: expected the same areas, each once")
    for name, values in (("crimes_per_day", crimes), ("hours_today", hours)):
        if not (np.isfinite(values.to_numpy(dtype=float)).all() and (values >= 0).all()):
            raise ValueError(f"{name} holds a negative or missing value: expected finite numbers from zero up")
