"""State of the town: `new_town` creates it, `step` simulates its days.

A step is a pure function of (state, actions, days). Draws are made whether or not an action affects them, and thinned
afterwards, so an action changes only what it affects and no other draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from models.simulate.behaviour.actions import Order, action_events, read_actions, routine_actions
from models.simulate.behaviour.arrests import arrest_events
from models.simulate.behaviour.background import background, near_repeats
from models.simulate.behaviour.custody import Away, arrested, custody_events, new_stays, nobody_away
from models.simulate.behaviour.health import NEVER, SideEffects, added_incidents, health_events, with_drug_fields
from models.simulate.behaviour.markets import MarketState, open_markets, respond, site_reports
from models.simulate.behaviour.offending import offending, withdrawn_supply
from models.simulate.behaviour.patrol import patrol
from models.simulate.behaviour.staffing import staffing_events
from models.simulate.behaviour.warrants import warrant_events
from models.simulate.output.defects import with_defects
from models.simulate.output.events import Emitted, incident_events
from models.simulate.output.incident import concatenate, dress
from models.simulate.output.registers import person_events
from models.simulate.output.versions import versions
from models.simulate.world.days import Day, day_of, midnight_s
from models.simulate.world.draws import Floats
from models.simulate.world.people import People, people_town
from models.simulate.world.sites import Sites, plant_sites
from models.simulate.world.town import Town, build_town

ZONE = ZoneInfo("Europe/London")  # of the town's local days


@dataclass(frozen=True, slots=True)
class TownState:
    """A town on the morning of day `day`; day, markets, away and pending change from day to day."""

    seed: int
    start: date
    staffing_from_day: int
    town: Town
    sites: Sites
    people: People
    day: int
    markets: MarketState
    away: Away
    pending: tuple[Emitted, ...]  # emitted but not yet arrived
    side_effects: SideEffects | None = None

    def day_at(self, ahead: int) -> Day:
        """Return the local day that is `ahead` days after the current one."""
        return day_of(self.start, self.day + ahead, ZONE)


def new_town(
    seed: int,
    *,
    start: date,
    with_markets: bool = True,
    staffing_from_day: int = 0,
    side_effects: SideEffects | None = None,
) -> TownState:
    """Create a town.

    Parameters
    ----------
    seed : int
        Zero or more; it determines every draw.
    start : date
        First local day.
    with_markets : bool
        False leaves out the three street markets and nothing else.
    staffing_from_day : int
        First day, counted from 0, for which shifts are reported.
    side_effects : SideEffects, optional
        What policing brings unintended from one of its days on; with it, events have what consequences are measured by.

    Returns
    -------
    TownState
        The town on the morning of its first day.

    Raises
    ------
    ValueError
        The seed is negative.
    """
    if seed < 0:
        raise ValueError(f"seed={seed!r}: expected a whole number, 0 or more")
    town = build_town(seed)
    sites = plant_sites(seed, town, with_markets=with_markets)
    people = people_town(seed, town, sites, start)
    register = person_events(seed, people, midnight_s(start, ZONE))
    return TownState(
        seed=seed,
        start=start,
        staffing_from_day=staffing_from_day,
        town=town,
        sites=sites,
        people=people,
        day=0,
        markets=open_markets(len(sites.markets), len(town.area_ids)),
        away=nobody_away(len(people.ids)),
        pending=tuple(with_defects(register)),
        side_effects=side_effects,
    )


def step(state: TownState, actions: Sequence[Mapping[str, Any]] = (), days: int = 1) -> tuple[TownState, list[Emitted]]:
    """Simulate some days.

    Parameters
    ----------
    state : TownState
        The town before these days.
    actions : Sequence of Mapping
        `data` of action events within these days: `kind`, `at`, and `area`, `subject` (a person id), `hours` where
        they apply. `crackdown_start` spends `hours` a day in an area until `crackdown_end`; `visit` spends its hours
        once; `announcement` makes sellers there learn the risk faster; `arrest` takes its subject into custody.
    days : int
        Number of days, one or more.

    Returns
    -------
    tuple of TownState and list of Emitted
        The town afterwards, and the records that arrived meanwhile, in order of arrival. Late ones stay pending.

    Raises
    ------
    ValueError
        Days is below one, an action is outside the days, or it names an area or person that the town does not have.
    """
    if days < 1:
        raise ValueError(f"days={days!r}: expected at least one")
    end_s = state.day_at(days).start_s
    orders = read_actions(actions, state.town, state.people, state.day_at(0).start_s, end_s)
    incidents: list[np.ndarray] = []
    records = action_events(state.seed, orders)
    for _ in range(days):
        state, rows, emitted = _simulate_day(state, orders)
        incidents += rows
        records += emitted
    records += _incident_records(state, concatenate(incidents))
    return _deliver(state, [*state.pending, *with_defects(records)], end_s)


def _incident_records(state: TownState, incidents: np.ndarray) -> list[Emitted]:
    repeated = concatenate([incidents, near_repeats(incidents, state.town)])
    dressed = dress(repeated, state.people)
    if effects := state.side_effects:
        begins = day_of(state.start, min(effects.from_day, NEVER), ZONE).start_s
        dressed = with_drug_fields(dressed, effects, begins)
    versioned = versions(dressed, state.town)
    return incident_events(state.seed, versioned, state.town, state.people)


def _deliver(state: TownState, records: list[Emitted], end_s: int) -> tuple[TownState, list[Emitted]]:
    ordered = sorted(records)
    arrived = [record for record in ordered if record.arrives_s < end_s]
    return replace(state, pending=tuple(ordered[len(arrived) :])), arrived


def _simulate_day(state: TownState, orders: list[Order]) -> tuple[TownState, list[np.ndarray], list[Emitted]]:
    seed, town, sites, people, day = state.seed, state.town, state.sites, state.people, state.day_at(0)
    today = [order for order in orders if day.start_s <= order.at_s < day.end_s]
    away, arrests = _carry_out_arrests(state, today)
    markets = respond(_with_orders(state.markets, today), sites, _visit_hours(today, len(town.area_ids)))
    share = markets.dealing_share
    by_known = offending(seed, day, town, sites, people, away.on(day) | _is_dead(people, day), share)
    incidents = [
        background(seed, day, town),
        by_known,
        withdrawn_supply(seed, day, town, sites, people),
        patrol(seed, day, sites, people),
        *site_reports(seed, day, sites, share),
    ]
    stays = new_stays(seed, day, by_known, people, away)
    records = [
        *arrests,
        *custody_events(seed, stays, people),
        *warrant_events(seed, day, people),
        *(staffing_events(seed, day, town, sites, people) if day.number >= state.staffing_from_day else ()),
        *routine_actions(seed, day, town, people),
    ]
    if effects := state.side_effects:
        incidents.append(added_incidents(seed, day, sites, people, effects))
        records += health_events(seed, day, town, sites, effects)
        records += arrest_events(seed, day, stays, by_known, town, sites, people)
    tomorrow = replace(state, day=state.day + 1, markets=markets, away=away.with_stays(stays))
    return tomorrow, incidents, records


def _carry_out_arrests(state: TownState, today: list[Order]) -> tuple[Away, list[Emitted]]:
    away = state.away
    records: list[Emitted] = []
    for order in today:
        if order.kind == "arrest":
            stays = arrested(np.array([order.subject]), order.at_s)
            away = away.with_stays(stays)
            records += custody_events(state.seed, stays, state.people)
    return away, records


def _with_orders(markets: MarketState, today: list[Order]) -> MarketState:
    """Apply the start and end of crackdowns, and announcements to sellers."""
    hours, were_told = markets.surge_hours.copy(), markets.were_told.copy()
    for order in today:
        if order.kind == "announcement":
            were_told[order.area] = True
        elif order.kind == "crackdown_start":
            hours[order.area] = order.hours
        elif order.kind == "crackdown_end":
            hours[order.area], were_told[order.area] = 0.0, False
    return replace(markets, surge_hours=hours, were_told=were_told)


def _visit_hours(today: list[Order], areas: int) -> Floats:
    visits = [order for order in today if order.kind == "visit"]
    return np.bincount([order.area for order in visits], [order.hours for order in visits], minlength=areas).astype(
        float
    )


def _is_dead(people: People, day: Day) -> np.ndarray:
    return (people.death_day >= 0) & (people.death_day <= day.number)
