"""The stages of a run from snapshot to published tables: places, people, plans, notices, changes, quality."""

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.settings import Settings
from flows.home.stage import Call
from flows.home.store_access import open_home_snapshot
from flows.inputs.assembly import (
    Map,
    PeopleFrames,
    PlaceFrames,
    earliest,
    group_shares,
    local_zone_clock,
    market_reports,
    people_frames,
    place_frames,
    place_incidents,
    read_map,
    read_run_codebook,
)
from flows.inputs.previous_run import Previous, read_previous
from flows.inputs.report_history import read_reports
from flows.measures.measured import measure_outcomes
from flows.run.address_piles import address_piles, left_out, not_left_out, pile_measures, pile_table, with_pile_mark
from flows.run.area_sets import (
    area_sizes,
    areas_lately,
    few_residents_measure,
    rank_further_sets,
    rank_set,
    rank_set_offences,
    size_measure,
)
from flows.run.draft_notices import area_notices, person_notices
from flows.run.gate import examine_input, pass_gate
from flows.run.joined_people import joined_people
from flows.run.map_shapes import map_shape
from flows.run.outcomes import monitor_outcomes
from flows.run.place_text import (
    evidence_of,
    main_offences,
    read_places_in_words,
    recent_incidents,
    with_cell_place,
)
from flows.run.plans import plan_frames, plan_operations, shown_markets, where_harm_went
from flows.run.quality import Measure, area_notes, data_quality, dealing_measure, map_repairs, record_measures
from geo.hotspots import find_hotspots
from geo.market_shapes import market_polygons, visibility
from geo.same_place import Boxes, ground_of
from models.area_review.near_list import check_list
from models.area_review.sensitivity import Sensitivity, rank_variants
from models.changes import ANNOUNCED, place_changes, with_announced, with_rank_before
from models.forecast.forecast import forecast_cells
from models.operations.allocation import Allocation, allocate
from models.operations.history import SAME_CELLS
from models.people_lists.assess import PeopleLists, PreviousPeople, assess_people
from models.places.address_piles import harm_off_piles
from models.places.crime_focus import rank_focus
from models.places.feedback import measure_feedback
from models.places.markets import Markets, rank_markets
from models.places.quality_checks import check_forecasts, check_ranking
from models.statistics.rank_draws import total_ranks
from pipeline.publication.publish import runs
from pipeline.publication.tables import RUN_COLUMNS, read_tables

PEOPLE_TABLES = (
    "warrant_queue",
    "person_tier",
    "dealer_ranking",
    "referral",
    "safeguarding",
    "call_in",
    "tier_term",
    "seller_term",
    "person_change",
)
# Ranked tables of places, and the columns that identify a place from run to run.
RANKED = {
    "area_ranking": ["area_id"],
    "area_set_ranking": ["area_set", "area_id"],
    "cell_forecast": ["cell_id"],
    "hotspot": ["hotspot_id"],
    "market": ["market_id"],
}
CHANGING = {"area": "area_ranking", "market": "market", "hotspot": "hotspot"}  # kind of place → its table


WITH_PLACE = ("place", "geometry_wkb")  # columns of place_change that a market or hot spot has itself


@dataclass(frozen=True, slots=True)
class Products:
    """The tables of one run, less run columns; keys are table names."""

    published: dict[str, pd.DataFrame]
    restricted: dict[str, pd.DataFrame]
    is_staffing_assumed: bool
    gates: pd.Series  # by person_id: result of the gate; never published
    actions: pd.DataFrame  # actions in the snapshot; never published
    unusable_because: str | None = None  # why its input failed the checks


