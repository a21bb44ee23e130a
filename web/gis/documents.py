"""The documents of OGC API – Features and Tiles: landing page, conformance, collections, queryables, tilesets."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd

from geo.layers.exchange import FIRST_ZOOM, LAST_ZOOM
from geo.layers.geojson import time_text
from web.gis.answer import GEOJSON, HTML, JSON, both, link, run_of_answer
from web.gis.collection import TYPES, Collection, Run
from web.gis.crs import CRS84
from web.gis.tiles import MATRICES, MVT, TILE_MATRIX_SET

FEATURES = "http://www.opengis.net/spec/ogcapi-features-"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"
CLASSES = (
    *("http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",),
    *(f"{FEATURES}1/1.0/conf/{name}" for name in ("core", "oas30", "html", "geojson")),
    f"{FEATURES}2/1.0/conf/crs",
    *(
        f"{FEATURES}3/1.0/conf/{name}"
        for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")
    ),
    *(
        f"{CQL2}{name}"
        for name in (
            *("cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison"),
            *("accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus"),
            *("spatial-functions", "temporal-functions", "property-property", "arithmetic"),
        )
    ),
    *(f"{TILES}{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30")),
)


def landing(base: str, day: Run, force: str) -> dict[str, Any]:
    """Return the landing page: of the latest run, with the way to everything else."""
    return {
        "title": f"{force}: map layers of harmspot",
        "description": "Places ranked by harm, by run. Nobody is named. See valid_to: an expired run is for no action.",
        "run": run_of_answer(day),
        "links": [
            *api_links(base),
            *both("conformance", f"{base}/conformance", "What of OGC API is served"),
            *both("data", f"{base}/collections", "The layers"),
            *both(f"{REL}tiling-schemes", f"{base}/tileMatrixSets", "How tiles are cut"),
        ],
    }


def api_links(base: str) -> list[dict[str, Any]]:
    """Return the links to the description of the service."""
    return [
        link("service-desc", f"{base}/api", OPENAPI, "The service, as OpenAPI 3.0"),
        link("service-doc", f"{base}/api?f=html", HTML, "The service, as a page"),
    ]


def conformance() -> dict[str, Any]:
    """Return the conformance classes that the service claims."""
    return {"conformsTo": list(CLASSES)}


def collections(base: str, day: Run, found: Iterable[Collection], kept: pd.DataFrame) -> dict[str, Any]:
    """Return the description of all collections."""
    described = [collection(base, each, kept) for each in found]
    systems = next((each["crs"] for each in described), [CRS84])
    return {"run": run_of_answer(day), "links": [], "collections": described, "crs": systems}


def collection(base: str, shown: Collection, kept: pd.DataFrame) -> dict[str, Any]:
    """Return the description of a collection: its extent, its systems, and where its features and tiles are."""
    here, about = f"{base}/collections/{quote(shown.name)}", run_of_answer(shown.day)
    stored = {"storageCrs": shown.stored.uri} if shown.stored else {}
    held = {"spatial": {"bbox": [list(shown.extent)], "crs": CRS84}} if shown.extent else {}
    spans = [time_text(kept["as_of"].min()), time_text(kept["valid_to"].max())]
    return {
        "id": shown.name,
        "title": shown.layer.description.title,
        "description": " ".join([*about["warnings"], shown.layer.description.about]).strip(),
        "run": about,
        "itemType": "feature",
        "extent": {**held, "temporal": {"interval": [spans]}},
        "crs": list(shown.systems),
        **stored,
        "links": [
            *both("items", f"{here}/items", "Features", GEOJSON),
            link(f"{REL}queryables", f"{here}/queryables", SCHEMA, "What filters may name"),
            link(f"{REL}queryables", f"{here}/queryables?f=html", HTML, "What filters may name"),
            *both(f"{REL}tilesets-vector", f"{here}/tiles", "Vector tiles"),
        ],
    }


def queryables(base: str, shown: Collection, kept: pd.DataFrame) -> dict[str, Any]:
    """Return what filters, sorting and parameters may name of a collection, as a JSON schema."""
    here = f"{base}/collections/{quote(shown.name)}/queryables"
    fields = {
        field.name: {"title": field.label, "description": field.meaning, **TYPES[shown.kinds[field.name]]}
        for field in shown.layer.fields
    }
    shape = {"title": "Geometry", "format": "geometry-any"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": here,
        "type": "object",
        "title": shown.layer.description.title,
        "properties": {**fields, "geometry": shape},
        "additionalProperties": False,
    }


def tilesets(base: str, shown: Collection, kept: pd.DataFrame) -> dict[str, Any]:
    """Return the list of a collection's tilesets: the one of WebMercatorQuad."""
    here = f"{base}/collections/{quote(shown.name)}/tiles/WebMercatorQuad"
    entry = {**_tileset_head(base, shown), "links": both("self", here, "The tileset")}
    return {"run": run_of_answer(shown.day), "links": [], "tilesets": [entry]}


