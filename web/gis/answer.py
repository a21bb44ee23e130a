"""An answer: its run in the headers, as JSON or as a page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from web.gis.collection import Run, time_text
from web.gis.refusal import RefusalError

JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html"
FORMATS = ("json", "html")


def is_page(request: Request, given: Mapping[str, str]) -> bool:
    """Return whether a page is wanted: by `f`, else by the header Accept."""
    if "f" in given:
        if given["f"] not in FORMATS:
            raise RefusalError(f"f={given['f'][:40]!r}: expected one of {', '.join(FORMATS)}")
        return given["f"] == "html"
    wanted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return "text/html" in wanted and not any(name.endswith("json") for name in wanted)


def json_answer(document: Mapping[str, Any], kind: str = JSON, *, status: int = 200) -> Response:
    """Return a document as JSON."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(body.encode("utf-8"), status, media_type=kind)


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
