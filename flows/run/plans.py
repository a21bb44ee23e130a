"""Plans of a run: operations against street markets, visits, and promises."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from flows.home.settings import Settings, SettingsError
from flows.inputs.assembly import Map, query
from flows.inputs.promises import follow_promises
from flows.inputs.report_history import MapReports
from geo.market_shapes import PATROL_CELLS, near_treatment
from geo.placement import place_points
from geo.same_place import Boxes
from models.operations.crackdowns import FACTS, Calendar, plan_crackdowns
from models.operations.history import is_same_market, operations_of, particulars, without_hidden_actions
from models.operations.overdose_watch import HISTORY_DAYS, SHOWN_AFTER_DAYS, WatchPlan, watch_overdoses
from models.operations.promises import Promises
from models.operations.visits import explore, plan_visits
from models.places.displacement import measure_displacement
from models.places.markets import Markets, middle_of
from pipeline.given_yaml import read_given_yaml
from pipeline.near_words import did_you_mean

CORE_CELLS = 2.9  # distance of a market's core from its middle, in cells
HELP_DAYS = 90


@dataclass(frozen=True, slots=True)
class PlanFrames:
    """Input frames of the plans."""

    sites: pd.DataFrame
    operations: pd.DataFrame
    actions: pd.DataFrame
    site_events: pd.DataFrame
    overdose_watch: pd.DataFrame  # less run columns
    hidden: frozenset[str] = frozenset()  # sites that no row may name


@dataclass(frozen=True, slots=True)
class Plans:
    """The tables crackdown_plan and visit_plan less run columns, and the promises."""

    crackdowns: pd.DataFrame
    visits: pd.DataFrame
    promises: Promises


def plan_frames(
    connection: duckdb.DuckDBPyConnection,
    markets: Markets,
    geography: Map,
    as_of: datetime,
    settings: Settings,
    hidden: Boxes | None = None,
) -> PlanFrames:
    """Return actions and reports at every market that may be shown, and at every operation.

    Operations on `hidden` ground count with their promises, hours and areas, and are named nowhere. Call
    `place_incidents` first.
    """
    actions = query(connection, "place_action")
    operations = _with_markets(operations_of(actions), markets.markets)
    names = hidden_sites(markets, operations, geography, hidden)
    operations = operations.assign(is_hidden=operations["market_id"].isin(names))
    sites = _sites(markets.markets, operations)
    sites = sites[~sites["market_id"].isin(names - set(operations["market_id"].dropna()))].reset_index(drop=True)
    around = _site_cells(sites["market_id"].tolist(), geography, settings)
    connection.register("site_cell", around[["market_id", "cell_ix", "cell_iy", "is_core"]])
    events = query(connection, "site_event")
    connection.unregister("site_cell")
    patrol = around[around["is_patrol"]].reset_index(drop=True)
    is_near = near_treatment(
        patrol, geography.grid, geography.points_of_interest, distance_m=settings.crackdowns.buffer_m
    )
    patrol = patrol.assign(is_near_treatment=is_near)
    by_market = patrol[~patrol["is_near_treatment"]].groupby("market_id")["cell_id"].agg(list)
    excluded = patrol.groupby("market_id")["is_near_treatment"].sum()
    sites = sites.assign(
        patrol_cell_ids=pd.Series([by_market.get(site, []) for site in sites["market_id"]], dtype=object),
        excluded_cell_count=excluded.reindex(sites["market_id"]).fillna(0).to_numpy(dtype=np.int64),
    )
    watch = overdose_watch(connection, operations, geography, as_of, settings)
    return PlanFrames(sites, operations, actions, events, watch, names)


def overdose_watch(
    connection: duckdb.DuckDBPyConnection, operations: pd.DataFrame, geography: Map, as_of: datetime, settings: Settings
) -> pd.DataFrame:
    """Return overdose_watch less run columns: overdoses near operations and seizures, for health partners.

    Operations that column is_hidden marks, and the seizures in their areas meanwhile, are left out.
    """
    seizures = query(connection, "overdose_watch#seizure", since=as_of - timedelta(days=HISTORY_DAYS))
    seizures = without_hidden_actions(seizures, operations)
    config = settings.crackdowns
    shown_from = pd.Timestamp(as_of) - timedelta(days=config.watch_days + SHOWN_AFTER_DAYS)
    own = _watched_operations(operations[~operations["is_hidden"]], geography, shown_from)
    watched = pd.concat([own, _watched_seizures(seizures, geography)])
    watched["started_at"] = pd.to_datetime(watched["started_at"], utc=True)
    plan = WatchPlan(pd.Timestamp(as_of), settings.force.time_zone, config.watch_days, config.watch_m)
    return watch_overdoses(watched, query(connection, "overdose_watch#overdose"), plan=plan, seed=settings.seed)


def _watched_operations(operations: pd.DataFrame, geography: Map, shown_from: pd.Timestamp) -> pd.DataFrame:
    """Return operations as squares: the patrolled cells around the middle of the market.

    They are those that run and those that began since `shown_from`: who was told of a watch has it to its end, whether
    or not the operation ends before.
    """
    begun = operations[operations["started_at"].notna()]
    running = begun[begun["ended_at"].isna() | pd.to_datetime(begun["started_at"], utc=True).ge(shown_from)]
    running = running.drop_duplicates("market_id", keep="last")
    size_m = geography.grid.size_m
    middles = [middle_of(market) for market in running["market_id"].dropna()]
    at_m = np.array([m if m else (np.nan, np.nan) for m in middles], dtype=float).reshape(-1, 2) * size_m + size_m / 2
    return pd.DataFrame(
        {
            "event_id": running["market_id"].dropna().to_numpy(object),
            "cause": "operation",
            **running.dropna(subset="market_id")[["area_id", "started_at"]].to_dict("series"),
            "x_m": at_m[:, 0],
            "y_m": at_m[:, 1],
            "reach_m": PATROL_CELLS * size_m,
        }
    )


def _seizure_id(action_id: str) -> str:
    """Return the published id of a seizure: its action's own may be the number of a case."""
    return "seizure_" + hashlib.sha256(action_id.encode()).hexdigest()[:12]