def _tileset_head(base: str, shown: Collection) -> dict[str, Any]:
    return {
        "title": shown.layer.description.title,
        "dataType": "vector",
        "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "tileMatrixSetURI": TILE_MATRIX_SET,
    }


def tileset(base: str, shown: Collection, kept: pd.DataFrame) -> dict[str, Any]:
    """Return the description of a tileset: its zooms and the fields of its features."""
    here = f"{base}/collections/{quote(shown.name)}/tiles/WebMercatorQuad"
    held = shown.extent
    box = {"boundingBox": {"lowerLeft": held[:2], "upperRight": held[2:], "crs": CRS84}} if held else {}
    return {
        **_tileset_head(base, shown),
        **box,
        "run": run_of_answer(shown.day),
        "layers": [{"id": shown.name, "dataType": "vector", "geometryDimension": _dimension(shown), **_schema(shown)}],
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(zoom),
                "minTileRow": 0,
                "maxTileRow": 2**zoom - 1,
                "minTileCol": 0,
                "maxTileCol": 2**zoom - 1,
            }
            for zoom in range(FIRST_ZOOM, LAST_ZOOM + 1)
        ],
        "links": [
            link("item", f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?run={shown.day.run_id}", MVT)
            | {"templated": True},
            link(f"{REL}tiling-scheme", f"{base}/tileMatrixSets/WebMercatorQuad", JSON),
            link("describedby", f"{here}/tilejson", JSON, "TileJSON"),
        ],
    }


def _dimension(shown: Collection) -> int:
    return {"Point": 0, "MultiLineString": 1}.get(shown.layer.geometry_type, 2)


def _schema(shown: Collection) -> dict[str, Any]:
    return {"propertiesSchema": {"type": "object", "properties": {k: dict(TYPES[v]) for k, v in shown.kinds.items()}}}


def tilejson(base: str, shown: Collection, kept: pd.DataFrame) -> dict[str, Any]:
    """Return TileJSON 3.0, which MapLibre reads."""
    here = f"{base}/collections/{quote(shown.name)}/tiles/WebMercatorQuad"
    about = run_of_answer(shown.day)
    fields = {field.name: field.alias for field in shown.layer.fields}
    return {
        "tilejson": "3.0.0",
        "name": shown.layer.description.title,
        "description": " ".join([*about["warnings"], shown.layer.description.about]).strip(),
        "tiles": [f"{here}/{{z}}/{{y}}/{{x}}?run={shown.day.run_id}"],
        "minzoom": FIRST_ZOOM,
        "maxzoom": LAST_ZOOM,
        **({"bounds": list(shown.extent)} if shown.extent else {}),
        "vector_layers": [{"id": shown.name, "fields": fields, "minzoom": FIRST_ZOOM, "maxzoom": LAST_ZOOM}],
        "run": about,
    }


def matrix_sets(base: str) -> dict[str, Any]:
    """Return the list of tile matrix sets."""
    entry = {"id": "WebMercatorQuad", "title": "Google Maps Compatible for the World", "uri": TILE_MATRIX_SET}
    here = f"{base}/tileMatrixSets/WebMercatorQuad"
    return {"links": [], "tileMatrixSets": [{**entry, "links": [link("self", here, JSON)]}]}


def matrix_set() -> Mapping[str, Any]:
    """Return WebMercatorQuad as OGC 17-083r4 defines it, as far as tiles are served."""
    return MATRICES
