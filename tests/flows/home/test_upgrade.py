"""A home made by harmspot 0.1 opens: migrated once, said, the file as it was kept aside; nothing in it is lost."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.decisions.erasure import erase_person
from flows.decisions.list_exports import verify_export
from flows.decisions.notice_decisions import all_notices
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.integrity import accept_clock
from flows.human_log.ledger import read_ledger
from flows.human_log.list_runs import shown_lists
from flows.schedule.daily import daily_run
from pipeline.database import attach, connect
from pipeline.errors import ClockError, ExportError, StoreError
from pipeline.publication.publish import runs
from pipeline.store.migrations import migration_names, pending_migrations
from pipeline.store.snapshot import open_snapshot
from pipeline.store.store import open_store
from tests.town import KEY

KEPT = Path(__file__).parents[2] / "home_0_1" / "home.tar.xz"  # see README.md beside it
CLOCK = datetime(2026, 1, 4, 12, tzinfo=UTC)
NEW = migration_names()[6:]  # 0.1 had six


@dataclass
class Old:
    """A copy of the kept home, and what is said of it."""

    home: Home
    said: list[str] = field(default_factory=list)

    @property
    def kept_aside(self) -> Path:
        return self.home.path / f"store.duckdb.before-{NEW[0]}"

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home.path), "--clock", CLOCK.isoformat(), *arguments])


def encrypt(path: Path, home: Home) -> None:
    """Replace a plain DuckDB file, as it is kept for its size, by the encrypted one that a home holds."""
    plain = path.rename(path.with_suffix(".plain"))
    with connect(home.path / "spill") as connection:
        connection.execute(f"ATTACH '{plain}' AS plain (READ_ONLY)")
        attach(connection, path, home.key.encryption, alias="encrypted", wait_s=1)
        connection.execute("COPY FROM DATABASE plain TO encrypted")
        connection.execute("DETACH encrypted; DETACH plain")
    plain.unlink()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(KEPT) as archive:
        archive.extractall(folder, filter="data")
    home = Home(folder / "home")
    key = home.path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    for name in ("store.duckdb", "restricted.duckdb"):
        encrypt(home.path / name, home)
    return folder


@pytest.fixture
def old(unpacked: Path, tmp_path: Path) -> Old:
    shutil.copytree(unpacked, tmp_path / "town")
    said: list[str] = []
    return Old(Home(tmp_path / "town" / "home", None, CLOCK, said.append), said)


def test_a_dry_run_says_what_would_change_and_changes_nothing(old: Old) -> None:
    before = old.home.store.read_bytes()
    result = old.call("upgrade", "--dry-run")
    assert result.exit_code == 0
    assert all(name in result.output for name in NEW)
    assert "nothing was changed" in result.output
    assert old.home.store.read_bytes() == before
    assert not old.kept_aside.exists()


def test_the_first_opening_migrates_says_so_and_keeps_the_file_as_it_was(old: Old) -> None:
    before = old.home.store.read_bytes()
    assert read_ledger(old.home).events
    assert [str(old.kept_aside) in line for line in old.said] == [True]
    assert old.kept_aside.read_bytes() == before
    read_ledger(old.home)
    assert len(old.said) == 1  # once
    assert "nothing to upgrade" in old.call("upgrade").output


def test_the_store_stays_locked_after_it_is_copied(old: Old) -> None:
    other = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from tests.flows.home.test_upgrade import try_to_open; try_to_open(sys.argv[2])"
    )
    with open_home_store(old.home):
        assert old.kept_aside.exists()
        command = [sys.executable, "-c", other, str(KEPT.parents[2]), str(old.home.path)]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "StoreBusyError" in tried.stderr


def try_to_open(home: str) -> None:
    open_store(Path(home) / "store.duckdb", Home(Path(home)).key, wait_s=0.1)


def test_a_copy_that_cannot_be_written_leaves_the_store_as_it_was(old: Old) -> None:
    old.kept_aside.with_name(f"{old.kept_aside.name}.part").mkdir()
    before = old.home.store.read_bytes()
    with pytest.raises(StoreError, match="is not migrated, because its copy"):
        read_ledger(old.home)
    assert old.home.store.read_bytes() == before


def test_an_erasure_deletes_the_copy_too(old: Old) -> None:
    read_ledger(old.home)
    assert old.kept_aside.exists()
    erase_person(old.home, "P000001", reader="Records, M. Ito", purpose="right to erasure", reason="court order seven")
    assert not old.kept_aside.exists()
    assert any(str(old.kept_aside) in line for line in old.said[1:])


def test_a_home_without_a_store_is_named_with_the_way_out(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--home", str(tmp_path / "nowhere"), "upgrade"])
    assert isinstance(result.exception, StoreError)
    assert f"harmspot --home {tmp_path / 'nowhere'} init" in str(result.exception)


def test_the_copy_opens_in_the_place_of_the_store(old: Old) -> None:
    events = read_ledger(old.home)
    shutil.copy2(old.kept_aside, old.home.store)
    assert pending_migrations(old.home.store, old.home.key, wait_s=1) == NEW
    assert read_ledger(old.home) == events


def test_reading_a_snapshot_migrates_too(old: Old) -> None:
    as_of = old.home.midnight(date(2026, 1, 4))
    with open_snapshot(old.home.store, old.home.key, as_of=as_of, wait_s=1, progress=old.home.progress) as snapshot:
        [(incidents,)] = snapshot.connection.execute("SELECT count(*) FROM incident_snapshot").fetchall()
    assert incidents > 1000
    assert old.kept_aside.exists()


def test_what_people_decided_still_holds_and_a_run_goes_on_from_the_old_one(old: Old) -> None:
    before = runs(old.home.path)["run_id"].iloc[-1]
    assert runs(old.home.path)["is_usable"].all()  # runs from before there were checks
    lists = shown_lists(old.home, read_ledger(old.home), before).set_index("list_id")
    assert lists.loc[f"person_tier-{before}", "status"] == "draft"  # one person approved it; two must have opened it
    assert {notice.status.state for notice in all_notices(old.home, ["area"])} == {"approved", "draft"}
    with pytest.raises(ExportError, match="nobody approved list"):
        verify_export(old.home, old.home.path.parent / "copy.json")
    later = Home(old.home.path, None, CLOCK + timedelta(days=1), old.said.append)
    with pytest.raises(ClockError, match="audit clock"):
        daily_run(later, date(2026, 1, 5))  # the home lay still since
    accept_clock(later, reason="kept to be upgraded", by="Administrator, A. Lee")
    summary = daily_run(later, date(2026, 1, 5))
    kept = runs(later.path).set_index("run_id")
    assert kept.loc[summary.run_id, "predecessor_run_id"] == before
    assert kept["is_usable"].all()


@pytest.mark.parametrize("opens", [read_ledger, lambda home: pending_migrations(home.store, home.key, wait_s=1)])
def test_a_store_of_a_newer_version_is_refused_in_words(old: Old, opens: Callable[[Home], object]) -> None:
    read_ledger(old.home)
    with connect(old.home.path / "spill") as connection:
        attach(connection, old.home.store, old.home.key.encryption, alias="store", wait_s=1)
        connection.execute("INSERT INTO store.migration VALUES ('0999_later', '9.1.0')")
    with pytest.raises(StoreError, match=r"harmspot 9\.1\.0 wrote this store \(migration 0999_later\).*install that"):
        opens(old.home)


def test_the_run_of_0_1_is_drawn_while_its_files_are_the_same(old: Old, tmp_path: Path) -> None:
    run_id = str(runs(old.home.path)["run_id"].iloc[-1])
    drawn = old.call("layers", "--out", str(tmp_path / "out"))
    assert drawn.exit_code == 0, drawn.exception
    assert set(gpd.read_parquet(tmp_path / "out" / "areas.parquet")["run_id"]) == {run_id}
    areas = old.home.settings.force.areas.path
    assert areas is not None
    areas.write_text(areas.read_text() + "\n")
    refused = old.call("layers", "--out", str(tmp_path / "other"))
    assert "at least one of the files that it was made with is another today" in str(refused.exception)