def prioritise(home: Home, identity: RunIdentity, geography: Map, call: Call, *, allow_empty: bool = False) -> Products:
    """Compute all tables of a run from the store; `call` calls each stage.

    With `allow_empty` a run whose input fails a check has a ranking without a list, and nothing else.

    Raises
    ------
    QualityError
        The input fails a check, and `allow_empty` is False.
    """
    settings, as_of = identity.settings, identity.as_of
    codebook = call(read_run_codebook, settings, as_of)
    previous = call(read_previous, home, identity.predecessor_run_id, identity.crs)
    known_at, since = identity.known_at, earliest(as_of, settings)
    with open_home_snapshot(home, as_of, known_at=known_at, since=since) as snapshot:
        call(place_incidents, snapshot.connection, geography, codebook, as_of, settings)
        frames = call(place_frames, snapshot.connection, geography, as_of, settings)
        checks = call(examine_input, home, identity, snapshot.connection, frames, codebook)
        if unusable_because := call(pass_gate, identity, checks, allow_empty=allow_empty):
            ranking = call(rank_places, frames, geography, codebook, settings, None)
            notes = area_notes(geography.areas, settings.force.areas.note)
            quality = call(data_quality, snapshot.connection, frames, None, notes, settings.force.staffing.note)
            return unusable_products(ranking, quality, checks, map_shape(geography), unusable_because)
        ranking = call(rank_places, frames, geography, codebook, settings, previous)
        in_words, hidden = call(read_places_in_words, geography, settings), withheld_ground(identity)
        reviewed = call(review_ranking, ranking, frames, geography, codebook, settings, previous)
        sets = call(
            rank_further_sets,
            snapshot.connection, geography, frames.officer_hours, codebook, as_of, settings, previous,
        )  # fmt: skip
        forecast = call(forecast_places, frames, geography, codebook, settings)
        piles = call(address_piles, snapshot.connection, geography, codebook, settings)
        pile_cells = pile_table(piles, forecast, geography, settings)
        forecast = with_pile_mark(forecast, pile_cells)
        hotspots = call(find_places_of_harm, frames, geography, codebook, settings, previous, left_out(pile_cells))
        found = call(find_street_markets, frames.market_reports, geography, settings)
        markets = shown_markets(found, geography, hidden)
        persons = call(people_frames, snapshot.connection, flagrant_cells(found), as_of, settings)
        people = call(assess_everybody, persons, codebook, as_of, settings, previous)
        plan_inputs = call(plan_frames, snapshot.connection, found, geography, as_of, settings, hidden)
        reports = call(read_reports, snapshot.connection, plan_inputs.operations, geography, as_of, settings, hidden)
        displacement = call(where_harm_went, reports, plan_inputs.operations, as_of, settings)
        measured = call(
            measure_outcomes, home, identity, snapshot.connection, geography, plan_inputs.operations, codebook,
            displacement, plan_inputs.overdose_watch, reports,
            people=persons, place_actions=plan_inputs.actions, site_events=plan_inputs.site_events,
        )  # fmt: skip
        outcomes = call(monitor_outcomes, home, identity, snapshot.connection, codebook)
        notes = [*area_notes(geography.areas, settings.force.areas.note), *notes_of(forecast)]
        plans = call(
            plan_operations, plan_inputs, not_left_out(forecast, pile_cells), codebook, geography, as_of, settings
        )
        visited = geography.cells[geography.cells["cell_id"].isin(plans.visits["cell_id"])]
        mostly = call(main_offences, snapshot.connection, visited, codebook, settings.places)
        visits = plans.visits.assign(mostly=plans.visits["cell_id"].map(mostly).astype(object))
        pile_cells = pile_cells.assign(is_visited=pile_cells["cell_id"].isin(plans.visits["cell_id"]))
        on_record = settings.places.on_record(frames.area_events, codebook)
        of_day = [
            call(rank_set_offences, snapshot.connection, settings.force.areas.set, geography.areas, codebook, on_record,
                 settings),
            *sets.offences,
        ]  # fmt: skip
        lately = call(areas_lately, snapshot.connection, ranking, codebook, settings)
        days = previous.days_until(as_of, settings.force.zone) if previous else 1
        grave = call(recent_incidents, snapshot.connection, in_words, codebook, settings, hidden is not None, days)
        evidence = call(evidence_of, ranking, snapshot.connection, in_words, codebook, settings, hidden is not None)
        of_the_map = [
            *map_repairs(geography),
            *size_measure(geography.areas, settings.places.per),
            *few_residents_measure(ranking, settings.places),
            *record_measures(frames.area_events, codebook, settings.places),
            dealing_measure(frames.market_reports),
            *sets.measures,
            *pile_measures(piles, pile_cells, forecast, settings),
            basis_measure(forecast),
        ]
        why_assumed = settings.force.staffing.note
        quality = call(data_quality, snapshot.connection, frames, people, notes, why_assumed, of_the_map)
    forecast = forecast.join(in_words.of_cells(forecast))
    market_rows = market_shapes(markets, geography)
    window_days = on_record.window_days  # of the counts
    officers = call(allocate_officers, ranking, geography, settings, window_days)
    places = {
        "area_ranking": ranking,
        "area_evidence": evidence,
        "area_recent": lately,
        "recent_incident": grave,
        "offence_ranking": pd.concat(of_day, ignore_index=True),
        "area_set_ranking": sets.ranking,
        "sensitivity": reviewed.areas,
        "sensitivity_summary": reviewed.summary,
        "cell_forecast": forecast,
        "address_pile": with_cell_place(pile_cells, forecast, ["place"]),
        "hotspot": with_wkb(hotspots.join(in_words.of_shapes(hotspots.geometry))),
        "market": with_wkb(market_rows.join(in_words.of_shapes(market_rows.geometry))),
        "officer_allocation": officers.areas,
        "allocation_curve": officers.curve,
        "allocation_cost": officers.costs,
        "crackdown_plan": plans.crackdowns,
        "overdose_watch": plan_inputs.overdose_watch,
        "visit_plan": with_cell_place(visits, forecast),
        "promise": plans.promises.promises,
        "crime_focus": call(focus_on_crimes, frames, geography.areas, codebook, settings),
        "area_notice": call(area_notices, markets, geography, identity),
        "displacement": displacement,
        "feedback": call(where_police_find, ranking, officers.areas, window_days),
        "outcome_monitor": outcomes,
        **measured,
        "data_quality": quality,
        "quality_check": pd.concat(
            [
                checks,
                check_ranking(ranking, settings.places.top_k),
                check_list(
                    ranking, reviewed.summary, top_k=settings.places.top_k, list_enter=settings.places.list_enter
                ),
                check_forecasts(outcomes),
                *sets.checks,
            ],
            ignore_index=True,
        ),
        "map_shape": map_shape(geography),
    }
    places |= {
        table: with_rank_before(places[table], getattr(previous, table, None), key) for table, key in RANKED.items()
    }
    changes, today = call(changed_places, places, previous), as_of.astimezone(settings.force.zone).date()
    places |= {
        table: with_announced(places[table], getattr(previous, table, None), changes, kind, today)
        for kind, table in CHANGING.items()
    }
    # Nothing is announced of further sets.
    places["area_set_ranking"] = places["area_set_ranking"].assign(**dict.fromkeys(ANNOUNCED))
    lists = joined_people({name: getattr(people, name) for name in PEOPLE_TABLES}, persons.same, previous)
    return Products(
        published={**places, "place_change": changes},
        restricted={
            **lists,
            "person_notice": call(person_notices, people.person_tier, persons, codebook, identity),
        },
        is_staffing_assumed=bool(frames.officer_hours["is_assumed"].any()),
        gates=people.decisions["gate"],
        actions=persons.actions,
    )


