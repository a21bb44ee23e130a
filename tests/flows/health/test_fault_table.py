"""What an operator broke, row by row: what log, exit code, metrics, alerts and `doctor` say, and that the way out works.

A row is broken in a copy of a home with a run, in which a command meets it. Faults that need a broker or the Prefect
server are in tests/integration (`test_stream.py`, `test_schedule.py`); `test_rows_that_stand_elsewhere` names them.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from flows.home.home import Home
from flows.home.log import FORMAT_VARIABLE, LogSettings, follow
from flows.home.served import only_schedule
from pipeline.database import attach, connect
from pipeline.publication.publish import runs
from pipeline.store.store import open_store
from tests import poison
from tests.disk import no_file_beyond
from tests.flows.health.ground import NEEDED, Ground, Look, assert_fires, log_lines
from tests.killed import killed
from tests.town import AS_OF, CLOCK, TownRun

pytestmark = NEEDED
HOUR = timedelta(hours=1)
SAID = ("--purpose", "morning tasking", "--reader", "Insp. J. Reyes")
FULL = ("HarmspotCheckFault/home", "HarmspotDiskFull", "HarmspotRunFailed")


@dataclass(frozen=True)
class Fault:
    """A row of the table: what breaks and mends it, the command that meets it, and what is said of it."""

    breaks: Callable[[Ground], object]
    meets: tuple[str, ...]  # a command, or none where no command meets it
    mends: Callable[[Ground], object]
    code: int = 1
    log: tuple[str, str] | None = ("error", "")  # level and words of the line that says it
    error: str | None = None  # its type
    figures: Mapping[tuple[str, ...], float | None] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    doctor: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # check → state and words
    left: Mapping[str, str] = field(default_factory=dict)  # check → state that stays after the mending


def backed_up(ground: Ground) -> None:
    ground.done("backup", ground.folder / "backup")


def restored(ground: Ground) -> None:
    """Restore the backup where the broken home stood, which is moved away first."""
    key = ground.folder / "key"
    shutil.copy(ground.kept.get("key", ground.home.path / "key"), key)
    ground.home.path.rename(ground.folder / "broken")
    ground.done("restore", ground.folder / "backup", "--key-file", key)
    ground.patch.undo()


def run_again(ground: Ground) -> None:
    ground.patch.undo()
    done = ground.run("--as-of", str(AS_OF))
    assert done.returncode == 0, done.stderr


def lose(*names: str) -> Callable[[Ground], None]:
    def breaks(ground: Ground) -> None:
        backed_up(ground)
        for name in names:
            (ground.home.path / name).unlink()

    return breaks


def set_variable(name: str, value: str) -> Callable[[Ground], None]:
    def breaks(ground: Ground) -> None:
        ground.patch.setenv(name, value)
        ground.forget_settings()

    return breaks


def undo(ground: Ground) -> None:
    ground.patch.undo()
    ground.forget_settings()


def clock_years_ahead(ground: Ground) -> None:
    """A home of real people, used now; then NTP is wrong at boot."""
    (ground.home.path / "rehearsal").unlink()
    ground.home.clock = None
    now, ground.kept["now"] = CLOCK + 5 * timedelta(days=366), CLOCK
    ground.patch.setattr(Home, "now", lambda home: home.clock or now)
    ground.forget_settings()


def clock_right_again(ground: Ground) -> None:
    ground.patch.setattr(Home, "now", lambda home: home.clock or CLOCK)
    assert ground.run("--as-of", str(AS_OF)).returncode == 0


def file_of_another_home(ground: Ground) -> None:
    shutil.copy(ground.home.published, ground.folder / "own.duckdb")
    with connect() as connection:
        attach(connection, ground.home.published, None, alias="other")
        connection.execute("UPDATE other.run SET home_name = 'h_another'")


def own_file_again(ground: Ground) -> None:
    shutil.copy(ground.folder / "own.duckdb", ground.home.published)


def key_twice(ground: Ground) -> None:
    config = ground.home.config_file
    assert config
    copy = shutil.copytree(config.parent, ground.folder / "town", ignore=shutil.ignore_patterns("events", "truth"))
    ground.kept["config"], ground.home.config_file = config, copy / config.name
    with ground.home.config_file.open("a") as file:
        file.write("force: {name: Another}\n")
    ground.forget_settings()


def key_once(ground: Ground) -> None:
    ground.home.config_file = ground.kept["config"]
    ground.forget_settings()


def record_with_a_key_twice(ground: Ground) -> None:
    once = poison.encode({**poison.incident(7), "id": "once"})
    twice = once.replace(b'"version":', b'"version":2,"version":', 1)
    assert twice != once
    for name, line in (("sent.jsonl", twice), ("again.jsonl", once)):
        (ground.folder / name).write_bytes(line + b"\n")
    ground.kept["waiting"] = ground.waiting()


def full_disk(ground: Ground) -> None:
    """No file takes more; the figures are those of a disk with 1 MB."""
    ground.patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    ground.kept["limit_bytes"] = 3_000
    ground.kept["before"] = ground.home.published.read_bytes()


def room_again(ground: Ground) -> None:
    assert ground.home.published.read_bytes() == ground.kept["before"]
    assert not list(ground.home.path.glob("*.new*"))
    ground.kept.clear()
    run_again(ground)


def killed_in_a_run(ground: Ground) -> None:
    """A schedule that served the home is killed in the run of the next day, and nobody comes."""
    with only_schedule(ground.home.path):
        pass
    ground.home.clock = CLOCK + timedelta(days=1)
    (ground.home.path / "last-run.json").unlink()
    words = ["--config", str(ground.home.config_file), "--clock", ground.home.clock.isoformat()]
    assert killed(ground.home.path, [*words, "run", "--without-prefect"], 0.0, appeared="last-run.json")


def half_an_entry(tail: bytes) -> Callable[[Ground], None]:
    def breaks(ground: Ground) -> None:
        ground.done("show", "people", *SAID)
        with ground.home.access_log.path.open("ab") as file:
            file.write(tail)

    return breaks


def read_again(ground: Ground) -> None:
    ground.done("show", "people", *SAID)
    assert list(ground.home.path.glob("access.log.unfinished-*"))
    assert "the chain is intact" in ground.done("audit", "verify")


def migration_edited(ground: Ground) -> None:
    backed_up(ground)
    with connect() as connection:
        attach(connection, ground.home.store, ground.home.key.encryption, alias="edited")
        connection.execute("DELETE FROM edited.migration WHERE name LIKE '0005%'")


def broker_down(ground: Ground) -> None:
    set_variable("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")(ground)
    set_variable("HARMSPOT__INGEST__SOURCES", "[kafka]")(ground)


def nothing_to_rank(ground: Ground) -> None:
    """The window of the run holds nothing, as after a load that failed: published to be looked at."""
    set_variable("HARMSPOT__PLACES__WINDOW_DAYS", "30")(ground)
    ground.home.clock = CLOCK + timedelta(days=300)


TABLE: dict[str, Fault] = {
    "a clock years ahead": Fault(
        clock_years_ahead,
        ("run", "--without-prefect", "--as-of", str(AS_OF)),
        clock_right_again,
        log=("error", "audit clock --reason TEXT"),
        error="ClockError",
        figures={("last_run_outcome", "failed"): 1, ("check_state", "clock"): 2},
        alerts=("HarmspotCheckFault/clock", "HarmspotRunFailed"),
        doctor={"clock": ("fault", "days after the last record of the home")},
    ),
    "the store is gone": Fault(
        lose("store.duckdb"),
        ("run", "--without-prefect"),
        restored,
        log=("error", "restore it from a backup"),
        error="StoreError",
        figures={("check_state", "store"): 2, ("home_file_bytes", "store.duckdb"): None},
        alerts=("HarmspotCheckFault/store",),
        doctor={"store": ("fault", "restore it from a backup, with the key")},
    ),
    "half an entry of the access log": Fault(
        half_an_entry(b'{"action":"show pe'),
        ("audit", "verify"),
        read_again,
        code=0,
        log=("warning", "18 bytes at the end"),
        figures={("check_state", "access log"): 1},
        doctor={"access log": ("warning", "the next entry sets it aside")},
    ),
    "NULs at the end of the access log": Fault(
        half_an_entry(b"\0" * 40),
        ("audit", "verify"),
        read_again,
        code=0,
        log=("warning", "40 bytes at the end"),
        figures={("check_state", "access log"): 1},
        doctor={"access log": ("warning", "the next entry sets it aside")},
    ),
    "the published file of another home": Fault(
        file_of_another_home,
        ("layers",),
        own_file_again,
        log=("error", "holds runs of another home"),
        error="PublicationError",
        figures={("check_state", "published rows"): 2},
        alerts=("HarmspotCheckFault/published rows",),
        doctor={"published rows": ("fault", "restore this home's own")},
    ),
    "a key of the settings that stands twice": Fault(
        key_twice,
        ("run", "--without-prefect"),
        key_once,
        log=("error", "this key stands twice"),
        error="SettingsError",
        figures={("check_state", "settings"): 2},
        alerts=("HarmspotCheckFault/settings",),
        doctor={"settings": ("fault", "this key stands twice")},
    ),
    "a key of a record that stands twice": Fault(
        record_with_a_key_twice,
        ("load", "sent.jsonl"),
        lambda ground: ground.done("load", ground.folder / "again.jsonl"),
        code=0,
        log=("info", "1 rows, 0 stored, 1 dead"),
        figures={("dead_letters", "repeated_key"): 1, ("check_state", "dead letters"): 1},
        alerts=("HarmspotDeadLetters",),
        doctor={"dead letters: repeated_key": ("warning", "fix their cause")},
    ),
    "a full disk": Fault(
        full_disk,
        ("run", "--without-prefect"),
        room_again,
        log=("error", "the disk is full"),
        figures={("home_free_bytes",): 1_000_000, ("check_state", "home"): 2, ("last_run_outcome", "failed"): 1},
        alerts=FULL,
        doctor={"home": ("fault", "they do not fit; make room")},
    ),
    "the published file is gone": Fault(
        lose("published.duckdb"),
        ("show", "areas"),
        restored,
        log=("error", "restore"),
        error="PublicationError",
        figures={("kept_runs",): 0, ("check_state", "publication"): 2},
        alerts=("HarmspotCheckFault/publication",),
        doctor={"publication": ("fault", "is missing or empty, though there were runs")},
    ),
    "a line that is no cron line": Fault(
        set_variable("HARMSPOT__SCHEDULE__DAILY", "61 5 * * *"),
        ("schedule",),
        undo,
        log=("error", "is no cron line"),
        error="SettingsError",
        figures={("check_state", "schedule"): 2},
        alerts=("HarmspotCheckFault/schedule",),
        doctor={"schedule": ("fault", "is no cron line")},
    ),
    "a number of a migration edited": Fault(
        migration_edited,
        ("show", "people", *SAID),
        restored,
        log=("error", "restore it from a backup"),
        error="StoreError",
        figures={("check_state", "store"): 2},
        alerts=("HarmspotCheckFault/store",),
        doctor={"store": ("fault", "restore it from a backup")},
    ),
    "a broker that is down": Fault(
        broker_down,
        ("run", "--without-prefect", "--as-of", str(AS_OF)),
        run_again,
        log=("error", "No Kafka broker answers at 127.0.0.1:1"),
        error="BrokerError",
        figures={("last_run_outcome", "failed"): 1, ("check_state", "kafka"): 2},
        alerts=("HarmspotCheckFault/kafka", "HarmspotRunFailed"),
        doctor={"kafka": ("fault", "No Kafka broker answers")},
    ),
    "a single underscore in a variable": Fault(
        set_variable("HARMSPOT_SCHEDULE_DAILY", "0 5 * * *"),
        ("run", "--without-prefect"),
        undo,
        log=("error", "two underscores stand before each part"),
        error="SettingsError",
        figures={("check_state", "settings"): 2},
        alerts=("HarmspotCheckFault/settings",),
        doctor={"settings": ("fault", "two underscores")},
    ),
}


@pytest.fixture
def ground(town_run: TownRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A copy of the home with the town's run; what commands say is JSON."""
    path = Path(shutil.copytree(town_run.home.path, tmp_path / "home"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100 * 10**9))
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        yield Ground(Home(path, town_run.home.config_file, CLOCK, lambda text: None), tmp_path, patch)
    follow(LogSettings("text", None))


