"""One simulated town, loaded and run once per test run, that the tests of the whole share."""

import gc
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from flows.home import log
from flows.home.home import Home
from flows.home.log import LogSettings
from flows.ingest.ingest import load_file
from flows.schedule.daily import RunSummary, daily_run
from flows.simulation.town import TownFiles
from pipeline.events.batch import BatchCounts
from tests.long_tests import is_long, read_names
from tests.postgresql import PostgresServer, ServerUnavailableError, own_server, programs
from tests.sharing import made_once
from tests.town import AS_OF, CLOCK, KEY, TownRun, approve_tiers, write_quick_town

# How long an example takes says something of the machine, nothing of the code; in CI the examples are always the same.
settings.register_profile(
    "harmspot", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("harmspot")

# What processes of tests say on standard error is read as text; tests of the log unset it.
os.environ.setdefault("HARMSPOT__LOG__FORMAT", "text")

# On a busy machine Prefect takes minutes to start and to answer.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "900")
os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "900")

# Where the long tests stand. They go first, so that the workers end together on short ones.
LONG_FIRST = ("tests/integration", "tests/test_docs.py", "tests/flows", "tests/pipeline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tests, and put the folders with most of them first; within a folder the order stays."""
    names = read_names()
    for item in items:
        if is_long(item.nodeid, names):
            item.add_marker("long")
    items.sort(key=lambda item: next((n for n, start in enumerate(LONG_FIRST) if item.nodeid.startswith(start)), 99))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every process of this test run sees."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what stays for the whole run: modules, tests, parameters."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def town(shared: Path) -> TownFiles:
    """The town's files; nobody writes to them."""
    return made_once(shared / "town", lambda folder: write_quick_town(folder, seed=11, days=500, end=AS_OF))


@pytest.fixture(scope="session")
def new_home(town: TownFiles) -> Callable[..., Home]:
    """Homes on the town's settings that all have the same key and clock."""

    def make(folder: Path, clock: datetime = CLOCK, progress: Callable[[str], None] = lambda text: None) -> Home:
        folder.mkdir(parents=True, exist_ok=True)
        key_file = folder / "key"
        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(KEY)
            Home(folder).mark_rehearsal()
        return Home(folder, town.config_file, clock, progress)

    return make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this process; where there is none, the test skips."""
    try:
        found = programs()
    except ServerUnavailableError as error:
        pytest.skip(f"PostgreSQL cannot run here: {error}")
    with own_server(found) as server:
        yield server


@pytest.fixture
def shared_home(postgresql: PostgresServer, town: TownFiles, new_home: Callable[..., Home]) -> Callable[..., Home]:
    """Homes as those of `new_home` whose store is in a database of its own."""

    def make(folder: Path, **options: Any) -> Home:
        home = new_home(folder, **options)
        home.config_file = town.config_file.with_name(f"{uuid.uuid4().hex}.yaml")
        address = postgresql.database()
        home.config_file.write_text(
            f"{town.config_file.read_text()}store: {{engine: postgresql, address: '{address}', wait_s: 20}}\n"
        )
        return home

    return make


@pytest.fixture(scope="session")
def loaded(shared: Path, town: TownFiles, new_home: Callable[..., Home]) -> tuple[BatchCounts, list[str]]:
    """What loading the town into the template of homes counted, and what it said."""

    def load(folder: Path) -> tuple[BatchCounts, list[str]]:
        said: list[str] = []
        return load_file(new_home(folder, progress=said.append), town.events, None), said

    return made_once(shared / "loaded", load)


@pytest.fixture(scope="session")
def loaded_home(
    shared: Path, loaded: tuple[BatchCounts, list[str]], new_home: Callable[..., Home]
) -> Callable[..., Home]:
    """Homes into which the town was loaded, without a run; each is a copy, with the options of `new_home`."""

    def make(folder: Path, **options: Any) -> Home:
        shutil.copytree(shared / "loaded", folder, dirs_exist_ok=True)
        return new_home(folder, **options)

    return make


@pytest.fixture(scope="session")
def town_run(
    shared: Path,
    town: TownFiles,
    loaded: tuple[BatchCounts, list[str]],
    loaded_home: Callable[..., Home],
    new_home: Callable[..., Home],
    tmp_path_factory: pytest.TempPathFactory,
) -> TownRun:
    """The town loaded and run, in a home of this process; `run.jsonl` of the shared folder is the log of the run."""

    def run(folder: Path) -> tuple[RunSummary, list[str]]:
        said: list[str] = []
        log.follow(LogSettings("text", shared / "run.jsonl"))
        try:
            return daily_run(
                loaded_home(folder, progress=lambda text: (said.append(text), log.write(text))), AS_OF
            ), said
        finally:
            log.follow(LogSettings("text", None))

    summary, said = made_once(shared / "run", run)
    own = tmp_path_factory.mktemp("run") / "home"
    shutil.copytree(shared / "run", own)
    counts, said_before = loaded
    return TownRun(town, new_home(own), counts, summary, said_before + said)


@pytest.fixture(scope="session")
def two_days(
    shared: Path,
    loaded_home: Callable[..., Home],
    new_home: Callable[..., Home],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Home, str, str]:
    """A home of this process with a run of 200 days before and that of AS_OF, to be left as it is; their ids."""

    def run_both(folder: Path) -> list[str]:
        home = loaded_home(folder)
        return [daily_run(home, AS_OF - timedelta(days=days)).run_id for days in (200, 0)]

    first, second = made_once(shared / "two days", run_both)
    own = shutil.copytree(shared / "two days", tmp_path_factory.mktemp("two") / "days")
    return new_home(own), first, second


@pytest.fixture(scope="session")
def approved_home(shared: Path, town_run: TownRun, new_home: Callable[..., Home]) -> Callable[..., Home]:
    """Copies of the home with the town's run in which the list of people is active, with the options of `new_home`."""
    template = shared / "approved"

    def approve(folder: Path) -> None:
        shutil.copytree(shared / "run", folder, dirs_exist_ok=True)
        approve_tiers(new_home(folder), town_run.summary.run_id)

    def make(folder: Path, **options: Any) -> Home:
        made_once(template, approve)
        shutil.copytree(template, folder)
        return new_home(folder, **options)

    return make
