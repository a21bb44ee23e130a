"""No ranking without data: the gate refuses, nothing is published, and what --allow-empty publishes moves nobody."""

import csv
import hashlib
import io
import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import duckdb
import pytest

from flows.decisions.lists import approve_list
from flows.decisions.notice_decisions import all_notices
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.ingest.live import latest_run, start_live
from flows.schedule.daily import daily_run
from models.governance.list_lifecycle import LISTS, list_id_of
from pipeline.errors import PublicationError, QualityError
from pipeline.publication.publish import predecessor, read_published, runs, table_counts
from pipeline.publication.tables import read_tables
from tests.flows.command.test_command import harmspot
from tests.town import AS_OF, CLOCK, TownRun, cancellation, read_people

DAY = "2026-01-01"
CLOCKED = ("--clock", "2026-03-01T12:00:00Z")
# Five areas of 0.02° beside each other, about 1.7 km wide.
AREAS = {f"N{n}": (8.0 + 0.02 * n, 50.0) for n in range(5)}
KINDS = ("robbery", "violence_with_injury", "criminal_damage", "antisocial_behaviour", "theft_other")


def geojson() -> str:
    """The boundaries of the five areas."""
    shapes = [
        {
            "type": "Feature",
            "properties": {"area_id": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x, y], [x + 0.02, y], [x + 0.02, y + 0.02], [x, y + 0.02], [x, y]]],
            },
        }
        for name, (x, y) in AREAS.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": shapes})


def incidents(*, seed: int = 1, to_point: Callable[[float, float], tuple[float, float]] = lambda x, y: (x, y)) -> str:
    """Three hundred incidents of the year 2025 in the five areas, as a file of points."""
    draw = random.Random(seed)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "at", "kind", "lon", "lat"])
    for number in range(300):
        x, y = draw.choice(list(AREAS.values()))
        lon, lat = to_point(x + draw.uniform(0.001, 0.019), y + draw.uniform(0.001, 0.019))
        day = date.fromordinal(date(2025, 1, 1).toordinal() + number * 365 // 300)
        rows.writerow([f"I{number}", f"{day} 12:00:00", KINDS[number % len(KINDS)], f"{lon:.5f}", f"{lat:.5f}"])
    return text.getvalue()


def named(area_of: Callable[[str], str]) -> str:
    """The same incidents as a file that names areas and has no points."""
    draw = random.Random(1)
    rows = list(csv.DictReader(io.StringIO(incidents())))
    text = io.StringIO()
    written = csv.DictWriter(text, ["id", "at", "kind", "area"], lineterminator="\n", extrasaction="ignore")
    written.writeheader()
    written.writerows(row | {"area": area_of(draw.choice(list(AREAS)))} for row in rows)
    return text.getvalue()


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make, once, the folder of a city with its home from a file of incidents."""

    @cache
    def make(content: str) -> Path:
        folder = tmp_path_factory.mktemp("city")
        place = ["x: lon", "y: lat"] if "lon" in content.splitlines()[0] else ["area_id: area"]
        kinds = "\n".join(f"{kind},{kind},public" for kind in KINDS)
        (folder / "areas.geojson").write_text(geojson())
        (folder / "offences.csv").write_text(f"offence,offence_code,discovery\n{kinds}\n")
        (folder / "mapping.yaml").write_text(
            "name: city\nabout: five areas\nsource: /city\ntime_zone: UTC\nprecision: instant\noffences: offences.csv\n"
            + ("crs: EPSG:4326\n" if "x: lon" in place else "")
            + "columns:\n  incident_id: id\n  occurred_at: at\n  offence: kind\n"
            + "".join(f"  {line}\n" for line in place)
        )
        config = folder / "config.yaml"
        text = (
            "force:\n  name: Five areas\n  AREAS\n  staffing: {assumed_total_hours_per_day: 500}\n"
            "ingest: {mapping: mapping.yaml}\nplaces: {top_k: 2, draws: 200}\nforecast: {draws: 50}\n"
        )
        (folder / "incidents.csv").write_text(content)
        # Loaded before there is a map, so that only the run can see that the two do not fit.
        config.write_text(text.replace("AREAS", ""))
        done = harmspot(*CLOCKED, "--home", folder / "home", "--config", config, "load", folder / "incidents.csv")
        assert done.returncode == 0, done.stderr
        config.write_text(text.replace("AREAS", "areas: {path: areas.geojson}"))
        return folder

    return make


@pytest.fixture
def city(cities: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copy the home of a city that is made from a file of incidents."""
    return lambda content: Path(shutil.copytree(cities(content), tmp_path, dirs_exist_ok=True)) / "home"


def run(
    home: Path, *options: str, day: str = DAY, clock: tuple[str, str] = CLOCKED
) -> subprocess.CompletedProcess[str]:
    return harmspot(*clock, "--home", home, "run", "--as-of", day, "--without-prefect", *options)


def contents(home: Path) -> dict[str, str]:
    """The hash of every file of a home that a run writes, but for how it ended."""
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix not in (".lock", ".wal")]
    files = [path for path in files if path.name != "last-run.json"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if "spill" not in path.parts}


