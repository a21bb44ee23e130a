"""Each conformance class that the service claims, checked by itself."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jsonschema
import mapbox_vector_tile
import pytest

from geo.layers.exchange import tiles_of
from tests.web.gis.conftest import CRS84, EPSG, Client
from web.gis.collection import Collection
from web.gis.documents import CLASSES, CQL2, FEATURES, TILES

OGC = "http://www.opengis.net/"
ITEMS = "/collections/cells/items"
Check = Callable[[Client], None]


def links_of(document: Any, rel: str) -> list[Any]:
    return [link for link in document["links"] if link["rel"] == rel]


def common_core(client: Client) -> None:
    landing = client.json("/")
    for rel in ("service-desc", "service-doc", "conformance", "self", "alternate"):
        for link in links_of(landing, rel):
            answer = client.get(link["href"])
            assert answer.status_code == 200 and answer.headers["content-type"].startswith(link["type"].split(";")[0])


def features_core(client: Client) -> None:
    assert links_of(client.json("/"), "data")
    for each in client.json("/collections")["collections"]:
        (items, page) = links_of(each, "items")
        assert (items["type"], page["type"]) == ("application/geo+json", "text/html")
        found = client.get(items["href"], params={"limit": 2}).json()
        assert found["type"] == "FeatureCollection" and found["numberReturned"] == len(found["features"]) <= 2
        assert each["extent"]["temporal"]["interval"][0][0] < each["extent"]["temporal"]["interval"][0][1]
        for feature in found["features"]:
            one = client.json(f"/collections/{each['id']}/items/{feature['id']}")
            assert {key: one[key] for key in feature} == feature
            assert {link["rel"] for link in one["links"]} >= {"self", "alternate", "collection"}
            assert all(link.get("type") for link in one["links"])
    assert client.json(ITEMS, 400, nothing=1)["code"]
    held = client.json("/collections/cells")["extent"]
    box, (begins, ends) = ",".join(map(str, held["spatial"]["bbox"][0])), held["temporal"]["interval"][0]
    for given in (
        {},
        {"bbox": box},
        {"datetime": begins},
        {"datetime": f"{begins}/{ends}"},
        {"datetime": f"../{ends}"},
    ):
        assert client.json(ITEMS, **given)["numberMatched"] > 100


def openapi(client: Client) -> None:
    answer = client.get("/gis/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"].startswith("3.0")
    listed = {name for name in document["paths"] if name.endswith("/items")}
    assert listed == {f"/collections/{each['id']}/items" for each in client.json("/collections")["collections"]}
    names = [each["get"]["operationId"] for each in document["paths"].values()]
    assert len(set(names)) == len(names)


def html(client: Client) -> None:
    paths = ["/", "/api", "/conformance", "/collections", "/collections/cells", ITEMS, "/collections/cells/queryables"]
    one = client.json(ITEMS, limit=1)["features"][0]["id"]
    for path in (*paths, f"{ITEMS}/{one}", "/collections/cells/tiles", "/tileMatrixSets"):
        by_name = client.get(f"/gis{path}", params={"f": "html"})
        by_header = client.get(f"/gis{path}", headers={"accept": "text/html"})
        for answer in (by_name, by_header):
            assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
        assert 'src="http' not in by_name.text
    assert "next" in client.get(f"/gis{ITEMS}", params={"f": "html", "limit": 2}).text


def geojson(client: Client) -> None:
    answer = client.get(f"/gis{ITEMS}")
    assert answer.headers["content-type"] == "application/geo+json"
    for feature in answer.json()["features"]:
        assert feature["type"] == "Feature" and feature["geometry"]["type"] == "Polygon"
        (ring,) = feature["geometry"]["coordinates"]
        area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))
        assert ring[0] == ring[-1] and area > 0  # counter-clockwise, as RFC 7946 has it


def crs(client: Client) -> None:
    each = client.json("/collections/cells")
    assert each["crs"][0] == CRS84 and each["storageCrs"] in each["crs"]
    for uri in each["crs"]:
        assert client.get(f"/gis{ITEMS}", params={"crs": uri}).headers["content-crs"] == f"<{uri}>"
    east, north = client.json(ITEMS, crs=CRS84)["features"][0]["geometry"]["coordinates"][0][0]
    assert client.json(ITEMS, crs=f"{EPSG}4326")["features"][0]["geometry"]["coordinates"][0][0] == [north, east]
    assert client.json(ITEMS, crs="[EPSG:4326]")["features"][0]["geometry"]["coordinates"][0][0] == [north, east]
    assert client.json(ITEMS, 400, crs=f"{EPSG}1")["code"]


def queryables(client: Client) -> None:
    answer = client.get("/gis/collections/cells/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    assert schema["$id"].endswith("/collections/cells/queryables") and schema["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for feature in client.json(ITEMS, limit=50)["features"]:
        checker.validate({name: value for name, value in feature["properties"].items() if value is not None})
    rel = f"{OGC}def/rel/ogc/1.0/queryables"
    assert links_of(client.json("/collections/cells"), rel)


def queryable_parameters(client: Client) -> None:
    first = client.json(ITEMS, limit=1)["features"][0]
    for name in client.json("/collections/cells/queryables")["properties"]:
        value = first["properties"].get(name)
        if name != "geometry" and value is not None:
            text = str(value).lower() if isinstance(value, bool) else value
            found = client.json(ITEMS, **{name: text, "limit": 10_000})["features"]
            assert first["id"] in {feature["id"] for feature in found}, name


def filtering(client: Client) -> None:
    assert client.json(ITEMS, filter="rank <= 3")["numberMatched"] == 3
    assert client.json(ITEMS, **{"filter": "rank <= 3", "filter-lang": "cql2-text"})["numberMatched"] == 3
    found = client.json(ITEMS, filter="rank <= 3", rank=2, bbox="-180,-90,180,90")
    assert found["numberMatched"] == 1  # all conditions together
    client.json(ITEMS, 400, filter="nothing = 1")
    client.json(ITEMS, 400, **{"filter-lang": "nothing"})
    x, y = client.json(ITEMS, crs=f"{EPSG}3857", limit=1)["features"][0]["geometry"]["coordinates"][0][0]
    shape = f"S_INTERSECTS(geometry, POINT({x} {y}))"
    assert client.json(ITEMS, **{"filter": shape, "filter-crs": f"{EPSG}3857"})["numberMatched"] >= 1


def cql2_text(client: Client) -> None:
    assert client.json(ITEMS, **{"filter": "rank = 1", "filter-lang": "cql2-text"})["numberMatched"] == 1


def cql2_json(client: Client) -> None:
    tree = json.dumps({"op": "=", "args": [{"property": "rank"}, 1]})
    assert client.json(ITEMS, **{"filter": tree, "filter-lang": "cql2-json"})["numberMatched"] == 1


def conditions(*pairs: tuple[str, str]) -> Check:
    """Check that each pair of conditions selects the same features, and some."""

    def check(client: Client) -> None:
        for first, second in pairs:
            both = [client.json(ITEMS, filter=text, limit=10_000) for text in (first, second)]
            assert both[0]["numberMatched"] == both[1]["numberMatched"] > 0, first
            assert [each["id"] for each in both[0]["features"]] == [each["id"] for each in both[1]["features"]], first

    return check


INSIDE = "POLYGON((-179 -89, 179 -89, 179 89, -179 89, -179 -89))"
ALL = "rank > 0"
WHEN = "INTERVAL('2000-01-01', '2100-01-01')"


def tiles_core(client: Client) -> None:
    found = client.json("/collections/cells/tiles/WebMercatorQuad")
    (item,) = links_of(found, "item")
    assert item["templated"] and item["type"] == "application/vnd.mapbox-vector-tile"
    assert client.get(f"{item['href'].format(tileMatrix=9, tileRow=0, tileCol=0)}").status_code == 204
    client.json("/collections/cells/tiles/WebMercatorQuad/30/0/0", 404)


def tileset(client: Client) -> None:
    found = client.json("/collections/cells/tiles/WebMercatorQuad")
    assert found["dataType"] == "vector" and found["tileMatrixSetURI"].endswith("/WebMercatorQuad")
    (scheme,) = links_of(found, f"{OGC}def/rel/ogc/1.0/tiling-scheme")
    matrices = client.get(scheme["href"]).json()
    assert matrices["uri"] == found["tileMatrixSetURI"]


def tilesets_list(client: Client) -> None:
    (entry,) = client.json("/collections/cells/tiles")["tilesets"]
    assert client.get(links_of(entry, "self")[0]["href"]).json()["tileMatrixSetURI"] == entry["tileMatrixSetURI"]


def geodata_tilesets(client: Client) -> None:
    for each in client.json("/collections")["collections"]:
        link, _ = links_of(each, f"{OGC}def/rel/ogc/1.0/tilesets-vector")
        assert client.get(link["href"]).json()["tilesets"]


def mvt(client: Client) -> None:
    found = client.json("/collections/areas/tiles/WebMercatorQuad/tilejson")
    west, _, east, _ = found["bounds"]
    column = int(((west + east) / 2 + 180) / 360 * 2**9)
    rows = [client.get(found["tiles"][0].format(z=9, y=row, x=column)) for row in range(150, 180)]
    held = [answer for answer in rows if answer.status_code == 200]
    assert held and all("areas" in mapbox_vector_tile.decode(answer.content) for answer in held)


def tiles_openapi(client: Client) -> None:
    paths = client.json("/api")["paths"]
    assert "/collections/cells/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}" in paths


CHECKS: dict[str, Check] = {
    f"{OGC}spec/ogcapi-common-1/1.0/conf/core": common_core,
    f"{FEATURES}1/1.0/conf/core": features_core,
    f"{FEATURES}1/1.0/conf/oas30": openapi,
    f"{FEATURES}1/1.0/conf/html": html,
    f"{FEATURES}1/1.0/conf/geojson": geojson,
    f"{FEATURES}2/1.0/conf/crs": crs,
    f"{FEATURES}3/1.0/conf/queryables": queryables,
    f"{FEATURES}3/1.0/conf/queryables-query-parameters": queryable_parameters,
    f"{FEATURES}3/1.0/conf/filter": filtering,
    f"{FEATURES}3/1.0/conf/features-filter": filtering,
    f"{CQL2}cql2-text": cql2_text,
    f"{CQL2}cql2-json": cql2_json,
    f"{CQL2}basic-cql2": conditions(
        ("rank = 1", "NOT (rank <> 1)"),
        ("rank < 3 AND rank > 1", "rank = 2"),
        ("rank_before IS NULL OR rank_before IS NOT NULL", ALL),
        ("is_address_pile = TRUE OR is_address_pile = FALSE", ALL),
        ("as_of > TIMESTAMP('2000-01-01T00:00:00Z')", "as_of > DATE('2000-01-01')"),
    ),
    f"{CQL2}advanced-comparison-operators": conditions(
        ("rank BETWEEN 2 AND 4", "rank >= 2 AND rank <= 4"),
        ("rank IN (1, 2)", "rank <= 2"),
        ("cell_id LIKE 'EPSG%'", ALL),
    ),
    f"{CQL2}case-insensitive-comparison": conditions(("CASEI(cell_id) LIKE CASEI('epsg%')", ALL)),
    f"{CQL2}accent-insensitive-comparison": conditions(("ACCENTI(cell_id) LIKE ACCENTI('ÉPSG%')", ALL)),
    f"{CQL2}basic-spatial-functions": conditions(("S_INTERSECTS(geometry, BBOX(-179, -89, 179, 89))", ALL)),
    f"{CQL2}basic-spatial-functions-plus": conditions((f"S_INTERSECTS(geometry, {INSIDE})", ALL)),
    f"{CQL2}spatial-functions": conditions(
        (f"S_WITHIN(geometry, {INSIDE})", ALL),
        (f"S_CONTAINS({INSIDE}, geometry)", ALL),
        ("S_DISJOINT(geometry, POINT(0 0))", ALL),
        (f"NOT S_TOUCHES(geometry, {INSIDE})", ALL),
        (f"NOT S_OVERLAPS(geometry, {INSIDE})", ALL),
        (f"NOT S_CROSSES(geometry, {INSIDE})", ALL),
        ("S_EQUALS(geometry, geometry)", ALL),
    ),
    f"{CQL2}temporal-functions": conditions(
        (f"T_DURING(as_of, {WHEN})", ALL),
        (f"T_CONTAINS({WHEN}, INTERVAL(as_of, valid_to))", ALL),
        ("T_AFTER(valid_to, as_of)", ALL),
        ("T_BEFORE(as_of, valid_to)", ALL),
        ("T_EQUALS(as_of, as_of)", ALL),
        ("T_DISJOINT(as_of, valid_to)", ALL),
        ("T_STARTS(as_of, INTERVAL(as_of, valid_to))", ALL),
        ("T_STARTEDBY(INTERVAL(as_of, valid_to), as_of)", ALL),
        ("T_FINISHES(valid_to, INTERVAL(as_of, valid_to))", ALL),
        ("T_FINISHEDBY(INTERVAL(as_of, valid_to), valid_to)", ALL),
        (f"T_INTERSECTS(INTERVAL(as_of, '..'), {WHEN})", ALL),
        ("T_MEETS(INTERVAL(as_of, valid_to), INTERVAL(valid_to, '..'))", ALL),
        ("T_METBY(INTERVAL(valid_to, '..'), INTERVAL(as_of, valid_to))", ALL),
        (f"NOT T_OVERLAPS(INTERVAL(as_of, valid_to), {WHEN})", ALL),
        (f"NOT T_OVERLAPPEDBY(INTERVAL(as_of, valid_to), {WHEN})", ALL),
    ),
    f"{CQL2}property-property": conditions(
        ("expected_harm >= expected_harm_lo", "NOT (expected_harm_lo > expected_harm)")
    ),
    f"{CQL2}arithmetic": conditions(("rank + 1 = 2 * 2", "rank = 3"), ("rank / 2 = 2", "rank = 4")),
    f"{TILES}core": tiles_core,
    f"{TILES}tileset": tileset,
    f"{TILES}tilesets-list": tilesets_list,
    f"{TILES}geodata-tilesets": geodata_tilesets,
    f"{TILES}mvt": mvt,
    f"{TILES}oas30": tiles_openapi,
}


@pytest.mark.parametrize("name", list(CHECKS))
def test_a_claim_holds(name: str, client: Client) -> None:
    assert name in client.json("/conformance")["conformsTo"]
    CHECKS[name](client)


def test_every_claim_is_checked(shown: dict[str, Collection]) -> None:
    assert set(CHECKS) == set(CLASSES) and len(CLASSES) == len(set(CLASSES))
    assert tiles_of(shown["areas"].layer, 9)
