"""Live figures between two daily runs: the run's own models applied to newer events, with its priors fixed.

The run's snapshot is read once and stays in memory. For each micro-batch, only the changed incidents are placed again,
and only the areas that contain or contained them are redrawn before all areas are ranked. An area's rate thus changes
by its own events alone: the variance of rates over areas, the mean weight of an incident by band, the officer hours and
the time at risk stay those of the run. Events after the run's clock count as of today. All figures are provisional: the
next daily run replaces them. They contain no data about persons.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flows.home.home import Home
from flows.human_log.embargoes import cells_in_force, is_covered
from flows.ingest.known_incidents import KnownIncidents, decode, encode, find
from flows.inputs.assembly import (
    area_events,
    earliest,
    officer_hours,
    place_snapshot,
    prepare_placing,
    query,
    read_map,
    read_run_codebook,
)
from flows.run.area_sets import area_sizes
from geo.same_place import ground_of
from models.area_review.live_areas import LiveAreas
from models.area_review.sizes import sized_hours
from models.operations.history import SAME_CELLS
from models.places.markets import KINDS, LiveMarkets, relevant_reports
from pipeline.complete_file import give_to_owner
from pipeline.database import connect
from pipeline.messages.outbox import OutboxMessage, make_message
from pipeline.privacy.pii_guard import refuse_people
from pipeline.publication.publish import latest_usable, read_published, usable_runs
from pipeline.shared_store.opening import open_snapshot
from pipeline.store.announced_state import State, known_versions, last_batch
from pipeline.store.interface import Store

CHANGES = "changes"
EVENT_TYPE = "harmspot.place.changed.v1"
# The published name of each change of state; other changes are not announced at once.
WORDS = {
    ("area", "listed"): "entered_top_k",
    ("area", "unlisted"): "left_top_k",
    ("market", "flagrant"): "market_flagrant",
    ("market", "other"): "market_not_flagrant",
    ("evidence", "gone"): "notice_evidence_gone",
    ("evidence", "there"): "notice_evidence_back",
}
DEFAULT_STATE = {"area": "unlisted", "market": "other", "evidence": "there"}


class Live:
    """The figures of one run, updated by later events. Made by `start_live`; `close` frees its memory."""

    def __init__(self, home: Home, run: dict[str, Any]) -> None:
        self.run_id = str(run["run_id"])
        self._home = home
        self._run = run
        self._as_of: datetime = run["as_of"].to_pydatetime()
        self._settings = home.settings
        self._geography = read_map(self._settings)
        self._cells = self._geography.cells.sort_values(["cell_ix", "cell_iy"], ignore_index=True)
        cells = zip(self._cells["cell_ix"], self._cells["cell_iy"], strict=True)
        self._cell_rows = {cell: row for row, cell in enumerate(cells)}
        self._new_incidents = np.zeros(len(self._cells), np.int64)
        self._codebook = read_run_codebook(self._settings, self._as_of)
        self._words = {
            "area_id": pd.Index(self._geography.areas["area_id"]),
            "offence_code": self._codebook.index,
            "discovery": pd.Index(self._settings.places.discoveries),
            "kind": pd.Index(KINDS),
        }
        self._last_batch = 0
        self._read_run()
        ranking, market = (read_published(home.path, name, self.run_id) for name in ("area_ranking", "market"))
        self._state_of_run = _announceable_state(ranking, market)
        notices = read_published(home.path, "area_notice", self.run_id)
        self._notices_of, self._told_markets = (_by_evidence(notices, name) for name in ("notice_id", "market_id"))
        self._hidden: tuple[str, ...] = ()  # cells under an embargo
        self.table: pa.Table | None = None
        self._connection = connect(is_encrypting=False, at_most_threads=1)  # places the incidents of a batch
        prepare_placing(self._connection, self._geography, self._codebook)

    def is_over(self, at: datetime) -> bool:
        """Return whether the run behind the figures has expired."""
        return self._run["valid_to"] <= pd.Timestamp(at)

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()

    def tell(self, store: Store) -> list[OutboxMessage]:
        """Apply the newly stored events and return the changes to announce; called within the batch's transaction.

        Earlier announcements are read from the store, so that consumers that share the partitions, and those that
        restart after a crash, announce each change once.
        """
        changed = store.changed_incidents(self._last_batch)
        self._last_batch = store.last_batch()
        hidden_before, self._hidden = self._hidden, cells_in_force(store.market_events(), self._home.now())
        if not len(changed) and self._hidden == hidden_before:
            return []
        changed = self._apply(changed) if len(changed) else changed
        announced = self._state_of_run | store.announced_state(self.run_id)
        listed = frozenset(place_id for (kind, place_id), state in announced.items() if state == "listed")
        areas, markets = self._areas.rank(listed), self._shown_markets()
        self.table = self._figures(areas, markets)
        # A market that is no longer found at all is no longer flagrant either.
        missing = {place: "other" for place in announced if place[0] == "market"}
        states = missing | _announceable_state(areas, markets) | self._evidence(changed)
        news = {p: states[p] for p in sorted(states) if states[p] != announced.get(p, DEFAULT_STATE[p[0]])}
        news = {place: state for place, state in news.items() if not self._is_hidden(*place)}
        store.keep_announced_state(self.run_id, news)
        return self._messages(news, areas)

    def _shown_markets(self) -> pd.DataFrame:
        """Return the ranked markets less those under an embargo; the ranks of the others close up."""
        markets = self._markets.rank()
        if not self._hidden:
            return markets
        grid, cells = self._geography.grid, self._markets.market_cells()
        ground = ground_of(self._hidden, grid.crs, reach_cells=SAME_CELLS)
        is_hidden = ground.holds_cells(cells["cell_ix"], cells["cell_iy"], grid)
        shown = markets[~markets["market_id"].isin(cells.loc[is_hidden, "market_id"])].reset_index(drop=True)
        return shown.assign(rank=np.arange(1, len(shown) + 1))

    def _is_hidden(self, kind: str, place_id: str) -> bool:
        """Return whether a change would name a market under an embargo, or a notice to one."""
        size_m = self._geography.grid.size_m
        if kind == "evidence":
            return any(is_covered(self._hidden, market_id, size_m) for market_id in self._told_markets.loc[[place_id]])
        return kind == "market" and is_covered(self._hidden, place_id, size_m)

    def _read_run(self) -> None:
        """Read the incidents that the run knew, and draw its areas and markets from them."""
        home, known_at = self._home, self._run["known_at"].to_pydatetime()
        wait: dict[str, Any] = {"wait_s": self._settings.store.wait_s, "progress": home.progress}
        since = earliest(self._as_of, self._settings)
        versions = pa.table({})

        def look(store: duckdb.DuckDBPyConnection) -> None:
            nonlocal versions
            self._last_batch = last_batch(store, known_at)
            versions = known_versions(store, self._last_batch)

        with open_snapshot(
            home.store, home.key, as_of=self._as_of, known_at=known_at, since=since, look=look, **wait
        ) as snapshot:
            connection = snapshot.connection
            prepare_placing(connection, self._geography, self._codebook)
            # -1: the local hour that a change of clocks repeats before as_of is of the day to come.
            placed, reports = self._place(connection, least_age_days=-1)
            self._known = KnownIncidents(encode(versions, placed, self._words))
            self._draw(connection, reports)

    def _draw(self, connection: duckdb.DuckDBPyConnection, reports: pd.DataFrame) -> None:
        from geo.market_shapes import visibility

        settings, geography = self._settings, self._geography
        events = area_events(connection, settings)
        self._areas = LiveAreas(
            events,
            self._codebook,
            sized_hours(
                officer_hours(connection, geography.areas, self._as_of, settings),
                area_sizes(geography.areas),
                settings.places.per,
            ),
            config=settings.places.on_record(events, self._codebook),
            seed=settings.seed,
        )
        visible = visibility(
            self._cells, geography.grid, geography.points_of_interest, distance_m=settings.markets.visibility_distance_m
        )
        self._markets = LiveMarkets(reports, self._cells.assign(is_visible=visible), config=settings.markets)

    def _place(self, connection: duckdb.DuckDBPyConnection, least_age_days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Place the incidents of table `incident_snapshot` as a run does.

        Returns where each counts, by id_hash, and the reports among them that can point at a market, with the hash as
        `incident_id`. Those that are younger than `least_age_days` count as that old.
        """
        place_snapshot(connection, self._geography, self._as_of, self._settings)
        config, time_zone = self._settings.markets, self._settings.force.time_zone
        reports = query(connection, "market_report", time_zone=time_zone, window_days=7 * config.window_weeks)
        reports["incident_id"], reports["age_days"] = reports["id_hash"], reports["age_days"].clip(lower=least_age_days)
        reports = relevant_reports(reports, config)
        placed = query(
            connection,
            "live_incident",
            categories=["area_id", "offence_code", "discovery"],
            least_age_days=least_age_days,
        )
        kinds = np.array([*reports["kind"], None], object)
        placed["kind"] = kinds[find(placed["id_hash"].to_numpy(), reports["incident_id"].to_numpy())]
        return placed, reports

    def _apply(self, changed: pa.Table) -> pa.Table:
        """Update areas, markets and cells by the changed incidents; return those that are newer than what was known."""
        self._connection.begin()
        try:
            self._connection.register("changed", changed)
            self._connection.execute("CREATE TABLE incident_snapshot AS FROM changed WHERE NOT is_cancelled")
            placed, reports = self._place(self._connection, least_age_days=0)
        finally:
            self._connection.rollback()
        replaced, is_newer = self._known.replace(encode(changed, placed, self._words))
        changed = changed.filter(is_newer)
        newer = changed["id_hash"].to_numpy()
        gone = decode(replaced, self._words)
        come = placed[(find(placed["id_hash"].to_numpy(), newer) >= 0) & placed["area_id"].notna()]
        self._areas.change(pd.concat([gone.assign(n=-1), come.assign(n=1)]))
        self._markets.change(
            gone[gone["kind"].notna()].rename(columns={"id_hash": "incident_id"}),
            reports[find(reports["incident_id"].to_numpy(), newer) >= 0],
        )
        self._count_new(gone, -1)
        self._count_new(come, 1)
        return changed

    def _count_new(self, incidents: pd.DataFrame, n: int) -> None:
        new = incidents[incidents["is_new"]]
        for cell in zip(new["cell_ix"], new["cell_iy"], strict=True):
            if cell in self._cell_rows:
                self._new_incidents[self._cell_rows[cell]] += n

    def _evidence(self, changed: pa.Table) -> State:
        """Return the state, `gone` or `there`, of changed incidents that are evidence of the run's drafted notices."""
        incidents = zip(changed["incident_id"].to_pylist(), changed["is_cancelled"].to_pylist(), strict=True)
        return {
            ("evidence", incident_id): "gone" if is_cancelled else "there"
            for incident_id, is_cancelled in incidents
            if incident_id in self._notices_of.index
        }

    def _messages(self, news: State, areas: pd.DataFrame) -> list[OutboxMessage]:
        chance = areas.set_index("area_id")["p_top_k"]
        return [
            self._message(kind, place_id, change, chance)
            for (kind, place_id), state in news.items()
            if (change := WORDS.get((kind, state)))
        ]

    def _message(self, kind: str, place_id: str, change: str, chance: pd.Series) -> OutboxMessage:
        data: dict[str, Any] = {
            "change": change,
            "run_id": self.run_id,
            "is_provisional": True,
            "batch_id": self._last_batch,
        }
        if kind == "evidence":
            data |= {"place_kind": "notice", "notice_ids": sorted(self._notices_of.loc[[place_id]])}
            data |= {"incident_id": place_id}
        else:
            data |= {"place_kind": kind, "place_id": place_id}
        if kind == "area":
            data["p_top_k"] = round(float(chance[place_id]), 4)
        identity = [self.run_id, change, place_id, str(self._last_batch)]
        return make_message(CHANGES, place_id, EVENT_TYPE, data, time=self._home.now(), identity=identity)

    def _figures(self, areas: pd.DataFrame, markets: pd.DataFrame) -> pa.Table:
        """Return the rows of `live.parquet`: areas, markets, and cells with incidents since the run."""
        cells = self._cells.assign(new_incidents=self._new_incidents)[self._new_incidents > 0]
        parts = {
            "area": areas.rename(columns={"area_id": "place_id"}),
            "market": markets.rename(columns={"market_id": "place_id"}),
            "cell": cells.rename(columns={"cell_id": "place_id"}),
        }
        return pa.concat_tables([_figures_of(kind, part) for kind, part in parts.items()]).combine_chunks()


