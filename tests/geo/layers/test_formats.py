"""Every format is read back as it was given, is the same twice, and an unknown one is refused by its name."""

import zipfile
from pathlib import Path

import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from flows.home.settings import LAYER_FORMATS
from geo.layers import FORMATS, write_layers
from geo.layers.renderers import AREA_SHARES, rank_classes
from geo.layers.shapefile import COLUMNS, LONGEST_NAME, short_names
from pipeline.publication.tables import read_tables
from tests.geo.layers.invented import RUN, THEMES, city

EXTRA = tuple(FORMATS)[3:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    write_layers(city(), folder, run=RUN, themes=THEMES, formats=EXTRA)
    return folder


def test_the_settings_know_the_formats() -> None:
    assert tuple(FORMATS) == LAYER_FORMATS


def test_an_unknown_format_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"format 'dwg' of layers is unknown; expected some of geopackage, .*shapefile"
    ):
        write_layers(city(), tmp_path, run=RUN, formats=["geojson", "dwg"])
    assert list(tmp_path.iterdir()) == []


def test_package_and_project_are_written_whatever_is_asked_for(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *("harmspot.gpkg", "harmspot.qgz", "harmspot.gdb.zip", "areas.qml", "cells.qml", "hotspots.qml", "visits.qml"),
        *(f"{theme}.{suffix}" for theme in THEMES for suffix in ("fgb", "shp.zip")),
        *(f"{theme}.pmtiles" for theme in THEMES if theme != "hotspots"),  # which has no features
    }


def test_the_same_run_is_the_same_bytes_in_these_formats_too(folder: Path, tmp_path: Path) -> None:
    formats = [name for name in EXTRA if name != "filegdb"]  # GDAL gives each geodatabase ids of its own
    for path in write_layers(city(), tmp_path, run=RUN, themes=THEMES, formats=formats):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("file", ["{}.fgb", "harmspot.gdb.zip", "{}.shp.zip"])
def test_it_is_read_back_as_it_was_given(folder: Path, file: str, theme: str) -> None:
    layer = {"layer": theme} if "gdb" in file else {}
    read = pyogrio.read_dataframe(folder / file.format(theme), **layer)
    expected = city()[theme]
    assert len(read) == len(expected)
    if len(expected):
        assert read.crs == expected.crs
        assert shapely.union_all(read.geometry.to_numpy()).equals(shapely.union_all(expected.geometry.to_numpy()))
    if "shp" not in file:
        assert set(read.columns) >= set(expected.columns)
    if theme == "areas":
        ranks = [dict(zip(frame["area_name"], frame["rank"], strict=True)) for frame in (read, expected)]
        assert ranks[0] == ranks[1]


def test_a_shapefile_says_what_its_short_names_stand_for(folder: Path) -> None:
    with zipfile.ZipFile(folder / "areas.shp.zip") as archive:
        lines = archive.read(COLUMNS).decode().splitlines()
    said = dict(line.split("\t")[:2] for line in lines if "\t" in line)
    read = pyogrio.read_dataframe(folder / "areas.shp.zip")
    assert set(said) == set(read.columns) - {"geometry"}
    assert said["rank_befor"] == "rank_before"
    assert "rank_befor\trank_before\tRank in the run before." in lines
    assert set(read["as_of"]) == {"2019-12-01T05:00:00Z"}


def test_tiles_hold_each_theme_with_features(folder: Path) -> None:
    for theme in set(THEMES) - {"hotspots"}:
        assert [name for name, _ in pyogrio.list_layers(folder / f"{theme}.pmtiles")] == [theme]
        west, south, east, north = pyogrio.read_info(folder / f"{theme}.pmtiles")["total_bounds"]
        assert west < east and south < north


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True), unique=True, max_size=60))
def test_short_names_are_short_and_never_the_same(columns: list[str]) -> None:
    names = short_names(columns)
    assert list(names) == columns
    assert len(set(names.values())) == len(columns)
    assert all(0 < len(name) <= LONGEST_NAME for name in names.values())


def test_short_names_of_all_published_columns_keep_the_beginning_of_each_first_word() -> None:
    for table in read_tables().published.values():
        for column, short in short_names(table.column_names).items():
            assert short == column or short[0] == column[0]
            assert len(column) > LONGEST_NAME or short == column


@given(st.integers(0, 20_000))
def test_every_rank_is_in_one_class_and_no_class_holds_more_than_half(count: int) -> None:
    classes = rank_classes(count, AREA_SHARES)
    assert [rank for first, last, _ in classes for rank in (first, last)] == sorted(
        rank for first, last, _ in classes for rank in (first, last)
    )
    assert sum(last - first + 1 for first, last, _ in classes) == count
    assert max([last - first + 1 for first, last, _ in classes], default=0) <= count / 2 + 1
