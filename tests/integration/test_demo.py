"""The demo as a user runs it: one command, a Prefect flow, files that GIS tools read, and nobody named anywhere."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from pipeline.identity import Pseudonymiser
from pipeline.key import load_key

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
ENCRYPTED = {"store.duckdb", "restricted.duckdb"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a finished demo, and all it printed."""
    folder = tmp_path_factory.mktemp("demo") / "town"
    command = [HARMSPOT, "demo", "--folder", folder, "--seed", "3", "--as-of", "2026-01-01"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout + done.stderr


def harmspot(folder: Path, *arguments: str) -> str:
    command = [HARMSPOT, "--home", folder / "home", "--config", folder / "config.yaml", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


def test_it_says_what_came_out_and_where(demo: tuple[Path, str]) -> None:
    folder, said = demo
    assert "flagrant" in said
    assert "people (counts only)" in said
    for name in ("published.duckdb", "restricted.duckdb", "layers", "report.html"):
        assert str(folder / "home" / name) in said
        assert (folder / "home" / name).exists()


def test_nobody_is_named_in_what_was_said_or_written(demo: tuple[Path, str]) -> None:
    """Prefect's database and logs are among the files."""
    folder, said = demo
    raw = pd.read_parquet(folder / "truth" / "people.parquet")["person_id"].tolist()
    pseudonyms = [Pseudonymiser(load_key(folder / "home").pseudonym)(person_id) for person_id in raw]
    needles = [needle.encode() for needle in [*raw, *pseudonyms]]
    files = [path for path in (folder / "home").rglob("*") if path.is_file() and path.name not in ENCRYPTED]
    assert any(path.name == "prefect.db" for path in files)
    contents = {str(path): path.read_bytes() for path in files} | {"said": said.encode()}
    found = [name for name, content in contents.items() if any(needle in content for needle in needles)]
    assert not found


def test_layers_open_in_gis_tools(demo: tuple[Path, str]) -> None:
    layers = demo[0] / "home" / "layers"
    package = layers / "harmspot.gpkg"
    assert {"areas", "cells", "hotspots", "markets"} <= {name for name, _ in pyogrio.list_layers(package)}
    assert gpd.read_parquet(layers / "areas.parquet").crs.is_projected
    if shutil.which("ogrinfo"):
        for path in (package, layers / "areas.geojson"):
            done = subprocess.run(["ogrinfo", "-al", "-so", path], capture_output=True, text=True, check=True)
            assert done.stderr == ""


def test_show_and_explain_print_tables_and_json(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    areas = json.loads(harmspot(folder, "show", "areas", "--json"))
    assert [row["rank"] for row in areas] == list(range(1, 13))
    assert {"rank_lo", "rank_hi", "p_top_k", "evidence_ids", "moves_out_if"} <= set(areas[0])
    assert areas[0]["area_id"] in harmspot(folder, "explain", "area", areas[0]["area_id"].split("@")[0])
    reading = ("--purpose", "test", "--reader", "A. Tester")
    people = json.loads(harmspot(folder, "show", "people", "--json", *reading))
    explained = harmspot(folder, "explain", "person", people[0]["person_id"], *reading)
    assert "no grounds for a stop" in explained
    assert "the chain is whole" in harmspot(folder, "audit", "verify")
    for table in ("cells", "markets", "notices", "runs", "changes", "quality"):
        assert isinstance(json.loads(harmspot(folder, "show", table, "--json")), list)


def test_run_json_is_one_object(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    summary = json.loads(harmspot(folder, "run", "--as-of", "2026-01-01", "--without-prefect", "--json"))
    assert {"run_id", "as_of", "known_at", "counts", "seconds"} <= set(summary)
    assert summary["is_new"] is False
