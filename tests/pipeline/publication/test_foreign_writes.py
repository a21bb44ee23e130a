"""What something else writes to the published files meets no publication, and is noticed by whoever reads it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from pipeline.errors import PublicationError
from pipeline.publication import publish as publication
from pipeline.publication.duckdb_file import logs_of, opened
from pipeline.publication.publish import (
    Shown,
    changed_tables,
    clean_up,
    project,
    publish,
    read_places,
    read_published,
    runs,
    unchecked_runs,
)
from tests.pipeline.publication.test_publish import (
    FEW,
    KEY,
    Crash,
    acts,
    everything,
    frames,
    publish_day,
    read,
    run_row,
)

FILES = {"published.duckdb": None, "restricted.duckdb": KEY.encryption}
# Writes in the file named first, as the key of the second argument allows, and then does what the third says.
WRITER = """
import os, sys
from pathlib import Path
from pipeline.database import attach, connect
connection = connect(is_encrypting=bool(sys.argv[2]))
attach(connection, Path(sys.argv[1]), sys.argv[2] or None, alias="theirs")
print("open", flush=True)
for line in sys.stdin:
    if line.strip() == "die":
        os.kill(os.getpid(), 9)
    connection.execute(line)
    print("written", flush=True)
"""
CHANGES = {
    "published.duckdb": (
        "CREATE TABLE theirs.added AS SELECT 1",
        "UPDATE theirs.market SET rank = 99",
        "DELETE FROM theirs.run",
    ),
    "restricted.duckdb": ("UPDATE theirs.person_tier SET rank = 99", "DELETE FROM theirs.run"),
}


@pytest.fixture(autouse=True)
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "read_tables", lambda: FEW)
    monkeypatch.setattr("pipeline.publication.tables.read_tables", lambda: FEW)


class Writer:
    """Somebody who has a published file open for writing, in a process of their own."""

    def __init__(self, home: Path, file: str) -> None:
        command = [sys.executable, "-c", WRITER, str(home / file), FILES[file] or ""]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear("open")

    def write(self, *statements: str) -> None:
        for statement in statements:
            self._say(statement)
            self._hear("written")

    def die(self) -> None:
        self._say("die")
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == word + "\n"


@contextmanager
def writing(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write to a file that is not encrypted, and close it."""
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize("file", FILES)
def test_the_log_of_a_writer_that_died_meets_no_publication(tmp_path: Path, file: str) -> None:
    publish_day(tmp_path, 1)
    before = everything(tmp_path)
    writer = Writer(tmp_path, file)
    writer.write(*CHANGES[file])
    writer.die()
    assert logs_of(tmp_path / file)
    assert everything(tmp_path) == before  # readers leave it out
    assert runs(tmp_path)["run_id"].tolist() == ["run1"]
    assert read(tmp_path, "run1")["rank"].tolist() == [1, 1]
    publish_day(tmp_path, 2)
    assert not logs_of(tmp_path / file)
    assert changed_tables(tmp_path, KEY) == []
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True)) as others:
        assert others.execute("SELECT DISTINCT run_id, rank FROM market ORDER BY ALL").fetchall() == [
            ("run1", 1),
            ("run2", 1),
        ]
        assert others.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'added'").fetchone() is None


@pytest.mark.parametrize("act", [False, True])
def test_when_a_file_takes_its_place_no_log_is_there_and_nobody_can_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: bool
) -> None:
    publish_day(tmp_path, 1)
    for file in FILES:
        writer = Writer(tmp_path, file)
        writer.write(CHANGES[file][0])
        writer.die()
    seen: list[str] = []
    replace = os.replace
    command = "import duckdb, sys; duckdb.connect(sys.argv[1])"

    def replace_after_a_look(fresh: Path, target: Path) -> None:
        refused = subprocess.run([sys.executable, "-c", command, target], capture_output=True, text=True, check=False)
        assert "Could not set lock" in refused.stderr or "encrypted" in refused.stderr
        assert logs_of(target) == logs_of(fresh) == []
        seen.append(target.name)
        replace(fresh, target)

    monkeypatch.setattr(os, "replace", replace_after_a_look)
    if act:
        project(tmp_path, acts("kept", "served"), key=KEY)
    else:
        publish_day(tmp_path, 2)
    assert seen == ["restricted.duckdb", "published.duckdb"]


