"""The demo as a user runs it: one command, a Prefect flow, files that GIS tools read, and nobody named anywhere."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from flows.command import cli
from pipeline.privacy.keys import load_key
from pipeline.privacy.pseudonyms import Pseudonymiser
from tests import town

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
ENCRYPTED = {"store.duckdb", "restricted.duckdb"}
PATIENCE_S = 1200


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Folder of a finished demo, and all it printed; its runs and later ones draw as those of the tests' town."""
    folder = tmp_path_factory.mktemp("demo") / "town"
    command = [HARMSPOT, "demo", "--folder", folder, "--seed", "3", "--as-of", "2026-01-01"]
    with pytest.MonkeyPatch.context() as environment:
        for section, draws in town.DRAWS.items():
            environment.setenv(f"HARMSPOT__{section.upper()}__DRAWS", str(draws))
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield folder, done.stdout + done.stderr


def harmspot(folder: Path, *arguments: str) -> str:
    command = ["--home", folder / "home", "--config", folder / "config.yaml", *arguments]
    return CliRunner().invoke(cli, list(map(str, command)), catch_exceptions=False).stdout


def test_it_says_what_came_out_and_where(demo: tuple[Path, str]) -> None:
    folder, said = demo
    assert "flagrant" in said
    assert "people (counts only)" in said
    assert "effects of lists, registered" in said and "audits that lists depend on" in said
    for name in ("published.duckdb", "restricted.duckdb", "layers", "report.html"):
        assert str(folder / "home" / name) in said
        assert (folder / "home" / name).exists()


def test_prefect_keeps_every_stage_of_the_run(demo: tuple[Path, str]) -> None:
    with closing(sqlite3.connect(demo[0] / "home" / "prefect" / "prefect.db")) as connection:
        states = [state for (state,) in connection.execute("SELECT state_type FROM task_run").fetchall()]
        names = [name for (name,) in connection.execute("SELECT name FROM flow_run").fetchall()]
    assert len(states) > 20 and set(states) == {"COMPLETED"}
    assert len(names) == 1


def needles(folder: Path) -> list[bytes]:
    """Every raw id and every pseudonym of the town."""
    raw = pd.read_parquet(folder / "truth" / "people.parquet")["person_id"].tolist()
    pseudonyms = [Pseudonymiser(load_key(folder / "home").pseudonym)(person_id) for person_id in raw]
    return [needle.encode() for needle in [*raw, *pseudonyms]]


def unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file, and where they are compressed what they say: tables as text."""
    yield str(path), path.read_bytes()
    if path.suffix == ".parquet":
        yield f"{path} as a table", pd.read_parquet(path).to_csv().encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                yield f"{path}, {table}", connection.table(table).to_arrow_table().to_pandas().to_csv().encode()


def naming(folder: Path, contents: Iterable[tuple[str, bytes]]) -> list[str]:
    """Of the contents, those that name somebody."""
    return town.naming(needles(folder), contents)


def written(folder: Path) -> list[tuple[str, bytes]]:
    files = [path for path in (folder / "home").rglob("*") if path.is_file() and path.name not in ENCRYPTED]
    assert {"published.duckdb", "prefect.db", "report.html", "areas.parquet"} <= {path.name for path in files}
    return [content for path in files for content in unpacked(path)]


def test_nobody_is_named_in_what_was_said_or_written(demo: tuple[Path, str]) -> None:
    """Prefect's database, layers, the page, every table that is published and the log of reads are among it."""
    folder, said = demo
    assert not naming(folder, [("said", said.encode()), *written(folder)])


