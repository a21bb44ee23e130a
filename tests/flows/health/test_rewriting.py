"""Databases written anew: smaller, under another key, and the same rows, whoever is killed on the way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.health import rewriting
from flows.health.rewriting import FILES, compact, rotate_key
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.integrity import check_log
from flows.users.login import log_in
from pipeline import complete_file
from pipeline.database import attach, connect
from pipeline.errors import KeyFileError, PublicationError
from pipeline.privacy.keys import KEY_VARIABLE, is_rotating, load_key, read_key
from pipeline.publication.publish import changed_tables
from pipeline.store.store import open_store
from tests.town import TownRun, read_people
from tests.users import PASSWORD, name_in


@pytest.fixture
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home with a run in it."""
    import shutil

    return new_home(Path(shutil.copytree(town_run.home.path, tmp_path / "home")))


def rows_in(home: Home) -> dict[str, dict[str, list[object]]]:
    """Every row of every table of every file of a home, opened by the key file alone."""
    return {name: dict(_tables(home, name)) for name in FILES if (home.path / name).exists()}


def _tables(home: Home, name: str) -> Iterator[tuple[str, list[object]]]:
    key = None if name == "published.duckdb" else load_key(home.path).encryption
    with connect() as connection:
        attach(connection, home.path / name, key, alias="read", read_only=True)
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'read' ORDER BY ALL"
        ).fetchall()
        for (table,) in tables:
            hashed = f"SELECT count(*), bit_xor(hash(COLUMNS(*)::VARCHAR)) FROM read.{table}"
            yield table, connection.execute(hashed).fetchall()


def test_a_compact_home_has_the_same_rows_in_less_room(home: Home) -> None:
    with open_home_store(home) as store:
        store._connection.execute("CREATE TABLE store.ballast AS SELECT random() AS x FROM range(2000000)")  # type: ignore[attr-defined]
        store._connection.execute("CHECKPOINT store")  # type: ignore[attr-defined]
        store._connection.execute("DROP TABLE store.ballast")  # type: ignore[attr-defined]
    before = rows_in(home)
    sizes = compact(home).set_index("file")
    assert rows_in(home) == before
    assert changed_tables(home.path, home.key) == []
    assert sizes.loc["store.duckdb", "after"] < sizes.loc["store.duckdb", "before"] / 2
    assert [path.name for path in home.path.glob("*.new")] == []


def test_a_rotated_key_opens_what_the_one_of_before_does_not(home: Home, tmp_path: Path) -> None:
    before, old = rows_in(home), home.key
    log, people = check_log(home), read_people(home, "person_tier", _latest(home))
    rotate_key(home, tmp_path / "old")
    renewed = Home(home.path, home.config_file, home.clock, home.progress)
    after = rows_in(renewed)
    assert {name for name in after if after[name] != before[name]} <= {"store.duckdb"}  # which marks the log's head
    assert not is_rotating(renewed.key)
    assert (renewed.key.pseudonym, renewed.key.home_name) == (old.pseudonym, old.home_name)
    with pytest.raises(KeyFileError, match="another key"):
        open_store(home.store, old, wait_s=1)
    assert read_key(tmp_path / "old")[0] == old
    assert read_people(renewed, "person_tier", _latest(home)).equals(people)
    assert check_log(renewed) == log == []
    assert changed_tables(renewed.path, renewed.key) == []


def _latest(home: Home) -> str:
    from pipeline.publication.publish import latest_usable

    return str(latest_usable(home.path))


class Killed(BaseException):
    """Stands for a kill: nothing catches it on its way."""


def test_a_rotation_killed_at_any_step_leaves_all_readable_and_is_completed_by_a_repeat(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_home.users.all()
    before, old = rows_in(real_home), real_home.key
    replace, done = complete_file.os.replace, 0
    while True:  # kill before the first rename, before the second …
        count = iter(range(10**6))

        def killing(source: Path, target: Path, stop: int = done, count: Iterator[int] = count) -> None:
            if next(count) == stop:
                raise Killed
            replace(source, target)

        monkeypatch.setattr(complete_file.os, "replace", killing)
        try:
            rotate_key(Home(real_home.path, progress=lambda text: None))
        except Killed:
            done += 1
            assert {name: set(tables) for name, tables in rows_in(real_home).items()} == {
                name: set(tables) for name, tables in before.items()
            }
            assert Home(real_home.path).users.all()  # everything opens by the key file
            continue
        break
    monkeypatch.setattr(complete_file.os, "replace", replace)
    assert done >= 4  # key, store, users, key
    home = Home(real_home.path, progress=lambda text: None)
    assert not is_rotating(home.key)
    assert home.key.encryption != old.encryption
    assert log_in(home, name_in("auditor"), PASSWORD, "to try the new key")


def test_both_keys_stay_where_a_file_does_not_open_by_the_new_one(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "compact", lambda home: None)
    with pytest.raises(KeyFileError, match="another key"):
        rotate_key(real_home)
    assert is_rotating(load_key(real_home.path))
    assert Home(real_home.path).users.all()


def test_a_key_from_the_environment_is_not_rotated(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, (real_home.path / "key").read_text())
    with pytest.raises(KeyFileError, match=f"unset the variable|{KEY_VARIABLE}"):
        rotate_key(real_home)


def test_compaction_waits_its_turn(home: Home) -> None:
    from pipeline.publication.publish import publication_lock

    with publication_lock(home.path), pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.decisions.desk.PUBLISHING_S", -home.settings.store.wait_s)
        with pytest.raises(PublicationError, match="another process"):
            compact(home)
