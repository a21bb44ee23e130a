"""MapLibre in a real browser draws the tiles of the service: the squares, ids and values of the Features collection."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import shapely
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.home.home import Home
from flows.users.accounts import HOLDER, add_user
from tests.town import TownRun
from tests.users import PASSWORD
from tests.web.conftest import serving
from tests.web.gis.test_access import basic, service
from tests.web.gis.test_tiles import plain
from web.app import create_app
from web.entrance.board import Board

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
WITH_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PAGE = (
    "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><div id=map style='width:800px;height:600px'></div>"
)
SET = "/gis/collections/cells/tiles/WebMercatorQuad"
DRAW = """async ([source, box, token]) => {
    const map = new maplibregl.Map({
        container: "map", interactive: false, attributionControl: false, fadeDuration: 0, bounds: box,
        transformRequest: url => token ? {url, headers: {authorization: `Bearer ${token}`}} : {url},
        style: {
            version: 8,
            sources: {cells: {type: "vector", promoteId: "cell_id", ...source}},
            layers: [{id: "squares", type: "fill", source: "cells", "source-layer": "cells"}],
        },
    });
    await map.once("idle");
    const found = map.queryRenderedFeatures({layers: ["squares"]});
    const sides = map.getBounds().toArray().flat();
    map.remove();
    return [sides, found.map(each => [each.id, each.properties])];
}"""


class Beside:
    """A page of the force at the address of the board, as behind one proxy; all else is the board's."""

    def __init__(self, board: ASGIApp, page: str) -> None:
        self._board, self._page = board, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or let the board answer."""
        app = HTMLResponse(self._page) if scope.get("path") == "/page" else self._board
        await app(scope, receive, send)


@pytest.fixture(scope="module")
def home(
    shared: Path, town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> Home:
    """A copy of the town's home that is for no rehearsal, so that readers need a token."""
    folder = Path(shutil.copytree(shared / "run", tmp_path_factory.mktemp("real") / "home"))
    (folder / "rehearsal").unlink()
    return new_home(folder)


@pytest.fixture(scope="module")
def token(home: Home) -> str:
    home.session = HOLDER
    add_user(home, "A. Admin", "administrator", PASSWORD)
    return service(home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        started = player.chromium.launch(executable_path=CHROMIUM, args=WITH_GL)
        yield started
        started.close()


def page_of(home: Home) -> str:
    board = Board(home)
    script, sheet = (board.asset_url(f"maplibre-gl.{kind}") for kind in ("js", "css"))
    return f"{PAGE}<link rel=stylesheet href='{sheet}'><script src='{script}'></script>"


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "with a token"])
@pytest.mark.parametrize("way", ["tiles", "url"])
@pytest.mark.parametrize("part", [1.0, 0.2], ids=["the town", "a fifth of it"])
def test_maplibre_draws_the_squares_of_the_collection(
    way: str, is_open: bool, part: float, home: Home, token: str, town_run: TownRun, browser: Any
) -> None:
    chosen, given = (town_run.home, None) if is_open else (home, token)
    headers = {"authorization": f"Bearer {token}"} if given else {}
    with serving(Beside(create_app(chosen), page_of(chosen))) as port:
        address = f"http://localhost:{port}"
        templates = {"tiles": [f"{address}{SET}/{{z}}/{{y}}/{{x}}"], "minzoom": 9, "maxzoom": 13}
        source = templates if way == "tiles" else {"url": f"{address}{SET}/tilejson"}
        west, south, east, north = httpx2.get(f"{address}/gis/collections/cells", headers=headers).json()["extent"][
            "spatial"
        ]["bbox"][0]
        wide, high = (east - west) * part, (north - south) * part
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"{address}/page")
        sides, drawn = page.evaluate(DRAW, [source, [west, south, west + wide, south + high], given])
        page.close()
        box = ",".join(map(repr, sides))
        asked = {"bbox": box, "limit": 10_000}
        items = httpx2.get(f"{address}/gis/collections/cells/items", params=asked, headers=headers).json()["features"]
    assert wrong == []
    there = {each["id"]: each for each in items}
    shown = dict(drawn)
    pixel = (sides[2] - sides[0]) / 800
    surely = shapely.box(*sides).buffer(-pixel)  # a square on the edge of the picture may be drawn or not
    assert {
        name for name, each in there.items() if shapely.intersects(shapely.geometry.shape(each["geometry"]), surely)
    } <= set(shown)
    assert set(shown) <= set(there)
    assert {name: plain(values) for name, values in shown.items()} == {
        name: plain(there[name]["properties"]) for name in shown
    }
    assert len(shown) == len(town_run.published("cell_forecast")) if part == 1 else 10 < len(shown) < 500


def test_who_has_no_token_gets_no_tile_and_each_way_of_sending_it_the_same(home: Home, token: str) -> None:
    with serving(create_app(home)) as port:
        tile = f"http://localhost:{port}{SET}/9/164/257"
        assert httpx2.get(tile).status_code == 401
        ways: list[dict[str, str]] = [{"authorization": f"Bearer {token}"}, basic(token)]
        found = [httpx2.get(tile, headers=headers) for headers in ways]
        assert {each.status_code for each in found} == {200} and len({each.content for each in found}) == 1
