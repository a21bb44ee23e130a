"""A store moved to a database and back holds the same rows; the home knows where it is, and works there as before."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.erasure import erase_person
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.schedule.daily import daily_run
from pipeline.database import attach, connect
from pipeline.errors import SettingsError, StoreError
from pipeline.privacy.keys import derive_key
from pipeline.shared_store.copies import forms
from pipeline.shared_store.opening import open_store
from pipeline.shared_store.server import Database
from pipeline.store import store
from pipeline.store.store_file import moved_to
from tests.postgresql import PostgresServer
from tests.shared_stores import differences
from tests.town import AS_OF, TownRun

WHO = {"reader": "A. Auditor", "purpose": "a request to be erased"}


def command(home: Home, *arguments: str) -> list[str]:
    return ["--home", str(home.path), "--config", str(home.config_file), "store", "move", *arguments]


def move(home: Home, *to: str) -> list[dict]:
    done = CliRunner().invoke(cli, command(home, "--json", "--to", *to), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(home: Home, *to: str) -> str:
    done = CliRunner().invoke(cli, command(home, "--to", *to))
    assert done.exit_code, done.output
    return f"{done.exception} {done.output}"


def exported(home: Home, path: Path) -> Path:
    with open_home_store(home) as held:
        held.copy_to(path, home.key)
    return path


def test_there_and_back(
    loaded_home: Callable[..., Home], postgresql: PostgresServer, town_run: TownRun, tmp_path: Path
) -> None:
    home = loaded_home(tmp_path / "home")
    before, address = exported(home, tmp_path / "before.duckdb"), postgresql.database()
    there = move(home, "postgresql", address)
    assert [row["table"] for row in there] == list(forms())
    assert all((row["rows"], row["hash"]) == (row["rows_after"], row["hash_after"]) for row in there)
    assert {row["table"]: row["rows"] for row in there}["incident_version"] > 1_000
    assert moved_to(home.store_file) == address
    assert isinstance(home.store, Database)
    with pytest.raises(StoreError, match="was moved"):
        store.open_store(home.store_file, home.key, wait_s=0)
    assert daily_run(home, AS_OF).run_id == town_run.summary.run_id
    with open_home_store(home) as held:
        events = held.human_events()
    assert len(events)
    move(home, "duckdb")
    assert home.store == home.store_file
    with open_home_store(home) as held:
        assert held.human_events().equals(events)
    after = exported(home, tmp_path / "after.duckdb")
    with connect() as connection:
        for name, path in (("one", before), ("other", after)):
            attach(connection, path, home.key.encryption, alias=name, read_only=True)
        _, found = differences(connection, "one", "other")
    assert found.keys() <= {"human_event", "log_mark", "outbox"}, found  # of the run
    assert postgresql.psql(address.rpartition("/")[2], "SELECT to_regclass('store.identity')") == ""


def test_what_cannot_be_moved_is_refused_and_stays(
    loaded_home: Callable[..., Home], postgresql: PostgresServer, tmp_path: Path
) -> None:
    home, address = loaded_home(tmp_path / "home"), postgresql.database()
    assert "in its file already" in refused(home, "duckdb")
    assert "name the database" in refused(home, "postgresql")
    assert "sslmode=disable" in refused(home, "postgresql", "postgresql://db.example/a?sslmode=disable")
    open_store(Database(address, tmp_path), home.key, wait_s=5).close()
    postgresql.psql(address.rpartition("/")[2], "INSERT INTO store.topic_read VALUES ('a', 'b')")
    postgresql.psql(address.rpartition("/")[2], "INSERT INTO store.loaded_file VALUES (1, 'a', 'b', 'c', 'd')")
    assert "between the file and" in refused(home, "postgresql", address)
    other = Database(postgresql.database(), tmp_path)
    open_store(other, derive_key(b"\x01" * 32), wait_s=5).close()
    assert "a database of its own" in refused(home, "postgresql", other.address)
    assert home.store == home.store_file
    assert moved_to(home.store_file) is None


def test_a_move_that_was_killed_after_its_copy_is_completed(
    loaded_home: Callable[..., Home], postgresql: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, address = loaded_home(tmp_path / "home"), postgresql.database()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.shared_store.moving.leave_address", killed)
        CliRunner().invoke(cli, command(home, "--to", "postgresql", address))
    assert home.store == home.store_file
    move(home, "postgresql", address)
    assert moved_to(home.store_file) == address


def test_settings_that_name_a_database_do_not_hide_a_file(
    loaded_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = loaded_home(tmp_path / "home")
    monkeypatch.setenv("HARMSPOT__STORE__ENGINE", "postgresql")
    monkeypatch.setenv("HARMSPOT__STORE__ADDRESS", "postgresql://127.0.0.1/home")
    with pytest.raises(SettingsError, match="harmspot store move"):
        _ = home.store


def test_an_erased_person_is_gone_from_the_database(
    approved_home: Callable[..., Home], postgresql: PostgresServer, town_run: TownRun, tmp_path: Path
) -> None:
    shared, file = (approved_home(tmp_path / name) for name in ("shared", "file"))
    address = postgresql.database()
    move(shared, "postgresql", address)
    person_id = town_run.people()["person_id"].iloc[0]
    told = [erase_person(home, person_id, reason="asked under the law", **WHO) for home in (shared, file)]
    assert told[0] == told[1]
    for home in (shared, file):
        with open_home_store(home) as held:
            assert held.resolve_pseudonym(person_id) == "erased"
            assert person_id not in held.pseudonyms()
    assert not shared.store_file.with_name("store.duckdb.before-move").exists()
