"""Live figures between two daily runs: the run's own models applied to newer events, with its priors fixed.

The run's snapshot is read once and stays in memory. For each micro-batch, only the changed incidents are placed again,
and only the areas that contain or contained them are redrawn before all areas are ranked. An area's rate thus changes
by its own events alone: the variance of rates over areas, the mean weight of an incident by band, the officer hours and
the time at risk stay those of the run. Events after the run's clock count as of today. All figures are provisional: the
next daily run replaces them. They contain no data about persons.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flows.home.home import Home
from flows.run.assembly import Map, earliest, execute, place_frames, place_incidents, query, read_map, read_run_codebook
from geo.placement import place_points
from models.places.markets import Markets, fit_market_priors, rank_markets
from models.places.ranking import AreaDraws, draw_areas, fit_band_priors, rank_drawn
from pipeline.messages.outbox import OutboxMessage, make_message
from pipeline.privacy.pii_guard import refuse_people
from pipeline.publication.publish import read_published, runs
from pipeline.store.announced_state import changed_incidents, keep_announced_state, last_batch, read_announced_state
from pipeline.store.snapshot import Snapshot, open_snapshot

CHANGES = "changes"
EVENT_TYPE = "harmspot.place.changed.v1"
FILE = "live.parquet"
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
        self._codebook = read_run_codebook(self._settings, self._as_of)
        self._snapshot = self._read_snapshot()
        frames = place_frames(self._snapshot.connection, self._geography, self._as_of, self._settings)
        self._officer_hours = frames.officer_hours
        self._band_priors = fit_band_priors(
            frames.area_events, self._codebook, frames.officer_hours, config=self._settings.places
        )
        self._drawn = self._draw_areas(frames.area_events, frames.officer_hours)
        self._cells = _visible_cells(self._geography, self._settings.markets.visibility_distance_m)
        self._priors = fit_market_priors(frames.market_reports, self._cells, config=self._settings.markets)
        self._reports = frames.market_reports
        self._markets = self._rank_markets(self._reports)
        ranking, market = (read_published(home.path, name, self.run_id) for name in ("area_ranking", "market"))
        self._state_of_run = _announceable_state(ranking, market)
        self._notices_of = _notices_of(read_published(home.path, "area_notice", self.run_id))
        self._last_batch: int | None = None
        self.table: pd.DataFrame | None = None
        self._snapshot.connection.execute("CREATE SCHEMA moved; CREATE SCHEMA touched")

    def is_over(self, at: datetime) -> bool:
        """Return whether the run behind the figures has expired."""
        return self._run["valid_to"] <= pd.Timestamp(at)

    def close(self) -> None:
        """Close the snapshot and free its memory."""
        self._snapshot.connection.close()

    def tell(self, connection: duckdb.DuckDBPyConnection) -> list[OutboxMessage]:
        """Apply the newly stored events and return the changes to announce; called within the batch's transaction.

        Earlier announcements are read from the store, so that consumers that share the partitions, and those that
        restart after a crash, announce each change once.
        """
        if self._last_batch is None:
            self._last_batch = last_batch(connection, self._run["known_at"].to_pydatetime())
        changed = changed_incidents(connection, self._last_batch)
        self._last_batch = last_batch(connection)
        if changed.empty:
            return []
        self._apply(changed)
        self._draw_touched()
        self._rerank_markets()
        ranking, market = self._rank_areas(connection), self._markets.markets
        states = pd.concat([_announceable_state(ranking, market), self._evidence(changed)])
        self.table = self._figures(ranking, market)
        return self._messages(connection, states, ranking)

    def _read_snapshot(self) -> Snapshot:
        snapshot = open_snapshot(
            self._home.store,
            self._home.key,
            as_of=self._as_of,
            known_at=self._run["known_at"].to_pydatetime(),
            since=earliest(self._as_of, self._settings),
            wait_s=self._settings.store.wait_s,
            progress=self._home.progress,
        )
        place_incidents(snapshot.connection, self._geography, self._codebook, self._as_of, self._settings)
        return snapshot

    def _apply(self, changed: pd.DataFrame) -> None:
        """Replace the stored versions of the changed incidents; place their points as a run does."""
        connection = self._snapshot.connection
        connection.register("changed", changed)
        connection.execute("CREATE OR REPLACE TABLE moved.changed AS FROM changed")
        connection.unregister("changed")
        points = changed.loc[changed["lon"].notna(), ["lon", "lat"]].drop_duplicates(ignore_index=True)
        placed = pd.concat([points, place_points(points, self._geography.areas, self._geography.grid)], axis=1)
        connection.register("placed", placed.astype({"area_id": "str", "cell_ix": "Int64", "cell_iy": "Int64"}))
        local = self._as_of.astimezone(self._settings.force.zone).replace(tzinfo=None)
        connection.execute((Path(__file__).parents[1] / "sql" / "live_begin.sql").read_text(encoding="utf-8"))
        connection.unregister("placed")
        with _search_path(connection, "moved,main"):
            execute(
                connection,
                "incident_placed",
                since=earliest(self._as_of, self._settings),
                as_of_local=local,
                time_zone=self._settings.force.time_zone,
            )
        connection.execute((Path(__file__).parents[1] / "sql" / "live_end.sql").read_text(encoding="utf-8"))

    def _draw_areas(self, events: pd.DataFrame, officer_hours: pd.DataFrame) -> AreaDraws:
        settings = self._settings
        return draw_areas(
            events,
            self._codebook,
            officer_hours,
            config=settings.places,
            seed=settings.seed,
            band_priors=self._band_priors,
        )

    def _draw_touched(self) -> None:
        """Redraw the areas that contain or contained an incident of the batch; the draws of other areas stay."""
        connection = self._snapshot.connection
        touched = connection.execute("FROM touched.area").to_arrow_table()["area_id"].to_pylist()
        with _search_path(connection, "touched,main"):
            events = query(connection, "area_events", window_days=self._settings.places.window_days)
        officer_hours = self._officer_hours[self._officer_hours["area_id"].isin(touched)]
        if touched:
            self._drawn = self._drawn.with_areas(self._draw_areas(events, officer_hours))

    def _rank_areas(self, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        announced = self._announced(connection)
        listed = announced[(announced.index.get_level_values(0) == "area") & (announced == "listed")]
        return rank_drawn(
            self._drawn,
            config=self._settings.places,
            seed=self._settings.seed,
            previously_listed=frozenset(listed.index.get_level_values(1)),
        )

    def _rerank_markets(self) -> None:
        """Rank the markets again if the batch changed any report that can indicate one."""
        reports = query(
            self._snapshot.connection,
            "market_report",
            time_zone=self._settings.force.time_zone,
            window_days=7 * self._settings.markets.window_weeks,
        )
        if not reports.equals(self._reports):
            self._reports, self._markets = reports, self._rank_markets(reports)

    def _rank_markets(self, reports: pd.DataFrame) -> Markets:
        return rank_markets(reports, self._cells, config=self._settings.markets, priors=self._priors)

    def _evidence(self, changed: pd.DataFrame) -> pd.Series:
        """Return the state, `gone` or `there`, of changed incidents that are evidence of the run's drafted notices."""
        cited = changed[changed["incident_id"].isin(self._notices_of.index)]
        states = pd.Series(np.where(cited["is_cancelled"], "gone", "there"), index=cited.index)
        return _indexed_state("evidence", cited["incident_id"], states)

    def _announced(self, connection: duckdb.DuckDBPyConnection) -> pd.Series:
        kept = read_announced_state(connection, self.run_id)
        return pd.concat([kept, self._state_of_run[~self._state_of_run.index.isin(kept.index)]])

    def _messages(
        self, connection: duckdb.DuckDBPyConnection, states: pd.Series, ranking: pd.DataFrame
    ) -> list[OutboxMessage]:
        before = self._announced(connection)
        # A market that is no longer found at all is no longer flagrant either.
        missing = before[(before.index.get_level_values(0) == "market") & ~before.index.isin(states.index)]
        now = pd.concat([states, missing.map(lambda _: "other")])
        announced = before.reindex(now.index)
        default = pd.Series(now.index.get_level_values(0), index=now.index).map(DEFAULT_STATE)
        changed = now[now.ne(announced.fillna(default))].sort_index()
        keep_announced_state(connection, self.run_id, changed)
        chance = ranking.set_index("area_id")["p_top_k"]
        return [
            self._message(kind, place_id, change, chance)
            for (kind, place_id), new in changed.items()
            if (change := WORDS.get((kind, new)))
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

    def _figures(self, ranking: pd.DataFrame, market: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `live.parquet`: areas, markets, and cells with incidents since the run."""
        columns = ["place_kind", "place_id", "rank", "is_listed", "p_top_k", "harm_per_day", "grade", "new_incidents"]
        areas = ranking.assign(place_kind="area").rename(columns={"area_id": "place_id"})
        markets = market.assign(place_kind="market").rename(columns={"market_id": "place_id"})
        cells = query(self._snapshot.connection, "live_cell").merge(
            self._geography.cells[["cell_ix", "cell_iy", "cell_id"]], on=["cell_ix", "cell_iy"]
        )
        cells = cells.assign(place_kind="cell").rename(columns={"cell_id": "place_id"})
        rows = [part.reindex(columns=columns) for part in (areas, markets, cells)]
        return pd.DataFrame({name: list(_values(rows, name)) for name in columns})


@contextmanager
def _search_path(connection: duckdb.DuckDBPyConnection, schemas: str) -> Iterator[None]:
    """Resolve the tables of the daily run's queries in these schemas, in this order."""
    connection.execute(f"SET search_path = '{schemas}'")
    try:
        yield
    finally:
        connection.execute("SET search_path = 'main'")


def start_live(home: Home) -> Live | None:
    """Return the live figures of the latest run, or None if no run is published or it has expired."""
    kept = runs(home.path)
    if kept.empty:
        return None
    run = {str(name): value for name, value in kept.iloc[-1].items()}
    return Live(home, run) if run["valid_to"] > pd.Timestamp(home.now()) else None


def live_file(home: Home) -> tuple[str, datetime] | None:
    """Return the run id and time of writing of `live.parquet`, or None if there is no such file."""
    path = home.path / FILE
    if not path.exists():
        return None
    first = pq.read_table(path, columns=["run_id", "updated_at"]).slice(0, 1).to_pylist()
    return (first[0]["run_id"], first[0]["updated_at"]) if first else None


def latest_run(home: Home) -> str | None:
    """Return the id of the latest run, or None if there is none."""
    kept = runs(home.path)
    return None if kept.empty else str(kept["run_id"].iloc[-1])


def write_live(home: Home, live: Live) -> Path:
    """Replace `live.parquet`, which holds places only, and return its path."""
    assert live.table is not None
    stamps = {"run_id": live.run_id, "updated_at": pd.Timestamp(home.now()), "is_provisional": True}
    table = pa.table({name: pa.array(live.table[name], kind) for name, kind in LIVE_COLUMNS.items()})
    for name, value in stamps.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    refuse_people(FILE, table)
    path = home.path / FILE
    temporary = path.with_suffix(".new")
    pq.write_table(table, temporary)
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


def _values(rows: list[pd.DataFrame], name: str) -> Iterator[Any]:
    for part in rows:
        for value in part[name].tolist():
            yield None if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)) else value


