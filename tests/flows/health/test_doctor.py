"""Findings of the doctor on the store, its queues, the clock and a broker that does not answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from flows.decisions.desk import at_desk
from flows.health.doctor import LEAST_FREE_BYTES, LEAST_SPARE_BYTES, examine
from flows.home.cron_lines import refuse_bad_cron
from flows.home.home import Home
from flows.ingest.ingest import load_file
from models.governance.actors import MACHINE
from pipeline.errors import SettingsError
from pipeline.messages.outbox import make_message
from pipeline.store.human_events import HumanEvent
from pipeline.store.store import open_store
from tests import poison

CLOCK = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(new_home: Callable[..., Home], tmp_path: Path) -> Home:
    home = new_home(tmp_path / "home", CLOCK)
    file = tmp_path / "events.jsonl"
    file.write_bytes(
        b"\n".join([poison.good(1), poison.encode(poison.incident(2, offence_code="unheard_of")), b"{", b"{]"])
    )
    load_file(home, file, None)
    return home


def findings(home: Home) -> pd.DataFrame:
    return examine(home).set_index("check")


def test_dead_letters_are_counted_by_reason_with_the_way_out(home: Home) -> None:
    found = findings(home)
    assert (found.loc["dead letters: not_json", "state"], found.loc["dead letters: not_json", "value"]) == (
        "warning",
        2,
    )
    assert "replay" in found.loc["dead letters: unknown_offence_code", "detail"]
    assert found.loc["outbox", "state"] == "ok"
    assert found.loc["kafka", "detail"] == "not among ingest.sources"


def test_messages_that_wait_are_told_by_topic(home: Home) -> None:
    with open_store(home.store, home.key, wait_s=0) as store:
        store.add_messages([make_message("changes", "a", "harmspot.place.changed.v1", {"n": 1}, time=CLOCK)], CLOCK)
    assert findings(home).loc["outbox: changes", "value"] == 1


def test_a_clock_behind_the_store_is_told(home: Home) -> None:
    assert findings(home).loc["clock", "state"] == "ok"
    home.clock = CLOCK - timedelta(hours=1)
    found = findings(home).loc["clock"]
    assert (found["state"], found["value"]) == ("warning", 3600)
    home.clock = CLOCK - timedelta(days=1)
    assert findings(home).loc["clock", "state"] == "fault"


def test_a_clock_behind_the_access_log_is_told(home: Home) -> None:
    ahead = Home(home.path, home.config_file, CLOCK + timedelta(days=400), home.progress)
    ahead.log_access("show people", {}, reader="Insp. J. Reyes", purpose="morning tasking")
    found = findings(home).loc["clock"]
    assert found["state"] == "fault" and "behind the last entry of the access log" in found["detail"]


@pytest.mark.parametrize("line", ["61 5 * * *", "daily", "", "0 24 * * *", "R R * * *"])
@pytest.mark.parametrize("which", ["daily", "late"])
def test_a_line_that_is_no_cron_line_is_a_fault_and_is_not_served(
    home: Home, which: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HARMSPOT__SCHEDULE__{which.upper()}", line or '""')
    again = Home(home.path, home.config_file, CLOCK, home.progress)
    found = findings(again).loc["schedule"]
    assert found["state"] == "fault" and f"schedule.{which}={line!r} is no cron line" in found["detail"]
    with pytest.raises(SettingsError, match="is no cron line"):
        refuse_bad_cron(again.settings)


def test_a_disk_on_which_no_run_fits_is_a_fault(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def free(size: int) -> pd.Series:
        monkeypatch.setattr("flows.health.doctor.shutil.disk_usage", lambda path: SimpleNamespace(free=size))
        return findings(home).loc["home"]

    home.published.write_bytes(b"?" * 1000)
    assert free(LEAST_SPARE_BYTES + 999)["state"] == "fault"
    assert "may not fit" in free(LEAST_SPARE_BYTES + 1000)["detail"]
    assert free(LEAST_FREE_BYTES)["state"] == "ok"


def test_a_publication_that_is_gone_is_a_fault(home: Home) -> None:
    assert findings(home).loc["publication", "state"] == "warning"  # no run yet
    with at_desk(home) as desk:
        desk.record(HumanEvent("began", MACHINE, "run", "0" * 16, home.now()))
    found = findings(home).loc["publication"]
    assert found["state"] == "fault" and "is missing or empty, though there were runs" in found["detail"]


def test_a_store_that_is_being_written_is_left_to_its_writer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.health.doctor.STORE_WAIT_S", 0.1)
    monkeypatch.setenv("HARMSPOT__STORE__WAIT_S", "0.1")
    with open_store(home.store, home.key, wait_s=0):
        found = findings(Home(home.path, home.config_file, CLOCK, home.progress)).loc["store"]
    assert found["state"] == "warning" and "is held by" in found["detail"]


@pytest.mark.parametrize("damage", [lambda whole: whole[:5000], lambda whole: whole[:4100] + b"?" * 99 + whole[4199:]])
def test_a_damaged_store_is_told_with_the_way_out(home: Home, damage: Callable[[bytes], bytes]) -> None:
    home.store.write_bytes(damage(home.store.read_bytes()))
    found = findings(home).loc["store"]
    assert found["state"] == "fault" and "is damaged" in found["detail"] and "backup" in found["detail"]


def test_a_broker_that_does_not_answer_is_told_in_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("HARMSPOT__INGEST__SOURCES", "[kafka]")
    found = findings(Home(home.path, home.config_file, CLOCK, home.progress)).loc["kafka"]
    assert found["state"] == "fault" and "No Kafka broker answers at 127.0.0.1:1" in found["detail"]


def test_a_day_without_a_run_is_told_where_no_schedule_ever_served(run_home: Home) -> None:
    today, tomorrow = CLOCK, CLOCK + timedelta(days=1)
    states = {
        at: findings(Home(run_home.path, run_home.config_file, at, run_home.progress)).loc["schedule"]
        for at in (today, tomorrow)
    }
    assert states[today]["state"] == "ok"
    assert states[tomorrow]["state"] == "warning"
    assert "no run for today, due at 2026-01-02 05:00" in states[tomorrow]["detail"]
    assert "run` does it" in states[tomorrow]["detail"]
