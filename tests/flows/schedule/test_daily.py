"""The daily run on a simulated town: it recovers the ground truth, reruns agree, and protected people are unlisted."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import geopandas as gpd
import pytest

from flows.command.printing import print_summary
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.schedule.late import rerun_late
from pipeline.database import attach, connect
from pipeline.errors import QualityError
from pipeline.publication.publish import read_published, runs
from pipeline.publication.tables import read_tables
from tests.town import AS_OF, CLOCK, TownRun, cancellation, naming, read_people

ENFORCEMENT_LISTS = ("person_tier", "dealer_ranking", "warrant_queue", "person_notice")


def test_rows_in_are_stored_or_repeated_or_dead(town_run: TownRun) -> None:
    counts = town_run.loaded
    planted = town_run.truth("defects")
    is_malformed = planted["label"].str.startswith("malformed:")
    assert counts.rows_in == counts.stored + counts.duplicates + counts.dead == town_run.files.event_count
    assert counts.dead == planted.loc[is_malformed, "n"].sum()
    assert counts.duplicates == planted.loc[planted["label"] == "duplicate", "n"].sum()


def test_planted_markets_are_found_and_no_other(town_run: TownRun) -> None:
    found = town_run.published("market")
    flagrant = found[found["grade"] == "flagrant"]
    run = town_run.published("run").iloc[0]
    shapes = gpd.GeoSeries.from_wkb(flagrant["geometry_wkb"], crs=run["crs"])
    truth = town_run.truth("markets")
    planted = truth[truth["is_flagrant"]]
    points = gpd.GeoSeries.from_xy(planted["lon"], planted["lat"], crs="EPSG:4326").to_crs(run["crs"])
    assert len(planted) == 3
    assert [int(shapes.contains(point).sum()) for point in points] == [1, 1, 1]
    assert len(flagrant) == 3


def test_each_flagrant_market_has_its_draft(town_run: TownRun) -> None:
    notices = town_run.published("area_notice")
    markets = town_run.published("market").query("grade == 'flagrant'")
    assert sorted(notices["market_id"]) == sorted(markets["market_id"])
    assert set(notices["status"]) == {"draft"}


def test_planted_high_harm_people_lead(town_run: TownRun) -> None:
    planted = town_run.people().query("is_target and not is_deceased")["person_id"]
    tiers = town_run.restricted("person_tier").sort_values("rank")
    targets = tiers[tiers["tier"] == "target"]["person_id"]
    assert len(targets) >= 5
    assert targets.head(5).isin(planted).all()
    assert targets.isin(planted).mean() >= 0.8


@pytest.mark.parametrize("table", ENFORCEMENT_LISTS)
def test_nobody_is_listed_who_must_not_be(town_run: TownRun, table: str) -> None:
    people = town_run.people().set_index("person_id")
    listed = people.loc[town_run.restricted(table)["person_id"]]
    barred = ["is_minor", "is_age_unknown", "is_bystander", "is_deceased"]
    if table == "warrant_queue":  # a live warrant of a user goes to summons, tested below
        barred = ["is_minor", "is_age_unknown", "is_deceased"]
    else:
        barred.append("is_possession_only")
    assert not listed[barred].any().any()


def test_a_users_warrant_goes_to_summons(town_run: TownRun) -> None:
    people = town_run.people().set_index("person_id")
    queue = town_run.restricted("warrant_queue").set_index("person_id")
    users = queue[people.loc[queue.index, "is_possession_only"].to_numpy()]
    assert (users.query("underlying_offence_code == 'drug_possession'")["route"] == "summons").all()


def test_minors_go_to_safeguarding(town_run: TownRun) -> None:
    people = town_run.people().set_index("person_id")
    sheltered = people.loc[town_run.restricted("safeguarding")["person_id"]]
    assert len(sheltered) > 10
    assert (sheltered["is_minor"] | sheltered["is_age_unknown"]).all()


def test_the_understaffed_area_has_the_most_crimes_per_officer_hour(town_run: TownRun) -> None:
    planted = town_run.truth("areas").query("is_understaffed")["area_id"].iloc[0]
    ranking = town_run.published("area_ranking").sort_values("crimes_per_officer_hour", ascending=False)
    assert ranking["area_id"].iloc[0].split("@")[0] == planted
    allocation = town_run.published("officer_allocation").set_index("area_id")
    row = allocation.loc[ranking["area_id"].iloc[0]]
    assert row["proposed_hours"] > row["today_hours"]


def test_a_repeat_changes_nothing(town_run: TownRun) -> None:
    files = [town_run.home.published, town_run.home.restricted, town_run.home.report]
    before = [path.stat().st_mtime_ns for path in files]
    again = daily_run(town_run.home, AS_OF)
    assert (again.run_id, again.is_new) == (town_run.summary.run_id, False)
    assert [path.stat().st_mtime_ns for path in files] == before


def differences(left: Home, right: Home) -> dict[str, int]:
    """Rows by table that only one of two homes has; projections of human events are not part of a run."""
    connection = connect(left.path / "spill")
    tables = read_tables()
    for file, key in (("published", None), ("restricted", left.key.encryption)):
        for side, home in (("left", left), ("right", right)):
            attach(connection, getattr(home, file), key, alias=f"{file}_{side}", read_only=True)
    found = {}
    for file, names in (("published", tables.published), ("restricted", tables.restricted)):
        for name in set(names) - set(tables.projections):
            for a, b in (("left", "right"), ("right", "left")):
                rows = connection.execute(
                    f'SELECT * FROM {file}_{a}."{name}" EXCEPT ALL SELECT * FROM {file}_{b}."{name}"'
                ).fetchall()
                found[f"{file}.{name} only {a}"] = len(rows)
    connection.close()
    return found


@pytest.fixture(scope="module")
def other(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Another home with the same run, into which the same files were loaded twice."""
    home = new_home(tmp_path_factory.mktemp("elsewhere"))
    for _ in range(2):
        load_file(home, town_run.files.events, None)
    assert daily_run(home, AS_OF).run_id == town_run.summary.run_id
    return home


