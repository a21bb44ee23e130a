"""Cron really fires: `harmspot schedule` with a run every minute publishes one unasked, and tells whoever watches."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.home.last_run import read_last_run
from flows.home.log import FORMAT_VARIABLE
from flows.ingest.ingest import load_file
from pipeline.privacy.keys import create_key
from pipeline.publication.publish import runs
from tests.flows.health.test_metrics import fetched, samples
from tests.town import AS_OF, CLOCK, write_quick_town

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
PATIENCE_S = 1200


def test_a_scheduled_run_is_published(migrated: Path, tmp_path: Path) -> None:
    town = write_quick_town(tmp_path / "town", seed=11, days=60, end=AS_OF)
    home = Home(tmp_path / "home", town.config_file, CLOCK)
    create_key(home.path)
    load_file(home, town.events, None)
    shutil.copytree(migrated, home.path / "prefect")
    # It runs as of today, whatever year that is, and the town's last incident is of 2025.
    long_ago = {"HARMSPOT__QUALITY__NEWEST_DAYS": "36500", "HARMSPOT__PLACES__WINDOW_DAYS": "36500"}
    environment = {**os.environ, **long_ago, "HARMSPOT__SCHEDULE__DAILY": "* * * * *", FORMAT_VARIABLE: "json"}
    command = [HARMSPOT, "--home", home.path, "--config", town.config_file, "schedule", "--metrics-port", "0"]
    with (tmp_path / "schedule.log").open("wb") as log:
        serving = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while runs(home.path).empty and serving.poll() is None and time.monotonic() < deadline:
            time.sleep(1)
        assert serving.poll() is None, (tmp_path / "schedule.log").read_text()
        assert not runs(home.path).empty, (tmp_path / "schedule.log").read_text()
        written = (tmp_path / "schedule.log").read_text()
        (address,) = re.findall(r"metrics at (http://[\d.:]+)/metrics", written)
        assert fetched(f"{address}/readyz") == (200, "ready\n")
        while (last := read_last_run(home.path)) and last.outcome == "running" and time.monotonic() < deadline:
            time.sleep(0.2)
        found = samples(fetched(f"{address}/metrics")[1])
        assert found["harmspot_last_run_outcome", "published"] == 1
        assert found["harmspot_kept_runs",] == 1
        # The lines of the run, which is a process of its own, come out of this one, as JSON.
        lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
        assert {line["run_id"] for line in lines if "run_id" in line} == {runs(home.path)["run_id"].iloc[0]}
        while "harmspot_check_state" not in fetched(f"{address}/metrics")[1] and time.monotonic() < deadline:
            time.sleep(1)
        assert samples(fetched(f"{address}/metrics")[1])["harmspot_check_state", "store"] in (0, 1)
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(PATIENCE_S)
