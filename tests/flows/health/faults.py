"""The faults of the operator's table that a home and a command suffice for, each with what is said of it.

`test_fault_table.py` causes them.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from models.governance.list_lifecycle import list_id_of
from pipeline.database import attach, connect
from pipeline.publication.publish import Shown, project, runs
from tests import poison
from tests.flows.health.ground import Ground
from tests.town import AS_OF, CLOCK, approve_tiers, read_people

SAID = ("--purpose", "morning tasking", "--reader", "Insp. J. Reyes")
FULL = ("HarmspotCheckFault/growth", "HarmspotCheckFault/home", "HarmspotDiskFull")


@dataclass(frozen=True)
class Fault:
    """A row of the table: what breaks and mends it, the command that meets it, and what is said of it."""

    breaks: Callable[[Ground], object]
    meets: tuple[str, ...]  # a command, or none where no command meets it
    mends: Callable[[Ground], object]
    code: int = 1
    log: tuple[str, str] | None = None  # level and words of the line that says it
    error: str | None = None  # its type
    figures: Mapping[tuple[str, ...], float | None] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    doctor: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # check → state and words
    is_long: bool = False  # it takes whole runs


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
    now, ground.right_now = CLOCK + 5 * timedelta(days=366), CLOCK
    ground.patch.setattr(Home, "now", lambda home: home.clock or now)
    ground.forget_settings()


def clock_right_again(ground: Ground) -> None:
    ground.patch.setattr(Home, "now", lambda home: home.clock or CLOCK)
    assert ground.run("--as-of", str(AS_OF)).returncode == 0


def file_of_another_home(ground: Ground) -> None:
    own = ground.home.path
    ground.enter(ground.folder / "other")
    ground.done("init")
    shutil.copy(own / "published.duckdb", ground.home.path)


def moved_away(ground: Ground) -> None:
    ground.home.published.rename(ground.folder / "moved.duckdb")
    assert ground.look().checks["publication"][0] == "warning"  # no run yet


def no_configuration(ground: Ground) -> None:
    ground.kept["config"] = ground.home.config_file
    ground.home.config_file = None
    ground.enter(ground.folder / "other")


def configuration_named(ground: Ground) -> None:
    ground.home.config_file = ground.kept["config"]
    ground.done("init", "--same-force")
    assert "configuration" not in ground.look().checks["settings"][1]


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


def full_disk(ground: Ground, limit_bytes: int = 3_000) -> None:
    """No file takes more; the figures are those of a disk with 1 MB."""
    (ground.folder / "sent.jsonl").write_bytes(b"\n".join(map(poison.good, range(300))))
    ground.patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    ground.kept |= {"limit_bytes": limit_bytes, "before": ground.home.published.read_bytes()}


def full_disk_in_a_run(ground: Ground) -> None:
    """The run of the next day, whose publication does not fit."""
    ground.go_on_to(CLOCK + timedelta(days=1))
    full_disk(ground, ground.home.published.stat().st_size // 2)


def room_again(*words: str) -> Callable[[Ground], None]:
    def mends(ground: Ground) -> None:
        assert ground.home.published.read_bytes() == ground.kept["before"]
        assert not list(ground.home.path.glob("*.new*"))  # they would keep the disk full
        ground.patch.undo()
        ground.done(*words)

    return mends


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


def killed_in_an_approval(ground: Ground) -> None:
    """The approval is in the store, and no publication shows it yet."""
    run_id = str(runs(ground.home.path)["run_id"].iloc[-1])
    ground.kept["list"] = list_id_of("person_tier", run_id)

    def killing(path: Path, shown: Shown, **options: Any) -> object:
        if len(shown.tables["approval"]):
            raise KeyboardInterrupt
        return project(path, shown, **options)

    ground.patch.setattr("flows.decisions.desk.project", killing)
    with pytest.raises(KeyboardInterrupt):
        approve_tiers(ground.home, run_id)
    ground.patch.undo()
    assert not approvals(ground)


def approvals(ground: Ground) -> list[str]:
    shown = read_people(ground.home, "approval", str(runs(ground.home.path)["run_id"].iloc[-1]))
    return list(shown["list_id"])


def approval_stands(ground: Ground) -> None:
    assert approvals(ground) == [ground.kept["list"]]
    assert len([event for event in read_ledger(ground.home).events if event.kind == "approved"]) == 1


TABLE: dict[str, Fault] = {
    "a clock years ahead": Fault(
        clock_years_ahead,
        ("run", "--without-prefect", "--as-of", str(AS_OF)),
        clock_right_again,
        log=("error", "audit clock --reason TEXT"),
        error="ClockError",
        figures={("last_run_outcome", "failed"): 1, ("check_state", "clock"): 2},
        # The reports of the audits are years old by that clock, and say so.
        alerts=("HarmspotCheckFault/audits", "HarmspotCheckFault/clock", "HarmspotHalted", "HarmspotRunFailed"),
        doctor={"clock": ("fault", "days after the last record of the home"), "audits": ("fault", "HALTED")},
    ),
    "the store is gone": Fault(
        lose("store.duckdb"),
        ("run", "--without-prefect"),
        restored,
        log=("error", "restore it from a backup"),
        error="StoreError",
        figures={("check_state", "store"): 2, ("home_file_bytes", "store.duckdb"): None},
        alerts=("HarmspotCheckFault/store",),
        doctor={
            "store": ("fault", "restore it from a backup, with the key"),
            "access log": ("ok", "its end is not compared with the store"),
        },
    ),
    "half an entry and NULs at the end of the access log": Fault(
        half_an_entry(b'{"action":"show pe' + b"\0" * 40),
        ("audit", "verify"),
        read_again,
        code=0,
        log=("warning", "58 bytes at the end"),
        figures={("check_state", "access log"): 1},
        doctor={"access log": ("warning", "the next entry sets it aside")},
    ),
    "the published file of another home": Fault(
        file_of_another_home,
        ("layers",),
        moved_away,
        log=("error", "holds runs of another home"),
        error="PublicationError",
        figures={("check_state", "published rows"): 2},
        alerts=("HarmspotCheckFault/lists of people", "HarmspotCheckFault/published rows"),
        doctor={
            "published rows": ("fault", "restore this home's own"),
            "lists of people": ("fault", "restricted.duckdb is missing: restore published.duckdb and restricted"),
        },
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
        figures={("dead_letters", "repeated_key"): 1},
        alerts=("HarmspotDeadLetters",),
        doctor={"dead letters: repeated_key": ("warning", "fix their cause")},
    ),
    "a full disk": Fault(
        full_disk,
        ("load", "sent.jsonl", "--allow-outside"),
        room_again("load", "sent.jsonl", "--allow-outside"),
        log=("error", "the disk is full"),
        figures={("home_free_bytes",): 1_000_000, ("check_state", "home"): 2},
        alerts=FULL,
        doctor={"home": ("fault", "they do not fit; make room"), "growth": ("fault", "disk is full in")},
    ),
    "a full disk in a run": Fault(
        full_disk_in_a_run,
        ("run", "--without-prefect"),
        room_again("run", "--without-prefect"),
        log=("error", "the disk is full"),
        figures={("home_free_bytes",): 1_000_000, ("last_run_outcome", "failed"): 1},
        alerts=(*FULL, "HarmspotRunFailed"),
        doctor={"home": ("fault", "they do not fit; make room"), "growth": ("fault", "disk is full in")},
        is_long=True,
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
        log=("error", "Restore the store from a backup"),
        error="StoreError",
        figures={("check_state", "store"): 2},
        alerts=("HarmspotCheckFault/store",),
        doctor={"store": ("fault", "Restore the store from a backup")},
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
    "layers on a full disk": Fault(
        full_disk,
        ("layers",),
        room_again("layers"),
        log=("error", "the disk is full"),
        figures={("home_free_bytes",): 1_000_000, ("check_state", "home"): 2},
        alerts=FULL,
        doctor={"home": ("fault", "they do not fit; make room"), "growth": ("fault", "disk is full in")},
    ),
    "killed in an approval": Fault(  # no publication lacks it but until the next decision or run: nothing to tell of
        killed_in_an_approval,
        ("lists", "approve", "{list}", "--by", "Supt. A. Lee", "--reason", "evidence read and found sound"),
        approval_stands,
        code=0,
    ),
    "no configuration": Fault(
        no_configuration,
        ("init",),
        configuration_named,
        code=0,
        log=("info", "has no configuration of its own"),
        # The map of the shipped settings is not shipped.
        alerts=("HarmspotCheckFault/map",),
        doctor={"settings": ("ok", "has no configuration of its own"), "map": ("fault", "")},
    ),
    "a run without input": Fault(
        lambda ground: None,
        ("run", "--without-prefect", "--as-of", "2023-01-01"),
        run_again,
        log=("error", "is refused"),
        error="QualityError",
        figures={("last_run_outcome", "refused"): 1},
        alerts=("HarmspotRunFailed",),
    ),
    "a run without input that is published all the same": Fault(
        lambda ground: None,
        ("run", "--without-prefect", "--as-of", "2023-01-01", "--allow-empty"),
        run_again,
        code=0,
        figures={("last_run_outcome", "unusable"): 1},
        alerts=("HarmspotRunUnusable",),
        doctor={"quality": ("warning", "unusable runs are kept beside it")},
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