def test_two_homes_agree_to_the_row(town_run: TownRun, other: Home) -> None:
    found = differences(town_run.home, other)
    tables = read_tables()
    assert len(found) == 2 * (len(tables.published) + len(tables.restricted) - len(tables.projections))
    assert not any(found.values())
    assert other.report.read_bytes() == town_run.home.report.read_bytes()
    for path in sorted(town_run.home.layers.iterdir()):
        assert (other.layers / path.name).read_bytes() == path.read_bytes(), path.name


def copied(town_run: TownRun, new_home: Callable[..., Home], folder: Path, clock: datetime = CLOCK) -> Home:
    """A copy of the home with the run of AS_OF."""
    shutil.copytree(town_run.home.path, folder)
    return new_home(folder, clock)


def test_corrections_change_the_present_and_not_the_past(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    """Cancelling an area's heaviest evidence changes the run at the new known_at, not the run at the earlier one."""
    home, first = copied(town_run, new_home, tmp_path / "corrected"), town_run.summary
    area = read_published(home.path, "area_ranking", first.run_id).sort_values("rank").iloc[0]
    correction = tmp_path / "incidents.jsonl"
    correction.write_text("".join(map(cancellation, area["evidence_ids"])))
    later = new_home(home.path, clock=CLOCK + timedelta(days=1))
    assert load_file(later, correction, None).stored == 3

    redone = rerun_late(later)
    assert [summary.is_new for summary in redone] == [True]
    assert redone[0].run_id != first.run_id
    after = read_published(home.path, "area_ranking", redone[0].run_id).set_index("area_id").loc[area["area_id"]]
    assert not set(after["evidence_ids"]) & set(area["evidence_ids"])
    assert after["harm_per_day"] < area["harm_per_day"]

    past = daily_run(later, AS_OF, first.known_at)
    assert (past.run_id, past.is_new) == (first.run_id, False)
    assert not rerun_late(later)


def test_the_next_day_compares_with_its_predecessor(
    two_days: tuple[Home, str, str], new_home: Callable[..., Home], tmp_path: Path
) -> None:
    made, before, after = two_days
    home = new_home(shutil.copytree(made.path, tmp_path / "two days"))  # a read of people writes to the log
    assert runs(home.path).set_index("run_id").loc[after, "predecessor_run_id"] == before
    changes = read_published(home.path, "place_change", after)
    assert len(changes) > 0
    assert changes["why"].str.len().gt(0).all()
    assert len(read_people(home, "person_change", after)) > 0


def test_a_reader_keeps_reading_while_a_run_replaces_the_file(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home, first = copied(town_run, new_home, tmp_path / "read", CLOCK + timedelta(days=1)), town_run.summary
    reader = duckdb.connect(str(home.published), read_only=True)
    try:
        second = daily_run(home, AS_OF + timedelta(days=1))
        seen = {run_id for (run_id,) in reader.execute("SELECT run_id FROM run").fetchall()}
        assert seen == {first.run_id}
    finally:
        reader.close()
    with duckdb.connect(str(home.published), read_only=True) as fresh:
        assert {run_id for (run_id,) in fresh.execute("SELECT run_id FROM run").fetchall()} == {
            first.run_id,
            second.run_id,
        }


@pytest.mark.parametrize("years", [-20, 4])
def test_a_day_without_any_incident_is_refused_or_runs_and_says_so(
    loaded_home: Callable[..., Home], tmp_path: Path, years: int
) -> None:
    home = loaded_home(tmp_path / "empty")
    day = AS_OF.replace(year=AS_OF.year + years)
    with pytest.raises(QualityError, match="0 of 0 incidents in the 365 days before the day of the run can be ranked"):
        daily_run(home, day)
    assert runs(home.path).empty
    summary = daily_run(home, day, allow_empty=True)
    quality = read_published(home.path, "data_quality", summary.run_id).set_index("measure")
    assert quality.loc["incidents_in_window", "value"] == 0
    assert quality.loc["incidents_in_window", "is_warning"]
    assert read_people(home, "person_tier", summary.run_id).empty


def test_page_and_layers_are_those_of_the_latest_day_and_are_made_again(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, latest = copied(town_run, new_home, tmp_path / "outputs"), town_run.summary
    earlier = daily_run(home, AS_OF - timedelta(days=7))
    assert latest.run_id in home.report.read_text()
    print_summary(home, earlier, as_json=False)
    assert f"show run {latest.run_id}, the latest; this one: layers --run {earlier.run_id}" in capsys.readouterr().out
    print_summary(home, latest, as_json=False)
    assert "show run" not in capsys.readouterr().out
    home.report.unlink()
    assert not daily_run(home, AS_OF - timedelta(days=7)).is_new
    assert latest.run_id in home.report.read_text()


def test_a_file_loaded_twice_changes_no_table(town_run: TownRun, other: Home) -> None:
    assert not any(differences(town_run.home, other).values())


def test_no_person_is_in_anything_but_the_restricted_files(town_run: TownRun) -> None:
    """Raw ids and pseudonyms of everybody, searched for in every unencrypted file and in all output."""
    people = town_run.people()["person_id"].str.encode("utf-8").tolist()
    raw = town_run.truth("people")["person_id"].str.encode("utf-8").tolist()
    needles = people + raw
    town_run.restricted("person_tier")  # a read, so that there is a log of reads
    encrypted = {"store.duckdb", "restricted.duckdb"}
    files = [path for path in sorted(town_run.home.path.rglob("*")) if path.is_file() and path.name not in encrypted]
    assert {path.name for path in files} >= {"published.duckdb", "report.html", "harmspot.gpkg", "access.log"}
    contents = {path.name: path.read_bytes() for path in files} | {"said": "\n".join(town_run.said).encode()}
    assert naming(needles, [("here", b"it was " + needles[0]), ("there", b"P, p_")]) == ["here"]
    assert not naming(needles, contents.items())


def test_reads_of_people_are_logged_and_the_chain_holds(town_run: TownRun) -> None:
    town_run.restricted("person_tier")
    assert not town_run.home.access_log.verify()
    assert "person_tier" in (town_run.home.path / "access.log").read_text().splitlines()[-1]


def test_two_writers_take_turns(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> None:
    """A second process that loads the same events waits for the first, and nothing is duplicated."""
    home = new_home(tmp_path / "shared")
    code = (
        "import sys; from pathlib import Path; from flows.home.home import Home;"
        "from flows.ingest.ingest import load_file;"
        "print(load_file(Home(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), None).stored)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        home.path,
        town_run.files.config_file,
        town_run.files.events / "persons.jsonl",
    ]
    both = [subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    stored = sorted(int(process.communicate()[0]) for process in both)
    assert stored[0] == 0 < stored[1]


def test_the_known_clock_defaults_to_the_last_thing_learnt(town_run: TownRun) -> None:
    assert town_run.summary.known_at == CLOCK
    assert town_run.summary.as_of == datetime(2026, 1, 1, tzinfo=UTC)