def _watched_seizures(seizures: pd.DataFrame, geography: Map) -> pd.DataFrame:
    """Return the seizures as points, those that their detail names with lon and lat in degrees."""
    details = [particulars(detail) for detail in seizures["detail"]]
    degrees = pd.DataFrame({name: [details_of.get(name) for details_of in details] for name in ("lon", "lat")})
    degrees = degrees.apply(pd.to_numeric, errors="coerce").astype(float)
    is_on_earth = degrees["lon"].abs().le(180) & degrees["lat"].abs().le(90)
    placed = place_points(degrees[is_on_earth], geography.areas, geography.grid).reindex(degrees.index)
    return pd.DataFrame(
        {
            "event_id": [_seizure_id(action_id) for action_id in seizures["action_id"]],
            "cause": "seizure",
            "area_id": seizures["area_id"].where(seizures["area_id"].notna(), placed["area_id"]),
            "started_at": seizures["at"],
            **{name: placed[name] for name in ("x_m", "y_m")},
            "reach_m": 0.0,
        }
    )


def shown_markets(found: Markets, geography: Map, hidden: Boxes | None) -> Markets:
    """Return the markets without those that have a cell on hidden ground; the others stand as if there were no more.

    Lists of people count all markets: they name no place, and sellers at a hidden market must not be sought elsewhere.
    """
    if hidden is None:
        return found
    return found.without(_markets_on(hidden, found, geography))


def hidden_sites(found: Markets, operations: pd.DataFrame, geography: Map, hidden: Boxes | None) -> frozenset[str]:
    """Return the ids of markets with a cell on hidden ground, and of operations there or at such a market."""
    if hidden is None:
        return frozenset()
    markets = _markets_on(hidden, found, geography)
    others = set(operations["market_id"].dropna()) - set(found.markets["market_id"])
    middles = {market_id: middle_of(market_id) for market_id in sorted(others)}
    named = {market_id: middle for market_id, middle in middles.items() if middle}
    is_hidden = hidden.holds_cells([x for x, _ in named.values()], [y for _, y in named.values()], geography.grid)
    on_ground = {market_id for market_id, is_on in zip(named, is_hidden, strict=True) if is_on}
    drifted = {name for name in others if any(is_same_market(name, market_id) for market_id in markets)}
    return frozenset(markets | on_ground | drifted)


def _markets_on(hidden: Boxes, found: Markets, geography: Map) -> set[str]:
    """Return the markets with a cell on hidden ground."""
    is_hidden = hidden.holds_cells(found.cells["cell_ix"], found.cells["cell_iy"], geography.grid)
    return set(found.cells.loc[is_hidden, "market_id"])


