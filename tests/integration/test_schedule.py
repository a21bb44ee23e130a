"""Cron really fires, what a stopped schedule leaves is told and done again, and whoever watches is told."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.log import FORMAT_VARIABLE
from flows.ingest.ingest import load_file
from pipeline.privacy.keys import create_key
from pipeline.publication.publish import runs
from tests.flows.health.test_metrics import fetched, samples
from tests.town import AS_OF, CLOCK, write_quick_town

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
PATIENCE_S = 1200


def flow_runs(home: Home) -> list[str]:
    """The states of the home's flow runs that began, as the server keeps them."""
    with sqlite3.connect(home.path / "prefect" / "prefect.db") as connection:
        return [state for (state,) in connection.execute("SELECT state_type FROM flow_run WHERE start_time NOT NULL")]


def test_a_scheduled_run_that_is_stopped_or_killed_is_marked_and_done_again(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = write_quick_town(tmp_path / "town", seed=11, days=60, end=AS_OF)
    home = Home(tmp_path / "home", town.config_file, CLOCK)
    create_key(home.path)
    load_file(home, town.events, None)
    shutil.copytree(migrated, home.path / "prefect")
    # It runs as of today, whatever year that is, and the town's last incident is of 2025.
    for name, value in {
        "HARMSPOT__QUALITY__NEWEST_DAYS": "36500",
        "HARMSPOT__PLACES__WINDOW_DAYS": "36500",
        "HARMSPOT__SCHEDULE__DAILY": "0 0 * * *",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    command = [HARMSPOT, "--home", home.path, "--config", town.config_file, "schedule", "--metrics-port", "0"]
    log = tmp_path / "schedule.log"

    def served(until: Callable[[], bool], end_by: signal.Signals) -> int:
        """Serve the home until something has happened, then stop; return the exit code."""
        with log.open("ab") as output:
            serving = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not until() and serving.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
            assert serving.poll() is None and until(), log.read_text()
        finally:
            serving.send_signal(end_by)
            code = serving.wait(PATIENCE_S)
        return code

    def told() -> dict[tuple[str, ...], float]:
        """What the schedule tells whoever watches."""
        address = re.findall(r"metrics at (http://[\d.:]+)/metrics", log.read_text())[-1]
        assert fetched(f"{address}/readyz") == (200, "ready\n")
        return samples(fetched(f"{address}/metrics")[1])

    def is_told() -> bool:
        """Whether the run has ended, and the doctor has looked."""
        found = told() if "COMPLETED" in flow_runs(home) else {}
        return (
            bool(found.get(("harmspot_last_run_outcome", "published"))) and ("harmspot_check_state", "store") in found
        )

    def schedule_of(home: Home) -> tuple[str, str]:
        found = examine(Home(home.path, town.config_file)).set_index("check").loc["schedule"]
        return found["state"], found["detail"]

    assert schedule_of(home)[0] == "ok"
    # No time of the line comes up in this test: the run is that of today, which is due and missing.
    assert served(lambda: "RUNNING" in flow_runs(home), signal.SIGTERM) == 0
    assert flow_runs(home) == ["CRASHED"]
    assert served(lambda: "RUNNING" in flow_runs(home), signal.SIGKILL) == -signal.SIGKILL
    assert sorted(flow_runs(home)) == ["CRASHED", "RUNNING"]
    assert runs(home.path).empty
    state, detail = schedule_of(home)
    assert (state, "no run for today" in detail, "nothing serves it: start" in detail) == ("fault", True, True)
    assert served(is_told, signal.SIGTERM) == 0
    # Nothing that Prefect or a library says at a signal stands among them.
    assert [line for line in log.read_text().splitlines() if not line.startswith("{")] == []
    # The lines of the run, which is a process of its own, come out of this one, as JSON.
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert runs(home.path)["run_id"].iloc[0] in {line.get("run_id") for line in lines}
    assert sorted(flow_runs(home)) == ["COMPLETED", "CRASHED", "CRASHED"]
    assert [home.day_of(day) for day in runs(home.path)["as_of"]] == [Home(home.path).today()]
    assert schedule_of(home)[0] == "warning"  # nothing serves it
    with sqlite3.connect(home.path / "prefect" / "prefect.db") as connection:
        kept = {key for (key,) in connection.execute("SELECT key FROM artifact WHERE key NOT NULL")}
    assert kept == {"area-ranking", "officer-hours", "quality", "run-summary"}
