"""The record of a chain of runs: each forecast is scored once, when due, and reproducibly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.run.outcomes import horizon_end, monitor_outcomes, predecessors, realised_by_cell
from geo.cells import Grid
from pipeline.publication.publish import publish, read_published
from pipeline.publication.tables import read_tables

CRS, SIZE_M = "EPSG:32630", 150.0
GRID = Grid(CRS, SIZE_M)
POINTS = pd.DataFrame({"lon": [-1.5, -1.49], "lat": [53.8, 53.8], "area_id": ["A", "A"]})
CODEBOOK = pd.DataFrame({"harm_days": {"robbery": 365.0, "theft": 2.0}})
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 8, 15)]

# occurred_at, point, offence, discovery: two in the first week, one of them on its last second, one in the second.
INCIDENTS = [
    ("2025-12-31 23:59:59+00", 0, "robbery", "public"),
    ("2026-01-01 00:00:00+00", 0, "robbery", "public"),
    ("2026-01-07 23:59:59+00", 1, "theft", "public"),
    ("2026-01-03 12:00:00+00", 1, "theft", "police"),
    ("2026-01-08 00:00:00+00", 1, "theft", "public"),
]


def connection_of(incidents: list[tuple[str, int, str, str]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    rows = [(at, POINTS["lon"][p], POINTS["lat"][p], code, by) for at, p, code, by in incidents]
    frame = pd.DataFrame(rows, columns=["occurred_at", "lon", "lat", "offence_code", "discovery"])
    placed = POINTS
    assert len(frame) and len(placed)
    connection.execute(
        "CREATE TABLE incident_snapshot AS SELECT * REPLACE (occurred_at::TIMESTAMPTZ AS occurred_at) FROM frame"
    )
    connection.execute("CREATE TABLE point_placed AS SELECT * FROM placed")
    return connection


def cells_of_points() -> list[str]:
    one_each = pd.DataFrame({**POINTS[["lon", "lat"]], "offence_code": "theft", "n": 1})
    by_point = [realised_by_cell(one_each.iloc[[i]], CODEBOOK["harm_days"], GRID) for i in range(len(POINTS))]
    return [frame["cell_id"].iloc[0] for frame in by_point]


def forecast(first: float, second: float) -> pd.DataFrame:
    columns = {
        c.name: [0.0, 0.0] for c in read_tables().published["cell_forecast"].columns if c.duckdb_type == "DOUBLE"
    }
    counts = {"rank": [1, 2], "naive_rank": [2, 1], "naive_count": [0, 5], "horizon_days": [7, 7]}
    expected = {"expected_events": [first, second], "expected_harm": [first, second], "expected_harm_hi": [900.0, 0.0]}
    return pd.DataFrame(
        {
            "cell_id": cells_of_points(),
            "area_id": "A",
            "place": "A, centre",
            **columns,
            **counts,
            **expected,
            "cell_size_m": SIZE_M,
        }
    ).assign(is_address_pile=False, rank_before=None, rank_change=None)


class Shelf:
    """Holds the tables of runs in memory, in place of the two files."""

    def __init__(self) -> None:
        self.kept = pd.DataFrame(columns=["run_id", "as_of", "predecessor_run_id", "crs", "time_zone"])
        self.tables: dict[tuple[str, str], pd.DataFrame] = {}

    def runs(self, path: Path) -> pd.DataFrame:
        return self.kept

    def read_published(self, path: Path, table: str, run_id: str) -> pd.DataFrame:
        return self.tables[table, run_id]

    def put(self, home: Home, identity: RunIdentity, tables: dict[str, pd.DataFrame]) -> None:
        row = pd.DataFrame([identity.row(is_staffing_assumed=False, shapes_id="s1")])[list(self.kept.columns)]
        self.kept = pd.concat([self.kept, row], ignore_index=True) if len(self.kept) else row
        self.tables |= {(name, identity.run_id): table for name, table in tables.items()}


class Files:
    """Publishes to the two files, with every other table empty."""

    def put(self, home: Home, identity: RunIdentity, tables: dict[str, pd.DataFrame]) -> None:
        described = read_tables()
        places, people = (
            {name: pd.DataFrame(columns=table.column_names[3:]) for name, table in file.items() if table.is_of_one_run}
            for file in (described.published, described.restricted)
        )
        shapes = pd.DataFrame(columns=described.published["map_shape"].column_names)
        row = identity.row(is_staffing_assumed=False, shapes_id="s1") | {"home_name": home.key.home_name}
        publish(home.path, row, {**places, "map_shape": shapes, **tables}, people, key=home.key, history_runs=90)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, progress=lambda text: None).ensure()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()
    monkeypatch.setattr("flows.run.outcomes.runs", shelf.runs)
    monkeypatch.setattr("flows.run.outcomes.read_published", shelf.read_published)
    return shelf


def identity_of(home: Home, as_of: datetime, predecessor_run_id: str | None) -> RunIdentity:
    return RunIdentity(as_of, DAYS[-1] + timedelta(days=400), predecessor_run_id, home.settings, CRS)


def run_chain(
    home: Home,
    publication: Shelf | Files,
    days: list[datetime],
    horizon_days: int = 7,
    incidents: list[tuple[str, int, str, str]] = INCIDENTS,
) -> tuple[list[RunIdentity], list[pd.DataFrame]]:
    """Run each of the days after the one before; return what makes each run and its record."""
    chain: list[RunIdentity] = []
    records: list[pd.DataFrame] = []
    connection = connection_of(incidents)
    for as_of in days:
        identity = identity_of(home, as_of, chain[-1].run_id if chain else None)
        records.append(monitor_outcomes(home, identity, connection, CODEBOOK))
        cells = forecast(2.0, 1.0).assign(horizon_days=horizon_days)
        publication.put(home, identity, {"cell_forecast": cells, "outcome_monitor": records[-1]})
        chain.append(identity)
    connection.close()
    return chain, records


def test_a_chain_of_three_runs_gives_the_record(home: Home) -> None:
    (first, second, third), (of_first, _, _) = run_chain(home, Files(), DAYS)
    assert of_first.empty
    record = read_published(home.path, "outcome_monitor", third.run_id).sort_values("forecast_as_of")
    assert record["forecast_run_id"].tolist() == [first.run_id, second.run_id]
    assert record["forecast_as_of"].tolist() == DAYS[:2]
    assert record["horizon_days"].tolist() == [7, 7]
    # What police found, what happened before and what happened after the week are not in it.
    assert record["event_count"].tolist() == [2, 1]
    assert record["harm_days"].tolist() == [367.0, 2.0]
    # The forecast puts the first cell first, the naive count the second.
    assert record["harm_share_top1"].tolist() == pytest.approx([365 / 367, 0.0])
    assert record["naive_harm_share_top1"].tolist() == pytest.approx([2 / 367, 1.0])
    assert record["hit_rate_top1"].tolist() == [0.5, 0.0]
    assert record["naive_pai_top1"].tolist() == [1.0, 2.0]
    assert record["expected_events"].tolist() == [3.0, 3.0]
    assert record["interval_coverage"].tolist() == [0.5, 0.5]
    assert record["busy_count"].tolist() == [2, 2]
    assert record["is_off"].tolist() == [False, False]


def test_a_forecast_far_too_low_is_flagged_in_the_record(home: Home, shelf: Shelf) -> None:
    burst = [(f"2026-01-02 {hour:02}:00:00+00", 0, "theft", "public") for hour in range(24)]
    _, (_, record) = run_chain(home, shelf, DAYS[:2], incidents=burst)
    assert record["is_off"].tolist() == [True]
    assert record["off_because"].tolist() == ["too low by about 8×"]


def test_the_predecessors_rows_are_taken_over_as_they_stand(home: Home, shelf: Shelf) -> None:
    (_, second, third), records = run_chain(home, shelf, DAYS)
    shelf.tables["outcome_monitor", second.run_id] = records[1].assign(event_count=77)
    again = monitor_outcomes(home, third, connection_of(INCIDENTS), CODEBOOK)
    assert again["event_count"].tolist() == [77, 1]


def test_a_run_repeated_is_unchanged_though_later_runs_are_kept(home: Home, shelf: Shelf) -> None:
    chain, records = run_chain(home, shelf, DAYS)
    for identity, record in zip(chain, records, strict=True):
        again = monitor_outcomes(home, identity, connection_of(INCIDENTS), CODEBOOK)
        pd.testing.assert_frame_equal(again, record)
    assert [len(record) for record in records] == [0, 1, 2]


def test_a_forecast_is_scored_when_its_horizon_is_over_and_only_then(home: Home, shelf: Shelf) -> None:
    _, records = run_chain(home, shelf, [DAYS[0] + timedelta(days=n) for n in range(9)])
    assert [len(record) for record in records] == [0] * 7 + [1, 2]


def test_a_longer_horizon_waits_longer(home: Home, shelf: Shelf) -> None:
    _, records = run_chain(home, shelf, [*DAYS, DAYS[0] + timedelta(days=28)], horizon_days=28)
    assert [len(record) for record in records] == [0, 0, 0, 1]


def test_what_is_older_than_a_year_drops_out(home: Home, shelf: Shelf) -> None:
    chain, records = run_chain(home, shelf, [*DAYS, DAYS[0] + timedelta(days=366)])
    assert records[-1]["forecast_run_id"].tolist() == [chain[1].run_id, chain[2].run_id]


def test_runs_off_the_chain_are_not_in_the_record(home: Home, shelf: Shelf) -> None:
    run_chain(home, shelf, [DAYS[0] - timedelta(days=1)])
    (first, _), (_, record) = run_chain(home, shelf, DAYS[:2])
    assert len(shelf.kept) == 3
    assert record["forecast_run_id"].tolist() == [first.run_id]


def test_an_earlier_grid_is_scored_on_its_own_cells() -> None:
    incidents = pd.DataFrame({**POINTS[["lon", "lat"]], "offence_code": ["theft", "robbery"], "n": [3, 1]})
    coarse = realised_by_cell(incidents, CODEBOOK["harm_days"], Grid("EPSG:27700", 10_000))
    assert coarse.to_dict("records") == [{"cell_id": "EPSG:27700:10000:43:43", "n": 4, "harm": 371.0}]


def test_the_chain_ends_where_a_predecessor_is_no_longer_kept() -> None:
    kept = pd.DataFrame({"run_id": ["b", "c", "x"], "predecessor_run_id": ["a", "b", None]})
    assert predecessors(kept, "c")["run_id"].tolist() == ["c", "b"]
    assert predecessors(kept, None).empty
    assert predecessors(kept, "a").empty


def test_a_week_over_the_change_of_clocks_ends_at_local_midnight() -> None:
    begin = datetime(2026, 3, 25, 0, tzinfo=UTC)  # midnight in London, before summer time begins on the 29th
    assert horizon_end(begin, 7, "Europe/London") == datetime(2026, 3, 31, 23, tzinfo=UTC)
    assert horizon_end(begin, 1, "Europe/London") == datetime(2026, 3, 26, 0, tzinfo=UTC)
