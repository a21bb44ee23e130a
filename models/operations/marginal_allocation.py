"""Allocate officer hours to avert most harm, with diminishing returns of hours in an area.

Maximise Σ U_a (1 − e^{−κ x_a}) subject to Σ x_a ≤ X, floors and ceilings, and Σ_a share_{g,a} x_a ≤ cap_g for every
group g. U_a is the harm per day that the area would have without officers. It is not measured: the measured harm H_a
arose under today's hours, which by the same assumption averted a part of it, so that U_a = H_a e^{κ today_a}. κ, the
effect of an officer-hour, is rarely identified, so plans are shown for several, each with the U_a that follows from it.
Where hours are skewed e^{κ today_a} explodes, so κ is held to what averts 95% in the area with most hours
(`models.operations.allocation.MOST_AVERTED`).
Without a binding cap the solution is exact: the marginal harm κ U_a e^{−κ x_a} is equal in all areas between their
bounds, so that x_a = (ln κU_a − t)/κ clipped. With a binding cap it is a linear programme over chords of the
curve, solved by HiGHS (Huangfu and Hall 2018, Mathematical Programming Computation 10:119) and again on finer chords
nearby.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its slow parts, optimize and interpolate, are imported with their first use
from scipy.sparse import csr_array, kron, vstack

from models.arrays import Floats
from models.statistics.water_filling import fill_in

CHORDS, REFINEMENTS = 8, 4
FEASIBLE = 1e-9  # hours by which rounding may exceed a cap


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps on the hours of each group: `shares` [groups, areas] of an area's hours, `caps` [groups] in hours."""

    groups: tuple[str, ...]
    shares: Floats
    caps: Floats

    @classmethod
    def over(cls, areas: int) -> "Caps":
        """Return caps on no group."""
        return cls((), np.zeros((0, areas)), np.zeros(0))

    def without(self, name: str) -> "Caps":
        """Return the caps without the constraint called `equity:<group>`."""
        kept = np.array([f"equity:{group}" != name for group in self.groups], dtype=bool)
        groups = tuple(group for group, is_kept in zip(self.groups, kept, strict=True) if is_kept)
        return Caps(groups, self.shares[kept], self.caps[kept])


@dataclass(frozen=True, slots=True)
class MarginalPlan:
    """Hours by area, and the harm-days per day that one more hour in total, or for a group, would avert."""

    hours: Floats
    hour_price: float
    cap_prices: Floats


def without_officers(measured: Floats, today: Floats, kappa: float) -> Floats:
    """Return the harm per day that areas would have without officers, if it is `measured` under today's hours."""
    return measured * np.exp(kappa * today)


def averted(harm: Floats, hours: Floats, kappa: float) -> float:
    """Return harm-days averted per day compared with no officers, Σ U (1 − e^{−κ x}); `harm` is that without any."""
    return float((harm * -np.expm1(-kappa * hours)).sum())


def most_averted(harm: Floats, kappa: float, floor: Floats, ceiling: Floats, total: float, caps: Caps) -> MarginalPlan:
    """Return the plan that averts most harm.

    Parameters
    ----------
    harm : Floats
        [areas] harm-days per day without officers, ≥ 0 (`without_officers`).
    kappa : float
        Effect per officer-hour, above zero.
    floor, ceiling : Floats
        [areas] hours; Σ floor ≤ total.
    total : float
        Hours to spend. Without a binding cap all are spent, up to the ceilings; a cap may leave some unspent.
    caps : Caps
        Caps on the hours of groups.

    Returns
    -------
    MarginalPlan
        Hours by area, and the prices of the total and of each cap.

    Raises
    ------
    ValueError
        If the floors alone break a cap; names the group, the cap and the least feasible cap.
    """
    at_floors = caps.shares @ floor
    for group, least, cap in zip(caps.groups, at_floors.tolist(), caps.caps.tolist(), strict=True):
        if least > cap + FEASIBLE:
            raise ValueError(
                f"equity cap of group {group!r}: {cap:.6g} hours, but the floors alone bring it {least:.6g}; "
                "lower allocation.floor_share or raise allocation.equity_cap_ratio"
            )
    hours = _filled(harm, kappa, floor, ceiling, total)
    if (caps.shares @ hours <= caps.caps + FEASIBLE).all():
        return MarginalPlan(hours, _level_price(harm, kappa, hours, floor, ceiling), np.zeros(len(caps.groups)))
    return _under_caps(harm, kappa, floor, ceiling, total, caps)


