"""A home knows its force: the configuration and the file of another are refused, those of its own are not."""

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.home.force import Box, Force, is_other
from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.errors import SettingsError
from tests.flows.command.test_command import harmspot

Changed = dict[str, Any]
SIDE = 0.1  # degrees
CLOCK = "2026-03-01T00:00:00Z"


def city(folder: Path, *, west: float = -75.2, name: str | None = None, **changes: Any) -> Path:
    """Write a city of two areas side by side and its configuration; return the latter."""
    folder.mkdir(parents=True, exist_ok=True)

    def area(number: int) -> Changed:
        x, y = west + SIDE * number, 39.9
        ring = [[x, y], [x + SIDE, y], [x + SIDE, y + SIDE], [x, y + SIDE], [x, y]]
        return {
            "type": "Feature",
            "properties": {"id": str(number)},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }

    features = [area(number) for number in range(changes.pop("districts", 2))]
    (folder / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (folder / "offences.csv").write_text("offence,offence_code,discovery\nROBBERY,robbery,public\n")
    columns = {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "lon", "y": "lat", "area_id": "area"}
    mapping = {
        "name": "m",
        "about": "a",
        "source": "s",
        "columns": columns,
        "time_zone": "UTC",
        "offences": "offences.csv",
    }
    (folder / "mapping.yaml").write_text(yaml.safe_dump(mapping))
    force = {"areas": {"path": "areas.geojson", "id_column": "id"}, **({"name": name} if name else {}), **changes}
    (folder / "city.yaml").write_text(yaml.safe_dump({"force": force, "ingest": {"mapping": "mapping.yaml"}}))
    return folder / "city.yaml"


def rows(folder: Path, points: list[tuple[object, object, str]], name: str = "in.csv") -> Path:
    lines = [f"{n},2025-06-0{1 + n % 9} 10:00:00,ROBBERY,{x},{y},{area}" for n, (x, y, area) in enumerate(points)]
    (folder / name).write_text("\n".join(["id,when,what,lon,lat,area", *lines]) + "\n")
    return folder / name


INSIDE = [(-75.2 + 0.009 * n, 39.95, "") for n in range(1, 21)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configuration of a city and its home, into which twenty incidents were loaded."""
    folder = tmp_path_factory.mktemp("template")
    at = ("--clock", CLOCK, "--home", folder / "home", "--config", city(folder / "here"))
    done = harmspot(*at, "load", rows(folder, INSIDE))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the city's home, without a name as new-city's users may leave it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARMSPOT_CLOCK", CLOCK)
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


def contents(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "verb",
    [
        ("load", "in.csv"),
        ("run", "--as-of", "2026-01-01"),  # with Prefect: no server starts, and no folder of it is made
        ("run", "--as-of", "2026-01-01", "--without-prefect"),
        ("backfill", "--from", "2026-01-01", "--to", "2026-01-01", "--without-prefect"),
        ("late", "--without-prefect"),
        ("ingest",),
        ("stream",),
        ("schedule",),
        ("replay",),
        ("layers",),
        ("init",),
        ("show", "areas"),
    ],
    ids=lambda verb: " ".join(verb[:1]),
)
def test_the_configuration_of_another_city_is_refused_before_anything_is_written(
    verb: tuple[str, ...], home: Path
) -> None:
    """Both are called "Unnamed force": their maps tell them apart."""
    before, other = contents(home), city(home.parent / "there", west=-89.9)
    done = harmspot("--home", home, "--config", other, *verb)
    assert done.returncode == 1
    assert "is of the force 'Unnamed force' (UTC, areas in -75.20..-75.00 E" in done.stderr
    assert f"{other} is of 'Unnamed force' (UTC, areas in -89.90..-89.70 E" in done.stderr
    assert "Name the home of that force with --home" in done.stderr and "init --same-force" in done.stderr
    assert contents(home) == before


def test_a_configuration_that_became_another_citys_under_the_same_path_is_refused_too(home: Path) -> None:
    before = contents(home)
    city(home.parent / "here", west=-89.9)
    done = harmspot("--home", home, "run", "--as-of", "2026-01-01", "--without-prefect")
    assert (done.returncode, "is of the force" in done.stderr) == (1, True)
    assert contents(home) == before
    with pytest.raises(SettingsError, match="is of the force"):
        open_home_store(Home(home))
    examined = harmspot("--home", home, "doctor", "--json")
    found = {row["check"]: row for row in json.loads(examined.stdout)}
    assert (examined.returncode, found["settings"]["state"]) == (1, "fault")
    assert "init --same-force" in found["settings"]["detail"]


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({"districts": 3}, False),  # a new version of the boundaries, with a district more
        ({"districts": 1}, False),
        ({"west": -75.15}, False),  # moved by a quarter
        ({"west": -75.05}, True),  # a neighbour, of which a quarter overlaps
        ({"name": "Northshire"}, False),  # renamed: the boundary file is the same
        ({"time_zone": "America/New_York"}, False),  # corrected
        ({"crs": "EPSG:26918"}, False),
        ({"name": "Northshire", "districts": 3}, True),  # may be the county around it
    ],
)
def test_a_change_of_the_same_city_is_none_of_another(change: Changed, is_refused: bool, home: Path) -> None:
    config = city(home.parent / "changed", **change)
    done = harmspot("--home", home, "--config", config, "load", "in.csv")
    assert done.returncode == is_refused, done.stderr
    if is_refused:
        assert harmspot("--home", home, "--config", config, "init", "--same-force").returncode == 0
        done = harmspot("--home", home, "load", "in.csv", "--allow-outside")
        assert done.returncode == 0, done.stderr
    assert (Home(home).config_file or Home(home).remembered_config()).resolve() == config.resolve()
    assert json.loads((home / "force.json").read_text())["name"] == change.get("name", "Unnamed force")


def test_a_run_makes_its_configuration_permanent_only_if_it_succeeds(home: Path) -> None:
    """Of the same force, with other settings: the first names a column that the areas do not have."""
    before = (home / "config-path").read_text()
    run = ("run", "--as-of", "2025-06-15", "--without-prefect")
    hours = {"assumed_total_hours_per_day": 48}
    wrong = city(home.parent / "wrong", areas={"path": "areas.geojson", "id_column": "beat"}, staffing=hours)
    failed = harmspot("--home", home, "--config", wrong, *run)
    assert (failed.returncode, "no column 'beat'" in failed.stderr) == (1, True)
    assert (home / "config-path").read_text() == before
    right = city(home.parent / "right", staffing=hours)
    done = harmspot("--home", home, "--config", right, *run)
    assert done.returncode == 0, done.stderr
    assert Home(home).remembered_config().resolve() == right.resolve()  # type: ignore[union-attr]


@pytest.mark.parametrize("left", [(), ("config-path",)])
def test_a_home_of_an_earlier_version_learns_its_force_at_the_first_success(left: tuple[str, ...], home: Path) -> None:
    (home / "force.json").unlink()
    for name in {"config-path"} - set(left):
        (home / name).unlink()
    config = [] if left else ["--config", home.parent / "here" / "city.yaml"]
    assert harmspot("--home", home, *config, "load", "absent.csv").returncode == 1
    assert not (home / "force.json").exists()
    assert harmspot("--home", home, *config, "load", "in.csv").returncode == 0
    assert json.loads((home / "force.json").read_text())["box"] == [-75.2, 39.9, -75.0, 40.0]


@pytest.mark.parametrize("verb", ["load", "init"])
def test_a_home_of_an_earlier_version_is_of_the_force_of_its_configuration(verb: str, home: Path) -> None:
    (home / "force.json").unlink()
    before, other = contents(home), city(home.parent / "there", west=-89.9)
    done = harmspot("--home", home, "--config", other, verb, *(["in.csv"] if verb == "load" else []))
    assert (done.returncode, "is of the force 'Unnamed force' (UTC, areas in -75.20" in done.stderr) == (1, True)
    assert contents(home) == before
    grown = city(home.parent / "grown", districts=3)
    assert harmspot("--home", home, "--config", grown, "load", "in.csv").returncode == 0
    assert json.loads((home / "force.json").read_text())["box"][2] == -74.9


@pytest.mark.parametrize("is_there", [False, True])
def test_a_home_of_an_earlier_version_whose_configuration_is_lost_learns_the_next(is_there: bool, home: Path) -> None:
    (home / "force.json").unlink()
    remembered = home.parent / "here" / "city.yaml"
    remembered.write_text("force: [") if is_there else remembered.unlink()
    other = city(home.parent / "there", west=-89.9)
    done = harmspot("--home", home, "--config", other, "init")
    assert done.returncode == 0, done.stderr
    assert json.loads((home / "force.json").read_text())["box"][0] == -89.9


def layered(folder: Path, file: str, layer: str) -> Path:
    """Write a configuration of a layer of a file with two, one here and one elsewhere; return it."""
    config = city(folder)
    for name, west in {"here": -75.2, "there": -89.9}.items():
        areas = gpd.read_file(city(folder / name, west=west).parent / "areas.geojson")
        kind = {"driver": "OpenFileGDB"} if file.endswith(".gdb") else {}
        areas.to_file(folder / file, layer=name, **kind)
    settings = yaml.safe_load(config.read_text())
    settings["force"]["areas"] |= {"path": file, "layer": layer}
    config.write_text(yaml.safe_dump(settings))
    return config


@pytest.mark.parametrize("file", ["areas.gpkg", "areas.gdb"])
def test_a_home_knows_its_force_by_the_layer_of_its_map(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other city is in another file, or another layer of the very same one."""
    monkeypatch.chdir(tmp_path)
    here = layered(tmp_path / "map", file, "here")
    assert harmspot("--home", "home", "--config", here, "init").returncode == 0
    assert json.loads(Path("home/force.json").read_text())["box"] == [-75.2, 39.9, -75.0, 40.0]
    there = here.with_name("there.yaml")
    there.write_text(here.read_text().replace("layer: here", "layer: there"))
    for other in (city(tmp_path / "other", west=-89.9), there):
        done = harmspot("--home", "home", "--config", other, "init")
        assert (done.returncode, "is of the force" in done.stderr) == (1, True), done.stderr
    assert harmspot("--home", "home", "--config", here, "init").returncode == 0


@pytest.mark.parametrize("content", [None, "no map", '{"type": "FeatureCollection", "features": []}'])
def test_a_map_that_cannot_be_read_is_named_and_nothing_is_made(content: str | None, home: Path) -> None:
    config = city(home.parent / "there", west=-89.9)
    areas = config.parent / "areas.geojson"
    areas.unlink()
    if content is not None:
        areas.write_text(content)
    before = contents(home)
    for folder in (home, home.parent / "new"):
        for words in (("load", "in.csv"), ("init",), ("init", "--same-force")):
            done = harmspot("--home", folder, "--config", config, *words)
            assert (done.returncode, "force.areas cannot be used" in done.stderr) == (1, True), done.stderr
            assert "areas.geojson" in done.stderr and "Traceback" not in done.stderr
    assert contents(home) == before
    assert not (home.parent / "new").exists()


def test_init_of_the_same_force_that_fails_leaves_the_force_known(home: Path) -> None:
    before = (home / "force.json").read_bytes()
    renamed = city(home.parent / "renamed", name="Northshire", west=-89.9)
    (home / "store.duckdb").write_bytes(b"damaged")
    assert harmspot("--home", home, "--config", renamed, "init", "--same-force").returncode == 1
    assert (home / "force.json").read_bytes() == before


def test_a_damaged_memory_is_named_with_the_way_out(home: Path) -> None:
    (home / "force.json").write_text("{}")
    done = harmspot("--home", home, "load", "in.csv")
    assert (done.returncode, "force.json says of no force; delete it" in done.stderr) == (1, True)


def test_a_new_city_on_anothers_home_writes_no_file(home: Path) -> None:
    """Neither under another configuration, nor over that of the home."""
    before, sample = contents(home.parent), Path(__file__).parents[3] / "docs" / "sample"
    rival = harmspot("--home", home, "new-city", sample / "riverton_incidents.csv", "--yes", "--out", "out")
    assert (rival.returncode, "name another home" in rival.stderr) == (1, True)
    copy = rows(home.parent, [(-89.9 + 0.001 * n, 40.06, "") for n in range(60)], "city.csv")
    over = harmspot("--home", home, "new-city", copy, "--yes", "--force", "--out", home.parent / "here")
    assert (over.returncode, "is of the force" in over.stderr) == (1, True), over.stderr
    copy.unlink()
    assert contents(home.parent) == before


BOXES = st.tuples(st.floats(-170, 160), st.floats(-80, 70), st.floats(0.01, 9), st.floats(0.01, 9)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(BOXES, BOXES, st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]))
def test_otherness_is_mutual_and_no_force_is_other_than_itself(one: Box, two: Box, name: str, other: str) -> None:
    first, second = Force(name, "UTC", "1", one), Force(other, "UTC", "2", two)
    assert not is_other(first, first)
    assert is_other(first, second) == is_other(second, first)
    if two[0] > one[2] or one[0] > two[2]:
        assert is_other(first, second)


FAR = [(-89.8 - 0.001 * n, 40.0, "") for n in range(20)]
SWAPPED = [(y, x, area) for x, y, area in INSIDE]
WRONG_AREAS = [("", "", "Z9")] * 20


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (FAR, "name the home of that city with --home"),
        (SWAPPED, "With longitude and latitude exchanged, 20 would lie in one"),
        (WRONG_AREAS, "20 of 20 located incidents lie in no area"),
        ([*INSIDE[:9], *FAR[:11]], "11 of 20 located incidents lie in no area"),
        ([*INSIDE[:9], *WRONG_AREAS[:11]], "11 of 20 located incidents lie in no area"),
    ],
)
def test_a_file_of_another_city_is_refused_before_anything_is_stored(
    points: list[tuple[object, object, str]], words: str, home: Path
) -> None:
    before, file = contents(home), rows(home.parent, points, "other.csv")
    done = harmspot("--home", home, "load", file)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr
    assert contents(home)["force.json"] == before["force.json"]
    with open_home_store(Home(home)) as store:
        assert store.batch_number() == 1
    loaded = harmspot("--home", home, "load", "--allow-outside", "--json", file)
    assert json.loads(loaded.stdout)["rows_in"] == 20


