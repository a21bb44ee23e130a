"""Consistency of access log and store: truncation is detected, and a clock that went back is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.decisions import lists
from flows.decisions.erasure import erase_person, preview_erasure
from flows.decisions.list_effects import register_effect
from flows.decisions.list_exports import export_list, verify_export
from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.store_access import open_home_store, read_people
from flows.human_log.integrity import accept_clock, check_log
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import read_list
from flows.human_log.list_runs import shown_lists
from flows.users.accounts import HOLDER, add_user, disable, reset_password
from flows.users.login import log_in
from models.governance.list_lifecycle import list_id_of
from pipeline.errors import ClockError, PublicationError, StoreError
from pipeline.store.store import DuckDBStore as Store
from tests.town import CLOCK, TownRun
from tests.users import PASSWORD

READER, PURPOSE, WHY = "Insp. J. Reyes", "approve the list", "evidence read and found sound"
EFFECT = {"outcome": "harm a year on", "comparison": "those just below the list"}


@pytest.fixture(scope="module")
def template(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the town's home, with a list that somebody opened."""
    home = new_home(shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("template") / "home"))
    stop_on = home.today() + timedelta(days=60)
    register_effect(home, "person_tier", stop_on=stop_on, by="Supt. A. Lee", **EFFECT)
    for reader in ("Sgt. A. Bell", READER):
        lists.open_list(home, list_id(town_run), reader=reader, purpose=PURPOSE)
    return home.path


