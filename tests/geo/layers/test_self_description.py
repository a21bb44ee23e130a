"""Each default format says what its columns mean, and holds what its standard asks for."""

import json
import shutil
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import geopandas as gpd
import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from geo.layers import write_layers
from tests.geo.layers.invented import CRS, RUN, RUN_FIELDS, THEMES, city

# What the GeoParquet 1.1.0 specification asks of the metadata, as far as a file with polygons can meet it.
SIDE = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}
GEOPARQUET = {
    "type": "object",
    "required": ["version", "primary_column", "columns"],
    "properties": {
        "version": {"const": "1.1.0"},
        "primary_column": {"type": "string", "minLength": 1},
        "columns": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["encoding", "geometry_types"],
                "properties": {
                    "encoding": {"const": "WKB"},
                    "geometry_types": {
                        "type": "array",
                        "uniqueItems": True,
                        "items": {"enum": ["Polygon", "MultiPolygon"]},
                    },
                    "crs": {"type": "object", "required": ["type", "name"]},
                    "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                    "covering": {
                        "type": "object",
                        "required": ["bbox"],
                        "properties": {
                            "bbox": {
                                "type": "object",
                                "required": ["xmin", "ymin", "xmax", "ymax"],
                                "additionalProperties": SIDE,
                            }
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    write_layers(city(), folder, run=RUN, themes=THEMES)
    return folder


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "harmspot.gpkg")) as package:
        return package.execute(sql).fetchall()


def test_the_package_is_sound_and_registers_its_extensions(folder: Path) -> None:
    assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
    assert rows(folder, "PRAGMA foreign_key_check") == []
    extensions = set(rows(folder, "SELECT table_name, extension_name FROM gpkg_extensions"))
    assert extensions >= {
        ("gpkg_data_columns", "gpkg_schema"),
        ("gpkg_data_column_constraints", "gpkg_schema"),
        ("gpkg_metadata", "gpkg_metadata"),
        ("gpkg_metadata_reference", "gpkg_metadata"),
        *((theme, "gpkg_rtree_index") for theme in THEMES),
    }
    tables = {name for (name,) in rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    required = {"gpkg_contents", "gpkg_spatial_ref_sys", "gpkg_geometry_columns", "gpkg_extensions"}
    assert tables >= required | {table for table, _ in extensions if table}


def test_the_package_names_every_column_and_says_what_it_means(folder: Path) -> None:
    said = rows(folder, "SELECT table_name, column_name, name, title, description FROM gpkg_data_columns")
    for theme, table in {(theme, f'PRAGMA table_info("{theme}")') for theme in THEMES}:
        columns = {row[1] for row in rows(folder, table)} - {"fid", "geom"}
        assert {name for of, name, *_ in said if of == theme} == columns
    assert ("areas", "p_top_k", "P(top K)", "P(top K)", "Chance to be in the top K. [probability]") in said
    contents = rows(folder, "SELECT identifier, description FROM gpkg_contents WHERE table_name = 'areas'")
    assert contents == [("Areas", "Areas by harm.")]


def test_the_metadata_say_whose_run_it_is_and_until_when_it_may_be_used(folder: Path) -> None:
    ((scope, standard, kind, text),) = rows(
        folder, "SELECT md_scope, md_standard_uri, mime_type, metadata FROM gpkg_metadata"
    )
    assert (scope, standard, kind) == ("dataset", "http://www.isotc211.org/2005/gmd", "text/xml")
    assert rows(folder, "SELECT reference_scope, timestamp, md_file_id FROM gpkg_metadata_reference") == [
        ("geopackage", "2019-12-01T05:00:00.000Z", 1)
    ]
    names = {"gmd": "http://www.isotc211.org/2005/gmd", "gml": "http://www.opengis.net/gml/3.2"}
    root = ET.fromstring(text)
    assert "".join(root.find("gmd:fileIdentifier", names).itertext()).strip() == "0f3a"  # type: ignore[union-attr]
    assert root.findtext(".//gml:beginPosition", namespaces=names) == "2019-12-01T05:00:00Z"
    assert root.findtext(".//gml:endPosition", namespaces=names) == "2019-12-03T05:00:00Z"
    said = "".join(root.itertext())
    assert all(
        word in said for word in ("Invented & Sons <police>", CRS, "Areas by harm.", "not be used after" and "2019")
    )
    west, east = (
        float("".join(root.find(f".//gmd:{side}BoundLongitude", names).itertext())) for side in ("west", "east")
    )  # type: ignore[union-attr]
    assert -75.3 < west < east < -75.1


def test_without_features_no_extent_is_claimed(tmp_path: Path) -> None:
    layers = {theme: features.iloc[:0] for theme, features in city().items()}
    write_layers(layers, tmp_path, run=RUN, themes=THEMES)
    ((text,),) = rows(tmp_path, "SELECT metadata FROM gpkg_metadata")
    assert "gmd:MD_Metadata" in text and "Longitude" not in text
    ET.fromstring(text)
    assert not list(project_of(tmp_path).iter("extent"))
    write_layers(layers | {"areas": city()["areas"]}, tmp_path / "one", run=RUN, themes=THEMES)
    boxes = {each.findtext("id"): each.find("extent") for each in project_of(tmp_path / "one").iter("maplayer")}
    assert [name for name, box in boxes.items() if box is not None] == ["harmspot_layer_areas"]


def test_a_warning_stands_in_every_place_that_is_read_first(tmp_path: Path) -> None:
    warning = "UNUSABLE RUN, do not act on it: 5 < 85% located."
    write_layers(city(), tmp_path, run=RUN | {"warning": warning}, themes=THEMES)
    project = project_of(tmp_path)
    assert (project.findtext("title") or "").startswith(f"{warning} Invented & Sons")
    abouts = [each.findtext("resourceMetadata/abstract") or "" for each in project.iter("maplayer")]
    contents = rows(tmp_path, "SELECT description FROM gpkg_contents WHERE data_type = 'features'")
    assert len(abouts) == len(contents) == len(THEMES)
    assert all(about.startswith(warning) for about in [*abouts, *(about for (about,) in contents)])
    ((text,),) = rows(tmp_path, "SELECT metadata FROM gpkg_metadata")
    said = [
        "".join(each.itertext())
        for each in ET.fromstring(text).iter()
        if each.tag.endswith(("abstract", "useLimitation"))
    ]
    assert [each.count(warning) for each in said] == [1, 1]
    assert json.loads((tmp_path / "areas.geojson").read_text(encoding="utf-8"))["description"] == warning
    assert pq.read_schema(tmp_path / "areas.parquet").metadata[b"description"].decode() == f"{warning} Areas by harm."


def project_of(folder: Path) -> ET.Element:
    with zipfile.ZipFile(folder / "harmspot.qgz") as archive:
        return ET.fromstring(archive.read("harmspot.qgs"))


def test_a_place_keeps_its_number_while_the_map_stays(folder: Path, tmp_path: Path) -> None:
    turned = city()
    turned["areas"] = turned["areas"].assign(rank=turned["areas"]["rank"].to_numpy()[::-1]).sort_values("rank")
    write_layers(turned, tmp_path, run=RUN | {"run_id": "1111"}, themes=THEMES)
    numbers = [
        pyogrio.read_dataframe(path / "harmspot.gpkg", layer="areas", fid_as_index=True)["area_id"].to_dict()
        for path in (folder, tmp_path)
    ]
    assert numbers[0] == numbers[1]
    assert sorted(numbers[0]) == list(range(1, 21))


@pytest.mark.parametrize("theme", THEMES)
def test_geoparquet_follows_the_specification(folder: Path, theme: str) -> None:
    schema = pq.read_schema(folder / f"{theme}.parquet")
    metadata = json.loads(schema.metadata[b"geo"], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.validate(metadata, GEOPARQUET)
    assert ("bbox" in metadata["columns"]["geometry"]) == bool(len(city()[theme]))
    assert schema.field("bbox").type == pa.struct([(side, pa.float64()) for side in ("xmin", "ymin", "xmax", "ymax")])
    assert schema.field("geometry").type == pa.binary()
    assert "large" not in str(schema.types)
    assert schema.metadata[b"title"].decode() == THEMES[theme].title


def test_geoparquet_holds_types_and_meanings_also_of_columns_without_a_value(folder: Path) -> None:
    areas, hotspots = (pq.read_schema(folder / f"{theme}.parquet") for theme in ("areas", "hotspots"))
    assert areas.field("p_top_k").metadata == {
        b"title": b"P(top K)",
        b"description": b"Chance to be in the top K. [probability]",
    }
    assert areas.field("rank_before").type == pa.int32()
    assert hotspots.field("cell_ids").type == areas.field("evidence_ids").type == pa.list_(pa.string())
    assert [hotspots.field(field.name).type for field in RUN_FIELDS[1:]] == 2 * [pa.timestamp("ms", tz="UTC")]
    read = pq.read_table(folder / "areas.parquet", columns=["rank", "rank_before"]).to_pylist()
    assert [row["rank_before"] for row in read] == [None, *range(19, 0, -1)]


def test_the_boxes_are_those_of_the_geometries(folder: Path) -> None:
    table = pq.read_table(folder / "areas.parquet", columns=["geometry", "bbox"])
    boxes = pd.DataFrame(table["bbox"].to_pylist()).to_numpy()
    assert (shapely.bounds(shapely.from_wkb(table["geometry"].to_pylist())) == boxes).all()
    part = gpd.read_parquet(folder / "areas.parquet", bbox=(480_000, 4_420_000, 480_500, 4_420_500))
    assert part["area_id"].tolist() == ["0000@1"]


@pytest.mark.parametrize("theme", THEMES)
def test_every_reader_opens_every_theme_also_without_features(folder: Path, theme: str) -> None:
    given = city()[theme]
    expected = {*given.columns, *(field.name for field in RUN_FIELDS)}
    assert set(gpd.read_parquet(folder / f"{theme}.parquet").columns) >= expected
    parquet = duckdb.read_parquet(str(folder / f"{theme}.parquet"))
    assert set(parquet.columns) == {*expected, "bbox"}
    assert len(parquet.fetchall()) == len(given)
    for file in ("harmspot.gpkg", f"{theme}.geojson"):
        layer = {"layer": theme} if file == "harmspot.gpkg" else {}
        assert len(pyogrio.read_dataframe(folder / file, **layer)) == len(given)
        assert len(gpd.read_file(folder / file, **layer)) == len(given)
        assert pyogrio.read_arrow(folder / file, **layer)[1].num_rows == len(given)


def test_duckdb_spatial_reads_every_theme(folder: Path) -> None:
    connection = duckdb.connect()
    try:
        connection.execute("LOAD spatial")
    except duckdb.Error:
        pytest.skip("the spatial extension of DuckDB is not installed")
    for theme, features in city().items():
        for file in (f"{theme}.geojson", "harmspot.gpkg"):
            layer = f", layer = '{theme}'" if file == "harmspot.gpkg" else ""
            read = connection.execute(f"SELECT count(*) FROM ST_Read('{folder / file}'{layer})").fetchall()
            assert read == [(len(features),)]


def test_a_geojson_feature_has_the_key_of_its_place_for_an_id(folder: Path) -> None:
    ids = {}
    for theme in ("areas", "visits"):
        collection = json.loads((folder / f"{theme}.geojson").read_text(encoding="utf-8"))
        assert set(collection) == {"type", "name", "xy_coordinate_resolution", "features"}  # RFC 7946: no `crs`
        ids[theme] = [feature["id"] for feature in collection["features"]]
        for feature in collection["features"]:
            (ring,) = feature["geometry"]["coordinates"]
            assert shapely.LinearRing(ring).is_ccw and ring[0] == ring[-1]
            assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)
    assert ids["areas"] == city()["areas"]["area_id"].tolist()
    assert ids["visits"] == [city()["visits"]["cell_id"].iloc[0] + " 1"]
    assert "feature_id" not in collection["features"][0]["properties"]


def test_ogrinfo_reads_the_package_with_its_metadata_and_without_a_warning(folder: Path) -> None:
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("ogrinfo (Debian package gdal-bin) is not installed")
    command = [ogrinfo, "-ro", "-so", "-al", "-mdd", "all", folder / "harmspot.gpkg"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "warning" not in (answer.stderr + answer.stdout).lower()
    assert "MD_Metadata" in answer.stdout
    assert "IDENTIFIER=Areas" in answer.stdout
    assert "DESCRIPTION=Areas by harm." in answer.stdout
