"""A run is drawn with the map that it was published with, into files that are all its own."""

import hashlib
import json
import re
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import yaml
from click.testing import CliRunner

from flows.command import cli
from flows.health.doctor import examine
from flows.home.home import Home
from flows.outputs.render import write_outputs, written_run
from flows.outputs.themes import THEMES
from flows.run.map_shapes import drawn_map
from flows.schedule.daily import daily_run
from pipeline.complete_folder import NOTE
from pipeline.errors import PublicationError
from pipeline.publication.publish import changed_tables, read_published, runs
from tests.town import AS_OF, CLOCK, TownRun, event


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture
def home(town_run: TownRun, tmp_path: Path) -> Home:
    """A home with the town's run whose settings and boundaries may be changed."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    shutil.copytree(town_run.files.folder, tmp_path / "town", ignore=shutil.ignore_patterns("events*", "truth"))
    return Home(tmp_path / "home", tmp_path / "town" / "config.yaml", CLOCK, lambda text: None)


def change_the_map(home: Home, **places: Any) -> Home:
    """Move every boundary by 300 m, and change settings of places; return the home with these settings."""
    assert home.config_file is not None
    settings = yaml.safe_load(home.config_file.read_text())
    settings["places"] = settings.get("places", {}) | places
    home.config_file.write_text(yaml.safe_dump(settings))
    path = home.settings.force.areas.path
    assert path is not None
    areas = pyogrio.read_dataframe(path)
    moved = areas.set_geometry(areas.to_crs("EPSG:3857").translate(300).to_crs(areas.crs))
    path.unlink()
    pyogrio.write_dataframe(moved, path)
    return Home(home.path, home.config_file, CLOCK, lambda text: None)


def tomorrow(home: Home) -> Home:
    """The home a day later, when the run of that day may be done."""
    return Home(home.path, home.config_file, CLOCK + timedelta(days=1), home.progress)


def test_a_kept_run_is_drawn_with_its_own_shapes_and_cells_whatever_the_settings_say(
    home: Home, tmp_path: Path
) -> None:
    run_id, before, page = str(runs(home.path)["run_id"].iloc[-1]), content(home.layers), home.report.read_bytes()
    changed = change_the_map(home, cell_size_m=300)
    assert daily_run(tomorrow(changed), AS_OF + timedelta(days=1)).is_new
    today = content(home.layers)
    assert {Path(name).suffix for name in before if today[name] == before[name]} <= {".qml"}
    written = write_outputs(changed, run_id, tmp_path / "old")
    old = content(tmp_path / "old")
    assert {name: old[name] for name in before if name != NOTE} == {
        name: before[name] for name in before if name != NOTE
    }
    assert old["report.html"] == page
    assert sorted(path.name for path in written) == sorted(set(old) - {NOTE})
    assert content(home.layers) == today
    cells = gpd.read_parquet(tmp_path / "old" / "cells.parquet")
    assert cells.area.tolist() == pytest.approx((cells["cell_size_m"] ** 2).tolist())


def test_an_old_run_replaces_nothing_of_today(home: Home, tmp_path: Path) -> None:
    first = str(runs(home.path)["run_id"].iloc[-1])
    daily_run(tomorrow(home), AS_OF + timedelta(days=1))
    before = content(home.layers) | {"page": home.report.read_bytes()}

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--home", str(home.path), "layers", *arguments])
        assert result.exit_code != 0
        return f"{result.output} {result.exception}"

    assert "not the latest" in said("--run", first) and "--out FOLDER" in said("--run", first)
    assert "layers of the latest run" in said("--run", first, "--out", str(home.layers))
    assert "holds something else" in said("--run", first, "--out", str(home.path))
    assert content(home.layers) | {"page": home.report.read_bytes()} == before
    result = CliRunner().invoke(cli, ["--home", str(home.path), "layers", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert set(content(tmp_path / "out")) == {*content(home.layers), "report.html"}
    result = CliRunner().invoke(
        cli, ["--home", str(home.path), "layers", "--run", first, "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output  # a folder of layers may be written to again
    assert set(gpd.read_parquet(tmp_path / "out" / "cells.parquet")["run_id"]) == {first}


def without_shapes(home: Home) -> None:
    """Make the publication one of a harmspot that kept no shapes and no hashes of tables, as 0.2."""
    force, digest = home.settings.force, hashlib.sha256()
    for path in (force.areas.path, force.points_of_interest, force.staffing.path, force.equity_shares, force.fidelity):
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path else b"")
    with duckdb.connect(str(home.published)) as connection:
        for name in ("map_shape", "content_hash"):
            connection.execute(f"DROP VIEW latest_{name}; DROP TABLE {name}")
        connection.execute("DROP VIEW latest_run; ALTER TABLE run DROP COLUMN shapes_id")
        connection.execute("UPDATE run SET boundaries_hash = ?", [digest.hexdigest()[:16]])


def said_of_rows(home: Home) -> str:
    return str(examine(home).set_index("check").loc["published rows", "detail"])


def test_a_run_that_kept_no_shapes_is_drawn_with_the_same_map_only(home: Home, tmp_path: Path) -> None:
    run_id, before = str(runs(home.path)["run_id"].iloc[-1]), content(home.layers)
    assert said_of_rows(home) == "every table of every kept run is what was published"
    without_shapes(home)
    assert said_of_rows(home).endswith("1 runs of an earlier version cannot be checked")
    write_outputs(home, run_id, tmp_path / "out")
    assert {name: content(tmp_path / "out")[name] for name in before if name != NOTE} == {
        name: before[name] for name in before if name != NOTE
    }
    changed = change_the_map(home)
    with pytest.raises(PublicationError, match=f"run {run_id} .*kept no shapes.*run --as-of {AS_OF}.*--config"):
        write_outputs(changed, run_id, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert content(home.layers) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2099"}, r"its areas are not those of force.areas \(missing: .+@.+\)\. Run the day again"),
        ({"crs": "EPSG:25831"}, "its coordinate system is EPSG:.+, that of the settings EPSG:25831; set force.crs"),
        (
            {"fidelity": "fidelity.yaml"},
            "does not say whether its map is among them: force.areas, force.points_of_interest, force.staffing, "
            r"force.equity_shares, force.fidelity \(.+fidelity.yaml\)",
        ),
    ],
)
def test_a_run_that_kept_no_shapes_is_refused_with_what_differs(
    change: dict[str, str], words: str, home: Home, tmp_path: Path
) -> None:
    """A checklist with a line more changes the hash, and the map stays: nothing says then that it is not its own."""
    run_id = str(runs(home.path)["run_id"].iloc[-1])
    without_shapes(home)
    assert home.config_file is not None
    checklist = home.settings.force.fidelity.read_text() + "# one line more\n"
    (home.config_file.parent / "fidelity.yaml").write_text(checklist)
    settings = yaml.safe_load(home.config_file.read_text())
    (settings["force"]["areas"] if "version" in change else settings["force"]).update(change)
    home.config_file.write_text(yaml.safe_dump(settings))
    with pytest.raises(PublicationError, match=words):
        write_outputs(Home(home.path, home.config_file, CLOCK, print), run_id, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("lost", ["areas.parquet", "harmspot.gpkg", NOTE])
def test_a_missing_file_is_noticed_and_the_next_run_draws_all(home: Home, lost: str) -> None:
    latest = str(runs(home.path)["run_id"].iloc[-1])
    before = content(home.layers)
    assert written_run(home) == latest
    (home.layers / lost).unlink()
    assert written_run(home) is None
    daily_run(home, AS_OF)
    assert written_run(home) == latest
    assert content(home.layers) == before


def test_an_error_while_drawing_leaves_the_files_and_a_way_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(home.layers) | {"page": home.report.read_bytes()}

    def fail(*_: Any) -> None:
        raise shapely.errors.GEOSException("TopologyException")

    with monkeypatch.context() as broken:
        broken.setattr("geo.layers.geojson._write", fail)
        with pytest.raises(PublicationError, match=r"is published and complete.*TopologyException.*harmspot layers"):
            daily_run(tomorrow(home), AS_OF + timedelta(days=1))
    assert content(home.layers) | {"page": home.report.read_bytes()} == before
    summary = daily_run(tomorrow(home), AS_OF + timedelta(days=1))
    assert not summary.is_new
    assert written_run(home) == summary.run_id


def test_a_slow_drawer_leaves_the_files_to_the_run_that_became_the_latest_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = str(runs(home.path)["run_id"].iloc[-1])
    today: dict[str, bytes] = {}
    said: list[str] = []
    slow = Home(home.path, home.config_file, CLOCK, said.append)

    def next_day_is_drawn_first(*arguments: Any) -> Any:
        if not today:
            today["page"] = b""
            daily_run(tomorrow(home), AS_OF + timedelta(days=1))
            today.update(content(home.layers) | {"page": home.report.read_bytes()})
        return drawn_map(*arguments)

    monkeypatch.setattr("flows.outputs.render.drawn_map", next_day_is_drawn_first)
    assert write_outputs(slow, first) == []
    second = written_run(home)
    assert second == str(runs(home.path)["run_id"].iloc[-1]) != first
    assert content(home.layers) | {"page": home.report.read_bytes()} == today
    assert f"run {first} are not written: they are those of run {second}" in said[-1]
    assert not [path.name for path in home.path.iterdir() if "new" in path.name]


def test_layers_of_an_unusable_run_say_so(home: Home, tmp_path: Path) -> None:
    def mark(*_: Any) -> pd.DataFrame:
        return runs(home.path).assign(unusable_because="no incident is on the map.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.outputs.kept_run.runs", mark)
        write_outputs(home, out=tmp_path / "out")
    warning = "UNUSABLE RUN, do not act on it: no incident is on the map."
    with zipfile.ZipFile(tmp_path / "out" / "harmspot.qgz") as archive:
        assert archive.read("harmspot.qgs").decode().count(warning) > len(THEMES)
    with closing(sqlite3.connect(tmp_path / "out" / "harmspot.gpkg")) as package:
        assert warning in package.execute("SELECT metadata FROM gpkg_metadata").fetchone()[0]
    assert warning not in (home.layers / "harmspot.gpkg").read_bytes().decode(errors="ignore")


STEP = 0.02  # degrees; the middle column of areas lies on both sides of the 180th meridian
WEST, SOUTH = 179.97, -16.8


def area(column: int, row: int, form: str) -> dict[str, Any]:
    """A square of the city, in degrees up to 180, or as RFC 7946 asks cut at 180."""
    west, south = WEST + column * STEP, SOUTH + row * STEP
    shape: shapely.Geometry = shapely.box(west, south, west + STEP, south + STEP)
    if form == "cut":
        parts = (shape & shapely.box(0, -90, 180, 90), shape & shapely.box(180, -90, 360, 90))
        parts = (parts[0], shapely.transform(parts[1], lambda at: at - (360, 0)))
        polygons = [part for part in parts if part.geom_type == "Polygon" and part.area > 1e-12]
        shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    name = f"D{row}{column}"
    return {"type": "Feature", "properties": {"id": name}, "geometry": shapely.geometry.mapping(shape)}


@pytest.mark.parametrize("form", ["cut", "beyond"])
def test_a_city_on_the_180th_meridian_is_ranked_and_drawn(tmp_path: Path, form: str) -> None:
    features = [area(column, row, form) for row in range(2) for column in range(3)]
    (tmp_path / "areas.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    force = {"name": "Taveuni", "time_zone": "Pacific/Fiji", "staffing": {"assumed_total_hours_per_day": 100}}
    areas = {"path": "areas.json", "id_column": "id", "version": "1"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"force": {**force, "areas": areas}, "places": {"top_k": 2}}))
    with (tmp_path / "events.jsonl").open("w") as events:
        for n in range(600):  # two thirds of them in the square that the meridian cuts, on both sides of it
            column, row = (1, 0) if n % 3 else (n % 9 // 3, n % 2)
            lon = WEST + column * STEP + STEP * (0.05 + 0.9 * (n % 7) / 6)
            what = {"offence_code": "robbery", "discovery": "public", "status": "recorded", "version": 1}
            at = {
                "lon": round(lon - 360 if lon > 180 else lon, 6),
                "lat": SOUTH + row * STEP + STEP * (n % 11 + 1) / 13,
            }
            when = f"2025-{n % 12 + 1:02d}-{n % 28 + 1:02d}T10:00:00Z"
            data = {"incident_id": f"i{n}", "occurred_at": when, "location": at, **what}
            events.write(event("incident.recorded", f"e{n}", data))
    home, runner = tmp_path / "home", CliRunner()
    for verb in (["load", str(tmp_path / "events.jsonl")], ["run", "--as-of", "2025-12-31", "--without-prefect"]):
        result = runner.invoke(cli, ["--home", str(home), "--config", str(tmp_path / "config.yaml"), *verb])
        assert result.exit_code == 0, result.output
    ranking = read_published(home, "area_ranking").set_index("area_id")
    assert ranking["rank"].idxmin() == "D01@1"
    assert ranking["public_count"].sum() > 500  # of those in the window, none is lost at the meridian
    metric = gpd.read_parquet(home / "layers" / "areas.parquet")
    assert metric.total_bounds[2] - metric.total_bounds[0] < 8_000
    for theme in ("areas", "cells", "hotspots"):
        degrees = pyogrio.read_dataframe(home / "layers" / f"{theme}.geojson")
        parts = degrees.explode()
        assert (parts.bounds["maxx"] - parts.bounds["minx"] < 3 * STEP).all()
        assert degrees.is_valid.all()
        assert parts.bounds.abs()[["minx", "maxx"]].max(axis=None) <= 180
    assert changed_tables(home, Home(home).key) == []
    assert re.search(r"<svg", (home / "report.html").read_text())