@pytest.fixture
def home(template: Path, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of it for one test."""
    return new_home(shutil.copytree(template, tmp_path / "home"))


def list_id(town_run: TownRun) -> str:
    return list_id_of("person_tier", town_run.summary.run_id)


def verify(path: Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(path), "--clock", CLOCK.isoformat(), "audit", "verify"])


@pytest.mark.parametrize("left", ["nothing", "no file", "all but one", "grown again"])
def test_a_log_that_was_cut_is_found_and_no_list_approved(home: Home, town_run: TownRun, left: str) -> None:
    assert verify(home.path).exit_code == 0
    log = home.access_log.path
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join({"nothing": [], "all but one": lines[:-1]}.get(left, [])))
    if left == "no file":
        log.unlink()
    if left == "grown again":
        for _ in range(2 * len(lines)):
            read_list(home, read_ledger(home), "person_tier", None, reader=READER, purpose="something else")
        lists.open_list(home, list_id(town_run), reader="B. Lee", purpose=PURPOSE)
    found = verify(home.path)
    assert found.exit_code == 1
    assert "restore it from a backup" in found.output
    assert examine(home).set_index("check").loc["access log", "state"] == "fault"
    with pytest.raises(PublicationError, match="is not trusted"):
        lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)
    log.write_bytes(b"".join(lines))
    lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)
    assert check_log(home) == []


def test_a_home_that_is_none_verifies_nothing(tmp_path: Path) -> None:
    done = verify(tmp_path / "typo")
    assert done.exit_code == 1
    assert isinstance(done.exception, StoreError)
    assert "there is no home in" in str(done.exception)
    assert not (tmp_path / "typo").exists()


def test_a_crash_between_log_and_store_leaves_a_log_that_holds(
    home: Home, town_run: TownRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(Store, "record_human_event", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)
    assert check_log(home) == []
    lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)


def test_no_clock_goes_back(home: Home, town_run: TownRun, tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "recipient": "Unit",
        "agreement_id": "ISA-7",
        "reader": READER,
        "purpose": "plan the visits",
    }
    lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)
    export_list(home, list_id(town_run), tmp_path / "copy.json", **said)
    late = replace(home, clock=CLOCK + timedelta(days=100))
    with pytest.raises(Exception, match="expired"):
        verify_export(late, tmp_path / "copy.json")
    verify_export(replace(home, clock=CLOCK - timedelta(minutes=4)), tmp_path / "copy.json")
    read_list(late, read_ledger(late), "person_tier", None, reader=READER, purpose=PURPOSE)
    with open_home_store(home) as store:
        events = store.human_events()
    undone: tuple[Callable[[], Any], ...] = (
        lambda: verify_export(home, tmp_path / "copy.json"),
        lambda: export_list(home, list_id(town_run), tmp_path / "again.json", **said),
        lambda: read_list(home, read_ledger(home), "person_tier", None, reader=READER, purpose=PURPOSE),
    )
    for undo in undone:
        with pytest.raises(
            ClockError, match=r"the clock reads 2026-01-01 12:00 UTC and .* is dated 2026-04-11 12:00 UTC"
        ):
            undo()
    assert not (tmp_path / "again.json").exists()
    with open_home_store(home) as store:
        assert store.human_events().equals(events)


def test_no_clock_blocks_what_protects_people(home: Home, town_run: TownRun) -> None:
    """A read and an event of a century ahead, and still a list is revoked and a person erased, as of now."""
    lists.approve_list(home, list_id(town_run), by=READER, reason=WHY)
    late = replace(home, clock=CLOCK + timedelta(days=36525))
    read_list(late, read_ledger(late), "person_tier", None, reader=READER, purpose=PURPOSE)
    register_effect(late, "dealer_ranking", stop_on=late.today() + timedelta(days=60), by=READER, **EFFECT)
    lists.revoke_list(home, list_id(town_run), by=READER, reason=WHY)
    asked = {"reader": "Records, M. Ito", "purpose": "right to erasure"}
    preview_erasure(home, "P000001", **asked)
    assert erase_person(home, "P000001", **asked, reason="court order seven").is_known
    events = read_ledger(home).events
    assert [event.kind for event in events if event.at == CLOCK][-2:] == ["revoked", "erased"]
    assert shown_lists(home, read_ledger(home), None).set_index("list_id").loc[list_id(town_run), "status"] == "revoked"
    assert check_log(home) == []
    assert home.access_log.back_in_time()  # `audit verify` says that a clock was wrong


def test_no_clock_of_a_run_is_logged_or_recorded(home: Home, town_run: TownRun) -> None:
    """Whoever is not logged in runs a century ahead: in a real home nothing that protects people is blocked."""
    for name in ("rehearsal", "last-run.json"):  # the town's run ended by the system's clock, its log ends years before
        (home.path / name).unlink()
    accept_clock(replace(home, clock=None), reason="it lay still since then", by=READER)
    ahead = ["--home", str(home.path), "--config", str(home.config_file), "--clock", "2126-01-01T12:00:00Z"]
    before = sum(1 for _ in home.access_log.entries())
    CliRunner().invoke(cli, [*ahead, "run", "--as-of", "2026-01-02", "--known-at", CLOCK.isoformat()])
    now = datetime.now(UTC)
    times = [datetime.fromisoformat(entry["at"]) for entry in home.access_log.entries()]
    assert len(times) > before  # the run read about people
    assert max(times) <= now
    assert all(event.at <= now for event in read_ledger(home).events)
    real = Home(home.path, home.config_file, progress=lambda text: None)
    add_user(real, "A. Admin", "administrator", PASSWORD)
    log_in(real, "A. Admin", PASSWORD, "morning tasking")
    lists.revoke_list(real, list_id(town_run), by="A. Admin", reason=WHY)


def test_no_clock_blocks_a_login_an_account_or_an_exception(home: Home, town_run: TownRun) -> None:
    """A log that is a century ahead, of a system whose clock was wrong."""
    late = replace(home, clock=CLOCK + timedelta(days=36525))
    person = read_people(late, "person_tier", reader=READER, purpose=PURPOSE)["person_id"].iloc[0]
    add_user(home, "A. Admin", "administrator", PASSWORD)
    add_user(home, "S. Bell", "supervisor", PASSWORD)
    log_in(home, "A. Admin", PASSWORD, "morning tasking")
    home.session = HOLDER
    reset_password(home, "S. Bell", "another long one")
    disable(home, "S. Bell")
    lists.override_entry(home, list_id(town_run), person, by=READER, reason=WHY, expires_at=CLOCK + timedelta(days=30))