def harm_prices(harm: Floats, kappa: float, plan: MarginalPlan, caps: Caps) -> tuple[Floats, Floats]:
    """Return harm averted per area if its floor were an hour lower, or its ceiling an hour higher; 0 if not there."""
    marginal = kappa * harm * np.exp(-kappa * plan.hours)
    price = plan.hour_price + plan.cap_prices @ caps.shares
    return np.maximum(price - marginal, 0.0), np.maximum(marginal - price, 0.0)


def _filled(harm: Floats, kappa: float, floor: Floats, ceiling: Floats, total: float) -> Floats:
    """Fill by marginal harm; hours above the ceilings of areas with harm go to the others by their room."""
    has_harm = harm > 0
    level = np.zeros_like(harm)
    level[has_harm] = np.log(kappa * harm[has_harm]) / kappa
    return fill_in(has_harm, np.full_like(harm, 1 / kappa), level, floor, ceiling, total)


def _level_price(harm: Floats, kappa: float, hours: Floats, floor: Floats, ceiling: Floats) -> float:
    """Return the marginal harm of areas between their bounds, or the greatest of areas below their ceilings."""
    marginal = kappa * harm * np.exp(-kappa * hours)
    free = (hours > floor) & (hours < ceiling)
    candidates = free if free.any() else hours < ceiling
    return float(marginal[candidates].max(initial=0.0))


def _under_caps(harm: Floats, kappa: float, floor: Floats, ceiling: Floats, total: float, caps: Caps) -> MarginalPlan:
    low, high = floor, ceiling
    for _ in range(REFINEMENTS):
        plan = _by_chords(harm, kappa, low, high, total, caps)
        width = (high - low) / CHORDS
        low, high = np.maximum(floor, plan.hours - 2 * width), np.minimum(ceiling, plan.hours + 2 * width)
    return plan


def _by_chords(harm: Floats, kappa: float, low: Floats, high: Floats, total: float, caps: Caps) -> MarginalPlan:
    """Solve a linear programme over `CHORDS` pieces per area; harm averted is concave, so the pieces fill in order."""
    ends = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, CHORDS + 1)
    gain = np.diff(harm[:, None] * -np.expm1(-kappa * ends), axis=1)
    width = np.diff(ends, axis=1)
    slope = np.divide(gain, width, out=np.zeros_like(gain), where=width > 0)
    piece = csr_array(np.ones((1, CHORDS)))
    rows = vstack([csr_array(np.ones((1, slope.size))), kron(csr_array(caps.shares), piece)])
    limits = np.concatenate([[total - low.sum()], caps.caps - caps.shares @ low])
    scale = max(float(slope.max()), 1e-300)  # slopes of harm per hour can be tiny; HiGHS needs them near one
    found = scipy.optimize.linprog(
        -slope.ravel() / scale,
        A_ub=rows,
        b_ub=np.maximum(limits, 0.0),
        bounds=np.column_stack([np.zeros(slope.size), width.ravel()]),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9},
    )
    if not found.success:
        raise ValueError(f"officer hours under equity caps: HiGHS found no plan ({found.message})")
    prices = -scale * found.ineqlin.marginals
    return MarginalPlan(low + found.x.reshape(slope.shape).sum(axis=1), float(prices[0]), prices[1:])