def test_a_publisher_that_dies_after_removing_the_log_leaves_the_publication_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(tmp_path, 1)
    writer = Writer(tmp_path, "published.duckdb")
    writer.write(*CHANGES["published.duckdb"])
    writer.die()
    replace = os.replace

    def die(fresh: Path, target: Path) -> None:
        if target.name == "published.duckdb":
            raise Crash
        replace(fresh, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(Crash):
        publish_day(tmp_path, 2)
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True)) as others:
        assert others.execute("SELECT run_id FROM run").fetchall() == [("run1",)]
        assert others.execute("SELECT DISTINCT rank FROM market").fetchall() == [(1,)]


def test_a_writer_that_goes_on_holds_up_no_publication_and_is_left_out(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    writer = Writer(tmp_path, "published.duckdb")
    writer.write(*CHANGES["published.duckdb"])
    publish_day(tmp_path, 2)
    assert not logs_of(tmp_path / "published.duckdb")
    writer.write("CHECKPOINT theirs", "UPDATE theirs.market SET rank = 98")  # DuckDB names this log after the new file
    assert logs_of(tmp_path / "published.duckdb")
    assert set(read_published(tmp_path, "market")["rank"]) == {1}
    assert runs(tmp_path)["run_id"].tolist() == ["run1", "run2"]
    writer.die()
    assert set(read_published(tmp_path, "market")["rank"]) == {1}
    assert clean_up(tmp_path) == [tmp_path / "published.duckdb.wal"]


def test_the_log_of_somebody_who_is_writing_stays_until_the_next_publication(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    writer = Writer(tmp_path, "published.duckdb")
    writer.write(CHANGES["published.duckdb"][0])
    assert clean_up(tmp_path) == []
    writer.die()
    assert [path.name for path in clean_up(tmp_path)] == ["published.duckdb.wal"]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE market SET rank = 7 WHERE run_id = 'run2' AND market_id = 'id1'", "market of run run2"),
        ("UPDATE market SET geometry_wkb = NULL WHERE run_id = 'run2'", "market of run run2"),
        ("DELETE FROM market WHERE run_id = 'run2'", "market of run run2"),
        (
            "INSERT INTO market BY NAME SELECT * REPLACE ('new' AS market_id) FROM latest_market LIMIT 1",
            "market of run run2",
        ),
        ("DROP VIEW latest_market; DROP TABLE market", "market of run run2"),
        ("ALTER TABLE market ADD COLUMN note VARCHAR DEFAULT 'x'", "market of run run2"),
        ("DELETE FROM content_hash WHERE table_name = 'market'", "market of run run2"),
        ("UPDATE map_shape SET shape_name = 'elsewhere'", "map_shape of run run2"),
        ("UPDATE place_act SET choice = 'broken'", "place_act"),
    ],
)
def test_whoever_reads_a_changed_table_is_refused_and_told_which(tmp_path: Path, statement: str, named: str) -> None:
    publish_day(tmp_path, 1)
    places, people = frames()
    publish(tmp_path, run_row(2), places, people, key=KEY, history_runs=3, projector=lambda: acts("kept", "served"))
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute(statement)
    table = named.split()[0]
    with pytest.raises(PublicationError, match=f"table {named} is not what was published.*backup.*run again"):
        read_published(tmp_path, table)
    assert f"published.duckdb: {named}" in changed_tables(tmp_path, KEY)
    assert len(read_published(tmp_path, "area_ranking")) == 2
    assert len(read(tmp_path, "run2")) == 2
    publish_day(tmp_path, 3)  # goes on, and neither spreads nor hides it
    assert len(read_places(tmp_path, ["market", "map_shape", "place_act"])["market"]) == 2
    if table == "market" and "ADD COLUMN" not in statement:  # a column of nobody's is left behind
        with pytest.raises(PublicationError, match="run run2 is not what was published"):
            read_published(tmp_path, "market", "run2")


