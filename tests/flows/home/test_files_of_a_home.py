"""A store that is gone is not made anew beside its publications, and those of another home are not read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from pipeline.errors import PublicationError, StoreError
from tests.flows.command.test_command import harmspot
from tests.town import AS_OF, CLOCK, TownRun


@pytest.fixture(scope="module")
def complete(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home with a run, which tests copy in turn."""
    return Path(shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("files") / "home"))


@pytest.fixture
def home(complete: Path, town_run: TownRun, tmp_path: Path) -> Home:
    return Home(shutil.copytree(complete, tmp_path / "home"), town_run.home.config_file, CLOCK, lambda text: None)


def state_of(home: Home, check: str) -> tuple[str, str]:
    found = examine(home).set_index("check").loc[check]
    return found["state"], found["detail"]


def files(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(home.path.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("is_key_gone", [False, True], ids=["store", "store and key"])
@pytest.mark.parametrize(
    "act",
    [
        lambda home, town: load_file(home.ensure(), town.files.events, None),
        lambda home, town: daily_run(home.ensure(), AS_OF),
        lambda home, town: home.require(),
    ],
    ids=["load", "run", "read"],
)
def test_a_store_that_is_gone_is_not_made_anew(
    act: Callable[[Home, TownRun], object], is_key_gone: bool, home: Home, town_run: TownRun
) -> None:
    home.store.unlink()
    if is_key_gone:
        (home.path / "key").unlink()
    before = files(home)
    with pytest.raises(StoreError, match="restore it from a backup, with the key it was made with"):
        act(home, town_run)
    assert files(home) == before
    assert state_of(home, "store")[0] == "fault"


def test_what_another_home_published_is_not_read_and_nothing_is_published_upon_it(
    home: Home, complete: Path, town_run: TownRun, tmp_path: Path
) -> None:
    other = Home(tmp_path / "other", town_run.home.config_file, CLOCK, lambda text: None).ensure()
    assert other.key.home_name != home.key.home_name
    with open_home_store(other):
        pass
    for name in ("published.duckdb", "restricted.duckdb"):
        shutil.copy(complete / name, other.path / name)
    with pytest.raises(PublicationError, match="holds runs of another home"):
        daily_run(other, AS_OF)
    assert state_of(other, "published rows")[0] == "fault"
    for verb in (["show", "areas"], ["layers"], ["explain", "area", "A01"]):
        done = harmspot("--home", other.path, *verb)
        assert (done.returncode, "of another home" in done.stderr) == (1, True), verb
    assert state_of(home, "published rows")[0] == "ok"
