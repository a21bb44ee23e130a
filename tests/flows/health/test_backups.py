"""A home comes back from its backup as it was, also one that is written to meanwhile, and nothing else comes back."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from flows.command.restore import command as restore_command
from flows.decisions.desk import at_desk
from flows.health import backups
from flows.health.backups import NOTE, back_up, restore
from flows.home.home import Home
from flows.human_log.integrity import check_log
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.users.login import log_in
from pipeline.errors import KeyFileError, StoreError
from pipeline.privacy.keys import read_key
from pipeline.publication.publish import read_published, read_restricted, runs
from pipeline.publication.tables import read_tables
from tests import poison
from tests.flows.command.test_command import harmspot
from tests.town import AS_OF, CLOCK, TownRun
from tests.users import PASSWORD, name_in


@pytest.fixture
def home(new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A home with a few incidents."""
    home = new_home(tmp_path / "home", CLOCK)
    load_file(home, incidents(tmp_path, range(5)), None)
    return home


def incidents(folder: Path, numbers: range) -> Path:
    file = folder / f"incidents-{numbers.start}.jsonl"
    file.write_bytes(b"\n".join(poison.good(number) for number in numbers))
    return file


def restored(home: Home, folder: Path, name: str = "again") -> Home:
    again = Home(home.path.with_name(name), home.config_file, home.clock, lambda text: None)
    restore(again, folder, *read_key(home.path / "key"))
    return again


def test_a_restored_home_has_the_same_tables_and_the_same_next_run(town_run: TownRun, tmp_path: Path) -> None:
    home = Home(shutil.copytree(town_run.home.path, tmp_path / "home"), town_run.home.config_file, CLOCK)
    home.log_access("show people", {}, reader="Insp. J. Reyes", purpose="morning tasking")
    back_up(home, tmp_path / "backup")
    again = restored(home, tmp_path / "backup")
    assert check_log(again) == []
    assert not daily_run(again, AS_OF).is_new  # the run is there
    for name, table in read_tables().published.items():
        if table.is_of_one_run:
            assert read_published(again.path, name).equals(read_published(home.path, name)), name
    read = {"reader": "A. Uditor", "purpose": "to compare the backup", "now": CLOCK}
    people = [
        read_restricted(each.path, each.key, "person_tier", log=each.access_log, **read) for each in (home, again)
    ]
    assert people[0].equals(people[1])
    before, after = (daily_run(each, AS_OF - timedelta(days=1)) for each in (home, again))
    assert (after.run_id, after.is_new) == (before.run_id, True)
    assert runs(again.path)["run_id"].tolist() == runs(home.path)["run_id"].tolist()


def test_what_is_written_meanwhile_is_in_whole_batches(home: Home, tmp_path: Path) -> None:
    loads = [incidents(tmp_path, range(10 * n, 10 * n + 10)) for n in range(1, 7)]
    writer = Thread(target=lambda: [load_file(home, file, None) for file in loads])
    writer.start()
    try:
        while not (tmp_path / "backup").exists():
            back_up(Home(home.path, home.config_file, CLOCK, home.progress), tmp_path / "backup")
    finally:
        writer.join()
    again = restored(home, tmp_path / "backup")
    counts = [load_file(again, file, None) for file in loads]
    held = [each.duplicates for each in counts]
    assert {(each.stored, each.duplicates) for each in counts} <= {(10, 0), (0, 10)}  # all of a batch or nothing
    assert held == sorted(held, reverse=True)  # and nothing without what came before


def test_users_and_their_sessions_come_back(real_home: Home, token_of: Callable[[str], str], tmp_path: Path) -> None:
    back_up(real_home, tmp_path / "backup")
    again = restored(real_home, tmp_path / "backup")
    assert [user.user_id for user in again.users.all()] == [user.user_id for user in real_home.users.all()]
    assert log_in(again, name_in("auditor"), PASSWORD, "to try the backup")


def test_a_backup_holds_no_key_and_only_its_owner_reads_it(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "backup")
    secret = (home.path / "key").read_bytes().strip()
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert all(secret not in path.read_bytes() for path in (tmp_path / "backup").iterdir())


def test_a_file_that_was_changed_or_taken_away_is_named_and_nothing_is_made(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "backup")
    for path in sorted((tmp_path / "backup").iterdir()):
        for damage in (lambda whole: whole[:-1] + b"?", None):
            damaged = Path(shutil.copytree(tmp_path / "backup", tmp_path / "damaged"))
            if damage:
                (damaged / path.name).write_bytes(damage(path.read_bytes()))
            else:
                (damaged / path.name).unlink()
            with pytest.raises(StoreError, match=path.name):
                restored(home, damaged)
            shutil.rmtree(damaged)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"home", "backup"}


def test_another_key_and_a_home_that_is_there_are_refused(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "backup")
    other = tmp_path / "other-key"
    other.write_text("ab" * 32)
    done = harmspot("--home", tmp_path / "again", "restore", tmp_path / "backup", "--key-file", other)
    assert (done.returncode, "of another home than the key's" in done.stderr) == (1, True)
    assert not (tmp_path / "again").exists()
    with pytest.raises(StoreError, match="is there and not empty"):
        restored(home, tmp_path / "backup", name="home")
    with pytest.raises(StoreError, match="is there and not empty"):
        back_up(home, tmp_path / "backup")
    other.write_text("no key")
    with pytest.raises(KeyFileError, match="holds no valid key"):
        read_key(other)


def test_who_is_stopped_leaves_no_backup(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "_write_note", full)
    with pytest.raises(OSError, match="No space"):
        back_up(home, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["home"]
    with at_desk(home):  # and nothing is locked
        pass


def test_the_commands_back_up_and_restore(home: Home, tmp_path: Path) -> None:
    done = harmspot("--home", home.path, "backup", tmp_path / "backup")
    assert done.returncode == 0 and "keep a copy of" in done.stderr and NOTE not in done.stdout
    assert restore_command.params[1].required
    done = harmspot("--home", tmp_path / "again", "restore", tmp_path / "backup", "--key-file", home.path / "key")
    assert done.returncode == 0 and "is as it was at" in done.stdout
