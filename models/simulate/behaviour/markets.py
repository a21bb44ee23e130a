"""Street drug markets: reports by neighbours, and the response of sellers to concentrated policing.

A seller complies when the perceived risk of a sanction times its penalty exceeds what complying costs: p·P > C. The
true risk is p = min(1, K/V): K sanctions that the hours spent there can deliver, shared among V who still deal. Such a
market has two equilibria: thinly spread hours never reach anybody's C, the same hours in one place tip it, and few
hours then keep it down (Kleiman and Kilmer 2009, PNAS 106:14230). An announcement makes sellers learn faster.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.simulate.output.incident import blank
from models.simulate.world.days import PROFILE, Day
from models.simulate.world.draws import STREAMS, Floats, Ints, mix, numbers, pick
from models.simulate.world.people import SELLERS_PER_MARKET
from models.simulate.world.sites import POINT_SHARES, Site, Sites
from models.simulate.world.vocabulary import CHANNEL, CODE, DISCOVERY, NONE, SETTING, SUBJECT, read_table

PENALTY = 1.0
COSTS = np.linspace(0.105, 0.5, SELLERS_PER_MARKET)  # of complying, by seller, in units of the penalty
SANCTIONS_PER_HOUR = 0.1  # that one officer-hour at the market can deliver a day
ROUTINE_HOURS = 2.0  # officer-hours a day at every market without any action
LEARNING_PER_DAY, LEARNING_WHEN_TOLD = 0.06, 0.3  # how fast perceived risk follows the true one


@dataclass(frozen=True, slots=True)
class MarketState:
    """State by market: `perceived_risk` [m]; by area: `surge_hours` a day and whether sellers `were_told`."""

    perceived_risk: Floats
    surge_hours: Floats
    were_told: np.ndarray

    @property
    def is_dealing(self) -> np.ndarray:
        """Whether each seller still deals [m, sellers]."""
        return self.perceived_risk[:, None] * PENALTY <= COSTS[None, :]

    @property
    def dealing_share(self) -> Floats:
        """Share of each market's sellers who still deal."""
        return self.is_dealing.mean(axis=1)


def open_markets(markets: int, areas: int) -> MarketState:
    """Return markets in their high equilibrium: everybody deals at the risk that routine hours create."""
    risk = ROUTINE_HOURS * SANCTIONS_PER_HOUR / SELLERS_PER_MARKET
    return MarketState(np.full(markets, risk), np.zeros(areas), np.zeros(areas, dtype=bool))


def respond(state: MarketState, sites: Sites, visit_hours: Floats) -> MarketState:
    """Return the markets a day later: perceived risk moves towards the true one.

    Parameters
    ----------
    state : MarketState
        The markets today.
    sites : Sites
        Planted places.
    visit_hours : ndarray of float
        Officer-hours of single visits today, by area. Hours in an area with a market are spent at the market.

    Returns
    -------
    MarketState
        The markets tomorrow.
    """
    area = np.array([market.area for market in sites.markets], dtype=np.int64)
    hours = ROUTINE_HOURS + state.surge_hours[area] + visit_hours[area]
    dealing = state.is_dealing.sum(axis=1)
    risk = np.minimum(1.0, hours * SANCTIONS_PER_HOUR / np.maximum(dealing, 1))
    learning = np.where(state.were_told[area], LEARNING_WHEN_TOLD, LEARNING_PER_DAY)
    return replace(state, perceived_risk=state.perceived_risk + learning * (risk - state.perceived_risk))


CALLERS_OF = {"open_air": 60, "bar_street": 80, "house": 5, "police_drugs": 1}
_FOUND_BY_CHANNEL = {"officer": "police", "partner": "partner"}
_FIRST_CALLER = 100_000  # callers about sites differ from callers about the rest of the town


class _Trade(NamedTuple):
    """Reports of a site kind as columns; `template` holds their constant fields."""

    template: np.ndarray
    per_day: Floats
    profile: Ints
    remains: Floats


def _trade(kind: str, reports: pd.DataFrame) -> _Trade:
    rows = blank(np.zeros(len(reports), dtype=np.uint64))
    rows["code"] = reports["code"].map(CODE)
    rows["channel"] = reports["channel"].map(CHANNEL)
    rows["discovery"] = [DISCOVERY[_FOUND_BY_CHANNEL.get(channel, "public")] for channel in reports["channel"]]
    rows["subject"] = [SUBJECT.get(subject, NONE) for subject in reports["subject"]]
    is_trade = rows["subject"] == SUBJECT["dealing"]
    rows["setting"] = np.where(is_trade, SETTING.get(kind, NONE), NONE)
    profile = np.array([PROFILE[name] for name in reports["profile"]])
    return _Trade(rows, reports["per_day"].to_numpy(), profile, reports["remains"].to_numpy())


# By kind of site: reports a day at full trade, and the share of them that remains without trade.
_TRADES = {str(kind): _trade(str(kind), reports) for kind, reports in read_table("sites").groupby("kind")}


def site_reports(seed: int, day: Day, sites: Sites, dealing_share: Floats) -> list[np.ndarray]:
    """Return the incidents of one day at each market and decoy, drawn at full trade and thinned to the day's share."""
    shares = [*dealing_share.tolist(), *(1.0 for _ in sites.decoys)]
    places = (*sites.markets, *sites.decoys)
    return [_reports(seed, day, place, share) for place, share in zip(places, shares, strict=True)]


def expected_at_sites(sites: Sites, areas: int) -> Floats:
    """Return the expected incidents per day at markets in full trade and at decoys, by area."""
    places = (*sites.markets, *sites.decoys)
    per_day = [float(_TRADES[place.kind].per_day.sum()) for place in places]
    return np.bincount([place.area for place in places], per_day, minlength=areas).astype(np.float64)


def _reports(seed: int, day: Day, site: Site, dealing_share: float) -> np.ndarray:
    trade = _TRADES[site.kind]
    # The draws of a site are keyed by its area: closing one market does not change the others' draws.
    rng = np.random.default_rng([seed, day.number + 1, len(STREAMS), site.area])
    kind = np.repeat(np.arange(len(trade.per_day)), rng.poisson(trade.per_day))
    u = rng.random((5, len(kind)))
    rows = trade.template[kind]
    rows["number"] = mix(numbers(seed, day.number, "reports", 1), site.area, np.arange(len(kind)))
    rows["occurred_s"] = day.seconds(trade.profile[kind], u[0], u[1])
    rows["point"] = site.points[pick(u[2], POINT_SHARES)]
    caller = _FIRST_CALLER + 1000 * site.area + (u[3] * CALLERS_OF[site.kind]).astype(np.int64)
    rows["reporter"] = np.where(rows["discovery"] == DISCOVERY["public"], caller, NONE)
    remains = trade.remains[kind]
    return rows[u[4] < remains + (1 - remains) * dealing_share]
