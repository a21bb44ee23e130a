"""The base map beneath the layers: none, tiles out of a .pmtiles file of the force's own, or those of a tile server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import Response

from pipeline.errors import SettingsError

MEDIA = {"MVT": "application/vnd.mapbox-vector-tile", "PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
ENCODING = {"NONE": None, "GZIP": "gzip", "BROTLI": "br"}  # of the tiles, as browsers know it
KEPT = {"cache-control": "private, max-age=86400"}


class BaseMap:
    """What is drawn beneath; `url` is the tile server's, whose origin alone the board's pages may ask."""

    def __init__(self, setting: str | None) -> None:
        self.is_url = setting is not None and setting.startswith(("https://", "http://"))
        self.origin: str | None = None
        self._about: Mapping[str, Any] | None = None
        self._read: Any = None
        if setting is not None and self.is_url:
            parts = urlsplit(setting)
            self.origin = f"{parts.scheme}://{parts.netloc}"
            self._about = {"type": "raster", "tiles": [setting], "tileSize": 256, "lines": []}
        elif setting is not None:
            self._open(Path(setting))

    def _open(self, path: Path) -> None:
        from pmtiles.reader import MmapSource, Reader

        try:
            with path.open("rb") as file:
                self._read = Reader(MmapSource(file))
            header, about = self._read.header(), self._read.metadata()
        except Exception as error:  # whatever a file that is none makes the reader raise
            raise SettingsError(f"web.base_map {path}: no PMTiles file ({type(error).__name__})") from error
        self._media = MEDIA.get(header["tile_type"].name)
        self._encoding = ENCODING.get(header["tile_compression"].name)
        if self._media is None or header["tile_compression"].name not in ENCODING:
            raise SettingsError(f"web.base_map {path}: expected tiles that are one of {', '.join(MEDIA)}")
        is_vector = header["tile_type"].name == "MVT"
        self._about = {
            "type": "vector" if is_vector else "raster",
            "tiles": ["/base/{z}/{x}/{y}"],
            **({} if is_vector else {"tileSize": 256}),
            "minzoom": header["min_zoom"],
            "maxzoom": header["max_zoom"],
            "bounds": [header[name] / 1e7 for name in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")],
            "attribution": str(about.get("attribution", "")),
            "lines": [str(layer["id"]) for layer in about.get("vector_layers", [])] if is_vector else [],
        }

    def routes(self) -> APIRouter:
        """Return the routes of the base map."""
        router = APIRouter()

        @router.get("/base.json")
        def about() -> Response:
            if self._about is None:
                return Response(status_code=204)
            return Response(json.dumps(self._about), media_type="application/json")

        @router.get("/base/{z}/{x}/{y}")
        def tile(z: int, x: int, y: int) -> Response:
            is_tile = 0 <= z <= 26 and 0 <= x < 2**z and 0 <= y < 2**z
            content = self._read.get(z, x, y) if self._read and is_tile else None
            if content is None:
                return Response(status_code=204)
            encoding = {"content-encoding": self._encoding} if self._encoding else {}
            return Response(content, media_type=self._media, headers=KEPT | encoding)

        return router
