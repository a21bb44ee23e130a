"""Vector tiles of a collection, all of a zoom at once and kept with their run."""

from collections.abc import Mapping
from contextlib import nullcontext
from threading import Lock
from typing import Any

from geo.layers.exchange import FIRST_ZOOM, LAST_ZOOM, tiles_of
from web.gis.collection import Collection
from web.gis.refusal import RefusalError

MVT = "application/vnd.mapbox-vector-tile"
TILE_MATRIX_SET = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
EDGE_M = 20037508.342789244  # of Web Mercator, from the middle
PIXEL_M = 0.00028  # by which OGC 17-083r4 counts scales
MATRICES: Mapping[str, Any] = {
    "id": "WebMercatorQuad",
    "title": "Google Maps Compatible for the World",
    "uri": TILE_MATRIX_SET,
    "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
    "orderedAxes": ["X", "Y"],
    "tileMatrices": [
        {
            "id": str(zoom),
            "scaleDenominator": 2 * EDGE_M / 256 / 2**zoom / PIXEL_M,
            "cellSize": 2 * EDGE_M / 256 / 2**zoom,
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": [-EDGE_M, EDGE_M],
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 2**zoom,
            "matrixHeight": 2**zoom,
        }
        for zoom in range(FIRST_ZOOM, LAST_ZOOM + 1)
    ],
}
NOTHING = {(-1, -1): b""}  # a zoom that was drawn and has no tile
_DRAWING = Lock()  # one zoom at a time: GDAL takes all cores


def tile_of(collection: Collection, zoom: str, row: str, column: str) -> bytes | None:
    """Return a tile, packed with gzip; None where it holds nothing.

    Raises
    ------
    RefusalError
        There is no such tile.
    """
    numbers = [int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1 for text in (zoom, row, column)]
    level, y, x = numbers
    if not FIRST_ZOOM <= level <= LAST_ZOOM or not (0 <= x < 2**level and 0 <= y < 2**level):
        raise RefusalError(
            f"there is no tile {zoom[:9]}/{row[:9]}/{column[:9]}: tiles are of zoom {FIRST_ZOOM} to {LAST_ZOOM}, "
            "counted from the north-west",
            404,
        )
    tiles: dict[tuple[int, int], bytes] = collection.day.made(("tiles", collection.name, level), dict)
    with _DRAWING if not tiles else nullcontext():
        if not tiles:  # drawn outside of `made`, which would keep every reader of the run waiting
            tiles.update(tiles_of(collection.layer, level) or NOTHING)
    return tiles.get((x, y))
