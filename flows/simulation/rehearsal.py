"""Simulation of the plan on the simulated town, compared with the same hours spread evenly.

The planning office reads the ingested events, plans as in a daily run, and follows the plan; officers respond to
reports at an announced market within two days. `models/simulate/behaviour/markets.py` states how sellers respond.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.decisions.notice_decisions import Decision, do, open_notice
from flows.home.home import Home
from flows.home.stage import direct
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import Map, market_reports, place_incidents, read_map, read_run_codebook
from flows.run.plans import plan_frames, plan_markets, promises_of
from flows.run.prioritise import find_street_markets, prioritise
from flows.schedule.daily import identify_run, publish_run
from flows.simulation.town import write_map
from models.operations.promises import Promises
from models.simulate import Emitted, SideEffects, TownState, new_town, step
from models.simulate.world.sites import points_of_interest_geojson
from models.simulate.world.town import areas_geojson
from pipeline.publication.publish import read_published

HISTORY_DAYS = 120  # simulated before the office begins to plan
LOOK_DAYS, ANSWER_DAYS = 7, 2  # intervals of planning and of responses to reports, in days
STOP_DAYS = 90
REVIEWERS = ("Insp. J. Reyes", "Supt. A. Okoro")
COLUMNS = ["day", "policy", "area_id", "phase", "next_step", "hours_today", "dealing_share"]


@dataclass
class Rehearsal:
    """The result: every plan of the office, and the true dealing at each market."""

    looks: pd.DataFrame  # COLUMNS; dealing_share is the truth, which the office does not see
    plans: list[pd.DataFrame] = field(repr=False)
    promises: Promises
    least_share: dict[str, float]  # by area: the smallest share of sellers dealing under the policy
    hours_spent: float


def rehearse(
    folder: Path,
    *,
    seed: int,
    start: date,
    days: int,
    policy: str,
    history_days: int = HISTORY_DAYS,
    progress: Callable[[str], None] = lambda text: None,
) -> Rehearsal:
    """Simulate a town under a policy, `concentrate` (follow the plan) or `spread` (the same hours everywhere)."""
    office = _Office.create(folder, seed, start, history_days, progress)
    looks: list[pd.DataFrame] = []
    plans: list[pd.DataFrame] = []
    least = dict.fromkeys(office.market_areas, 1.0)
    for day in range(0, days, LOOK_DAYS):
        plan = pd.DataFrame()
        if policy == "concentrate" or day == 0:  # an even spread needs no further plan
            plan, _ = office.make_plan()
            plans.append(plan)
            progress(office.summary(day, policy, plan))
            looks.append(office.dealing_in(plan).assign(day=day, policy=policy))
        orders = office.orders_from(plan) if policy == "concentrate" else office.spread_orders(day)
        for _ in office.simulate(orders, LOOK_DAYS):
            least = {area: min(share, office.truth()[area]) for area, share in least.items()}
    plan, promises = office.make_plan()
    looks.append(office.dealing_in(plan).assign(day=days, policy=policy))
    progress(office.summary(days, policy, plan))
    office.home.remember()
    return Rehearsal(pd.concat(looks, ignore_index=True)[COLUMNS], [*plans, plan], promises, least, office.hours_spent)


@dataclass
class _Office:
    """A home, the town it polices, and the state of both."""

    folder: Path
    state: TownState
    home: Home
    geography: Map
    orders_open: dict[str, float] = field(default_factory=dict)  # hours a day by area
    pending: list[Emitted] = field(default_factory=list)
    files: int = 0
    hours_spent: float = 0.0
    due: dict[str, tuple[date, float]] = field(default_factory=dict)  # announced surges by area: first day, hours a day
    watched: set[str] = field(default_factory=set)
    reported: list[Emitted] = field(default_factory=list)  # since officers last answered

    @classmethod
    def create(
        cls, folder: Path, seed: int, start: date, history_days: int, progress: Callable[[str], None]
    ) -> "_Office":
        folder.mkdir(parents=True, exist_ok=True)
        state = new_town(seed, start=start - timedelta(days=history_days), side_effects=SideEffects())
        write_map(folder, seed, areas_geojson(state.town), points_of_interest_geojson(state.sites))
        home = Home(folder / "home", folder / "config.yaml", _noon(start), lambda text: None, is_for_rehearsals=True)
        home.ensure()
        office = cls(folder, state, home, read_map(home.settings))
        progress(f"simulating {history_days} days before the office begins to plan")
        office.state, records = step(office.state, (), history_days)
        office.pending = records
        return office

    @property
    def market_areas(self) -> list[str]:
        return [self.state.town.area_ids[market.area] for market in self.state.sites.markets]

    @property
    def today(self) -> date:
        return self.state.day_at(0).local

    def truth(self) -> dict[str, float]:
        return dict(zip(self.market_areas, self.state.markets.dealing_share.tolist(), strict=True))

    def dealing_in(self, plan: pd.DataFrame) -> pd.DataFrame:
        """Return the planted markets in a plan, with their true share of dealing."""
        share = plan["area_id"].str.split("@").str[0].map(self.truth())
        rows = plan[["area_id", "phase", "next_step", "hours_today"]].assign(dealing_share=share.astype(float))
        return rows.dropna(subset="dealing_share")

    def make_plan(self) -> tuple[pd.DataFrame, Promises]:
        """Load the newly emitted events and plan as of this morning."""
        self.home.clock = _noon(self.today)
        self._load()
        home, settings = self.home, self.home.settings
        as_of = home.midnight(self.today)
        codebook = read_run_codebook(settings, as_of)
        with open_home_snapshot(home, as_of) as snapshot:
            place_incidents(snapshot.connection, self.geography, codebook, as_of, settings)
            markets = find_street_markets(market_reports(snapshot.connection, settings), self.geography, settings)
            frames = plan_frames(snapshot.connection, markets, self.geography, as_of, settings)
        promises = promises_of(frames, as_of, settings)
        is_outreach = frames.actions["kind"] == "outreach"
        helped_areas = sorted(frames.actions.loc[is_outreach, "area_id"].unique())
        plan = plan_markets(frames, codebook, promises, helped_areas, as_of, settings)
        return plan, promises

    def orders_from(self, plan: pd.DataFrame) -> list[dict[str, Any]]:
        """Return the orders that the office gives from a plan."""
        return [order for row in plan.to_dict("records") for order in self._orders_for(row)]

    def _orders_for(self, row: dict[Any, Any]) -> list[dict[str, Any]]:
        area, surge = _raw(row["area_id"]), round(float(row["surge_hours"]), 1)
        match row["next_step"]:
            case "register":
                stop_on = self.today + timedelta(days=STOP_DAYS)
                detail = (
                    f"market_id={row['market_id']}; outcome=public reports at the market; "
                    f"comparison=the other flagrant markets; stop_on={stop_on}"
                )
                return [
                    self._order("registration", area, 8, detail=detail),
                    self._order("partners_told", area, 9),
                    self._order("outreach", area, 10),
                ]
            case "announce":
                notice_id, starts_on = self._serve_notice(str(row["market_id"]))
                self.watched.add(area)
                self.due[area] = (starts_on, surge)
                detail = f"starts_on={starts_on}"
                return [self._order("announcement", area, 13, hours=surge, notice_id=notice_id, detail=detail)]
            case "move":
                self.orders_open[area] = round(float(row["maintenance_hours"]), 1)
                hours = self.orders_open[area]
                return [self._order("crackdown_start", area, 8, hours=hours, detail="phase=maintain")]
        return []

    def _serve_notice(self, market_id: str) -> tuple[str, date]:
        """Publish today's run; two people open, review and approve the market's notice, and it is displayed."""
        home = self.home
        identity = identify_run(home, self.geography, home.midnight(self.today), None)
        publish_run(home, identity, prioritise(home, identity, self.geography, direct))
        drafts = read_published(home.path, "area_notice")
        notice_id = str(drafts.loc[drafts["market_id"] == market_id, "notice_id"].iloc[0])
        for reader in REVIEWERS:
            open_notice(home, notice_id, reader=reader, purpose="to decide on it")
        reason = {"reason": "the public reports behind it were read and hold"}
        do(home, notice_id, Decision("reviewed", REVIEWERS[0], reason))
        do(home, notice_id, Decision("approved", REVIEWERS[1], reason))
        served = do(
            home, notice_id, Decision("served", "the beat team", {"served_at": home.now(), "manner": "displayed"})
        )
        return notice_id, served.fields["starts_on"]

    def spread_orders(self, day: int) -> list[dict[str, Any]]:
        """Announce everywhere at once, then share the budget equally, from the day on which the plan could begin."""
        areas, budget = self.market_areas, self.home.settings.crackdowns.officer_hours_per_day
        if day == LOOK_DAYS:
            self.watched |= set(areas)
            return [self._order("announcement", area, 9, hours=budget / len(areas)) for area in areas]
        if day == 2 * LOOK_DAYS:
            self.orders_open = dict.fromkeys(areas, budget / len(areas))
            return [self._order("crackdown_start", area, 0, hours=budget / len(areas)) for area in areas]
        return []

    def simulate(self, orders: list[dict[str, Any]], days: int) -> Any:
        """Simulate `days` days, responding to reports at announced markets; yield after every few days."""
        left = days
        while left:
            span = min(ANSWER_DAYS, left)
            orders = [*orders, *self._responses(), *self._starts(span)]
            self.state, records = step(self.state, orders, span)
            self.pending += records
            self.reported = records
            self.hours_spent += span * sum(self.orders_open.values())
            orders, left = [], left - span
            yield None

    def _starts(self, span: int) -> list[dict[str, Any]]:
        """Return orders to begin the surges whose announced day is within `span` days."""
        orders = []
        for area, (starts_on, hours) in sorted(self.due.items()):
            if starts_on < self.today + timedelta(days=span):
                self.orders_open[area] = hours
                orders.append(self._order("crackdown_start", area, 0, day=starts_on, hours=hours))
        self.due = {area: due for area, due in self.due.items() if due[0] >= self.today + timedelta(days=span)}
        return orders

    def _responses(self) -> list[dict[str, Any]]:
        """Return a sanction for each report of dealing at a market where officers are."""
        found = [_dealing_point(record) for record in self.reported]
        town = self.state.town
        orders = []
        for market in self.state.sites.markets:
            area = town.area_ids[market.area]
            points = {(town.lon[p], town.lat[p]) for p in market.points.tolist()}
            count = sum(point in points for point in found if point)
            if area in self.watched and area in self.orders_open:
                orders += [self._order("sanction", area, 11, detail=f"answer {n + 1} of {count}") for n in range(count)]
        return orders

    def _order(self, kind: str, area: str, hour: int, *, day: date | None = None, **rest: Any) -> dict[str, Any]:
        at = datetime.combine(day or self.today, time(hour), tzinfo=self.home.settings.force.zone).astimezone(UTC)
        return {"kind": kind, "area": area, "actor": "the office", "at": at.isoformat(), **rest}

    def _load(self) -> None:
        folder = self.folder / f"arrived_{self.files:03d}"
        folder.mkdir()
        for topic in sorted({record.topic for record in self.pending}):
            lines = [record.value + b"\n" for record in self.pending if record.topic == topic]
            (folder / f"{topic}.jsonl").write_bytes(b"".join(lines))
        load_file(self.home, folder, None)
        self.pending, self.files = [], self.files + 1

    def summary(self, day: int, policy: str, plan: pd.DataFrame) -> str:
        shown = plan[["area_id", "phase", "next_step"]].astype(str).itertuples(index=False)
        parts = [f"{_raw(area_id)} {phase} ({next_step})" for area_id, phase, next_step in shown]
        return f"day {day:3d}, {policy}: {', '.join(parts) or 'no market'}"


def _raw(area_id: str) -> str:
    """Return the area's id in its boundary file."""
    return area_id.rsplit("@", 1)[0]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def _dealing_point(record: Emitted) -> tuple[float, float] | None:
    """Return the point of a report of dealing, None for any other record."""
    if record.topic != "incidents" or b'"subject":"dealing"' not in record.value:
        return None
    try:
        location = json.loads(record.value)["data"]["location"]
    except (ValueError, KeyError, TypeError):
        return None  # one of the malformed records that the town emits on purpose
    return (location.get("lon"), location.get("lat"))
