"""A home whose creation is killed at any moment: the next command works unaided, and nothing unfinished stays."""

import json
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from flows.simulation.town import TownFiles
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import create_key
from pipeline.store.store import open_store
from tests import killed
from tests.town import write_quick_town

AS_OF = date(2026, 3, 1)
CLOCK = "2026-03-01T12:00:00Z"
READ = ("show", "warrants", "--purpose", "a test reads", "--reader", "R. Eader")
RUN = ("run", "--without-prefect", "--as-of", str(AS_OF), "--json")
# What is made first, by command; a kill within milliseconds of its appearance is the most likely to do harm.
MADE = {
    "init": ("key", "store.duckdb.new", "store.duckdb", "config-path", "force.json"),
    "load": (
        "key",
        "store.duckdb.new",
        "store.duckdb.new.wal",
        "store.duckdb",
        ".config-path.harmspot.new",
        "config-path",
    ),
    "run": ("restricted.duckdb.new", "published.duckdb.new", "published.duckdb", "layers", "layers/run_id"),
    "show": ("access.log",),
}
AT_MOST_S = 0.004


@pytest.fixture(scope="module")
def small_town(tmp_path_factory: pytest.TempPathFactory) -> TownFiles:
    return write_quick_town(tmp_path_factory.mktemp("small"), seed=5, days=40, end=AS_OF)


@pytest.fixture(scope="module")
def events(small_town: TownFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of few events, which loads in no time."""
    path = tmp_path_factory.mktemp("events") / "incidents.jsonl"
    lines = (small_town.events / "incidents.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:200]))
    return path


def commands(town: TownFiles, events: Path) -> dict[str, tuple[str, ...]]:
    """Each command that creates something in a home."""
    common = ("--config", str(town.config_file), "--clock", CLOCK)
    tails = {"init": ("init",), "load": ("load", str(events), "--json"), "run": RUN, "show": READ}
    return {name: (*common, *tail) for name, tail in tails.items()}


def is_unfinished(path: Path) -> bool:
    return ".new" in path.name or path.name.startswith(".layers-")


def kill_and_go_on(home: Path, name: str, chance: random.Random, usual_s: float, town: TownFiles, events: Path) -> bool:
    """Kill a command at a random moment and give the next one; return whether the kill hit a running command."""
    command = commands(town, events)
    appeared = chance.choice([None, *MADE[name]])
    hit = killed.killed(home, command[name], chance.uniform(0, AT_MOST_S if appeared else usual_s), appeared)
    key = (home / "key").read_bytes() if (home / "key").exists() else None
    following = "load" if name == "init" else name
    printed = killed.finished(home, *command[following])
    if following == "load":
        counts = json.loads(printed)
        assert counts["rows_in"] == 200 == counts["stored"] + counts["duplicates"] + counts["dead"]
    assert key in (None, (home / "key").read_bytes())
    assert not [path for path in home.rglob("*") if is_unfinished(path)]
    assert AccessLog(home / "access.log").verify() == []
    return hit


def kill_many(tmp_path: Path, kills: dict[str, int], seed: int, town: TownFiles, events: Path) -> int:
    """Kill each command so many times, each in its own home; return how many kills hit a running command."""
    chance, hits, command = random.Random(seed), 0, commands(town, events)
    killed.finished(tmp_path / "first", *command["init"])  # waits for the imports
    whole = tmp_path / "whole"  # shows how long a command takes, and is copied as the home that the next one finds
    for name, count in kills.items():
        homes = [tmp_path / f"{name}-{number}" for number in range(count)]
        if name == "show":  # without a user who is logged in, people are read in rehearsals alone
            shutil.rmtree(whole)
            for made in ((*command["init"], "--rehearsal"), command["load"], command["run"]):
                killed.finished(whole, *made)
        for home in homes:
            if whole.exists():
                shutil.copytree(whole, home)
        began = time.monotonic()
        killed.finished(whole, *command[name])
        usual_s = time.monotonic() - began
        if name == "init":
            shutil.rmtree(whole)  # `load` also creates a home
        for home in homes:
            hits += kill_and_go_on(home, name, chance, usual_s, town, events)
            shutil.rmtree(home)
    return hits


def test_after_a_kill_while_a_home_is_created_the_next_command_works(
    tmp_path: Path, small_town: TownFiles, events: Path
) -> None:
    assert kill_many(tmp_path, {"init": 6, "load": 3, "run": 1, "show": 2}, 20260301, small_town, events) >= 5


@pytest.mark.soak
def test_after_200_kills_while_homes_are_created_each_next_command_works(
    tmp_path: Path, small_town: TownFiles, events: Path
) -> None:
    kills = {"init": 100, "load": 60, "run": 20, "show": 20}
    hits = kill_many(tmp_path, kills, random.SystemRandom().randrange(1 << 30), small_town, events)
    print(f"{sum(kills.values())} kills, {hits} of them within a running command: each next command worked")
    assert hits >= 100


def test_processes_that_create_a_home_at_once_end_with_one_key_and_one_store(
    tmp_path: Path, small_town: TownFiles, events: Path
) -> None:
    command = commands(small_town, events)
    for number in range(3):
        home = tmp_path / str(number)
        with ThreadPoolExecutor(4) as pool:
            printed = list(pool.map(lambda _, home=home: killed.start(home, command["init"]), range(4)))
        for process in printed:
            process.join()
            assert process.exitcode == 0
        assert json.loads(killed.finished(home, *command["load"]))["rows_in"] == 200
        assert sorted(path.name for path in home.iterdir()) == ["config-path", "force.json", "key", "store.duckdb"]


def test_what_a_killed_creation_left_is_removed_by_the_next(tmp_path: Path) -> None:
    for name in (".key.0123456789abcdef.new", "store.duckdb.new", "store.duckdb.new.wal"):
        (tmp_path / name).write_bytes(b"half")
    with open_store(tmp_path / "store.duckdb", create_key(tmp_path), wait_s=0) as store:
        assert store.offsets() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "store.duckdb"]
