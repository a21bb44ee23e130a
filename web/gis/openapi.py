"""The description of the service in OpenAPI 3.0: each path with its parameters, for the collections of a run."""

from collections.abc import Iterable, Mapping
from typing import Any

from geo.layers.exchange import FIRST_ZOOM, LAST_ZOOM
from web.gis.answer import FORMATS, GEOJSON, HTML, JSON
from web.gis.asked import LIMIT, MOST_LIMIT, OF_ITEM, OF_ITEMS, OF_RUN
from web.gis.collection import TYPES, Collection
from web.gis.documents import OPENAPI, SCHEMA
from web.gis.filters import LANGUAGES
from web.gis.tiles import MVT

WHEN = "A time, a day, or two of them with a slash, `..` for an open end: the latest run that held then."
TEXT: Mapping[str, Any] = {"type": "string"}
OBJECT: Mapping[str, Any] = {"type": "object"}
COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
FEATURE: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {"type": {"enum": ["Feature"]}, "id": TEXT, "geometry": OBJECT, "properties": OBJECT},
}
FEATURES: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "features", "links", "numberMatched", "numberReturned"],
    "properties": {
        "type": {"enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
        "links": {"type": "array", "items": OBJECT},
        "numberMatched": COUNT,
        "numberReturned": COUNT,
        "run": OBJECT,
    },
}
PROBLEM: Mapping[str, Any] = {"type": "object", "required": ["code"], "properties": {"code": TEXT, "description": TEXT}}


def _parameter(name: str, schema: Mapping[str, Any], said: str) -> dict[str, Any]:
    how = {"in": "query", "required": False, "style": "form", "explode": False}
    return {"name": name, **how, "description": said, "schema": schema}


def _parameters(systems: list[str]) -> dict[str, dict[str, Any]]:
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    crs = {"type": "string", "enum": systems}
    found = [
        _parameter("f", {"type": "string", "enum": list(FORMATS)}, "Form of the answer; by default as Accept has it."),
        _parameter("run", TEXT, "Id of a kept run; by default the latest."),
        _parameter("datetime", TEXT, WHEN),
        _parameter("crs", crs, "Coordinate system of the answer."),
        _parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": LIMIT},
            "Features of a page at most.",
        ),
        _parameter("offset", {**COUNT, "default": 0}, "Features before the page."),
        _parameter("bbox", numbers, "A box that features touch: west, south, east, north in the order of bbox-crs."),
        _parameter("bbox-crs", crs, "Coordinate system of bbox."),
        _parameter("filter", TEXT, "A condition in CQL2 on the queryables."),
        _parameter("filter-lang", {"type": "string", "enum": list(LANGUAGES)}, "Language of filter."),
        _parameter("filter-crs", crs, "Coordinate system of the geometries in filter."),
        _parameter("sortby", TEXT, "Properties with commas; one with a minus is sorted downwards."),
    ]
    return {each["name"]: each for each in found}


def description(base: str, shown: Iterable[Collection], force: str, *, needs_token: bool) -> dict[str, Any]:
    """Return the document."""
    collections = list(shown)
    systems = list(collections[0].systems) if collections else []
    get = _Paths()
    for path, about in (("/", "The landing page"), ("/conformance", "What is claimed")):
        get.add(path, about, ("f",) if path != "/" else OF_RUN)
    get.add("/api", "This document", ("f",), content=_content(OPENAPI))
    get.add("/collections", "The layers", OF_RUN)
    get.add("/tileMatrixSets", "How tiles are cut", ("f",))
    get.add("/tileMatrixSets/WebMercatorQuad", "The tile matrix set", ("f",))
    for each in collections:
        _describe(get, each)
    schemes = {"token": {"type": "http", "scheme": "bearer"}, "password": {"type": "http", "scheme": "basic"}}
    return {
        "openapi": "3.0.3",
        "info": {"title": f"{force}: map layers of harmspot", "version": "1.0.0"},
        "servers": [{"url": base}],
        "paths": get.paths,
        **({"security": [{"token": []}, {"password": []}]} if needs_token else {}),
        "components": {
            "parameters": _parameters(systems),
            "schemas": {"feature": FEATURE, "features": FEATURES, "problem": PROBLEM},
            "responses": {"refused": {"description": "Refused, in words.", "content": _content(JSON, "problem")}},
            **({"securitySchemes": schemes} if needs_token else {}),
        },
    }


def _describe(get: "_Paths", shown: Collection) -> None:
    here, title = f"/collections/{shown.name}", shown.layer.description.title
    own = [
        _parameter(name, TYPES[kind], f"Features whose {name} is this.")
        for name, kind in shown.kinds.items()
        if name not in OF_ITEMS
    ]
    get.add(here, title, OF_RUN)
    get.add(f"{here}/items", f"{title}: features", OF_ITEMS, content=_content(GEOJSON, "features"), own=own)
    get.add(
        f"{here}/items/{{featureId}}",
        f"{title}: a feature",
        OF_ITEM,
        content=_content(GEOJSON, "feature"),
        path={"featureId": TEXT},
    )
    get.add(f"{here}/queryables", f"{title}: what filters may name", OF_RUN, content=_content(SCHEMA))
    tiles = f"{here}/tiles"
    get.add(tiles, f"{title}: vector tiles", OF_RUN)
    get.add(f"{tiles}/WebMercatorQuad", f"{title}: the tileset", OF_RUN)
    get.add(f"{tiles}/WebMercatorQuad/tilejson", f"{title}: TileJSON", OF_RUN)
    zoom = {"type": "integer", "minimum": FIRST_ZOOM, "maximum": LAST_ZOOM}
    get.add(
        f"{tiles}/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
        f"{title}: a tile",
        ("run", "datetime"),
        content={MVT: {"schema": {"type": "string", "format": "binary"}}},
        path={"tileMatrix": zoom, "tileRow": COUNT, "tileCol": COUNT},
        empty=True,
    )


def _content(kind: str, schema: str = "") -> dict[str, Any]:
    page = {HTML: {"schema": TEXT}} if schema != "problem" else {}
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else OBJECT}, **page}


class _Paths:
    """The paths as they are collected; each is read by GET alone."""

    def __init__(self) -> None:
        self.paths: dict[str, Any] = {}

    def add(
        self,
        address: str,
        about: str,
        known: Iterable[str],
        *,
        content: Mapping[str, Any] | None = None,
        own: Iterable[Mapping[str, Any]] = (),
        path: Mapping[str, Any] | None = None,
        empty: bool = False,
    ) -> None:
        """Add a path with its parameters: those in its address, those of all collections by name, and its own."""
        in_path = [{"name": name, "in": "path", "required": True, "schema": s} for name, s in (path or {}).items()]
        shared = [{"$ref": f"#/components/parameters/{name}"} for name in known]
        refused = {"$ref": "#/components/responses/refused"}
        answers: dict[str, Any] = {"200": {"description": about, "content": content or _content(JSON)}}
        answers |= {"204": {"description": "Nothing is there."}} if empty else {}
        answers |= dict.fromkeys(("400", "401", "404", "503"), refused)
        name = "".join(part.strip("{}").title() for part in address.split("/")) or "Landing"
        self.paths[address] = {
            "get": {
                "operationId": f"get{name}",
                "summary": about,
                "parameters": [*in_path, *shared, *own],
                "responses": answers,
            }
        }