def unusable_products(
    ranking: pd.DataFrame, quality: pd.DataFrame, checks: pd.DataFrame, shapes: pd.DataFrame, unusable_because: str
) -> Products:
    """Return the tables of a run that nobody may act on: a ranking without a list, the checks, and no other rows."""
    tables = read_tables()
    published, restricted = (
        {
            name: pd.DataFrame(columns=[column for column in table.column_names if column not in RUN_COLUMNS])
            for name, table in file.items()
            if table.is_of_one_run
        }
        for file in (tables.published, tables.restricted)
    )
    shown = {
        "area_ranking": with_rank_before(ranking, None, RANKED["area_ranking"]).assign(
            is_listed=False, moves_out_if=None, moves_in_if=None, **dict.fromkeys(ANNOUNCED)
        ),
        "data_quality": quality,
        "quality_check": checks,
        "map_shape": shapes,
    }
    return Products(
        published={**published, **shown},
        restricted=restricted,
        is_staffing_assumed=bool(ranking["is_staffing_assumed"].any()),
        gates=pd.Series(dtype=object),
        actions=pd.DataFrame(),
        unusable_because=unusable_because,
    )


def rank_places(
    frames: PlaceFrames, geography: Map, codebook: pd.DataFrame, settings: Settings, previous: Previous | None
) -> pd.DataFrame:
    """Return area_ranking less run columns."""
    listed = previous.listed_area_ids if previous else frozenset()
    config, seed = settings.places, settings.seed
    return rank_set(frames, geography.areas, codebook, config=config, seed=seed, previously_listed=listed)


def review_ranking(
    ranking: pd.DataFrame,
    frames: PlaceFrames,
    geography: Map,
    codebook: pd.DataFrame,
    settings: Settings,
    previous: Previous | None,
) -> Sensitivity:
    """Return sensitivity and sensitivity_summary less run columns."""
    return rank_variants(
        ranking,
        frames.area_events,
        codebook,
        frames.officer_hours,
        area_sizes(geography.areas),
        config=settings.places.on_record(frames.area_events, codebook),
        seed=settings.seed,
        previously_listed=previous.listed_area_ids if previous else frozenset(),
    )


