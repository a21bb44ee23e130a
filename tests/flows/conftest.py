"""A home that is no rehearsal, with a user in each role."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.users.accounts import add_user
from flows.users.login import log_in
from models.users.roles import ROLES
from tests.sharing import made_once
from tests.users import PASSWORD, name_in


@pytest.fixture(scope="session")
def template(shared: Path) -> tuple[Path, dict[str, str]]:
    """The home, and a token of the user in each role."""

    def make(folder: Path) -> dict[str, str]:
        home = Home(folder, progress=lambda text: None).ensure()
        with open_home_store(home):
            pass
        for role in ("administrator", *(role for role in ROLES if role != "administrator")):
            add_user(home, name_in(role), role, PASSWORD)
        return {role: log_in(home, name_in(role), PASSWORD, "morning tasking") for role in ROLES}

    return shared / "with users", made_once(shared / "with users", make)


@pytest.fixture
def real_home(template: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of the home; sessions are written below the test's own folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Home(shutil.copytree(template[0], tmp_path / "home"), progress=lambda text: None)


@pytest.fixture
def token_of(template: tuple[Path, dict[str, str]]) -> Callable[[str], str]:
    """The token of a session of the user in a role."""
    return lambda role: template[1][role]
