"""Officer-hours a day needed to tip a street market, with their uncertainty.

A seller complies when the risk of a sanction times its penalty exceeds what complying costs: p·P > C, and K sanctions
a day among V sellers make p = K/V (Kleiman and Kilmer 2009, PNAS 106:14230). With costs spread evenly from c_lo to c_hi
(in units of P), sellers with the least cost comply first, which raises the risk of the rest; after a share f has
complied, the next needs K > V (1 − f) (c_lo + f (c_hi − c_lo)). The maximum over f is the number of sanctions needed.
"""

import numpy as np

from models.arrays import Floats
from models.statistics.intervals import Z_80
from models.statistics.rank_draws import generator


def hardest_share(cost_lo: float, cost_hi: float) -> float:
    """Return the sanctions needed per seller and day, max over f of (1 − f)(c_lo + f (c_hi − c_lo)).

    >>> round(hardest_share(0.105, 0.5), 4)
    0.1582
    """
    spread = cost_hi - cost_lo
    complied = float(np.clip((spread - cost_lo) / (2 * spread), 0, 1)) if spread > 0 else 0.0
    return (1 - complied) * (cost_lo + complied * spread)


def draw_hours_needed(
    seed: int,
    site_id: str,
    dealing_reports: int,
    weeks: float,
    *,
    sellers_per_weekly_report: float,
    cost_lo: float,
    cost_hi: float,
    sanctions_per_hour: float,
    doubt_factor: float,
    draws: int,
) -> Floats:
    """Draw the officer-hours a day that tip a market, given its public reports of dealing over some weeks.

    The report rate is a gamma posterior; sellers per report, the scale of costs and sanctions per hour are each known
    to within a factor of `doubt_factor` at 80%. Draws are keyed by (seed, site).
    """
    rng = generator(seed, f"tipping:{site_id}")
    weekly = rng.gamma(dealing_reports + 0.5, 1 / weeks, draws)
    doubt = np.exp(rng.normal(0, np.log(doubt_factor) / Z_80, (3, draws)))
    sellers = weekly * sellers_per_weekly_report * doubt[0]
    return sellers * hardest_share(cost_lo, cost_hi) * doubt[1] / (sanctions_per_hour * doubt[2])
