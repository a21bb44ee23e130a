"""Why concentrating beats spreading: a small simulation of the two equilibria of deterrence.

Many agents may break a rule; sanctions are few. Each agent complies while perceived risk times the penalty (here 1)
exceeds the cost of complying; perceived risk follows the true risk. If the K sanctions of a period are spread, they
fall on V violators by chance, p = min(1, K/V): with many violators the risk is low and nobody stops. In a declared
order, the same K sanctions are certain for the first in order; these stop, and the next become first (Kleiman and
Kilmer 2009, PNAS 106:14230). The model assumes informed, deterrable people; it shows a mechanism and is no forecast.

The page of plans shows its drawing, made once: `python -m tests.models.operations.equilibria` writes it again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.pages.base import number, percent
from pipeline.pages.svg_plots import line_plot

DRAWING = Path(__file__).resolve().parents[3] / "pipeline/pages/templates/equilibria.html"
SEED, PERIODS = 20261123, 60

POLICIES = ("concentrated", "spread", "spread with a surge")


@dataclass(frozen=True, slots=True)
class Equilibria:
    """Parameters of the simulation."""

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
    """Simulate every policy in many towns at once.

    Parameters
    ----------
    model : Equilibria
        Parameters of the simulation.
    seed : int
        Seed of the agents' costs of complying.

    Returns
    -------
    DataFrame
        policy, period (from 0, the initial state), violator_share (mean over towns), lo, hi (80% of towns),
        sanctions_used (mean of the sanctions used before the period).
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
    """Return each agent's risk of a sanction when violating: by chance, or certain for the first in order."""
    if policy == POLICIES[0]:
        before = np.cumsum(violates, axis=1) - violates
        return (before < sanctions).astype(float)
    violators = np.maximum(violates.sum(axis=1, keepdims=True), 1)
    return np.broadcast_to(np.minimum(1.0, sanctions / violators), violates.shape)


def drawing() -> str:
    """Return the drawing: the share of violators by period, one line per policy, and where each policy ends."""
    shares = play(Equilibria(periods=PERIODS), seed=SEED)
    series = {str(policy): rows["violator_share"].tolist() for policy, rows in shares.groupby("policy", sort=False)}
    periods = [f"period {period}" for period in range(PERIODS + 1)]
    plot = line_plot(periods, series, title="Share of all who violate, by how sanctions are used")
    ends = "".join(
        f"<li><b>{percent(row.violator_share)}</b> still violate, {row.policy}, after {number(row.sanctions_used)} "
        "sanctions</li>"
        for row in shares.groupby("policy", sort=False).tail(1).itertuples()
    )
    return f'{plot}\n<ul class="tiles">{ends}</ul>\n'


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
