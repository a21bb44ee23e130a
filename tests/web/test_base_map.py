"""The base map: none by default, tiles out of a file of the force's own, or of one tile server and no other host."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from flows.home.home import Home
from flows.home.settings import load_settings
from pipeline.errors import SettingsError
from tests.town import TownRun
from tests.web.conftest import BELL, Browser, browser_of
from web.entrance.security import POLICY


def write_tiles(path: Path, kind: TileType = TileType.MVT, content: bytes = b"a tile") -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        writer.write_tile(zxy_to_tileid(1, 1, 0), gzip.compress(content, mtime=0))
        writer.finalize(
            {"tile_type": kind, "tile_compression": Compression.GZIP, "min_zoom": 0, "max_zoom": 1, "center_zoom": 0,
             "min_lon_e7": 0, "min_lat_e7": 500000000, "max_lon_e7": 20000000, "max_lat_e7": 550000000,
             "center_lon_e7": 0, "center_lat_e7": 0},
            {"attribution": "Ordnance", "vector_layers": [{"id": "roads", "fields": {}}]},
        )  # fmt: skip
    return path


def home_with(home: Home, base_map: str | None) -> Home:
    copy = Home(home.path, home.config_file, home.clock, home.progress)
    copy.__dict__["settings"] = replace(home.settings, web=replace(home.settings.web, base_map=base_map))
    return copy


def with_base_map(home: Home, base_map: str | None) -> Browser:
    browser = browser_of(home_with(home, base_map))
    browser.sign_in(BELL)
    return browser


def test_tiles_of_a_file_are_served_to_whoever_has_signed_in(town_run: TownRun, tmp_path: Path) -> None:
    browser = with_base_map(town_run.home, str(write_tiles(tmp_path / "base.pmtiles")))
    assert 'data-base="/base.json"' in browser.get("/").text
    about = browser.get("/base.json").json()
    assert about == {"type": "vector", "tiles": ["/base/{z}/{x}/{y}"], "minzoom": 1, "maxzoom": 1, "lines": ["roads"],
                     "bounds": [0.0, 50.0, 2.0, 55.0], "attribution": "Ordnance"}  # fmt: skip
    answer = browser.get("/base/1/1/0")
    assert (answer.content, answer.headers["content-encoding"]) == (b"a tile", "gzip")
    for nothing in ("/base/1/0/0", "/base/1/9/9", "/base/-1/0/0", "/base/99/0/0", "/base/1/1/-1"):
        assert browser.get(nothing).status_code == 204
    assert browser.get("/base/1/1/x").status_code == 422
    assert browser_of(town_run.home).get("/base/1/1/0").status_code == 303
    assert browser.get("/").headers["content-security-policy"] == POLICY


def test_without_one_nothing_is_asked_for(looked_at: Browser) -> None:
    assert "data-base" not in looked_at.get("/").text
    assert looked_at.get("/base.json").status_code == 204
    assert looked_at.get("/base/0/0/0").status_code == 204


def test_of_a_tile_server_that_host_alone_is_let_in(town_run: TownRun) -> None:
    browser = with_base_map(town_run.home, "https://tiles.example:8443/{z}/{x}/{y}.png")
    policy = browser.get("/").headers["content-security-policy"]
    assert "img-src 'self' https://tiles.example:8443 data: blob:" in policy
    assert "connect-src 'self' https://tiles.example:8443;" in policy
    assert policy.replace(" https://tiles.example:8443", "") == POLICY
    assert browser.get("/base.json").json()["tiles"] == ["https://tiles.example:8443/{z}/{x}/{y}.png"]


@pytest.mark.parametrize(
    "given",
    ["http://tiles.example/{z}/{x}/{y}", "https://tiles.example/{z}/{x}", "https://t.e/{z}/{x}/{y}; script-src *"],
)
def test_an_address_of_tiles_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"web: {{base_map: {given!r}}}\n")
    with pytest.raises(SettingsError, match=r"web\.base_map"):
        load_settings(tmp_path / "config.yaml")


def test_a_file_counts_from_the_settings_and_must_be_one(tmp_path: Path, town_run: TownRun) -> None:
    (tmp_path / "config.yaml").write_text("web: {base_map: base.pmtiles}\n")
    assert load_settings(tmp_path / "config.yaml").web.base_map == str(tmp_path / "base.pmtiles")
    (tmp_path / "other").write_text("no tiles at all")
    refused: dict[str, Any] = {"other": "no PMTiles file", "missing": "no PMTiles file"}
    for name, why in refused.items():
        with pytest.raises(SettingsError, match=why):
            with_base_map(town_run.home, str(tmp_path / name))
    with pytest.raises(SettingsError, match="expected tiles"):
        with_base_map(town_run.home, str(write_tiles(tmp_path / "odd", TileType.UNKNOWN)))