def test_a_good_city_is_ranked_and_its_checks_are_published(city: Callable[[str], Path]) -> None:
    home = city(incidents())
    done = run(home)
    assert done.returncode == 0, done.stderr
    checks = read_published(home, "quality_check").set_index("check_name")
    near = checks.loc["near_list", "detail"]
    assert "on the list" in near
    assert near in done.stdout + done.stderr
    assert checks["outcome"].drop("near_list").to_dict() == {
        "axes_with_data": "warning",
        "day_has_begun": "passed",
        "fall_of_incidents": "passed",
        "kind_unstated": "passed",
        "list_chooses": "passed",
        "located": "passed",
        "newest_incident": "passed",
        "outside_map": "passed",
        "ranked_incidents": "passed",
        "staffing_decides": "passed",
    }
    assert checks.loc["ranked_incidents", "value"] == 300
    assert runs(home)["is_usable"].tolist() == [True]
    spread = "Use of minors has no data, so its weight is spread over the other measures"
    assert spread in done.stderr
    assert spread in (home / "report.html").read_text()
    assert spread in harmspot(*CLOCKED, "--home", home, "show", "areas").stderr
    findings = json.loads(harmspot(*CLOCKED, "--home", home, "doctor", "--json").stdout)
    assert any(found["check"] == "quality" and spread in found["detail"] for found in findings)
    shown = json.loads(harmspot(*CLOCKED, "--home", home, "show", "checks", "--json").stdout)
    assert len(shown) == len(checks)
    *warnings, young = json.loads(run(home, "--json").stdout)["warnings"]
    assert warnings == [checks.loc["axes_with_data", "detail"], near]
    assert "no earlier day of ranking is on record" in young