def forecast_places(frames: PlaceFrames, geography: Map, codebook: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return cell_forecast less run columns, by rank; `attrs["notes"]` lists its limitations."""
    outcome = forecast_cells(
        frames.cell_events,
        geography.cells[["cell_ix", "cell_iy"]],
        codebook["harm_days"],
        horizon_days=settings.forecast.horizon_days,
        seed=settings.seed,
        config=settings.forecast,
    )
    cells = geography.cells[["cell_id", "area_id", "x_min_m", "y_min_m"]].join(outcome)
    cells = cells.assign(
        cell_size_m=geography.grid.size_m,
        horizon_days=settings.forecast.horizon_days,
        rank=total_ranks(cells["expected_harm"], ids=cells["cell_id"]),
        naive_rank=total_ranks(cells["naive_count"], ids=cells["cell_id"]),
    ).sort_values("rank", ignore_index=True)
    cells.attrs |= outcome.attrs
    return cells


def basis_measure(forecast: pd.DataFrame) -> Measure:
    """Return the row of data_quality that says what expected harm rests on."""
    basis = dict(forecast.attrs.get("basis", []))
    named = "; ".join(f"{name} {part:.0%}" for name, part in basis.items())
    detail = f"part of expected harm that rests on learned rates; judged on this city's past it rests on: {named}"
    return ("forecast_learned_part", basis.get("learned rates", 0.0), "share", False, detail if basis else "no past")


def notes_of(frame: pd.DataFrame) -> list[str]:
    """Return the limitations that a model noted."""
    return list(frame.attrs.get("notes", []))


def find_places_of_harm(
    frames: PlaceFrames,
    geography: Map,
    codebook: pd.DataFrame,
    settings: Settings,
    previous: Previous | None,
    piles: pd.DataFrame,
) -> gpd.GeoDataFrame:
    """Return hot spots of decayed harm within the window of the place models, less that on `piles` left out."""
    recent = frames.cell_events[frames.cell_events["age_days"] < settings.places.window_days]
    decay = 0.5 ** (recent["age_days"] / settings.places.half_life_days)
    weighted = recent.assign(
        harm=recent["n"] * codebook["harm_days"].reindex(recent["offence_code"]).to_numpy() * decay
    )
    by_cell = weighted.groupby(["cell_ix", "cell_iy"], as_index=False)["harm"].sum()
    cells = geography.cells[["cell_ix", "cell_iy", "cell_id"]].merge(by_cell, how="left").fillna({"harm": 0.0})
    cells = cells.assign(harm=harm_off_piles(cells, piles)).drop(columns="cell_id")
    before = previous.hotspot_shapes(geography.grid.crs) if previous else None
    return find_hotspots(cells, geography.grid, previous=before)


def find_street_markets(market_reports: pd.DataFrame, geography: Map, settings: Settings) -> Markets:
    """Return the street markets of the last weeks, from the reports of `PlaceFrames`."""
    cells = geography.cells[["cell_ix", "cell_iy", "area_id"]]
    is_visible = visibility(
        cells, geography.grid, geography.points_of_interest, distance_m=settings.markets.visibility_distance_m
    )
    return rank_markets(market_reports, cells.assign(is_visible=is_visible), config=settings.markets)


def withheld_ground(identity: RunIdentity) -> Boxes | None:
    """Return the ground of the places under an embargo, None if there is none."""
    cells = identity.withheld_cells
    return ground_of(cells, identity.crs, reach_cells=SAME_CELLS) if cells else None


def flagrant_cells(markets: Markets) -> pd.DataFrame:
    """Return cell_ix, cell_iy of the flagrant markets."""
    flagrant = markets.markets.loc[markets.markets["grade"] == "flagrant", "market_id"]
    return markets.cells.loc[markets.cells["market_id"].isin(flagrant), ["cell_ix", "cell_iy"]]


def people_of_run(home: Home, run: pd.Series) -> PeopleLists:
    """Recompute the lists of people of a kept run, with all decisions; `run` is its row of table `run`.

    The current settings apply. A predecessor that is no longer kept is ignored.
    """
    before = run["predecessor_run_id"] if run["predecessor_run_id"] in set(runs(home.path)["run_id"]) else None
    geography = read_map(home.settings)
    previous = read_previous(home, before, geography.grid.crs)
    return people_at(home, run["as_of"].to_pydatetime(), run["known_at"].to_pydatetime(), geography, previous)[1]


def people_at(
    home: Home, as_of: datetime, known_at: datetime, geography: Map, previous: Previous | None = None
) -> tuple[PeopleFrames, PeopleLists]:
    """Return the frames of people at two clocks, and the lists that a run at them would make by current settings."""
    settings, codebook = home.settings, read_run_codebook(home.settings, as_of)
    with open_home_snapshot(home, as_of, known_at=known_at, since=earliest(as_of, settings)) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, as_of, settings)
        markets = find_street_markets(market_reports(snapshot.connection, settings), geography, settings)
        frames = people_frames(snapshot.connection, flagrant_cells(markets), as_of, settings)
    return frames, assess_everybody(frames, codebook, as_of, settings, previous)


def assess_everybody(
    frames: PeopleFrames, codebook: pd.DataFrame, as_of: datetime, settings: Settings, previous: Previous | None
) -> PeopleLists:
    """Return the lists of people; of those with several ids the run before is read as of one person."""
    before = None
    if previous:
        tables = PreviousPeople(previous.person_tier, previous.tier_term, previous.seller_term)
        before = tables.in_one(frames.same.one_ids, frames.same.parted_since(previous.same))
    return assess_people(
        frames.events,
        frames.persons,
        frames.custody,
        frames.warrants,
        frames.actions,
        codebook,
        as_of=local_zone_clock(as_of, settings),
        config=settings.people,
        seed=settings.seed,
        previous=before,
    )


def where_police_find(ranking: pd.DataFrame, officers: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Return feedback less run columns; the counts of `ranking` are of `window_days`."""
    counts = ranking[["area_id", "public_count", "police_count", "is_staffing_assumed"]]
    areas = counts.merge(officers[["area_id", "today_hours", "proposed_hours"]], on="area_id")
    return measure_feedback(areas, window_days=window_days)


def changed_places(places: dict[str, pd.DataFrame], previous: Previous | None) -> pd.DataFrame:
    """Return place_change less run columns; nothing for a first run."""
    now = {kind: places[table] for kind, table in CHANGING.items()}
    before = {kind: getattr(previous, table) if previous else now[kind] for kind, table in CHANGING.items()}
    changes = [
        place_changes(before[kind], now[kind], kind).pipe(_with_place, before[kind], now[kind], kind)
        for kind in CHANGING
    ]
    return pd.concat(changes, ignore_index=True)


def _with_place(changes: pd.DataFrame, before: pd.DataFrame, now: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Add what each place is called and its outline, or those it had; areas have the shapes of the map."""
    called = {"place": "area_name", "geometry_wkb": None} if kind == "area" else {name: name for name in WITH_PLACE}
    rows = pd.concat([now, before]).drop_duplicates(f"{kind}_id").set_index(f"{kind}_id")
    return changes.assign(
        **{name: changes["place_id"].map(rows[of]).astype(object) if of else None for name, of in called.items()}
    )


def market_shapes(markets: Markets, geography: Map) -> gpd.GeoDataFrame:
    """Return the markets with their outlines."""
    shapes = market_polygons(markets.cells, geography.grid)[["market_id", "geometry"]]
    return shapes.merge(markets.markets, on="market_id", how="right")


def with_wkb(shapes: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return a plain table with column geometry_wkb in place of the geometry."""
    wkb = pd.Series(shapes.geometry.to_wkb(), index=shapes.index, dtype=object)
    return pd.DataFrame(shapes.drop(columns=shapes.geometry.name)).assign(geometry_wkb=wkb)


def allocate_officers(ranking: pd.DataFrame, geography: Map, settings: Settings, window_days: int) -> Allocation:
    """Return the tables of the allocation less run columns; the counts of `ranking` are of `window_days`."""
    by_area = ranking.set_index("area_id").sort_index()
    counted_per_day = by_area["public_count"] / window_days
    expected_per_day = by_area["crimes_per_officer_hour"] * by_area["officer_hours"]
    return allocate(
        expected_per_day.fillna(counted_per_day),
        by_area["harm_per_day"],
        by_area["officer_hours"],
        config=settings.allocation,
        group_shares=group_shares(geography.areas, settings),
        is_assumed=by_area["is_staffing_assumed"],
        is_partial=by_area["is_staffing_partial"],
    )


def focus_on_crimes(
    frames: PlaceFrames, areas: gpd.GeoDataFrame, codebook: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return crime_focus less run columns."""
    recent = frames.area_events[frames.area_events["age_days"] < settings.places.window_days]
    focus = rank_focus(recent, codebook, discoveries=settings.places.discoveries)
    return focus.merge(areas[["area_id", "area_name"]], on="area_id", how="left")