@pytest.mark.parametrize(
    "statement", ["DELETE FROM run WHERE run_id = 'run1'", "UPDATE run SET seed = 5 WHERE run_id = 'run2'"]
)
def test_a_changed_table_of_runs_stops_readers_and_publishers(tmp_path: Path, statement: str) -> None:
    publish_day(tmp_path, 1)
    publish_day(tmp_path, 2)
    assert len(runs(tmp_path)) == 2  # what was read of a version is kept in memory
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute(statement)
    for use in (lambda: runs(tmp_path), lambda: read_published(tmp_path, "market"), lambda: publish_day(tmp_path, 3)):
        with pytest.raises(PublicationError, match="table run is not what was published"):
            use()
    for file in FILES:  # the way out
        (tmp_path / file).rename(tmp_path / f"{file}.away")
    assert publish_day(tmp_path, 3).is_new
    assert changed_tables(tmp_path, KEY) == []


def test_a_changed_list_of_people_is_refused(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    writer = Writer(tmp_path, "restricted.duckdb")
    writer.write(CHANGES["restricted.duckdb"][0], "CHECKPOINT theirs")
    writer.die()
    with pytest.raises(PublicationError, match="person_tier of run run1 is not what was published"):
        read(tmp_path, "run1")
    assert changed_tables(tmp_path, KEY) == ["restricted.duckdb: person_tier of run run1"]


@pytest.mark.parametrize("is_changed", [False, True])
def test_erasing_somebody_leaves_sound_hashes_and_hides_no_change(tmp_path: Path, is_changed: bool) -> None:
    for day in (1, 2):
        places, people = frames(1)
        tiers = pd.concat([people["person_tier"]] * 2, ignore_index=True).assign(person_id=["p_gone", "p_stays"])
        publish(tmp_path, run_row(day), places, people | {"person_tier": tiers}, key=KEY, history_runs=3)
    if is_changed:
        writer = Writer(tmp_path, "restricted.duckdb")
        writer.write("UPDATE theirs.person_tier SET rank = 9 WHERE run_id = 'run1'", "CHECKPOINT theirs")
        writer.die()
    project(tmp_path, Shown(erased=["p_gone"]), key=KEY)
    changed = ["restricted.duckdb: person_tier of run run1"] * is_changed
    assert changed_tables(tmp_path, KEY) == changed
    assert read(tmp_path, "run2")["person_id"].tolist() == ["p_stays"]
    places, people = frames(1)
    for day, erased in ((3, ["p_gone"]), (4, ["p_gone", "p_stays"])):  # nobody more to leave out, then somebody
        shown = Shown(erased=erased)
        publish(tmp_path, run_row(day), places, people, key=KEY, history_runs=9, projector=lambda shown=shown: shown)
    assert changed_tables(tmp_path, KEY) == changed
    assert read(tmp_path, "run2").empty


def test_runs_of_one_map_keep_its_shapes_once_and_the_last_of_them_takes_them_along(tmp_path: Path) -> None:
    def publish_on(day: int, map_name: str) -> None:
        places, people = frames()
        shapes = places["map_shape"].assign(shapes_id=map_name, shape_name=map_name)
        row = run_row(day) | {"shapes_id": map_name}
        publish(tmp_path, row, places | {"map_shape": shapes}, people, key=KEY, history_runs=3)

    def kept() -> list[Any]:
        with opened(tmp_path / "published.duckdb", None) as connection:
            return connection.execute("SELECT shapes_id, count(*) FROM kept.map_shape GROUP BY 1 ORDER BY 1").fetchall()

    for day, map_name in enumerate(["old", "old", "new", "old"], start=1):
        publish_on(day, map_name)
    assert kept() == [("new", 2), ("old", 2)]
    assert set(read_published(tmp_path, "map_shape", "run3")["shape_name"]) == {"new"}
    assert set(read_published(tmp_path, "map_shape", "run4")["shape_name"]) == {"old"}
    publish_on(5, "newest")
    publish_on(6, "newest")
    assert kept() == [("newest", 2), ("old", 2)]
    assert changed_tables(tmp_path, KEY) == []
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True)) as others:
        assert others.execute("SELECT DISTINCT shapes_id FROM latest_map_shape").fetchall() == [("newest",)]


