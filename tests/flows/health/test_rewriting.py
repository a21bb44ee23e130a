"""Databases written anew: smaller, under another key, and the same rows, whoever is killed on the way."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from flows.health import rewriting
from flows.health.backups import back_up, restore
from flows.health.rewriting import FILES, compact, rotate_key
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.integrity import check_log
from flows.users.login import log_in
from pipeline import complete_file
from pipeline.database import attach, connect
from pipeline.errors import KeyFileError, PublicationError, StoreError
from pipeline.privacy.keys import KEY_VARIABLE, is_rotating, load_key, read_key
from pipeline.publication.publish import changed_tables, publication_lock
from tests.soak import sample
from tests.town import TownRun
from tests.users import PASSWORD, name_in


@pytest.fixture
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home with a run in it."""
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
            yield table, connection.execute(f"SELECT count(*), bit_xor(hash(t)) FROM read.{table} AS t").fetchall()


def test_a_home_under_a_new_key_has_the_same_rows_in_less_room_and_the_key_of_before_opens_none(
    home: Home, tmp_path: Path
) -> None:
    with open_home_store(home) as store:
        for made in ("ballast AS FROM range(1000000)", "behind AS FROM range(9)"):
            store._connection.execute(f"CREATE TABLE store.{made}; CHECKPOINT store")  # type: ignore[attr-defined]
        store._connection.execute("DROP TABLE store.ballast")  # type: ignore[attr-defined]
    home.log_access("read", {}, reader="A. Reader", purpose="morning tasking")
    rotate_key(home, tmp_path / "first")
    before, old, size = rows_in(home), load_key(home.path), home.store.stat().st_size
    rotate_key(home, tmp_path / "old")
    renewed = Home(home.path, home.config_file, home.clock, home.progress)
    assert rows_in(home) == before | {"store.duckdb": before["store.duckdb"] | _mark(home)}
    assert not is_rotating(renewed.key)
    assert (renewed.key.pseudonym, renewed.key.home_name) == (old.pseudonym, old.home_name)
    for path in (home.store, home.restricted):
        with connect() as connection, pytest.raises(KeyFileError, match="another key"):
            attach(connection, path, old.encryption, alias="read", read_only=True)
    assert read_key(tmp_path / "old")[0] == old
    assert check_log(renewed) == changed_tables(renewed.path, renewed.key) == []
    assert size == home.store.stat().st_size
    assert [path.name for path in home.path.glob("*.new")] == []


def _mark(home: Home) -> dict[str, list[object]]:
    """The one row that differs: how far the access log went."""
    return {"log_mark": dict(_tables(home, "store.duckdb"))["log_mark"]}


def test_a_compact_home_is_smaller(real_home: Home) -> None:
    with open_home_store(real_home) as store:
        for made in ("ballast AS FROM range(2000000)", "behind AS FROM range(9)"):
            store._connection.execute(f"CREATE TABLE store.{made}; CHECKPOINT store")  # type: ignore[attr-defined]
        store._connection.execute("DROP TABLE store.ballast")  # type: ignore[attr-defined]
    before = rows_in(real_home)
    sizes = compact(real_home).set_index("file")
    assert rows_in(real_home) == before
    assert sizes.loc["store.duckdb", "after"] < sizes.loc["store.duckdb", "before"]


class Killed(BaseException):
    """Stands for a kill: nothing catches it on its way."""


def kept_rows(home: Home) -> dict[str, dict[str, list[object]]]:
    """The rows of a home save how far the access log went, which each rotation changes."""
    return {
        name: {table: rows for table, rows in tables.items() if table != "log_mark"}
        for name, tables in rows_in(home).items()
    }


def problems(home: Home) -> list[str]:
    """What is wrong with the access log and with what was published."""
    return [*check_log(home), *(changed_tables(home.path, home.key) if home.published.exists() else [])]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("which", "steps", "stops"),
    [
        pytest.param("real_home", 4, range(4), id="key, store, users, key"),
        pytest.param("home", 5, sample([2], whole=range(5)), id="key, store, restricted, published, key"),
    ],
)
def test_a_rotation_killed_at_any_step_leaves_all_readable_and_is_completed_by_a_repeat(
    which: str,
    steps: int,
    stops: Iterable[int],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original: Home = request.getfixturevalue(which)
    replace, before = complete_file.os.replace, kept_rows(original)
    for stop in stops:  # before the first file gets its name, before the second …
        path = Path(shutil.copytree(original.path, tmp_path / f"home {stop}"))
        count = iter(range(9))

        def killing(source: Path, target: Path, stop: int = stop, count: Iterator[int] = count) -> None:
            if next(count) == stop:
                raise Killed
            replace(source, target)

        def home_left(path: Path = path) -> Home:
            return Home(path, original.config_file, original.clock, lambda text: None)

        monkeypatch.setattr(complete_file.os, "replace", killing)
        with pytest.raises(Killed):
            rotate_key(home_left())
        monkeypatch.setattr(complete_file.os, "replace", replace)
        left = home_left()
        assert kept_rows(left) == before  # every file opens by the key file
        assert problems(left) == []
        monkeypatch.setattr(complete_file.os, "replace", counted := Mock(side_effect=replace))
        rotate_key(left)
        monkeypatch.setattr(complete_file.os, "replace", replace)
        assert counted.call_count == steps - (stop > 0)  # a repeat has the new key already
        done = home_left()
        assert not is_rotating(done.key)
        assert done.key.encryption != original.key.encryption
        assert kept_rows(done) == before
        assert problems(done) == []
    if which == "real_home":
        assert log_in(home_left(), name_in("auditor"), PASSWORD, "to try the new key")


def test_a_backup_made_before_is_restored_with_the_key_of_before(real_home: Home, tmp_path: Path) -> None:
    back_up(real_home, tmp_path / "backup")
    rotate_key(real_home, tmp_path / "old")
    with pytest.raises(StoreError, match="give the key of before"):
        restore(Home(tmp_path / "none"), tmp_path / "backup", *read_key(real_home.path / "key"))
    assert not (tmp_path / "none").exists()
    again = Home(tmp_path / "again", progress=lambda text: None)
    restore(again, tmp_path / "backup", *read_key(tmp_path / "old"))
    assert [user.user_id for user in again.users.all()] == [user.user_id for user in real_home.users.all()]


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
    with publication_lock(home.path), pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.decisions.desk.PUBLISHING_S", -home.settings.store.wait_s)
        with pytest.raises(PublicationError, match="another process"):
            compact(home)


def owners(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work in the home of another user")
def test_what_root_writes_anew_in_the_home_of_another_user_stays_that_users(
    real_home: Home, token_of: Callable[[str], str], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    home = Home(Path(shutil.copytree(real_home.path, theirs / "home")), progress=lambda text: None)
    for path in (theirs, home.path, *home.path.rglob("*")):
        os.chown(path, 65534, 65533)
    home.store.chmod(0o640)
    before = owners(home.path)
    back_up(home, theirs / "backup")
    rotate_key(home, theirs / "old")
    compact(home)
    restore(Home(theirs / "again", progress=lambda text: None), theirs / "backup", *read_key(theirs / "old"))
    after = owners(theirs)
    assert {name: after[f"home/{name}"] for name in before} == before
    assert {owner[:2] for owner in after.values()} == {(65534, 65533)}
