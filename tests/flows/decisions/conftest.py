"""A home to decide in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.home.home import Home
from tests.town import TownRun


@pytest.fixture
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home for decisions."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    return new_home(tmp_path / "home")
