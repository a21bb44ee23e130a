"""A run killed while it publishes or draws leaves files of one run or the other, which GIS programs read."""

import random
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import pyogrio
import pytest

from flows.home.home import Home
from flows.outputs.render import written_run
from flows.outputs.themes import THEMES
from pipeline.publication.duckdb_file import logs_of, opened
from pipeline.publication.publish import changed_tables, runs
from tests.killed import finished, killed, start
from tests.soak import sample
from tests.town import AS_OF, TownRun

DRAWN = tuple(name for name, theme in THEMES.items() if not theme.needs_rows)  # the town has no further sets
FIRST_FILE = "restricted.duckdb.new"  # with it publication begins
NEXT_DAY = str(AS_OF + timedelta(days=1))
QGIS_PYTHON = "/usr/bin/python3"
IN_QGIS = """
import sys
from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
application = QgsApplication([], False)
application.initQgis()
for path in sys.argv[1:]:
    for name in {names}:
        for source in (f"{{path}}/harmspot.gpkg|layername={{name}}", f"{{path}}/{{name}}.geojson"):
            layer = QgsVectorLayer(source, name, "ogr")
            assert layer.isValid(), source
            print(path, name, layer.featureCount(), len(list(layer.getFeatures())))
            del layer
    project = QgsProject.instance()
    assert project.read(f"{{path}}/harmspot.qgz")
    for layer in sorted(project.mapLayers().values(), key=lambda each: each.source()):
        assert layer.isValid() and f"{{path}}/harmspot.gpkg" in layer.source(), layer.source()
        print(path, "project", layer.featureCount(), len(list(layer.getFeatures())))
    del layer
    project.clear()
application.exitQgis()
"""


def runs_of(folder: Path) -> Iterator[str]:
    """Yield the run of the project and of every feature of every file of a folder of layers."""
    with zipfile.ZipFile(folder / "harmspot.qgz") as archive:
        project = ET.fromstring(archive.read("harmspot.qgs"))
    yield (project.findtext("title") or "").rsplit("run ", 1)[1]
    shown = [each.findtext("datasource") for each in project.iter("maplayer")]
    assert shown == [f"./harmspot.gpkg|layername={name}" for name in DRAWN]
    for name in DRAWN:
        frames = [gpd.read_parquet(folder / f"{name}.parquet"), pyogrio.read_dataframe(folder / f"{name}.geojson")]
        for frame in [*frames, pyogrio.read_dataframe(folder / "harmspot.gpkg", layer=name)]:
            yield from frame["run_id"].unique() if len(frame) else ()


def check_publication(home: Home, known: list[str]) -> None:
    """Both files are whole, and no run that places are published of lacks its lists of people."""
    published = runs(home.path)["run_id"].tolist()
    with opened(home.restricted, home.key.encryption) as connection:
        restricted = [run_id for (run_id,) in connection.execute("SELECT run_id FROM kept.run").fetchall()]
    assert known[: len(published)] == published
    assert set(published) <= set(restricted) <= set(known)
    assert not logs_of(home.published) and not logs_of(home.restricted)
    assert changed_tables(home.path, home.key) == []


def check_drawing(home: Home, known: list[str]) -> str:
    """All layers and the page are there and of one run, which is returned; a page may be missing, not be another's."""
    drawn = set(runs_of(home.layers))
    assert len(drawn) == 1, drawn
    run_id = drawn.pop()
    assert run_id in known
    if home.report.exists():
        page = home.report.read_text(encoding="utf-8")
        assert re.findall(r"<dt>Run</dt><dd><code>(\w+)</code>", page) == [run_id]
        assert page.rstrip().endswith("</html>")
    return run_id


def read_with_gdal_and_qgis(folders: list[Path]) -> None:
    """Open every layer with GDAL's command and with QGIS, where they are installed."""
    if shutil.which("ogrinfo"):
        for folder in folders:
            answer = subprocess.run(
                ["ogrinfo", "-ro", "-so", "-al", folder / "harmspot.gpkg"], capture_output=True, text=True, check=True
            )
            assert not answer.stderr and "Warning" not in answer.stdout
            assert all(f"Layer name: {name}" in answer.stdout for name in DRAWN)
    has_qgis = subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0
    if has_qgis:
        command = [QGIS_PYTHON, "-c", IN_QGIS.format(names=DRAWN), *map(str, folders)]
        offscreen = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(folders[0].parent)}
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env=offscreen)
        lines = [line.split() for line in answer.stdout.splitlines()]
        assert len(lines) == 3 * len(DRAWN) * len(folders)  # package, GeoJSON, project
        assert all(counted == read for *_, counted, read in lines)


@pytest.mark.sampled
def test_files_are_those_of_one_run_or_the_other(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    def copied(name: str) -> Home:
        shutil.copytree(town_run.home.path, tmp_path / name)
        return new_home(tmp_path / name)

    command = ["--config", str(town_run.files.config_file), "run", "--as-of", NEXT_DAY, "--without-prefect"]
    whole = copied("whole")
    process = start(whole.path, command)
    while process.is_alive() and not (whole.path / FIRST_FILE).exists():
        time.sleep(0.0002)
    began = time.monotonic()
    process.join()
    lasts_s = time.monotonic() - began
    known = runs(whole.path)["run_id"].tolist()
    assert known[:-1] == [town_run.summary.run_id]
    check_publication(whole, known)
    assert check_drawing(whole, known) == known[-1]

    moments, left, kills = random.Random(4), [], 0
    while kills < sample(2, whole=50):
        home, moment = copied(f"killed{len(left)}"), moments.uniform(0, lasts_s)
        was_running = killed(home.path, command, moment, appeared=FIRST_FILE)
        kills += was_running
        lasts_s = lasts_s if was_running else moment  # the machine is less busy now
        check_publication(home, known)
        drawn = check_drawing(home, known)
        state = (was_running, len(runs(home.path)), known.index(drawn), home.report.exists())
        print("was running, kept runs, drawn run, page is there:", *state, flush=True)
        left.append(Path(shutil.copytree(home.layers, tmp_path / f"left{len(left)}")))
        finished(home.path, *command)
        check_publication(home, known)
        assert len(runs(home.path)) == len(known)
        assert check_drawing(home, known) == known[-1] == written_run(home)
        assert not [path.name for path in home.path.iterdir() if path.name.endswith((".new", ".wal", ".old"))]
        shutil.rmtree(home.path)
    read_with_gdal_and_qgis(left)