def where_harm_went(reports: MapReports, operations: pd.DataFrame, as_of: datetime, settings: Settings) -> pd.DataFrame:
    """Return displacement less run columns. Nothing on withheld ground is named, nor what column is_hidden marks."""
    measured = measure_displacement(
        operations,
        reports.history,
        reports.ground,
        as_of=pd.Timestamp(as_of),
        longest_days=settings.crackdowns.baseline_days,
        withheld=reports.withheld,
    )
    return _shown(measured, set(operations.loc[operations["is_hidden"], "market_id"]))


def _shown(rows: pd.DataFrame, hidden: Collection[str]) -> pd.DataFrame:
    """Return the rows that name no hidden market; positions close up."""
    shown = rows[~rows["market_id"].isin(hidden)].reset_index(drop=True)
    return shown.assign(position=np.arange(1, len(shown) + 1)) if "position" in shown else shown


def plan_operations(
    frames: PlanFrames,
    forecast: pd.DataFrame,
    codebook: pd.DataFrame,
    geography: Map,
    as_of: datetime,
    settings: Settings,
) -> Plans:
    """Return the plans; `forecast` is cell_forecast. No row names a hidden market, and no visit is made for it."""
    promises = promises_of(frames, as_of, settings)
    every = plan_markets(frames, codebook, promises, _helped_areas(frames.actions, as_of), as_of, settings)
    crackdowns = _shown(every, frames.hidden)
    visits = _visits(_visited_cells(crackdowns, forecast, settings), forecast, as_of, settings)
    return Plans(crackdowns, visits, replace(promises, promises=_shown(promises.promises, frames.hidden)))


def plan_markets(
    frames: PlanFrames,
    codebook: pd.DataFrame,
    promises: Promises,
    helped_areas: Sequence[str],
    as_of: datetime,
    settings: Settings,
) -> pd.DataFrame:
    """Return crackdown_plan less run columns; `helped_areas` are those where help was offered."""
    return plan_crackdowns(
        frames.sites,
        frames.operations,
        frames.site_events,
        codebook["harm_days"],
        promises,
        helped_areas,
        read_checklist(settings.force.fidelity),
        calendar=calendar_of(as_of, settings),
        seed=settings.seed,
        config=settings.crackdowns,
        benefit=settings.benefit,
        watch=frames.overdose_watch,
    )


def promises_of(frames: PlanFrames, as_of: datetime, settings: Settings) -> Promises:
    """Return every promise with its state at `as_of`."""
    return follow_promises(frames.operations, frames.site_events, frames.actions, as_of, settings, settings.promises)


def calendar_of(as_of: datetime, settings: Settings) -> Calendar:
    """Return the day of the plan and the periods, in days, announced in notices."""
    today = as_of.astimezone(settings.force.zone).date()
    return Calendar(today, settings.force.time_zone, settings.notices.lead_days, settings.notices.operation_days)


def read_checklist(path: Path) -> list[dict[str, str]]:
    """Return the items of the fidelity checklist; raise SettingsError if one is not item, fact and phase."""
    where = f"fidelity checklist {path}"
    try:
        items: Any = read_given_yaml(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{where} cannot be read as YAML: {getattr(error, 'strerror', error)}") from None
    if not isinstance(items, list) or not items:
        raise SettingsError(f"{where}: expected a list of items, each with item, fact and due")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict) or set(item) != {"item", "fact", "due"}:
            raise SettingsError(f"{where}, item {number}: {item!r}: expected item, fact and due")
        for name, known in (("due", ("announce", "concentrate", "move", "maintain")), ("fact", FACTS)):
            if item[name] not in known:
                near = did_you_mean(str(item[name]), known)
                raise SettingsError(f"{where}, item {number}: {name}={item[name]!r} is not known; {near}")
    return items


def _with_markets(operations: pd.DataFrame, markets: pd.DataFrame) -> pd.DataFrame:
    """Assign each operation without a registered market to the first market of its area."""
    first = markets.drop_duplicates("area_id").set_index("area_id")["market_id"]
    named = operations["market_id"].astype(object)
    return operations.assign(market_id=named.where(named.notna(), operations["area_id"].map(first)))


