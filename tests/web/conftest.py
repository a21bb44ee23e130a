"""Boards to visit: of a rehearsal home with a run, and of a home with users."""

import asyncio
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from flows.home.home import Home
from tests.flows.conftest import real_home, template, token_of  # noqa: F401 # fixtures
from tests.town import TownRun
from web.app import create_app
from web.entrance.connections import PromptProtocol

BELL, REYES, LEE, ITO, WOOD = "Sgt. A. Bell", "Insp. J. Reyes", "Supt. A. Lee", "Analyst, M. Ito", "Clerk, R. Wood"


class Browser(TestClient):
    """A client that fills in forms: it takes the token of an act from the page that holds its form."""

    def token(self, page: str, action: str) -> str:
        form = re.search(rf'action="{re.escape(action)}".*?name="token" value="(\w+)"', self.get(page).text, re.DOTALL)
        assert form, f"{page} has no form for {action}"
        return form[1]

    def sign_in(self, name: str, password: str = "", purpose: str = "rehearse the morning") -> Any:
        token = self.token("/sign-in", "/sign-in")
        data = {"token": token, "name": name, "password": password, "purpose": purpose}
        return self.post("/sign-in", data=data)

    def act(self, action: str, page: str | None = None, **fields: str) -> Any:
        """Fill in the form of an act and send it."""
        return self.post(action, data={"token": self.token(page or action.rpartition("/")[0], action), **fields})


def browser_of(home: Home, **options: Any) -> Browser:
    return visiting(create_app(home, **options))


def visiting(app: Any) -> Browser:
    """Another browser on a board."""
    return Browser(app, base_url="http://localhost", follow_redirects=False)


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve a board on loopback, as `harmspot web` does, and yield its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=PromptProtocol, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
    )
    thread = Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def copy_of_run(
    shared: Path, town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> Callable[[str], Home]:
    """Copies of the home with the town's run, by name."""
    return lambda name: new_home(Path(shutil.copytree(shared / "run", tmp_path / name)))


@pytest.fixture(scope="session")
def looked_at(town_run: TownRun) -> Browser:
    """A board to look at, with a planner signed in; nobody acts on it."""
    browser = browser_of(town_run.home)
    assert browser.sign_in(BELL).status_code == 303
    return browser
