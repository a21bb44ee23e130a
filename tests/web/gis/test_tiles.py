"""Vector tiles: the same features with the same values as the collections, in every tile of a zoom."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import httpx2
import mapbox_vector_tile
import pytest

from geo.layers.exchange import FIRST_ZOOM, LAST_ZOOM, tiles_of
from tests.town import TownRun
from tests.web.conftest import serving
from tests.web.gis.conftest import CRS84, Client
from web.app import create_app
from web.gis import service, tiles
from web.gis.collection import Collection


def decoded(client: Client, name: str, zoom: int, row: int, column: int) -> list[Any]:
    answer = client.get(f"/gis/collections/{name}/tiles/WebMercatorQuad/{zoom}/{row}/{column}")
    assert answer.status_code in (200, 204)
    if answer.status_code == 204:
        return []
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    return mapbox_vector_tile.decode(answer.content)[name]["features"]  # unpacked by the client


@pytest.mark.parametrize("name", ["areas", "cells", "markets", "visits", "points"])
@pytest.mark.parametrize("zoom", [FIRST_ZOOM, LAST_ZOOM])
def test_all_tiles_of_a_zoom_hold_the_features_with_their_values(
    name: str, zoom: int, client: Client, shown: dict[str, Collection]
) -> None:
    found: list[Any] = []
    for column, row in tiles_of(shown[name].layer, zoom):
        found += [feature["properties"] for feature in decoded(client, name, zoom, row, column)]
    expected = shown[name].rows(range(len(shown[name].ids)))
    assert {plain(row) for row in found} == {plain(row) for row in expected}


def plain(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row with numbers as such and without what is missing, which no tile holds."""
    values = {name: float(value) if isinstance(value, (int, float)) else value for name, value in row.items()}
    return tuple(sorted((name, value) for name, value in values.items() if value is not None))


def test_a_tile_lies_where_its_features_do(client: Client, shown: dict[str, Collection]) -> None:
    west, _, east, _ = shown["areas"].extent or (0, 0, 0, 0)
    zoom = 13
    at = {(column, row) for column, row in tiles_of(shown["areas"].layer, zoom)}
    for column, row in at:
        assert west - 0.06 <= column / 2**zoom * 360 - 180 <= east
        assert row < 2 ** (zoom - 1)  # in the north
    assert client.get(f"/gis/collections/areas/tiles/WebMercatorQuad/{zoom}/0/0").status_code == 204


def test_the_same_layer_gives_the_same_tiles(shown: dict[str, Collection]) -> None:
    assert tiles_of(shown["areas"].layer, 10) == tiles_of(shown["areas"].layer, 10)


def test_tilejson_names_tiles_that_are_there(client: Client, shown: dict[str, Collection]) -> None:
    found = client.json("/collections/cells/tiles/WebMercatorQuad/tilejson")
    assert found["vector_layers"][0]["fields"].keys() == shown["cells"].kinds.keys()
    (column, row), *_ = tiles_of(shown["cells"].layer, found["maxzoom"])
    template = found["tiles"][0]
    answer = client.get(template.format(z=found["maxzoom"], y=row, x=column))
    assert answer.status_code == 200 and answer.headers["harmspot-run-id"] == found["run"]["run_id"]
    limits = client.json("/collections/cells/tiles/WebMercatorQuad")["tileMatrixSetLimits"]
    matrices = client.json("/tileMatrixSets/WebMercatorQuad")["tileMatrices"]
    assert [each["tileMatrix"] for each in limits] == [each["id"] for each in matrices]
    assert matrices[0]["scaleDenominator"] == pytest.approx(559082264.028717 / 2**FIRST_ZOOM)
    assert client.json("/collections/cells/tiles/WebMercatorQuad")["boundingBox"]["crs"] == CRS84


def test_no_page_waits_while_a_zoom_is_drawn(town_run: TownRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """More tiles are asked for than pages have threads (40); one more than the service takes on is refused."""
    is_over = Event()
    monkeypatch.setattr(service, "MOST_TILES", 44)
    monkeypatch.setattr(tiles, "tiles_of", lambda *_: {(0, 0): b""} if is_over.wait(30) else {})
    with serving(create_app(town_run.home)) as port, ThreadPoolExecutor(45) as askers:
        address = f"http://localhost:{port}"
        tile = f"{address}/gis/collections/cells/tiles/WebMercatorQuad/12/0/1"
        try:
            asked = [askers.submit(httpx2.get, tile, timeout=60) for _ in range(45)]
            (refused,), waiting = wait(asked, 20, FIRST_COMPLETED)
            page = httpx2.get(f"{address}/sign-in", timeout=20)
        finally:
            is_over.set()
        assert (refused.result().status_code, refused.result().headers["retry-after"]) == (503, "5")
        assert page.status_code == 200
        assert {each.result().status_code for each in waiting} == {204}