def test_a_column_or_table_that_a_later_harmspot_adds_leaves_kept_runs_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = FEW.published["market"]
    fewer = type(market)(market.name, market.about, market.key, market.columns[:-3])
    before = {name: table for name, table in FEW.published.items() if name != "hotspot"} | {"market": fewer}
    with monkeypatch.context() as earlier:
        tables = type(FEW)(before, FEW.restricted)
        earlier.setattr(publication, "read_tables", lambda: tables)
        earlier.setattr("pipeline.publication.tables.read_tables", lambda: tables)
        publish_day(tmp_path, 1)
    publish_day(tmp_path, 2)
    assert changed_tables(tmp_path, KEY) == []
    assert read_published(tmp_path, "market", "run1").columns.tolist() == market.column_names
    assert read_published(tmp_path, "hotspot", "run1").empty


def test_runs_without_hashes_are_read_and_those_after_them_are_checked(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute("DROP VIEW latest_content_hash; DROP TABLE content_hash; UPDATE market SET rank = 5")
        connection.execute("DROP VIEW latest_run; ALTER TABLE run DROP COLUMN shapes_id")
    assert set(read_published(tmp_path, "market")["rank"]) == {5}  # nobody can tell
    assert unchecked_runs(tmp_path, KEY) == ["run1"]
    project(tmp_path, acts("kept", "served"), key=KEY)
    publish_day(tmp_path, 2)
    assert changed_tables(tmp_path, KEY) == []
    assert unchecked_runs(tmp_path, KEY) == ["run1"]
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute("UPDATE market SET rank = 5")
    assert changed_tables(tmp_path, KEY) == ["published.duckdb: market of run run2"]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP VIEW latest_content_hash; DROP TABLE content_hash",
        "DELETE FROM content_hash",
        "DELETE FROM content_hash WHERE run_id = ''",
    ],
)
def test_runs_that_lost_their_hashes_are_not_as_published(tmp_path: Path, statement: str) -> None:
    for day in (1, 2):
        publish_day(tmp_path, day)
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute(statement)
    for use in (lambda: runs(tmp_path), lambda: read_published(tmp_path, "market"), lambda: publish_day(tmp_path, 3)):
        with pytest.raises(PublicationError, match="table run is not what was published"):
            use()
    assert "published.duckdb: run" in changed_tables(tmp_path, KEY)
    assert unchecked_runs(tmp_path, KEY) == []


def test_a_run_that_lost_its_hashes_alone_is_refused(tmp_path: Path) -> None:
    for day in (1, 2):
        publish_day(tmp_path, day)
    with writing(tmp_path / "published.duckdb") as connection:
        connection.execute(
            "DELETE FROM content_hash WHERE run_id = 'run1'; UPDATE market SET rank = 5 WHERE run_id = 'run1'"
        )
    with pytest.raises(PublicationError, match="table market of run run1 is not what was published"):
        read_published(tmp_path, "market", "run1")
    assert set(read_published(tmp_path, "market", "run2")["rank"]) == {1}
    assert "published.duckdb: market of run run1" in changed_tables(tmp_path, KEY)