def start_live(home: Home) -> Live | None:
    """Return the live figures of the latest usable run, or None if there is none or it has expired."""
    kept = usable_runs(home.path)
    if kept.empty:
        return None
    run = {str(name): value for name, value in kept.iloc[-1].items()}
    return Live(home, run) if run["valid_to"] > pd.Timestamp(home.now()) else None


def live_file(home: Home) -> tuple[str, datetime] | None:
    """Return the run id and time of writing of `live.parquet`, or None if there is no such file."""
    path = home.live_figures
    if not path.exists():
        return None
    first = pq.read_table(path, columns=["run_id", "updated_at"]).slice(0, 1).to_pylist()
    return (first[0]["run_id"], first[0]["updated_at"]) if first else None


def latest_run(home: Home) -> str | None:
    """Return the id of the latest usable run, or None if there is none."""
    return latest_usable(home.path)


def write_live(home: Home, live: Live) -> Path:
    """Replace `live.parquet`, which holds places only, and return its path."""
    assert live.table is not None
    table = live.table
    stamps = {"run_id": live.run_id, "updated_at": pd.Timestamp(home.now()), "is_provisional": True}
    for name, value in stamps.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    path = home.live_figures
    refuse_people(path.name, table)
    temporary = path.with_suffix(".new")
    pq.write_table(table, temporary)
    give_to_owner(temporary, path)
    os.replace(temporary, path)  # noqa: PTH105 - as everywhere in pipeline.publication
    return path


