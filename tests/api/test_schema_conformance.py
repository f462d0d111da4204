"""Requests made from the OpenAPI document, and answers held against it."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as openapi_checks

from api.test_ownership import Belongings, belongings, kind_of, name_of
from application import App
from dashtam.presentation.openapi.document import text
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Route
from proofs import Proof

# Erasing ourselves from the session that we use would end the test.
LEFT_OUT = {("DELETE", "/sessions/current"), ("DELETE", "/sessions/{id}")}
SCHEMA = schemathesis.openapi.from_dict(json.loads(text()))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


def cases(route: Route, own: Belongings) -> st.SearchStrategy[Any]:
    """Requests that keep to the document or do not, with a real id to put in or None."""
    operation = SCHEMA["/api/v1" + route.path][route.method]
    signed_in = {"Authorization": f"Bearer {own.person.token}"}
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    found: st.SearchStrategy[Any] = st.one_of(
        [operation.as_strategy(generation_mode=mode, headers=signed_in) for mode in modes]
    )
    if "{id}" not in route.path:
        return st.tuples(found, st.none())
    return st.tuples(
        found, st.none() | st.sampled_from([own.ids.get(kind_of(route), ""), *own.ids.values()])
    )


@pytest.mark.proves(16)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_answers_are_as_the_document_says(
    app: App, proof: Proof, subtests: pytest.Subtests
) -> None:
    own = belongings(app, "ada")
    for route in ROUTES:
        if (route.method, route.path) not in LEFT_OUT:
            with subtests.test(route=name_of(route)):
                conform(app, own, route, proof(100))
                proof.record(routes=1)


def conform(app: App, own: Belongings, route: Route, examples: int) -> None:
    """Send so many requests of one route, and hold their answers against the document."""

    @seed(9457)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
        database=None,
    )
    @given(cases(route, own))
    def check(drawn: tuple[Any, str | None]) -> None:
        case, number = drawn
        if number is not None:
            case.path_parameters = {**case.path_parameters, "id": number}
        kwargs = case.as_transport_kwargs(base_url="http://127.0.0.1:8000")
        kwargs.pop("cookies", None)
        # Nobody sends a text that a header cannot hold.
        kwargs["headers"] = [
            (name.encode("latin-1", "replace"), str(value).encode("latin-1", "replace"))
            for name, value in kwargs["headers"].items()
        ]
        request = app.client.build_request(**kwargs)
        try:
            request.read()
        except (AttributeError, TypeError):
            reject()  # A form that the test's client cannot write.
        # A real id may have mended the request.
        checks = CHECKS if number else [*CHECKS, openapi_checks.negative_data_rejection]
        case.validate_response(app.client.send(request), checks=checks)

    check()