@pytest.mark.parametrize("points", [[*INSIDE[:10], *FAR[:10]], [*INSIDE[:10], ("", "", "1")], FAR[:4]])
def test_a_file_of_which_half_lies_on_the_map_or_of_a_handful_of_rows_is_loaded(
    points: list[tuple[object, object, str]], home: Path
) -> None:
    done = harmspot("--home", home, "load", rows(home.parent, points, "own.csv"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("is_swapped", [False, True])
def test_events_of_another_city_are_refused_whatever_comes_before_them(is_swapped: bool, home: Path) -> None:
    lines = []
    for n, (x, y, _) in enumerate(SWAPPED if is_swapped else FAR):
        data = {"incident_id": f"I{n}", "version": 1, "status": "recorded", "occurred_at": "2025-06-01T10:00:00Z"}
        data |= {"offence_code": "robbery", "discovery": "public", "location": {"lon": x, "lat": y}}
        event = {"specversion": "1.0", "type": "harmspot.incident.recorded.v1", "source": "s", "id": f"e{n}"}
        lines.append(json.dumps({**event, "data": data}))
    folder = home.parent / "events"
    folder.mkdir()
    (folder / "actions.jsonl").write_text('{"specversion": "1.0"}\n')  # sorted before the incidents
    (folder / "incidents.jsonl").write_text("\n".join(lines) + "\n")
    done = harmspot("--home", home, "load", folder)
    assert (done.returncode, "20 of 20 located incidents" in done.stderr) == (1, True), done.stderr
    assert ("exchanged" in done.stderr) == is_swapped
    with open_home_store(Home(home)) as store:
        assert store.batch_number() == 1


@pytest.mark.parametrize("is_zip", [False, True])
def test_a_folder_is_refused_whole_if_one_of_its_files_is_of_another_city(is_zip: bool, home: Path) -> None:
    folder = home.parent / "files"
    folder.mkdir()
    rows(folder, [(x + 0.0001, y, area) for x, y, area in INSIDE], "a.csv")
    rows(folder, FAR, "b.csv")
    path = Path(shutil.make_archive(str(folder), "zip", folder)) if is_zip else folder
    done = harmspot("--home", home, "load", path)
    assert (done.returncode, "b.csv: 20 of 20 located incidents" in done.stderr) == (1, True), done.stderr
    with open_home_store(Home(home)) as store:
        assert store.batch_number() == 1
    assert harmspot("--home", home, "load", path, "--allow-outside").returncode == 0
