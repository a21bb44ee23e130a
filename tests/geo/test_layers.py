"""Layers load in GIS tools, look like something there, and never name a person."""

import json
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely import Point, Polygon, box

from geo.cells import Grid
from geo.layers import write_layers
from pipeline.pages.svg_map import CELL_STEPS, DRAWN_SHARE

CRS = "EPSG:32618"
GRID = Grid(CRS, 150)
RUN = {
    "run_id": "0f3a",
    "as_of": pd.Timestamp("2019-12-01", tz="America/New_York"),
    "valid_to": pd.Timestamp("2019-12-03 05:00", tz="UTC"),
    "seed": 7,
}
STAMP_UTC = ["2019-12-01T05:00:00+00:00", "2019-12-03T05:00:00+00:00"]


def areas(**columns: Any) -> gpd.GeoDataFrame:
    with_hole = Polygon(
        box(480_000, 4_420_000, 481_000, 4_421_000).exterior, [box(480_200, 4_420_200, 480_400, 4_420_400).exterior]
    )
    rows = {
        "area_id": ["a@v1", "b@v1"],
        "area_name": ["Alpha", "Beta"],
        "rank": np.array([1, 2], dtype=np.int32),
        "rank_lo": pd.array([1, None], dtype="Int64"),
        "rank_hi": [1, 2],
        "p_top_k": [0.9, 0.25],
        "is_listed": [True, False],
        "evidence_ids": [np.array(["i1", "i2"], dtype=object), np.array([], dtype=object)],
    }
    shapes = [with_hole, box(482_000, 4_420_000, 483_000, 4_421_000)]
    return gpd.GeoDataFrame(rows | columns, geometry=shapes, crs=CRS)


def cells(count: int = 40) -> gpd.GeoDataFrame:
    ix, rank = np.arange(3200, 3200 + count), np.arange(1, count + 1)
    squares = GRID.squares(ix, np.full(count, 29470))
    return gpd.GeoDataFrame(
        {"cell_id": GRID.cell_id(ix, np.full(count, 29470)), "rank": rank, "expected_harm": 1 / rank}, geometry=squares
    )


def hotspots(count: int = 1) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame({"hotspot_id": ["h"], "rank": [1]}, geometry=[box(480_000, 4_420_000, 481_000, 4_421_000)])
    return frame.set_crs(CRS).head(count)


def markets() -> gpd.GeoDataFrame:
    shapes = [Point(480_500, 4_420_500).buffer(200), Point(482_500, 4_420_500).buffer(200)]
    return gpd.GeoDataFrame({"market_id": ["m1", "m2"], "grade": ["flagrant", "suspected"]}, geometry=shapes, crs=CRS)