def _visible_cells(geography: Map, distance_m: float) -> pd.DataFrame:
    from geo.market_shapes import visibility

    cells = geography.cells[["cell_ix", "cell_iy", "area_id"]]
    return cells.assign(
        is_visible=visibility(cells, geography.grid, geography.points_of_interest, distance_m=distance_m)
    )


def _announceable_state(ranking: pd.DataFrame, market: pd.DataFrame) -> pd.Series:
    """Return the announceable state of areas and markets, indexed by (place_kind, place_id)."""
    listed = pd.Series(np.where(ranking["is_listed"], "listed", "unlisted"), index=ranking.index)
    flagrant = pd.Series(np.where(market["grade"] == "flagrant", "flagrant", "other"), index=market.index)
    return pd.concat(
        [_indexed_state("area", ranking["area_id"], listed), _indexed_state("market", market["market_id"], flagrant)]
    )


def _indexed_state(kind: str, place_ids: pd.Series, states: pd.Series) -> pd.Series:
    index = pd.MultiIndex.from_arrays(
        [[kind] * len(place_ids), place_ids.astype(str)], names=["place_kind", "place_id"]
    )
    return pd.Series(states.to_numpy(dtype=object), index=index, name="state", dtype=object)


def _notices_of(area_notice: pd.DataFrame) -> pd.Series:
    """Return the notice ids, indexed by the incidents they cite as evidence."""
    rows = area_notice[["notice_id", "evidence_ids"]].explode("evidence_ids").dropna()
    return rows.set_index("evidence_ids")["notice_id"]
