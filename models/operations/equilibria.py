"""Why concentrating beats spreading: the two equilibria of deterrence, small enough to look at.

Many who may break a rule, few sanctions. Each complies while the risk he perceives times the penalty (here 1) exceeds
what complying costs him; perceived risk follows the true one. Spread, the K sanctions of a period fall on V violators
by chance, p = min(1, K/V): with many violators nobody has much to fear, and nobody stops. In a declared order, the same
K are certain for those who come first; they stop, and the next are first (Kleiman and Kilmer 2009, PNAS 106:14230).
The model assumes people who are informed and can be deterred; it shows a mechanism and predicts no street.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

POLICIES = ("concentrated", "spread", "spread with a surge")


@dataclass(frozen=True, slots=True)
class Equilibria:
    """Sizes of the demonstration."""

    agents: int = 100
    sanctions: int = 10
    surge_sanctions: int = 60
    surge_periods: int = 30
    periods: int = 200
    cost_lo: float = 0.1
    cost_hi: float = 0.6
    learning: float = 0.3
    towns: int = 50


def play(model: Equilibria, *, seed: int) -> pd.DataFrame:
    """Play every policy in many towns at once.

    Returns
    -------
    DataFrame: policy, period (from 0, before anything), violator_share (mean over towns), lo, hi (80% of towns),
    sanctions_used (mean, up to then).
    """
    costs = np.random.default_rng([seed, 77]).uniform(model.cost_lo, model.cost_hi, (model.towns, model.agents))
    return pd.concat([_play(model, costs, policy) for policy in POLICIES], ignore_index=True)


def _play(model: Equilibria, costs: np.ndarray, policy: str) -> pd.DataFrame:
    risk = np.full(costs.shape, model.sanctions / model.agents)
    used, rows = np.zeros(model.towns), []
    for period in range(model.periods + 1):
        violates = risk <= costs
        share = violates.mean(axis=1)
        rows.append((policy, period, share.mean(), *np.quantile(share, [0.1, 0.9]), used.mean()))
        is_surge = policy == POLICIES[2] and period < model.surge_periods
        sanctions = model.surge_sanctions if is_surge else model.sanctions
        used = used + np.minimum(violates.sum(axis=1), sanctions)
        risk = risk + model.learning * (_true_risk(violates, sanctions, policy) - risk)
    return pd.DataFrame(rows, columns=["policy", "period", "violator_share", "lo", "hi", "sanctions_used"])


def _true_risk(violates: np.ndarray, sanctions: int, policy: str) -> np.ndarray:
    """Risk of a sanction for each who violates, or would: by chance, or certain for the first in order."""
    if policy == POLICIES[0]:
        before = np.cumsum(violates, axis=1) - violates
        return (before < sanctions).astype(float)
    violators = np.maximum(violates.sum(axis=1, keepdims=True), 1)
    return np.broadcast_to(np.minimum(1.0, sanctions / violators), violates.shape)
