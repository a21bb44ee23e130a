"""A clock far ahead of a home is refused before it binds anything; a log that is ahead stops no ranking of places."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.decisions.desk import at_desk
from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.integrity import accept_clock, check_log
from flows.human_log.ledger import read_ledger
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.users.accounts import add_user
from flows.users.login import log_in
from pipeline.clock import LEAP
from pipeline.errors import ClockError
from pipeline.privacy.keys import create_key
from pipeline.store.human_events import HumanEvent
from tests.flows.command.test_command import harmspot
from tests.town import AS_OF, CLOCK, TownRun, event
from tests.users import PASSWORD

NOW = datetime.now(UTC)
AHEAD = NOW + timedelta(days=5 * 366)
READ = {"reader": "Reader, A. Lee", "purpose": "plan the visits"}
STAFFING = {"area_id": "A01", "starts_at": "2025-06-01T06:00:00Z", "ends_at": "2025-06-01T14:00:00Z"}
SIGNED = {"found": "nothing odd", "report": "a.pdf", "report_sha256": "0" * 64, "made_at": CLOCK}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock of the system, as harmspot reads it."""
    return lambda moment: monkeypatch.setattr(Home, "now", lambda home: home.clock or moment)


@pytest.fixture
def home(tmp_path: Path, town_run: TownRun, at: Callable[[datetime], None]) -> Home:
    """A home that is no rehearsal, with one batch and one act, recorded now."""
    at(NOW)
    home = Home(tmp_path / "home", town_run.home.config_file, progress=lambda text: None)
    create_key(home.path)
    (tmp_path / "events.jsonl").write_text(event("incident.recorded", "one", STAFFING))
    load_file(home, tmp_path / "events.jsonl", None)
    begin(home)
    return home


def clock_of(home: Home) -> tuple[str, str]:
    return tuple(examine(home).set_index("check").loc["clock", ["state", "detail"]])


def begin(home: Home) -> None:
    """Record something, as a run or a decision does."""
    with at_desk(home) as desk:
        desk.record(HumanEvent("began", "harmspot", "run", "r_1", desk.home.now()))


def test_a_home_that_was_loaded_under_a_typed_clock_is_compared_with_its_acts_alone(home: Home) -> None:
    new = replace(home, path=home.path.parent / "new", clock=CLOCK - timedelta(days=900))
    new.path.mkdir()
    create_key(new.path)
    load_file(new, home.path.parent / "events.jsonl", None)
    begin(replace(new, clock=None))


def test_a_clock_far_ahead_stores_runs_and_logs_nothing_until_it_is_right_again(
    home: Home, tmp_path: Path, at: Callable[[datetime], None]
) -> None:
    at(AHEAD)
    recorded = (home.access_log.mark(), read_ledger(home).events)
    for act in (
        lambda: daily_run(home, home.today()),
        lambda: load_file(home, tmp_path / "events.jsonl", None),
        lambda: begin(home),
    ):
        with pytest.raises(ClockError, match=r"1830 days after the last record .* audit clock --reason TEXT"):
            act()
    assert (home.access_log.mark(), read_ledger(home).events) == recorded
    assert not home.published.exists()
    assert clock_of(home) == ("fault", clock_of(home)[1])
    assert "audit clock" in clock_of(home)[1]
    at(NOW + timedelta(minutes=1))
    begin(home)
    assert clock_of(home)[0] == "ok"


def test_an_administrator_accepts_a_clock_and_the_log_keeps_it(home: Home, at: Callable[[datetime], None]) -> None:
    add_user(home, "Administrator, A. Lee", "administrator", PASSWORD)
    at(NOW + LEAP + timedelta(days=1))
    log_in(home, "Administrator, A. Lee", PASSWORD, "to accept the clock")  # whoever accepts it logs in first
    with pytest.raises(ClockError):
        begin(home)
    with pytest.raises(ClockError):
        home.log_access("read", {}, **READ)
    accept_clock(home, reason="the pilot rested over the summer", by="Administrator, A. Lee")
    entry = list(home.access_log.entries())[-1]
    assert (entry["action"], entry["reader"]) == ("clock_accepted", "Administrator, A. Lee")
    begin(home)
    home.log_access("read", {}, **READ)
    assert clock_of(home)[0] == "ok"
    assert (check_log(home), home.access_log.back_in_time()) == ([], [])
    with pytest.raises(ClockError, match="nothing to accept"):
        accept_clock(home, reason="the pilot rested over the summer", by="Administrator, A. Lee")


def test_a_login_under_a_clock_far_ahead_binds_nobody_once_it_is_right(
    home: Home, at: Callable[[datetime], None]
) -> None:
    add_user(home, "Administrator, A. Lee", "administrator", PASSWORD)
    at(AHEAD)
    log_in(home, "Administrator, A. Lee", PASSWORD, "to look around")
    at(NOW + timedelta(minutes=1))
    home.log_access("read", {}, **READ)
    assert clock_of(home)[0] == "ok"


def test_the_command_accepts_a_clock_with_the_key(home: Home) -> None:
    said = harmspot("--home", home.path, "audit", "clock", "--with-key", "--reason", "nothing is wrong here")
    assert (said.returncode, "nothing to accept" in said.stderr) == (1, True)
    said = harmspot("--home", home.path, "audit", "clock", "--reason", "nothing is wrong here")
    assert (said.returncode, "has no users" in said.stderr) == (1, True)


def test_places_are_ranked_while_the_log_of_people_is_ahead_and_nobody_reads(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = new_home(shutil.copytree(town_run.home.path, tmp_path / "home"), clock=CLOCK + timedelta(days=1))
    ahead = CLOCK + timedelta(days=900)
    new_home(home.path, clock=ahead).log_access("read", {}, **READ)
    with open_home_store(home) as store:
        store.record_human_event(HumanEvent("audited", "Auditor, A. Lee", "audit", "fairness", ahead, SIGNED))
    summary = daily_run(home, AS_OF + timedelta(days=1))
    assert summary.is_new
    assert home.access_log.last_at() == ahead  # the run's own entries bind nothing earlier
    with pytest.raises(ClockError, match="is dated 2028-06-19"):
        home.log_access("read", {}, **READ)
    with open_home_store(home) as store, pytest.raises(ClockError):
        store.record_human_event(HumanEvent("audited", "Auditor, A. Lee", "audit", "fairness", CLOCK, SIGNED))
    assert clock_of(home)[0] == "fault"
    assert check_log(home) == []


@pytest.mark.parametrize("minutes", [-4, 0, 31 * 24 * 60])
def test_clocks_within_the_skew_and_a_month_are_taken(
    home: Home, at: Callable[[datetime], None], minutes: float
) -> None:
    at(NOW + timedelta(minutes=minutes))
    begin(home)
