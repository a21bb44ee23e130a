"""Features as GeoJSON, in the coordinate system asked for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import shapely
from starlette.requests import Request
from starlette.responses import Response

from web.gis.answer import GEOJSON, address, link, run_of_answer, self_links
from web.gis.asked import Asked
from web.gis.collection import Collection
from web.gis.crs import Coordinates


def feature_collection(request: Request, base: str, shown: Collection, asked: Asked) -> Response:
    """Return a page of features, with links to the pages after and before it, all of one run."""
    here = f"{base}/collections/{quote(shown.name)}/items"
    head = {
        "type": "FeatureCollection",
        "numberMatched": asked.matched,
        "numberReturned": len(asked.places),
        "run": run_of_answer(shown.day),
        "links": [*self_links(request, here, as_page=False, kind=GEOJSON), *page_links(request, here, shown, asked)],
    }
    return _written(head, _features(shown, asked.places, asked.system), asked.system)


def page_links(request: Request, here: str, shown: Collection, asked: Asked) -> list[dict[str, Any]]:
    """Return links to the next and the previous page of the same run, whichever is the latest by then."""
    given = {name: value for name, value in request.query_params.multi_items()}
    given |= {"run": shown.day.run_id, "limit": str(asked.limit)}
    found = []
    if asked.offset + asked.limit < asked.matched:
        found.append(("next", asked.offset + asked.limit))
    if asked.offset:
        found.append(("prev", max(0, asked.offset - asked.limit)))
    return [link(rel, address(here, [*{**given, "offset": str(at)}.items()]), GEOJSON) for rel, at in found]


def feature(request: Request, base: str, shown: Collection, place: int, system: Coordinates) -> Response:
    """Return one feature."""
    here = f"{base}/collections/{quote(shown.name)}"
    links = self_links(request, f"{here}/items/{quote(shown.ids[place], safe='')}", as_page=False, kind=GEOJSON)
    more = {"run": run_of_answer(shown.day), "links": [*links, link("collection", here)]}
    (written,) = _features(shown, [place], system)
    return _body(f"{written[:-1]},{_json(more)[1:]}", system)


def no_features(request: Request, base: str, name: str, why: str) -> Response:
    """Return no features, of no run, and why."""
    links = self_links(request, f"{base}/collections/{quote(name)}/items", as_page=False, kind=GEOJSON)
    head = {"type": "FeatureCollection", "numberMatched": 0, "numberReturned": 0, "description": why, "links": links}
    return Response(f'{_json(head)[:-1]},"features":[]}}'.encode(), media_type=GEOJSON)


def _written(head: Mapping[str, Any], features: Sequence[str], system: Coordinates) -> Response:
    return _body(f'{_json(head)[:-1]},"features":[{",".join(features)}]}}', system)


def _body(text: str, system: Coordinates) -> Response:
    return Response(text.encode("utf-8"), media_type=GEOJSON, headers={"content-crs": f"<{system.uri}>"})


def _features(shown: Collection, places: Sequence[int], system: Coordinates) -> list[str]:
    shapes = shapely.to_geojson(system.as_written(shown.shapes(system)[places]))
    rows = shown.rows(places)
    return [
        f'{{"type":"Feature","id":{_json(shown.ids[place])},"geometry":{shape},"properties":{_json(row)}}}'
        for place, shape, row in zip(places, shapes, rows, strict=True)
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
