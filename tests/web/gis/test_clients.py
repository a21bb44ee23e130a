"""The clients of others read every collection whole: GDAL of Debian and of pyogrio, OWSLib, QGIS."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely
from owslib.ogcapi.features import Features

from web.gis.collection import Collection

DRAWN_BY_QGIS = """
import os, sys
from urllib.parse import quote
from qgis.core import *
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
app = QgsApplication([], False)
app.initQgis()
url = quote(sys.argv[1] + "/collections/cells/tiles/WebMercatorQuad/{z}/{y}/{x}", safe="")
layer = QgsVectorTileLayer(f"type=xyz&url={url}&zmin=9&zmax=13", "cells")
style = QgsVectorTileBasicRendererStyle("red", "", QgsWkbTypes.PolygonGeometry)
style.setSymbol(QgsFillSymbol.createSimple({"color": "red", "outline_style": "no"}))
renderer = QgsVectorTileBasicRenderer()
renderer.setStyles([style])
layer.setRenderer(renderer)
west, south, east, north = map(float, sys.argv[2:])
width, height = east - west, north - south
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
settings.setOutputSize(QSize(400, 400))
settings.setBackgroundColor(QColor("white"))
settings.setExtent(QgsRectangle(west - width, south - height, east + width, north + height))
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
at = [(x, y) for x in range(0, 400, 2) for y in range(0, 400, 2) if QColor(image.pixel(x, y)) != QColor("white")]
print(layer.isValid(), *(f(side) for side in zip(*at) for f in (min, max)), flush=True)
os._exit(0)
"""
HAS_GDAL = shutil.which("ogr2ogr") is not None
QGIS = "/usr/bin/python3"
READ_BY_QGIS = """
import json, os, sys
from qgis.core import QgsApplication, QgsDataSourceUri, QgsVectorLayer
app = QgsApplication([], False)
app.initQgis()
found = {}
for name in sys.argv[2:]:
    layer = QgsVectorLayer(f"url='{sys.argv[1]}' typename='{name}' pageSize='200'", name, "OAPIF")
    found[name] = [layer.isValid(), sorted(str(each["id"]) for each in layer.getFeatures())]
print(json.dumps(found), flush=True)
os._exit(0)  # QGIS 3.22 crashes while it takes itself down
"""


@pytest.mark.skipif(not HAS_GDAL, reason="needs ogrinfo and ogr2ogr: Debian's gdal-bin")
def test_ogrinfo_and_ogr2ogr_read_every_collection(address: str, shown: dict[str, Collection], tmp_path: Path) -> None:
    told = subprocess.run(["ogrinfo", "-json", f"OAPIF:{address}"], capture_output=True, text=True, check=False)
    listed = told.stdout if told.returncode == 0 else run("ogrinfo", f"OAPIF:{address}")
    for name in shown:
        assert name in listed
        path = tmp_path / f"{name}.geojson"
        run("ogr2ogr", "-f", "GeoJSON", str(path), f"OAPIF:{address}", name, "-oo", "PAGE_SIZE=300")
        features = json.loads(path.read_text())["features"]
        assert sorted(each["properties"]["id"] for each in features) == sorted(shown[name].ids)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_geopandas_reads_in_metres_and_filters(address: str, frames: dict[str, gpd.GeoDataFrame]) -> None:
    source = f"OAPIF:{address}"
    assert set(pyogrio.list_layers(source)[:, 0]) == set(frames)
    cells = gpd.read_file(source, layer="cells").set_index("cell_id")
    drawn = frames["cells"].set_index("cell_id").loc[cells.index]
    assert cells.crs == drawn.crs  # pyogrio's GDAL asks for the system that a collection is kept in
    assert shapely.hausdorff_distance(cells.geometry.to_numpy(), drawn.geometry.to_numpy()).max() < 0.002
    assert (cells["expected_harm"] == drawn["expected_harm"]).all()
    few = gpd.read_file(source, layer="cells", where="rank <= 5")
    assert sorted(few["rank"]) == [1, 2, 3, 4, 5]
    box = tuple(cells.total_bounds[:2]) + tuple(cells.total_bounds[:2] + 500)
    near = gpd.read_file(source, layer="cells", bbox=box)
    assert set(near["cell_id"]) == set(drawn.index[drawn.intersects(shapely.box(*box))])


def test_owslib_reads_every_collection_by_paging(address: str, shown: dict[str, Collection]) -> None:
    service = Features(address)
    assert service.feature_collections() == list(shown)
    for name, each in shown.items():
        found: list[str] = []
        while len(found) < len(each.ids):
            page = service.collection_items(name, limit=400, offset=len(found))
            found += [feature["id"] for feature in page["features"]]
        assert found == each.ids
        assert "run_id" in service.collection_queryables(name)["properties"]
    first = service.collection_items("cells", filter="rank = 1")
    assert first["numberMatched"] == 1
    assert service.collection_item("areas", shown["areas"].ids[0])["id"] == shown["areas"].ids[0]


def has_qgis() -> bool:
    asked = [QGIS, "-c", "import qgis.core"]
    return (
        sys.platform == "linux" and Path(QGIS).exists() and subprocess.run(asked, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not has_qgis(), reason="needs QGIS: Debian's python3-qgis")
def test_qgis_reads_every_collection(address: str, shown: dict[str, Collection], tmp_path: Path) -> None:
    names = [name for name in shown if len(shown[name].ids)]
    environment = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    told = subprocess.run(
        [QGIS, "-c", READ_BY_QGIS, address, *names], capture_output=True, text=True, env=environment, timeout=600
    )
    assert told.returncode == 0, told.stderr[-2000:]
    found = json.loads(told.stdout.strip().splitlines()[-1])
    for name in names:
        assert found[name] == [True, sorted(shown[name].ids)], name


@pytest.mark.skipif(not has_qgis(), reason="needs QGIS: Debian's python3-qgis")
def test_qgis_draws_the_tiles_where_the_squares_are(
    address: str, frames: dict[str, gpd.GeoDataFrame], tmp_path: Path
) -> None:
    box = frames["cells"].to_crs(3857).total_bounds  # the middle third of the picture in each direction
    environment = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [QGIS, "-c", DRAWN_BY_QGIS, address, *map(str, box)]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    is_valid, *sides = told.stdout.split()
    assert is_valid == "True", told.stderr[-2000:]
    shape = max(box[2] - box[0], box[3] - box[1]) * 3 / 400  # QGIS widens the shorter side to the picture
    wide, high = (box[2] - box[0]) / shape, (box[3] - box[1]) / shape
    expected = [200 - wide / 2, 200 + wide / 2, 200 - high / 2, 200 + high / 2]
    assert [int(side) for side in sides] == pytest.approx(expected, abs=8)
