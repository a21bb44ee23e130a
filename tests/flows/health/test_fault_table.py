"""What an operator broke, row by row: what log, exit code, metrics, alerts and `doctor` say; and the way out works.

A row is broken in a copy of a home with a run, in which a command meets it. Faults that need a broker or the Prefect
server are in tests/integration (`test_stream.py`, `test_schedule.py`); `test_rows_that_stand_elsewhere` names them.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.home.home import Home
from flows.home.log import FORMAT_VARIABLE, LogSettings, follow
from flows.home.served import only_schedule
from flows.human_log.ledger import read_ledger
from models.governance.audits import REPORTS
from models.governance.list_lifecycle import list_id_of
from pipeline.database import attach, connect
from pipeline.publication.publish import Shown, project, runs
from tests import poison
from tests.disk import no_file_beyond
from tests.flows.health.ground import NEEDED, Ground, Look, assert_fires, log_lines
from tests.killed import killed
from tests.town import AS_OF, CLOCK, TownRun, approve_tiers, read_people

pytestmark = NEEDED
HOUR = timedelta(hours=1)
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
            "access log": ("warning", "not checked: see store"),
        },
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
        ("run", "--without-prefect"),
        room_again,
        log=("error", "the disk is full"),
        figures={("home_free_bytes",): 1_000_000, ("check_state", "home"): 2, ("last_run_outcome", "failed"): 1},
        alerts=(*FULL, "HarmspotRunFailed"),
        doctor={"home": ("fault", "they do not fit; make room"), "growth": ("fault", "disk is full in")},
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
        lambda ground: (ground.patch.undo(), ground.done("layers")),
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
        done = ground.do(*(word.format(**ground.kept) for word in fault.meets))
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
    others = [(check, *found) for check, found in broken.checks.items() if check not in fault.doctor]
    assert not [found for found in others if found[1] == "fault"]
    assert broken.exit_code == int(any(state == "fault" for state, _ in fault.doctor.values()))
    fault.mends(ground)
    mended = ground.look()
    assert mended.exit_code == 0, mended.checks
    assert_fires(
        ground.folder, [(healthy, 2 * HOUR, {}), (broken, HOUR, dict.fromkeys(fault.alerts, 1)), (mended, 3 * HOUR, {})]
    )


def test_nobody_comes_after_a_schedule_was_killed_in_a_run(ground: Ground, healthy: Look, town_run: TownRun) -> None:
    """Day by day more is told; then somebody comes, and does what `doctor` says."""
    home, days = ground.home, timedelta(days=1)
    with only_schedule(home.path):
        pass
    ground.go_on_to(CLOCK + days)
    (home.path / "last-run.json").unlink()
    words = ["--config", str(home.config_file), "--clock", home.now().isoformat(), "run", "--without-prefect"]
    assert killed(home.path, words, 0.0, appeared="last-run.json")
    ground.clock = home.now()
    looks = [(healthy, HOUR, {}), (ground.look(is_up=False), 3 * HOUR, {"HarmspotDown": 1, "HarmspotRunUnfinished": 1})]
    assert looks[1][0].told("last_run_outcome", "running") == 1
    late = {"HarmspotDown": 1, "HarmspotRunUnfinished": 1, "HarmspotRunMissing": 1}
    late |= {"HarmspotPublicationExpired": 1, "HarmspotIncidentsOld": 1}
    for day, more in ((25, {"HarmspotAuditDue": 3}), (33, {"HarmspotHalted": 1})):
        ground.go_on_to(CLOCK + day * days)
        looks.append((ground.look(is_up=False), HOUR, late | more))
    told = looks[-1][0].checks
    assert told["schedule"][0] == "fault" and "no run for today" in told["schedule"][1]
    assert "start `harmspot --home" in told["schedule"][1]
    assert told["publication"][0] == "warning" and "EXPIRED" in told["publication"][1]
    assert told["audits"][0] == "fault" and "harmspot audit record" in told["audits"][1]

    ground.done("load", later_incidents(town_run, ground.folder, 33 * days))
    assert ground.run().returncode == 0
    ground.clock = home.now()  # the run is of now
    for kind in REPORTS:
        (ground.folder / f"{kind}.txt").write_text(f"what was found about {kind}")
        report = ("--report", ground.folder / f"{kind}.txt", "--made-on", str(home.today()))
        ground.done(
            "audit", "record", kind, *report, "--found", "nothing out of the ordinary", "--by", "Analyst, M. Ito"
        )
    with only_schedule(home.path):  # `harmspot schedule`, as tests/integration/test_schedule.py starts it
        mended = ground.look()
    assert mended.exit_code == 0, mended.checks
    assert_fires(ground.folder, [*looks, (mended, 3 * HOUR, {})])


def later_incidents(town_run: TownRun, folder: Path, by: timedelta) -> Path:
    """Write the town's last incidents again, as others that happened later."""
    file = folder / "later.jsonl"
    with town_run.files.events.joinpath("incidents.jsonl").open("rb") as lines:
        last = [json.loads(line) for line in list(lines)[-40:] if line.startswith(b'{"specversion"') and b"}}" in line]
    for event in last:
        event["id"], event["data"]["incident_id"] = f"later-{event['id']}", f"later-{event['data']['incident_id']}"
        event["data"].pop("reported_at", None)
        event["data"]["occurred_at"] = (datetime.fromisoformat(event["data"]["occurred_at"]) + by).isoformat()
        event["time"] = event["data"]["occurred_at"]
    file.write_text("\n".join(map(json.dumps, last)) + "\n")
    return file


# Rows that need a broker, the Prefect server or nothing that could be alarmed of, and the test that causes each.
ELSEWHERE = {
    "a schedule killed or stopped in a run, its server": (
        "tests/integration/test_schedule.py",
        "test_a_scheduled_run_that_is_stopped_or_killed_is_marked_and_done_again",
    ),
    "a topic gains partitions": (
        "tests/pipeline/sources/test_kafka_group.py",
        "test_a_partition_that_nobody_has_taken_yet_is_said",
    ),
    "a failed publication leaves nothing": (
        "tests/pipeline/publication/test_publish.py",
        "test_a_full_disk_leaves_the_files_as_they_were",
    ),
    "a cron line at a local time that does not exist": ("tests/flows/home/test_cron_lines.py", "def test_"),
    "a broker that is down, published all the same": (
        "tests/flows/schedule/test_unreachable.py",
        "test_a_run_is_published_with_what_is_known_and_says_so_on_top",
    ),
    "24:00 and leap seconds": ("tests/pipeline/mapped/test_times.py", "24:00"),
}


@pytest.mark.parametrize("row", ELSEWHERE)
def test_rows_that_stand_elsewhere(row: str) -> None:
    file, name = ELSEWHERE[row]
    assert name in (Path(__file__).resolve().parents[3] / file).read_text(encoding="utf-8")