@pytest.fixture(scope="module")
def healthy(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """What is seen of the home before anything is broken."""
    path = Path(shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("healthy") / "home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100 * 10**9))
        return Ground(Home(path, town_run.home.config_file, CLOCK, lambda text: None), path.parent, patch).look()


@pytest.mark.parametrize("name", TABLE)
def test_a_fault_is_said_five_times_and_its_way_out_works(name: str, ground: Ground, healthy: Look) -> None:
    fault = TABLE[name]
    assert healthy.exit_code == 0
    fault.breaks(ground)
    with no_file_beyond(ground.kept.get("limit_bytes", -1)):
        done = ground.do(*fault.meets)
    assert done.returncode == fault.code, done.stderr
    if fault.log:
        level, words = fault.log
        lines = [line for line in log_lines(done) if line["level"] == level and words in line["message"]]
        assert lines, done.stderr
        assert fault.error in (None, lines[-1].get("error"))
    broken = ground.look()
    for (figure, *labels), value in fault.figures.items():
        assert broken.told(figure, *labels) == value, figure
        assert healthy.told(figure, *labels) != value, figure
    for check, (state, words) in fault.doctor.items():
        assert broken.checks[check][0] == state and words in broken.checks[check][1], broken.checks[check]
    others = {check for check, (state, _) in broken.checks.items() if state == "fault"} - set(fault.doctor)
    assert not others
    assert broken.exit_code == int(any(state == "fault" for state, _ in fault.doctor.values()))
    fault.mends(ground)
    mended = ground.look()
    assert mended.exit_code == 0, mended.checks
    assert_fires(ground.folder, [(healthy, 2 * HOUR, {}), (broken, HOUR, dict.fromkeys(fault.alerts, 1)), (mended, 3 * HOUR, {})])
