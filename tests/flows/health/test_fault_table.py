"""What an operator broke, row by row: what log, exit code, metrics, alerts and `doctor` say; and the way out works.

A row of `faults.TABLE` is broken in a copy of a home with a run, in which a command meets it. Faults that need a broker
or the Prefect server are in tests/integration; `ELSEWHERE` names them.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from resource import RLIM_INFINITY
from types import SimpleNamespace

import pytest
import yaml

from flows.home.home import Home
from flows.home.log import FORMAT_VARIABLE, LogSettings, follow
from flows.home.served import only_schedule
from models.governance.audits import REPORTS
from tests.disk import no_file_beyond
from tests.flows.health.faults import TABLE
from tests.flows.health.ground import NEEDED, RULES, Ground, Look, assert_fires, log_lines
from tests.killed import killed
from tests.town import CLOCK, TownRun

pytestmark = NEEDED
HOUR = timedelta(hours=1)


@pytest.fixture
def ground(town_run: TownRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
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


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] * row.is_long) for name, row in TABLE.items()]
)
def test_a_fault_is_said_five_times_and_its_way_out_works(name: str, ground: Ground, healthy: Look) -> None:
    fault = TABLE[name]
    assert healthy.exit_code == 0
    fault.breaks(ground)
    with no_file_beyond(ground.kept.get("limit_bytes", RLIM_INFINITY)):
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


# Alerts that fire in other tests than that of the table: of a schedule that was killed, and of a broker.
OF_TIME = {"Down", "RunUnfinished", "RunMissing", "PublicationExpired", "IncidentsOld", "AuditDue", "Halted"}
OF_BROKER = {"Behind", "Undelivered", "BrokerSilent"}


def test_every_alert_is_caused() -> None:
    of_table = {alert.partition("/")[0].removeprefix("Harmspot") for row in TABLE.values() for alert in row.alerts}
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    assert of_table | OF_TIME | OF_BROKER == {rule["alert"].removeprefix("Harmspot") for rule in rules}


# Rows that need a broker, the Prefect server or nothing that could be alarmed of, and the test that causes each.
ELSEWHERE = {
    "a schedule killed or stopped in a run, its server": (
        "tests/integration/test_schedule.py",
        "test_a_scheduled_run_that_is_stopped_or_killed_is_marked_and_done_again",
    ),
    "a topic gains partitions": (
        "tests/integration/test_alerts.py",
        "test_a_backlog_and_messages_that_wait_are_told_until_a_stream_takes_them",
    ),
    "a broker that falls silent": (
        "tests/integration/test_alerts.py",
        "test_a_broker_that_falls_silent_alarms_until_it_answers_again",
    ),
    "a failed publication leaves nothing": (
        "tests/pipeline/publication/test_publish.py",
        "test_a_full_disk_leaves_the_files_as_they_were",
    ),
    "a cron line at a local time that does not exist": (
        "tests/flows/home/test_cron_lines.py",
        "test_every_day_is_run_once_in_every_zone_over_ten_years",
    ),
    "a broker that is down, published all the same": (
        "tests/flows/schedule/test_unreachable.py",
        "test_a_run_is_published_with_what_is_known_and_says_so_on_top",
    ),
    "24:00 and leap seconds": ("tests/pipeline/events/test_decoder.py", "test_what_cannot_be_used_says_why"),
}


@pytest.mark.parametrize("row", ELSEWHERE)
def test_rows_that_stand_elsewhere(row: str) -> None:
    file, name = ELSEWHERE[row]
    assert f"def {name}(" in (Path(__file__).resolve().parents[3] / file).read_text(encoding="utf-8")
