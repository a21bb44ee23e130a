"""Schemathesis asks what the description allows, and more: no 500, and no answer that the description lacks."""

from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, data, sampled_from
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from geo.layers.exchange import FIRST_ZOOM, LAST_ZOOM, tiles_of
from tests.soak import sample
from tests.web.gis.conftest import Client
from web.gis.collection import Collection

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_description_is_valid_and_answers_are_as_described(client: Client) -> None:
    document = client.json("/api")
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url="http://localhost/gis")
    names = [operation.ok() for operation in schema.get_all_operations()]
    assert len(names) == len(document["paths"])
    for operation in names:
        few = 3 if operation.path.startswith("/collections/areas") else 1

        @settings(max_examples=sample(few, whole=200), database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            sent(case, client)

        ask()


def places_of(path: str, shown: dict[str, Collection]) -> list[dict[str, Any]]:
    """What may stand in a path of the description: features, and a tile of each zoom, that are there."""
    if "{" not in path:
        return [{}]
    each = shown[path.split("/")[2]]
    if "{featureId}" in path:
        return [{"featureId": name} for name in {*each.ids[:2], *each.ids[-2:]}]
    tiles = [(zoom, *tile) for zoom in range(FIRST_ZOOM, LAST_ZOOM + 1) for tile in [*tiles_of(each.layer, zoom)][:1]]
    return [{"tileMatrix": zoom, "tileRow": row, "tileCol": column} for zoom, column, row in tiles]


def test_every_path_is_visited_with_what_is_there_in_each_collection(
    client: Client, shown: dict[str, Collection]
) -> None:
    """Found as it is asked for; and with whatever else is asked of it, answered as described."""
    schema = schemathesis.openapi.from_dict(client.json("/api"))
    schema.config.update(base_url="http://localhost/gis")
    visited = set()
    for operation in (each.ok() for each in schema.get_all_operations()):
        for place in places_of(operation.path, shown):
            visited.add(operation.path)
            found = sent(operation.Case(path_parameters=place, query={}), client)
            assert found.status_code == 200, (operation.path, place)
            if "featureId" in place:
                assert found.json()["id"] == place["featureId"]

        @settings(max_examples=sample(1, whole=100), database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), data=data())
        def ask(case: schemathesis.Case, data: DataObject) -> None:
            case.path_parameters = data.draw(sampled_from(places_of(case.operation.path, shown)))
            sent(case, client)

        if places_of(operation.path, shown):
            ask()
    empty = {name for name, each in shown.items() if not each.ids}
    assert {path for path in client.json("/api")["paths"] if path not in visited} == {
        f"/collections/{name}/{rest}" for name in empty for rest in OF_FEATURES
    }


OF_FEATURES = ("items/{featureId}", "tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}")


def sent(case: schemathesis.Case, client: Client) -> httpx2.Response:
    """Return the answer to a case, having checked it."""
    how = case.as_transport_kwargs(base_url="http://localhost/gis")
    answer = client.request(how["method"], how["url"], params=how["params"], headers=how["headers"])
    case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)
    return answer