def test_the_search_finds_who_is_named(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    for needle in (needles(folder)[0], needles(folder)[-1]):
        assert naming(folder, [("here", b"about " + needle), ("there", b"nobody")]) == ["here"]


# Errors with people in hand: a library's that quotes the value, a slip's that quotes the key, and those of our checks.
PROVOKED = """
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.schedule.prefect_server import prefect_server

home = Home(Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat("2026-01-01T12:00:00+00:00"))
server = prefect_server(home.path)
server.__enter__()()  # before anything imports Prefect
from prefect import flow

from flows.schedule.prefect_flows import call_as_task
from models.people_scores.person_status import make_register
from pipeline.publication.publish import read_restricted
from pipeline.publication.tables import conform

reading = {"reader": "a test", "purpose": "a test reads", "log": home.access_log, "now": home.now()}
people = read_restricted(home.path, home.key, "person_tier", **reading)

def cast_by_library(): duckdb.sql("SELECT CAST(person_id AS INTEGER) FROM people").fetchall()
def slip_of_a_key(): {}[people["person_id"][0]]
def chained():
    try: slip_of_a_key()
    except KeyError as error: raise RuntimeError("no rate") from error
def publish_twice(): conform("person_tier", pd.concat([people, people]))
def register_twice(): make_register(pd.concat([people, people]), pd.Timestamp(home.now()))

@flow(name="provoked")
def provoked(stage): call_as_task(stage)

for stage in (cast_by_library, slip_of_a_key, chained, publish_twice, register_twice):
    try:
        provoked(stage)
    except Exception as error:
        print(stage.__name__, "failed:", type(error).__name__, error)
server.__exit__(None, None, None)
"""


def test_errors_name_nobody_either(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    command = [sys.executable, "-c", PROVOKED, folder / "home", folder / "config.yaml"]
    # Files rather than pipes: a server that is slow to stop would keep a pipe open.
    out, err = folder / "provoked.out", folder / "provoked.err"
    with out.open("w") as said, err.open("w") as complained:
        subprocess.run(list(map(str, command)), stdout=said, stderr=complained, check=True, timeout=PATIENCE_S)
    assert out.read_text().count("failed:") == 5
    assert "[person]" in out.read_text()
    [prefect] = (folder / "home").rglob("prefect.db")
    kept = b"".join(path.read_bytes() for path in prefect.parent.glob("prefect.db*"))
    assert b"cast_by_library" in kept
    assert b"[person]" in kept
    assert not naming(folder, [*unpacked(out), *unpacked(err), *written(folder)])


# As a deployment runs it, 40 days after the first run of the home, with no report signed since; then for a day that
# is refused.
HALTED = """
import sys
from datetime import date, datetime
from pathlib import Path

from flows.home.home import Home
from flows.schedule.prefect_server import prefect_server

clock = datetime.fromisoformat("2026-02-10T12:00:00+00:00")
home = Home(Path(sys.argv[1]), Path(sys.argv[2]), clock)
with prefect_server(home.path) as wait_for_server:
    from flows.schedule.prefect_flows import daily

    wait_for_server()
    state = daily(home.path, home.config_file, home.now().date(), None, clock, return_state=True)
    print(state.name, state.type.value, state.message)
    print("value", daily(home.path, home.config_file, home.now().date(), None, clock).run_id)
    refused = daily(home.path, home.config_file, date(2026, 6, 1), None, clock, return_state=True)
    print(refused.name, refused.type.value, refused.message)
"""


def test_a_scheduled_run_ends_in_state_halted_once_audits_are_stale(demo: tuple[Path, str], tmp_path: Path) -> None:
    """And in state Failed, with what is wrong, if its input is refused."""
    folder = tmp_path / "town"
    shutil.copytree(demo[0], folder)
    command = [sys.executable, "-c", HALTED, folder / "home", folder / "config.yaml"]
    with (tmp_path / "out").open("w") as said, (tmp_path / "err").open("w") as complained:
        subprocess.run(list(map(str, command)), stdout=said, stderr=complained, check=True, timeout=PATIENCE_S)
    told = (tmp_path / "out").read_text()
    assert "Halted COMPLETED HALTED: person_tier" in told
    assert "harmspot audit record fairness" in told
    assert "Failed FAILED Flow run encountered an exception: QualityError: the run as of 2026-06-01 is refused" in told
    assert "- The newest incidents are 151 days old on the day of the run" in told
    runs = json.loads(harmspot(folder, "show", "runs", "--json"))
    assert len(runs) == 2 and f"value {runs[-1]['run_id']}" in told
    assert not naming(folder, [*unpacked(tmp_path / "out"), *unpacked(tmp_path / "err"), *written(folder)])


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
    reading = ("--purpose", "a test reads", "--reader", "A. Tester")
    people = json.loads(harmspot(folder, "show", "people", "--json", *reading))
    explained = harmspot(folder, "explain", "person", people[0]["person_id"], *reading)
    assert "no grounds for a stop" in explained
    assert "the chain is intact" in harmspot(folder, "audit", "verify")
    for table in ("cells", "markets", "notices", "runs", "changes", "quality", "checks"):
        assert isinstance(json.loads(harmspot(folder, "show", table, "--json")), list)


def test_run_json_is_one_object(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    summary = json.loads(harmspot(folder, "run", "--as-of", "2026-01-01", "--without-prefect", "--json"))
    assert {"run_id", "as_of", "known_at", "counts", "seconds"} <= set(summary)
    assert summary["is_new"] is False