LAYERS = {"areas": areas(), "cells": cells(), "hotspots": hotspots(0), "markets": markets()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "layers"
    write_layers(LAYERS, folder, run=RUN)
    return folder


def test_every_theme_is_there_in_every_format_and_nothing_else(tmp_path: Path) -> None:
    paths = write_layers(LAYERS | {"extra": hotspots()}, tmp_path / "new" / "layers", run=RUN)
    styles = [f"{theme}.qml" for theme in LAYERS]
    themed = [f"{theme}.{suffix}" for suffix in ("parquet", "geojson") for theme in (*LAYERS, "extra")]
    assert [path.name for path in paths] == ["harmspot.gpkg", *styles, "harmspot.qgz", *themed]
    assert sorted(paths) == sorted((tmp_path / "new" / "layers").iterdir())


def test_two_writings_of_one_run_are_the_same_bytes(tmp_path: Path) -> None:
    first = write_layers(LAYERS, tmp_path / "first", run=RUN)
    time.sleep(1.1)  # the clocks that formats embed count seconds
    second = write_layers(LAYERS, tmp_path / "second", run=RUN)
    assert [path.name for path in first if path.read_bytes() != (tmp_path / "second" / path.name).read_bytes()] == []
    assert len(second) == len(first)


def test_another_run_is_other_bytes(tmp_path: Path, folder: Path) -> None:
    for path in write_layers(LAYERS, tmp_path, run=RUN | {"run_id": "1111"}):
        same = path.read_bytes() == (folder / path.name).read_bytes()
        assert same == (path.suffix == ".qml" or path.stem == "hotspots"), path.name  # those hold no row


def test_geopandas_reads_the_parquet_in_metres_with_lists(folder: Path) -> None:
    read = gpd.read_parquet(folder / "areas.parquet")
    assert read.crs == CRS
    assert [list(ids) for ids in read["evidence_ids"]] == [["i1", "i2"], []]
    assert read.geometry.geom_equals(LAYERS["areas"].geometry).all()
    assert read["run_id"].tolist() == ["0f3a", "0f3a"]
    assert [read[name][0].isoformat() for name in ("as_of", "valid_to")] == STAMP_UTC
    assert list(read.columns[:3]) == ["run_id", "as_of", "valid_to"]


@pytest.mark.parametrize("theme", ["areas", "cells", "markets"])
def test_the_package_holds_what_was_given(folder: Path, theme: str) -> None:
    read = pyogrio.read_dataframe(folder / "harmspot.gpkg", layer=theme)
    given = LAYERS[theme]
    assert read.crs == CRS
    assert len(read) == len(given)
    assert shapely.area(shapely.symmetric_difference(read.geometry, given.geometry)).max() == 0
    assert [read[name][0].isoformat() for name in ("as_of", "valid_to")] == STAMP_UTC
    assert set(read.columns) == {*given.columns, "run_id", "as_of", "valid_to"}


def test_values_survive_in_the_package(folder: Path) -> None:
    read = pyogrio.read_dataframe(folder / "harmspot.gpkg", layer="areas")
    assert read["evidence_ids"].tolist() == ["i1; i2", ""]
    assert read["is_listed"].tolist() == [True, False]
    assert read["rank_lo"].fillna(-1).tolist() == [1, -1]
    assert read["p_top_k"].tolist() == [0.9, 0.25]


def test_an_empty_layer_is_a_layer(folder: Path) -> None:
    read = pyogrio.read_dataframe(folder / "harmspot.gpkg", layer="hotspots")
    assert read.empty
    assert list(read.columns) == ["run_id", "as_of", "valid_to", "hotspot_id", "rank", "geometry"]
    assert json.loads((folder / "hotspots.geojson").read_text())["features"] == []
    assert gpd.read_parquet(folder / "hotspots.parquet").crs == CRS


def test_geojson_is_rfc_7946(folder: Path) -> None:
    collection = json.loads((folder / "areas.geojson").read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    exterior, hole = collection["features"][0]["geometry"]["coordinates"]
    assert shapely.LinearRing(exterior).is_ccw  # the right-hand rule
    assert not shapely.LinearRing(hole).is_ccw
    numbers = np.array(exterior)
    assert (np.abs(numbers - [-75.2, 39.93]) < 0.05).all()
    assert all(len(str(number).split(".")[1]) <= 7 for number in numbers.ravel())
    assert collection["features"][0]["properties"]["as_of"] == "2019-12-01T05:00:00Z"
    back = gpd.read_file(folder / "areas.geojson").to_crs(CRS)
    assert shapely.hausdorff_distance(back.geometry, LAYERS["areas"].geometry).max() < 0.02


def styles_in(path: Path) -> pd.DataFrame:
    return pyogrio.read_dataframe(path, layer="layer_styles").set_index("f_table_name")


def test_every_layer_has_a_default_style_where_qgis_looks_for_it(folder: Path) -> None:
    styles = styles_in(folder / "harmspot.gpkg")
    assert sorted(styles.index) == sorted(LAYERS)
    assert (styles["f_geometry_column"] == "geom").all()
    assert (styles["f_table_schema"] == "").all()
    assert styles["useAsDefault"].astype(bool).all()
    for theme, style in styles["styleQML"].items():
        assert style == (folder / f"{theme}.qml").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["areas", "cells", "hotspots", "markets"])
def test_a_style_colours_by_a_column_there_is_with_symbols_there_are(folder: Path, theme: str) -> None:
    root = ET.fromstring(styles_in(folder / "harmspot.gpkg").loc[theme, "styleQML"])
    renderer = root.find("renderer-v2")
    assert root.tag == "qgis"
    assert renderer.get("type") in {"graduatedSymbol", "categorizedSymbol"}
    assert renderer.get("attr") in LAYERS[theme].columns
    classes = [*renderer.iter("range"), *renderer.iter("category")]
    symbols = {symbol.get("name"): symbol for symbol in renderer.iter("symbol")}
    assert {one.get("symbol") for one in classes} == set(symbols)
    colours = [
        option.get("value")
        for symbol in symbols.values()
        for option in symbol.iter("Option")
        if option.get("name") == "color"
    ]
    assert len(set(colours)) == len(classes) >= min(2, len(LAYERS[theme]))


def test_the_style_of_cells_parts_them_where_the_report_does(tmp_path: Path) -> None:
    write_layers({"cells": cells(1000)}, tmp_path, run=RUN)
    ranges = [*ET.parse(tmp_path / "cells.qml").getroot().iter("range")]
    assert [(int(one.get("lower")), int(one.get("upper"))) for one in ranges] == [(1, 5), (6, 10), (11, 20), (21, 50)]
    assert ranges[0].get("label") == "top 0.5% of cells, expected harm from 0.2 days"
    assert [float(one.get("upper")) / 1000 for one in ranges] == [*CELL_STEPS, DRAWN_SHARE]


@pytest.mark.parametrize(
    ("theme", "count", "labels"),
    [
        ("hotspots", 3, ["rank 1", "rank 2 to 3"]),
        ("hotspots", 10, ["top 10% of hot spots by harm", "top 25%", "the rest"]),
        ("cells", 40, ["rank 1, expected harm from 1.0 days", "rank 2, expected harm from 0.5 days"]),
        ("areas", 2, ["rank 1, P(top K) 90%", "rank 2, P(top K) 25%"]),
    ],
)
def test_a_legend_says_what_its_classes_hold(tmp_path: Path, theme: str, count: int, labels: list[str]) -> None:
    many = hotspots().loc[[0] * count].assign(rank=range(1, count + 1))
    write_layers({"areas": areas(), "cells": cells(), "hotspots": many}, tmp_path, run=RUN)
    assert [one.get("label") for one in ET.parse(tmp_path / f"{theme}.qml").getroot().iter("range")] == labels


@pytest.mark.parametrize("column", ["person_id", "subject_person_id", "PERSON_ID", "person_ids"])
def test_a_column_that_names_persons_is_refused(tmp_path: Path, column: str) -> None:
    with pytest.raises(ValueError, match=f"layer areas: column '{column}' identifies persons"):
        write_layers({"areas": areas(**{column: ["x", "y"]})}, tmp_path, run=RUN)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_names_persons_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'person_id' identifies persons"):
        write_layers({"areas": areas().rename_axis("person_id")}, tmp_path, run=RUN)


@pytest.mark.parametrize("hide", [str, lambda text: [text], lambda text: f"seen with {text} twice"])
def test_a_pseudonym_among_the_values_is_refused_and_not_repeated(tmp_path: Path, hide: Any) -> None:
    pseudonym = "p_" + "0123456789abcdef" * 2
    with pytest.raises(ValueError, match="column 'note' has the pseudonym") as refusal:
        write_layers({"areas": areas(note=[None, hide(pseudonym)])}, tmp_path, run=RUN)
    assert pseudonym not in str(refusal.value)


@pytest.mark.parametrize(
    ("layers", "run", "said"),
    [
        ({}, RUN, "no themes"),
        ({"Areas!": areas()}, RUN, "theme 'Areas!': expected lower-case letters"),
        ({"layer_styles": areas()}, RUN, "theme 'layer_styles'"),
        ({"areas": areas().to_crs("EPSG:4326")}, RUN, "layer areas: EPSG:4326 is in degree"),
        ({"areas": areas().set_crs(None, allow_override=True)}, RUN, "layer areas: no coordinate system"),
        ({"areas": areas().set_geometry([None, None], crs=CRS)}, RUN, "2 of 2 features have no geometry"),
        ({"areas": areas()}, {"run_id": "r", "as_of": RUN["as_of"]}, "run: no valid_to"),
        ({"areas": areas()}, RUN | {"as_of": pd.Timestamp("2019-12-01")}, "as_of=.* has no time zone"),
    ],
)
def test_what_cannot_be_a_layer_is_refused(tmp_path: Path, layers: Any, run: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_layers(layers, tmp_path, run=run)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_gdal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("geo.layers.geojson._write", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_layers(LAYERS, tmp_path, run=RUN)
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


@pytest.mark.parametrize("name", ["harmspot.gpkg", "areas.geojson", "cells.geojson", "hotspots.geojson"])
def test_ogrinfo_reads_it_without_a_warning(folder: Path, name: str) -> None:
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("ogrinfo (Debian package gdal-bin) is not installed")
    answer = subprocess.run([ogrinfo, "-ro", "-so", "-al", folder / name], capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    assert "Warning" not in answer.stdout
    assert f"Feature Count: {len(LAYERS.get(Path(name).stem, LAYERS['areas']))}" in answer.stdout
