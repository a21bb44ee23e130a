"""Cron really fires: `harmspot schedule` with a run every minute publishes one without being asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.simulation.town import TownFiles
from pipeline.publication.publish import runs

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
PATIENCE_S = 1200


def test_a_scheduled_run_is_published(new_home: Callable[..., Home], town: TownFiles, tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    load_file(home, town.events, None)
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
