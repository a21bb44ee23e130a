"""A store in a database gives what a store in a file gives: the same versions, and the same published tables."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.store_access import open_home_snapshot, open_home_store
from flows.ingest.ingest import load_file
from flows.outputs.explain_places import find_incident
from flows.schedule.daily import daily_run
from flows.schedule.late import rerun_late
from flows.simulation.town import TownFiles
from pipeline.database import attach, connect
from pipeline.store.store_file import moved_to
from tests.postgresql import PostgresServer
from tests.shared_stores import differences, same_store
from tests.town import AS_OF, CLOCK, TownRun


def first_incident(home: Home) -> str:
    with open_home_snapshot(home, CLOCK) as snapshot:
        [(incident_id,)] = snapshot.connection.execute("SELECT min(incident_id) FROM incident_snapshot").fetchall()
    return incident_id


FILES = ("published", "restricted")


def test_a_run_publishes_the_same_tables(
    shared_home: Callable[..., Home], town: TownFiles, town_run: TownRun, tmp_path: Path, postgresql: PostgresServer
) -> None:
    home = shared_home(tmp_path / "shared")
    counts = load_file(home, town.events, None)
    assert counts == town_run.loaded
    summary = daily_run(home, AS_OF)
    assert summary.run_id == town_run.summary.run_id
    assert moved_to(home.store_file) == str(home.store.address)
    key = home.key.encryption
    with connect() as connection:
        for name in FILES:
            of_file = key if name == "restricted" else None
            attach(connection, town_run.home.path / f"{name}.duckdb", of_file, alias=f"{name}_file", read_only=True)
            attach(connection, home.path / f"{name}.duckdb", of_file, alias=f"{name}_shared", read_only=True)
            tables, found = differences(connection, f"{name}_file", f"{name}_shared")
            assert tables > 5
            assert found == {}
    found = examine(home).set_index("check")
    assert found.loc["store", "state"] == "ok"
    assert "fault" not in set(found.loc[["publication", "key", "retention"], "state"])
    assert find_incident(home, first_incident(home), None) == find_incident(town_run.home, first_incident(home), None)
    assert rerun_late(home) == []
    same_store(home, town_run.home, tmp_path)
    held = postgresql.psql(str(home.store).rpartition("/")[2], "SELECT raw_person_id FROM store.identity LIMIT 1000")
    with open_home_store(home) as store:
        raw_ids = store.raw_ids()
    assert raw_ids and not any(raw_id.encode().hex() in held for raw_id in raw_ids)


def test_what_comes_again_changes_nothing(
    shared_home: Callable[..., Home], town: TownFiles, loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    one, other = shared_home(tmp_path / "shared"), loaded_home(tmp_path / "file")
    load_file(one, town.events, None)
    for home in (one, other):
        home.clock += timedelta(hours=1)
        again = load_file(home, town.events, None)
        assert (again.stored, again.duplicates) == (0, again.rows_in - again.dead)
    same_store(one, other, tmp_path)


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_through_a_mapping_gives_the_same_store(
    times: int, shared_home: Callable[..., Home], new_home: Callable[..., Home], tmp_path: Path
) -> None:
    rows = ["id,when,offence,lon,lat", *(f"A{n},2025-12-{n % 28 + 1:02} 12:00,Robbery,-0.1,51.5" for n in range(200))]
    rows += ["A1,2025-12-02 12:00,Unheard of,-0.1,51.5", "B1,nonsense,Robbery,-0.1,51.5"]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    (tmp_path / "offences.csv").write_text("offence,offence_code,discovery\nRobbery,robbery,public\n")
    mapping = tmp_path / "rows.yaml"
    mapping.write_text(MAPPING)
    homes = shared_home(tmp_path / "shared"), new_home(tmp_path / "file")
    counts = [[load_file(home, tmp_path / "rows.csv", mapping) for _ in range(times)] for home in homes]
    assert counts[0] == counts[1]
    assert counts[0][0].stored >= 199
    same_store(*homes, tmp_path)


MAPPING = """\
name: rows
about: invented rows
source: rows
columns: {incident_id: id, occurred_at: when, offence: offence, x: lon, y: lat}
time_zone: UTC
precision: instant
crs: EPSG:4326
same_id: gravest
offences: offences.csv
"""