CASES = {
    "swapped axes": (incidents(to_point=lambda x, y: (y, x)), DAY, "100% of incidents lie outside every area"),
    "another city": (
        incidents(to_point=lambda x, y: (x - 83.1, y - 10.1)), DAY, "100% of incidents lie outside every area",
    ),
    "unknown area ids": (named(lambda area: f"District {area}"), DAY, "0% of incidents are located"),
    "a day long after the last incident": (
        incidents(), "2026-02-28", "The newest incidents are 64 days old on the day of the run",
    ),
    "a day before the first incident": (
        incidents(), "2024-12-31", "No incident that can be ranked is dated before the day of the run",
    ),
    "a day in the future": (incidents(), "2026-03-02", "The day of the run is 1 day after today"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_meaningless_ranking_is_refused_and_leaves_no_trace(city: Callable[[str], Path], case: str) -> None:
    content, day, why = CASES[case]
    home = city(content)
    before = contents(home)
    done = run(home, day=day)
    assert done.returncode == 1
    assert f"the run as of {day} is refused and nothing is published" in done.stderr
    assert why in done.stderr
    assert "--allow-empty" in done.stderr
    assert contents(home) == before
    assert json.loads((home / "last-run.json").read_text())["outcome"] == "refused"
    assert runs(home).empty
    backfilled = harmspot(*CLOCKED, "--home", home, "backfill", "--from", day, "--to", day, "--without-prefect")
    assert backfilled.returncode == 1
    assert why in backfilled.stderr
    assert contents(home) == before


def test_one_stray_row_makes_no_old_data_new(city: Callable[[str], Path]) -> None:
    """Neither one row off the map nor one in an area says that the file goes on."""
    home = city(incidents() + "S1,2026-02-25 12:00:00,robbery,30.0,50.0\nS2,2026-02-26 12:00:00,robbery,8.01,50.01\n")
    done = run(home, day="2026-02-28")
    assert done.returncode == 1
    assert "The newest incidents are" in done.stderr
    assert not (home / "published.duckdb").exists()


def test_rows_of_other_kinds_do_not_make_incidents_located(city: Callable[[str], Path], tmp_path: Path) -> None:
    """Half of the incidents wait for want of a location, however many shifts came in beside them."""
    header, *rows = incidents().splitlines()
    half = [line if number % 2 else ",".join([*line.split(",")[:3], "", ""]) for number, line in enumerate(rows)]
    home = city("\n".join([header, *half]) + "\n")
    shifts = [
        f'{{"specversion":"1.0","id":"s{n}","source":"/s","type":"harmspot.staffing.reported.v1","data":{{"area_id":'
        f'"N0","shift_start":"2025-12-01T{n % 24:02d}:{n % 60:02d}:00Z","shift_end":"2025-12-02T00:00:00Z",'
        f'"rostered_hours":8,"available_hours":{n % 8 + 1}}}}}\n'
        for n in range(2000)
    ]
    (tmp_path / "staffing.jsonl").write_text("".join(shifts))
    loaded = harmspot(*CLOCKED, "--home", home, "load", tmp_path / "staffing.jsonl")
    assert loaded.returncode == 0, loaded.stderr
    done = run(home)
    assert done.returncode == 1
    assert "of incidents are located, at least 85.0% are needed" in done.stderr


def test_an_empty_window_is_refused(city: Callable[[str], Path], tmp_path: Path) -> None:
    home = city(incidents())
    config = tmp_path / "config.yaml"
    # Incidents older than the window, newer than the limit of age, so that only the window is empty.
    config.write_text(config.read_text() + "quality: {newest_days: 400}\n")
    config.write_text(config.read_text().replace("top_k: 2,", "top_k: 2, window_days: 28,"))
    done = run(home, day="2026-02-01")
    assert done.returncode == 1
    assert "0 of 0 incidents in the 28 days before the day of the run can be ranked" in done.stderr
    assert "newest" not in done.stderr
    assert runs(home).empty


@pytest.mark.parametrize("case", CASES)
def test_allow_empty_publishes_a_run_that_moves_nobody(city: Callable[[str], Path], case: str) -> None:
    content, day, why = CASES[case]
    home = city(content)
    done = run(home, "--allow-empty", day=day)
    assert done.returncode == 0, done.stderr
    assert "marked UNUSABLE" in done.stdout
    assert_moves_nobody(home, why)
    again = run(home, "--allow-empty", day=day)
    assert "was already published" in again.stdout


def assert_moves_nobody(home: Path, why: str) -> None:
    """The latest run is unusable, says so everywhere, and has no row that anybody could act on."""
    row = runs(home).iloc[-1]
    assert not row["is_usable"]
    assert why in row["unusable_because"]
    opened = Home(home, clock=CLOCK, progress=lambda text: None)
    places, people = table_counts(home, opened.key, row["run_id"])
    assert {name for name, count in {**places, **people}.items() if count} == {
        "area_ranking", "data_quality", "quality_check",
    }  # fmt: skip
    ranking = read_published(home, "area_ranking")
    assert len(ranking) == len(AREAS)
    assert not ranking["is_listed"].any()
    assert ranking["moves_out_if"].isna().all()
    for verb in ("show", "areas"), ("plan", "visits"), ("explain", "area", "N1"), ("layers",):
        assert "UNUSABLE RUN, do not act on it" in harmspot(*CLOCKED, "--home", home, *verb).stderr
    assert "This run is unusable" in (home / "report.html").read_text()
    assert '"fault"' in harmspot(*CLOCKED, "--home", home, "doctor", "--json").stdout
    assert start_live(opened) is None
    assert predecessor(home, row["as_of"] + timedelta(days=1), row["known_at"]) is None


def test_an_empty_store_is_refused_and_published_only_as_unusable(town_run: TownRun, tmp_path: Path) -> None:
    home, config = tmp_path / "home", town_run.files.config_file
    assert harmspot(*CLOCKED, "--home", home, "--config", config, "init").returncode == 0
    done = run(home)
    assert done.returncode == 1
    assert "the store holds no events yet" in done.stderr
    assert runs(home).empty
    assert run(home, "--allow-empty").returncode == 0
    assert not runs(home)["is_usable"].any()
    assert "No incident that can be ranked is dated before" in runs(home)["unusable_because"].iloc[0]


def test_an_unusable_run_replaces_no_usable_one(
    approved_home: Callable[..., Home], town_run: TownRun, tmp_path: Path
) -> None:
    home, usable = approved_home(tmp_path / "home"), town_run.summary.run_id
    tiers = read_people(home, "person_tier", usable)
    notices = [notice.notice_id for notice in all_notices(home, ["area"])]
    layers = {path.name: path.read_bytes() for path in home.layers.iterdir()}
    late = date(2026, 6, 1)
    with pytest.raises(QualityError, match=r"The newest incidents are 15\d days old on the day of the run"):
        daily_run(home, late)
    summary = daily_run(home, late, allow_empty=True)
    assert summary.unusable_because and summary.run_id != usable
    kept = runs(home.path)
    assert kept["run_id"].tolist() == [summary.run_id, usable]
    assert read_published(home.path, "area_ranking")["run_id"].unique() == [usable]
    assert latest_run(home) == usable
    assert read_people(home, "person_tier", usable).equals(tiers)
    assert [notice.notice_id for notice in all_notices(home, ["area"])] == notices
    assert {path.name: path.read_bytes() for path in home.layers.iterdir()} == layers
    with duckdb.connect(str(home.published), read_only=True) as shell:
        assert shell.sql("SELECT DISTINCT run_id FROM latest_area_ranking").fetchall() == [(usable,)]
    for name in LISTS:
        with pytest.raises(PublicationError):
            approve_list(home, list_id_of(name, summary.run_id), by="Supt. A. Lee", reason="read")
    # The next usable run compares with the usable one.
    home.clock = CLOCK.replace(day=3)
    following = daily_run(home, date(2026, 1, 2))
    kept = runs(home.path).set_index("run_id")
    assert kept.loc[following.run_id, "predecessor_run_id"] == usable
    assert kept.loc[summary.run_id, "predecessor_run_id"] == usable


def test_the_last_usable_run_outlives_unusable_ones(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home, usable = new_home(shutil.copytree(town_run.home.path, tmp_path / "home")), town_run.summary.run_id
    assert home.config_file is not None
    text = home.config_file.read_text()
    for name in ("areas.geojson", "points_of_interest.geojson"):
        text = text.replace(f": {name}", f": {home.config_file.parent / name}")
    config = tmp_path / "one.yaml"
    config.write_text(text + "publication: {history_runs: 1}\n")
    home = Home(home.path, config, CLOCK, lambda text: None)
    unusable = [daily_run(home, date(2026, month, 1), allow_empty=True).run_id for month in (7, 8)]
    assert runs(home.path)["run_id"].iloc[-1] == usable
    assert len(runs(home.path)) == 2
    assert unusable[-1] in set(runs(home.path)["run_id"])


def test_the_identity_differs_only_if_the_content_does(
    town_run: TownRun, loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    one, other = town_run.home, loaded_home(tmp_path / "other")
    assert daily_run(other, AS_OF, allow_empty=True).run_id == town_run.summary.run_id
    tables = [name for name, table in read_tables().published.items() if not table.is_projection]
    for name in tables:
        assert read_published(one.path, name).equals(read_published(other.path, name)), name


def test_a_day_refused_as_future_is_a_different_run_once_it_has_begun(
    loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = loaded_home(tmp_path / "home")
    home.clock = CLOCK.replace(year=2025, month=12, day=30)
    early = daily_run(home, AS_OF, allow_empty=True)
    assert early.unusable_because == "The day of the run is 2 days after today."
    home.clock = CLOCK
    daily = daily_run(home, AS_OF)
    assert daily.is_new and daily.unusable_because is None and daily.run_id != early.run_id
    assert read_published(home.path, "run")["run_id"].tolist() == [daily.run_id]


def test_a_fall_against_the_last_runs_is_refused(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    tomorrow = CLOCK + timedelta(days=1)
    home = new_home(shutil.copytree(town_run.home.path, tmp_path / "home"), clock=tomorrow)
    incidents = read_published(home.path, "quality_check").set_index("check_name").loc["ranked_incidents", "value"]
    assert home.config_file is not None
    ids = known_ids(home.config_file.parent / "events" / "incidents.jsonl")
    folder = tmp_path / "cancelled"
    folder.mkdir()
    (folder / "incidents.jsonl").write_text("".join(map(cancellation, ids[: int(len(ids) * 0.7)])))
    load_file(home, folder, None)
    with pytest.raises(QualityError, match=f"fewer than before \\({incidents:,.0f} in the latest"):
        daily_run(home, tomorrow.date())
    assert len(runs(home.path)) == 1


def known_ids(file: Path) -> list[str]:
    """The ids of the incidents in an event file, some of whose lines are malformed on purpose."""
    return sorted(set(re.findall(r'"incident_id":"([^"]+)"', file.read_text(encoding="utf-8", errors="replace"))))
