"""An answer: its run in the headers, as a document in JSON, as features in GeoJSON, or as a page."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import shapely
from starlette.requests import Request
from starlette.responses import Response

from geo.layers.geojson import time_text
from web.gis.asked import Asked
from web.gis.collection import Collection, Run, as_json
from web.gis.crs import Coordinates
from web.gis.refusal import RefusalError

JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html"
FORMATS = ("json", "html")
WEIGHT = re.compile(r"q=(0(\.\d*)?|1(\.0*)?)", re.ASCII)


def is_page(request: Request, given: Mapping[str, str]) -> bool:
    """Return whether a page is wanted: by `f`, else where the header Accept weighs it above JSON."""
    if "f" in given:
        if given["f"] not in FORMATS:
            raise RefusalError(f"f={given['f'][:40]!r}: expected one of {', '.join(FORMATS)}")
        return given["f"] == "html"
    wanted = _weights(request.headers.get("accept", ""))
    others = wanted.get("*/*", 0.0)
    as_json = [weight for name, weight in wanted.items() if name.endswith("json")]
    of_json = max(as_json, default=wanted.get("application/*", others))
    return wanted.get(HTML, wanted.get("text/*", others)) > of_json


def takes_gzip(accepted: str) -> bool:
    """Return whether a header Accept-Encoding names gzip, or anything, with a weight above zero."""
    wanted = _weights(accepted)
    return wanted.get("gzip", wanted.get("*", 0.0)) > 0


def _weights(header: str) -> dict[str, float]:
    """Return what a header such as Accept names, each with its weight: 1 without one that can be read."""
    found = {}
    for part in header.replace(" ", "").lower().split(","):
        name, *more = part.split(";")
        weights = [float(each[2:]) for each in more if WEIGHT.fullmatch(each)]
        found[name] = weights[0] if weights else 1.0
    return found


def json_answer(document: Mapping[str, Any], kind: str = JSON, *, status: int = 200) -> Response:
    """Return a document as JSON."""
    return Response(as_json(document).encode("utf-8"), status, media_type=kind)


def stamped(answer: Response, day: Run) -> Response:
    """Return an answer with the run that it shows in its headers."""
    about = run_of_answer(day)
    for name in ("run_id", "as_of", "valid_to", "state"):
        answer.headers[f"harmspot-{name.replace('_', '-')}"] = about[name]
    return answer


def run_of_answer(day: Run) -> dict[str, Any]:
    """Return what every answer says of its run: id, times, state (current, expired or unusable), and warnings."""
    warnings = day.warnings()
    state = "unusable" if day.run["unusable_because"] else "expired" if warnings else "current"
    times = {name: time_text(day.run[name]) for name in ("as_of", "valid_to")}
    return {"run_id": day.run_id, **times, "state": state, "warnings": warnings}


def link(rel: str, href: str, kind: str = "", title: str = "") -> dict[str, Any]:
    """Return a link of a document."""
    more = {"type": kind, "title": title}
    return {"rel": rel, "href": href, **{name: value for name, value in more.items() if value}}


def both(rel: str, href: str, title: str, kind: str = JSON) -> list[dict[str, Any]]:
    """Return links to a resource as JSON and as a page."""
    joiner = "&" if "?" in href else "?"
    return [link(rel, href, kind, title), link(rel, f"{href}{joiner}f=html", HTML, title)]


def self_links(request: Request, here: str, *, as_page: bool, kind: str = JSON) -> list[dict[str, Any]]:
    """Return the link of a document to itself, and to its other form."""
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "f"]
    plain = address(here, given)
    page = address(here, [*given, ("f", "html")])
    as_json = address(here, [*given, ("f", "json")])
    if as_page:
        return [link("self", page, HTML), link("alternate", as_json, kind)]
    return [link("self", plain, kind), link("alternate", page, HTML)]


def address(path: str, given: Sequence[tuple[str, str]]) -> str:
    """Return an address with parameters."""
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


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
    given = dict(request.query_params.multi_items())
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
    more = {"run": run_of_answer(shown.day), "links": [*links, link("collection", here, JSON)]}
    (written,) = _features(shown, [place], system)
    return _body(f"{written[:-1]},{as_json(more)[1:]}", system)


def no_features(request: Request, base: str, name: str, why: str) -> Response:
    """Return no features, of no run, and why."""
    links = self_links(request, f"{base}/collections/{quote(name)}/items", as_page=False, kind=GEOJSON)
    head = {"type": "FeatureCollection", "numberMatched": 0, "numberReturned": 0, "description": why, "links": links}
    return Response(f'{as_json(head)[:-1]},"features":[]}}'.encode(), media_type=GEOJSON)


def _written(head: Mapping[str, Any], features: Sequence[str], system: Coordinates) -> Response:
    return _body(f'{as_json(head)[:-1]},"features":[{",".join(features)}]}}', system)


def _body(text: str, system: Coordinates) -> Response:
    return Response(text.encode("utf-8"), media_type=GEOJSON, headers={"content-crs": f"<{system.uri}>"})


def _features(shown: Collection, places: Sequence[int], system: Coordinates) -> list[str]:
    shapes = shapely.to_geojson(system.as_written(shown.shapes(system)[places]))
    return [
        f'{{"type":"Feature","id":{as_json(shown.ids[place])},"geometry":{shape},"properties":{row}}}'
        for place, shape, row in zip(places, shapes, shown.attributes(places), strict=True)
    ]
