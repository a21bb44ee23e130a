"""A home with a run whose figures are told to whoever watches."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from tests import poison
from tests.town import TownRun


@pytest.fixture(scope="session")
def run_home(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a run, whose store has four dead letters of its own as well; to be read only."""
    folder = tmp_path_factory.mktemp("metrics")
    home = new_home(Path(shutil.copytree(town_run.home.path, folder / "home")))
    (folder / "events.jsonl").write_bytes(
        b"\n".join([poison.encode(poison.incident(2, offence_code="unheard_of")), b"{", b"{]", b"{}"])
    )
    load_file(home, folder / "events.jsonl", None)
    return home
