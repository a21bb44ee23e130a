"""Cron really fires: `harmspot schedule` with a run every minute publishes one without being asked."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from pipeline.privacy.keys import create_key
from pipeline.publication.publish import runs
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
    environment = {**os.environ, **long_ago, "HARMSPOT__SCHEDULE__DAILY": "* * * * *"}
    command = [HARMSPOT, "--home", home.path, "--config", town.config_file, "schedule"]
    with (tmp_path / "schedule.log").open("wb") as log:
        serving = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while runs(home.path).empty and serving.poll() is None and time.monotonic() < deadline:
            time.sleep(1)
        assert serving.poll() is None, (tmp_path / "schedule.log").read_text()
        assert not runs(home.path).empty, (tmp_path / "schedule.log").read_text()
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(PATIENCE_S)
