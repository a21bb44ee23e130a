"""One simulated town, loaded and run once, that the tests of the whole share."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.simulation.town import TownFiles, write_town
from tests.town import AS_OF, CLOCK, KEY, TownRun

# How long an example takes says something of the machine, nothing of the code; in CI the examples are always the same.
settings.register_profile(
    "harmspot", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("harmspot")


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> TownFiles:
    return write_town(tmp_path_factory.mktemp("town"), seed=11, days=500, end=AS_OF)


@pytest.fixture(scope="session")
def new_home(town: TownFiles) -> Callable[..., Home]:
    """Homes on the town's settings that all have the same key and clock."""

    def make(folder: Path, clock: datetime = CLOCK, progress: Callable[[str], None] = lambda text: None) -> Home:
        folder.mkdir(parents=True, exist_ok=True)
        key_file = folder / "key"
        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(KEY)
        return Home(folder, town.config_file, clock, progress)

    return make


@pytest.fixture(scope="session")
def town_run(town: TownFiles, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> TownRun:
    said: list[str] = []
    home = new_home(tmp_path_factory.mktemp("home"), progress=said.append)
    loaded = load_file(home, town.events, None)
    return TownRun(town, home, loaded, daily_run(home, AS_OF), said)
