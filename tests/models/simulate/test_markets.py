"""Markets respond to risk as in Kleiman and Kilmer's model: concentrated hours tip one, spread hours tip none."""

from datetime import date

import numpy as np
import pytest

from models.simulate import TownState, new_town, step
from models.simulate.behaviour.markets import COSTS, MarketState, open_markets, respond

HOURS = 60.0


@pytest.fixture(scope="module")
def founded() -> TownState:
    return new_town(7, start=date(2025, 6, 1))


def after(days: int, founded: TownState, hours: list[float], markets: MarketState | None = None) -> MarketState:
    """Return the markets after `days` of surge hours, given by market."""
    state = markets or open_markets(3, 12)
    surge = np.zeros(12)
    surge[[market.area for market in founded.sites.markets]] = hours
    state = MarketState(state.perceived_risk, surge, np.ones(12, dtype=bool))
    for _ in range(days):
        state = respond(state, founded.sites, np.zeros(12))
    return state


def test_left_alone_everybody_deals(founded: TownState) -> None:
    assert after(365, founded, [0, 0, 0]).dealing_share.tolist() == [1, 1, 1]


def test_concentrated_hours_tip_one_market_and_spread_ones_tip_none(founded: TownState) -> None:
    assert after(60, founded, [HOURS, 0, 0]).dealing_share.tolist() == [0, 1, 1]
    assert after(365, founded, [HOURS / 3] * 3).dealing_share.tolist() == [1, 1, 1]


def test_a_tenth_of_the_hours_holds_a_tipped_market(founded: TownState) -> None:
    tipped = after(60, founded, [HOURS, 0, 0])
    held = after(365, founded, [HOURS / 10, 0, 0], tipped)
    left = after(365, founded, [0, 0, 0], tipped)
    assert held.dealing_share[0] < 0.1
    assert left.dealing_share[0] == 1


def test_told_sellers_stop_sooner(founded: TownState) -> None:
    area = founded.sites.markets[0].area
    surge = np.zeros(12)
    surge[area] = HOURS
    told, untold = (MarketState(open_markets(3, 12).perceived_risk, surge, np.full(12, said)) for said in (True, False))
    for _ in range(5):
        told, untold = (respond(state, founded.sites, np.zeros(12)) for state in (told, untold))
    assert told.dealing_share[0] < untold.dealing_share[0]


def test_sellers_comply_exactly_where_risk_times_penalty_exceeds_cost() -> None:
    state = MarketState(np.array([0.3]), np.zeros(1), np.zeros(1, dtype=bool))
    assert state.is_dealing[0].tolist() == [not cost < 0.3 for cost in COSTS]


def dealing_reports(founded: TownState, hours_by_market: list[float]) -> list[int]:
    """Return the number of dealing reports at each market in the second month of a crackdown."""
    areas = [founded.town.area_ids[market.area] for market in founded.sites.markets]
    at = "2025-06-02T09:00:00Z"
    actions = [{"kind": "announcement", "area": area, "at": at} for area in areas]
    actions += [
        {"kind": "crackdown_start", "area": area, "hours": hours, "at": at}
        for area, hours in zip(areas, hours_by_market, strict=True)
        if hours
    ]
    state, _ = step(founded, actions, 45)
    _, records = step(state, (), 45)
    values = [r.value for r in records if r.label == "ordinary" and b'"subject":"dealing"' in r.value]
    callers = [f'"R1{market.area:02d}'.encode() for market in founded.sites.markets]
    return [sum(caller in value for value in values) for caller in callers]


def test_a_concentrated_crackdown_silences_one_market_and_an_even_one_none(founded: TownState) -> None:
    nothing = dealing_reports(founded, [0, 0, 0])
    one = dealing_reports(founded, [HOURS, 0, 0])
    even = dealing_reports(founded, [HOURS / 3] * 3)
    assert min(nothing) > 15
    assert one[0] == 0
    assert one[1:] == nothing[1:]
    assert even == nothing
