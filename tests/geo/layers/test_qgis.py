"""The project opens in QGIS as it is, in the colours of the report, with labels; drawn where QGIS is installed."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from geo.layers import write_layers
from geo.layers.renderers import AREA_BLUES, CELL_CLASSES
from tests.geo.layers.invented import CRS, RUN, THEMES, city

SCRIPT = Path(__file__).with_name("in_qgis.py")
PYTHON = "/usr/bin/python3"  # the one for which the packages of a distribution install QGIS
BACKGROUND = "#ffffff"


def python_of_qgis() -> str:
    """The Python with QGIS; skips the test where there is none."""
    if (
        shutil.which(PYTHON) is None
        or subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True).returncode
    ):
        pytest.skip("QGIS (Debian package python3-qgis) is not installed")
    return PYTHON


def seen(folder: Path, *files: str) -> dict[str, Any]:
    """What QGIS says of the project in a folder, and of files by themselves."""
    # The project is opened from elsewhere and after a move: its paths are relative.
    moved = folder.rename(folder.with_name("moved"))
    command = [python_of_qgis(), SCRIPT, moved / "harmspot.qgz", moved.parent / "map.png", *(moved / f for f in files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", timeout=600)
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python_of_qgis()
    folder = tmp_path_factory.mktemp("few") / "layers"
    write_layers(city(hotspots=3), folder, run=RUN, themes=THEMES)
    return seen(folder, "areas.geojson", "hotspots.geojson")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python_of_qgis()
    folder = tmp_path_factory.mktemp("many") / "layers"
    write_layers(city(86, 60), folder, run=RUN, themes=THEMES)
    return seen(folder)


def test_the_project_opens_without_an_error_and_with_every_layer(few: dict[str, Any]) -> None:
    assert few["is_read"]
    assert not few["errors"]
    assert few["crs"] == CRS
    assert few["order"] == ["Visits", "Hot spots", "Cells", "Areas"]
    assert few["visible"] == ["Hot spots", "Cells", "Areas"]
    assert {name: layer["count"] for name, layer in few["layers"].items()} == {
        "Areas": 20,
        "Cells": 80,
        "Hot spots": 3,
        "Visits": 1,
    }
    assert all(layer["is_valid"] and layer["crs"] == CRS for layer in few["layers"].values())
    assert all("moved/harmspot.gpkg" in layer["source"] for layer in few["layers"].values())


def test_an_empty_theme_is_a_valid_layer_of_the_project(many: dict[str, Any]) -> None:
    assert many["layers"]["Hot spots"]["is_valid"]
    assert many["layers"]["Hot spots"]["count"] == 0


def test_columns_have_names_for_people_and_features_a_name_a_tip_and_a_time(few: dict[str, Any]) -> None:
    layer = few["layers"]["Areas"]
    named = {field.name: field.alias for field in THEMES["areas"].fields}
    assert named["p_top_k"] == "P(top K) [probability]"
    assert layer["aliases"].items() >= named.items()
    assert layer["display"] == THEMES["areas"].label
    assert 'Rank: [% "rank" %]' in layer["tip"]
    assert 'P(top K) [probability]: [% round("p_top_k", if(abs("p_top_k") < 1, 3, 1)) %]' in layer["tip"]
    assert layer["times"] == [True, 2, "as_of", "valid_to", ""]
    assert few["layers"]["Cells"]["display"] == THEMES["cells"].label
    assert few["layers"]["Visits"]["times"][:3] == [True, 3, "starts_at"]
    assert few["layers"]["Visits"]["times"][4] == "minutes"


def test_a_file_by_itself_takes_the_style_beside_it(few: dict[str, Any]) -> None:
    areas, hotspots = few["files"]
    assert areas["is_valid"] and hotspots["is_valid"]
    assert areas["renderer"] == hotspots["renderer"] == "graduatedSymbol"
    assert areas["aliases"]["p_top_k"] == "P(top K) [probability]"
    assert areas["times"][:2] == [True, 2]


def test_every_area_of_a_city_of_few_is_labelled_with_name_and_rank(few: dict[str, Any]) -> None:
    names = city()["areas"]
    assert set(few["labels"]) >= {
        f"Tract {a:.4}\nrank {r}" for a, r in zip(names["area_id"], names["rank"], strict=True)
    }


def test_a_city_of_thousands_of_areas_is_no_single_colour(many: dict[str, Any]) -> None:
    """Of 5,160 areas 5,110 have no chance to be in the top K: with fixed breaks of it they had one colour."""
    assert many["layers"]["Areas"]["classes"] == len(AREA_BLUES)
    blues = [many["colours"].get(colour, 0) for colour in AREA_BLUES]
    assert all(blues)
    assert max(blues) < 0.6 * sum(blues)
    assert sum(many["colours"].get(colour, 0) > 0 for colour in CELL_CLASSES.values()) == len(CELL_CLASSES)


def test_in_a_city_of_thousands_the_labels_of_the_worst_come_first(many: dict[str, Any]) -> None:
    assert not [text for text in many["labels"] if text.startswith("cell")]  # those only from 1 : 10,000 on
    ranks = [int(text.rsplit(" ", 1)[1]) for text in many["labels"]]
    assert len(ranks) > 50
    assert len({1, 2, 3, 4, 5} & set(ranks)) >= 4
    assert sum(rank <= 200 for rank in ranks) / len(ranks) > 5 * 200 / 5160


def test_cells_are_drawn_over_areas_and_the_rest_of_them_is_clear(many: dict[str, Any]) -> None:
    ground = sum(count for colour, count in many["colours"].items() if colour != BACKGROUND)
    cells = sum(many["colours"].get(colour, 0) for colour in CELL_CLASSES.values())
    assert 0.02 < cells / ground < 0.06  # a twentieth of the cells, less what labels cover
    assert many["cells_under_areas"] > 0.02 * ground  # visible in any order of layers


def test_the_archive_holds_one_document_without_a_time_of_its_own(tmp_path: Path) -> None:
    write_layers(city(), tmp_path, run=RUN, themes=THEMES)
    with zipfile.ZipFile(tmp_path / "harmspot.qgz") as archive:
        assert [info.date_time for info in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)]
        root = ET.fromstring(archive.read("harmspot.qgs"))
    assert root.findtext("title") == "Invented & Sons <police>, as of 2019-12-01 05:00Z, run 0f3a"
    assert {source.text for source in root.iter("datasource")} == {
        f"./harmspot.gpkg|layername={name}" for name in THEMES
    }
    assert len({layer.findtext("id") for layer in root.iter("maplayer")}) == len(THEMES)
    assert all(len(layer.findtext("id") or "") > 10 for layer in root.iter("maplayer"))  # else QGIS takes a random one
