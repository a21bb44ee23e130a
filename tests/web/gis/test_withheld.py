"""Ground under an embargo is served nowhere, by no address that a reader could know."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flows.decisions.embargoes import embargo_market
from flows.home.home import Home
from tests.town import AS_OF, TownRun
from tests.web.gis.conftest import client_of

ALL = ("areas", "cells", "hotspots", "markets", "changes", "visits", "points")


def test_an_embargoed_market_is_gone_at_once(
    shared: Path, town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = new_home(Path(shutil.copytree(shared / "run", tmp_path / "home")))
    client = client_of(home)
    market = client.json("/collections/markets/items")["features"][0]["id"]
    assert market in client.get("/gis/collections/markets/items").text
    embargo_market(
        home, market, until=AS_OF + timedelta(days=20), reason="a covert inquiry until the arrests", by="Supt. A. Lee"
    )
    assert client.get(f"/gis/collections/markets/items/{market}").status_code == 404
    assert client.json("/collections/markets/items", market_id=market)["numberMatched"] == 0
    for name in ALL:
        assert market not in client.get(f"/gis/collections/{name}/items", params={"limit": 10_000}).text
    run = town_run.summary.run_id
    assert market not in client.get("/gis/collections/markets/items", params={"run": run}).text
    tile = client.get("/gis/collections/markets/tiles/WebMercatorQuad/9/164/257")
    assert market.encode() not in tile.content