def _sites(markets: pd.DataFrame, operations: pd.DataFrame) -> pd.DataFrame:
    """Return today's markets, and the market of every operation, whether or not it is still found."""
    own = operations.dropna(subset="market_id").drop_duplicates("market_id", keep="last")
    own = own[own["market_id"].map(middle_of).notna()]
    seen = markets[["market_id", "area_id", "grade", "is_provisional"]]
    of_operations: dict[str, dict[Any, Any]] = {}
    for market_id, area_id in own[["market_id", "area_id"]].itertuples(index=False):
        same = [
            m for m in seen.to_dict("records") if m["area_id"] == area_id and is_same_market(m["market_id"], market_id)
        ]
        now: dict[Any, Any] = same[0] if same else {"grade": None, "is_provisional": False}
        of_operations[market_id] = {**now, "market_id": market_id, "area_id": area_id}
    drifted = [
        any(area == row["area_id"] and is_same_market(market, row["market_id"]) for row in of_operations.values())
        for market, area in seen[["market_id", "area_id"]].itertuples(index=False)
    ]
    fresh = seen[~np.array(drifted, dtype=bool)]
    return pd.DataFrame([*of_operations.values(), *fresh.to_dict("records")], columns=list(seen.columns))


def _site_cells(site_ids: Sequence[str], geography: Map, settings: Settings) -> pd.DataFrame:
    """Return market_id, cell_ix, cell_iy, cell_id, is_core, is_patrol of the cells around each site's middle."""
    reach = _reach(geography, settings)
    steps = np.arange(-int(reach), int(reach) + 1)
    offsets = pd.DataFrame(
        [(dx, dy, float(np.hypot(dx, dy))) for dx in steps for dy in steps], columns=["dx", "dy", "away"]
    )
    middles = pd.DataFrame(
        [(site, *(middle_of(site) or (0, 0))) for site in site_ids], columns=["market_id", "ix", "iy"]
    )
    middles = middles.astype({"ix": np.int64, "iy": np.int64})
    around = middles.merge(offsets[offsets["away"] <= reach], how="cross")
    around = around.assign(cell_ix=around["ix"] + around["dx"], cell_iy=around["iy"] + around["dy"])
    placed = around.merge(geography.cells[["cell_ix", "cell_iy", "cell_id"]], on=["cell_ix", "cell_iy"])
    placed = placed.assign(is_core=placed["away"] <= CORE_CELLS, is_patrol=placed["away"] <= PATROL_CELLS)
    return placed[["market_id", "cell_ix", "cell_iy", "cell_id", "is_core", "is_patrol"]]


def _reach(geography: Map, settings: Settings) -> float:
    """Return the radius of a site including its surrounding ring, in cells."""
    return max(CORE_CELLS, settings.crackdowns.watch_m / geography.grid.size_m)


def _helped_areas(actions: pd.DataFrame, as_of: datetime) -> list[str]:
    """Return the areas with outreach or offered referrals in the last `HELP_DAYS` days."""
    is_help = actions["kind"].isin(["outreach", "referral_offered"])
    is_recent = actions["at"] >= pd.Timestamp(as_of - timedelta(days=HELP_DAYS))
    return sorted(actions.loc[is_help & is_recent, "area_id"].unique())


def _visits(chosen: pd.DataFrame, forecast: pd.DataFrame, as_of: datetime, settings: Settings) -> pd.DataFrame:
    """Return the day's visits to chosen cells, and those to cells of the forecast drawn by lot."""
    given: dict[str, Any] = {
        "day": as_of.astimezone(settings.force.zone).date(),
        "time_zone": settings.force.time_zone,
        "seed": settings.seed,
        "config": settings.visits,
    }
    planned = plan_visits(chosen, **given)
    others = forecast.loc[~forecast["cell_id"].isin(chosen["cell_id"]), ["cell_id", "area_id"]]
    by_lot = explore(others, int(planned["minutes"].sum()), **given)
    return pd.concat([planned, by_lot], ignore_index=True)


def _visited_cells(crackdowns: pd.DataFrame, forecast: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the patrolled cells of running operations, then the top cells of the forecast."""
    running = crackdowns[crackdowns["phase"].isin(["concentrate", "move", "maintain"])]
    own = running[["patrol_cell_ids", "area_id", "market_id"]].explode("patrol_cell_ids").dropna()
    own = own.rename(columns={"patrol_cell_ids": "cell_id", "market_id": "chosen_for"})
    first = forecast.nsmallest(settings.visits.forecast_cells, "rank")[["cell_id", "area_id"]]
    both = pd.concat([own, first.assign(chosen_for="forecast")], ignore_index=True)
    return both.drop_duplicates("cell_id")[["cell_id", "area_id", "chosen_for"]]