LIVE_COLUMNS = {
    "place_kind": pa.string(),
    "place_id": pa.string(),
    "rank": pa.int64(),
    "is_listed": pa.bool_(),
    "p_top_k": pa.float64(),
    "harm_per_day": pa.float64(),
    "grade": pa.string(),
    "new_incidents": pa.int64(),
}


def _figures_of(kind: str, places: pd.DataFrame) -> pa.Table:
    columns = places.assign(place_kind=kind)
    return pa.table(
        {
            name: pa.array(columns[name], of_type, from_pandas=True)
            if name in columns
            else pa.nulls(len(columns), of_type)
            for name, of_type in LIVE_COLUMNS.items()
        }
    )


def _announceable_state(ranking: pd.DataFrame, market: pd.DataFrame) -> State:
    areas = zip(ranking["area_id"], ranking["is_listed"], strict=True)
    markets = zip(market["market_id"], market["grade"], strict=True)
    return {("area", str(area_id)): "listed" if is_listed else "unlisted" for area_id, is_listed in areas} | {
        ("market", str(market_id)): "flagrant" if grade == "flagrant" else "other" for market_id, grade in markets
    }


def _by_evidence(area_notice: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of the notices, indexed by the incidents they cite as evidence."""
    rows = area_notice[[column, "evidence_ids"]].explode("evidence_ids").dropna()
    return rows.set_index("evidence_ids")[column]
