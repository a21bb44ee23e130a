"""Schemathesis asks what the description allows, and more: no 500, and no answer that the description lacks."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.soak import sample
from tests.web.gis.conftest import Client

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
            how = case.as_transport_kwargs(base_url="http://localhost/gis")
            answer = client.request(how["method"], how["url"], params=how["params"], headers=how["headers"])
            case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)

        ask()
