"""A map service to ask: in the process, and at an address of its own for GDAL, QGIS and OWSLib."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from socket import socket
from typing import Any

import geopandas as gpd
import pytest
from starlette.testclient import TestClient

from flows.home.home import Home
from tests.town import TownRun
from web.app import create_app
from web.day import Days
from web.gis.collection import Collection, collections_of

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
PATIENCE_S = 600
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


class Client(TestClient):
    """A client of the map service."""

    def json(self, path: str, status: int = 200, **given: Any) -> Any:
        """Return a document, having checked the status."""
        answer = self.get(f"/gis{path}", params=given)
        assert answer.status_code == status, answer.text
        return answer.json()

    def whole(self, path: str, **given: Any) -> list[Any]:
        """Return all features by following the links."""
        page = self.json(path, **given)
        found = page["features"]
        while after := [link["href"] for link in page["links"] if link["rel"] == "next"]:
            page = self.get(after[0]).json()
            found += page["features"]
        assert len(found) == page["numberMatched"]
        return found


def client_of(home: Home, **options: Any) -> Client:
    return Client(create_app(home, **options), base_url="http://localhost", follow_redirects=False)


@pytest.fixture(scope="session")
def client(town_run: TownRun) -> Client:
    return client_of(town_run.home)


@pytest.fixture(scope="session")
def shown(town_run: TownRun) -> dict[str, Collection]:
    """The collections of the town's run."""
    return collections_of(Days(town_run.home).get())


@pytest.fixture(scope="session")
def frames(town_run: TownRun) -> dict[str, gpd.GeoDataFrame]:
    """The layers of the town's run as they were drawn."""
    return Days(town_run.home).get().drawn()


@pytest.fixture(scope="session")
def address(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `harmspot web`: a process of its own, as GDAL in this one waits without letting threads answer."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home, said = town_run.home, tmp_path_factory.mktemp("web") / "log"
    command = [sys.executable, "-c", "from flows.command import main; main()", "--home", str(home.path)]
    command += ["--config", str(home.config_file), "web", "--port", str(port)]
    with said.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        wait_for(lambda: is_answering(port) or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        yield f"http://127.0.0.1:{port}/gis"
        process.terminate()


def is_answering(port: int) -> bool:
    with socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_there():
        assert time.monotonic() < deadline
        time.sleep(0.05)
