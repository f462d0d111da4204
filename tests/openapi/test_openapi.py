"""The OpenAPI document: valid, complete, and the one that is among the docs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from dashtam.presentation.http.problems import Problem
from dashtam.presentation.openapi.document import build_document, text
from dashtam.presentation.openapi.errors import route_errors
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route
from dashtam.presentation.schemas.base import Input, Shape

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"

# The table "Endpoints Summary" of the document that the API implements.
ENDPOINTS = [
    ("Balance Snapshots", "GET", "/balance-snapshots", "Get latest snapshots"),
    ("Balance Snapshots", "GET", "/accounts/{id}/balance-history", "Get balance history"),
    ("Balance Snapshots", "GET", "/accounts/{id}/balance-snapshots", "List recent snapshots"),
]

SIX = ["type", "title", "status", "detail", "instance", "trace_id"]

NOT_FOUND = {
    "type": "https://api.dashtam.com/errors/not_found",
    "title": "Not Found",
    "status": 404,
    "detail": "Account not found",
    "instance": "/api/v1/accounts/550e8400-e29b-41d4-a716-446655440000/balance-history",
    "trace_id": "abc123-def456-ghi789",
}

SNAPSHOT_FIELDS = (
    "id account_id balance available_balance holdings_value cash_value currency source"
    " captured_at created_at change_amount change_percent"
)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text())
    return found


def operation_of(described: dict[str, Any], route: Route) -> dict[str, Any]:
    found: dict[str, Any] = described["paths"]["/api/v1" + route.path][route.method.lower()]
    return found


def example_of(operation: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return operation["responses"]["200"]["content"]["application/json"]["example"]


def test_the_document_is_valid(described: dict[str, Any]) -> None:
    validate(described)


def test_the_kept_document_is_that_of_the_routes() -> None:
    assert KEPT.read_text(encoding="utf-8") == text(), (
        "run `make openapi` and commit what it writes"
    )


def test_the_table_of_endpoints_is_served(described: dict[str, Any]) -> None:
    for resource, method, path, summary in ENDPOINTS:
        operation = described["paths"]["/api/v1" + path][method.lower()]
        assert (operation["tags"], operation["summary"]) == ([resource], summary)


def test_the_table_of_endpoints_is_limited_by_user_and_needs_a_token() -> None:
    by_place = {(route.method, route.path): route for route in ROUTES}
    for _, method, path, _ in ENDPOINTS:
        route = by_place[method, path]
        assert route.auth is Auth.READER
        policy = route.rate_limit
        assert (policy.name, policy.capacity, policy.per_minute) == ("API_READ", 100, 100)


def test_every_route_is_described_once(described: dict[str, Any]) -> None:
    operations = [operation_of(described, route) for route in ROUTES]
    named = [
        operation["operationId"]
        for path in described["paths"].values()
        for operation in path.values()
    ]
    assert len(set(named)) == len(named) == len(ROUTES) + len(SYSTEM)
    assert all(operation["summary"] for operation in operations)


SYSTEM = ["/livez", "/readyz", "/openapi.json", "/.well-known/jwks.json"]


@pytest.mark.parametrize("path", SYSTEM)
def test_the_system_is_described_beside_the_api(described: dict[str, Any], path: str) -> None:
    operation = described["paths"][path]["get"]
    assert (operation["tags"], operation["security"]) == (["System"], [])


def shapes() -> list[type[Shape | Input]]:
    return [shape for route in ROUTES for shape in (route.answer, route.body) if shape]


@pytest.mark.parametrize("shape", dict.fromkeys(shapes()), ids=lambda shape: shape.__name__)
def test_an_answer_or_a_body_has_an_example_of_its_own(shape: type[Shape | Input]) -> None:
    assert shape.example
    given = json.dumps(shape.example)
    decoded = msgspec.json.decode(given, type=shape)
    sent = json.loads(msgspec.json.encode(decoded))
    assert {name: sent[name] for name in shape.example} == json.loads(given)


def test_an_example_for_one_operation_is_of_the_same_shape() -> None:
    for route in ROUTES:
        if route.example is not None:
            assert route.answer is not None
            assert msgspec.convert(route.example, route.answer, strict=False)


def test_the_examples_of_snapshots_are_the_documents_own(described: dict[str, Any]) -> None:
    latest, history, recent = (
        example_of(described["paths"]["/api/v1" + path]["get"]) for _, _, path, _ in ENDPOINTS
    )
    assert latest["total_balance_by_currency"] == {"USD": "25000.00"}
    assert [snapshot["change_percent"] for snapshot in latest["snapshots"]] == [2.04]
    assert [snapshot["change_percent"] for snapshot in history["snapshots"]] == [None, 12.5]
    assert list(latest["snapshots"][0]) == SNAPSHOT_FIELDS.split()
    assert recent == history | {"snapshots": history["snapshots"][::-1]}


def test_a_snapshot_has_the_twelve_fields_in_order(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["Snapshot"]
    assert schema["required"] == SNAPSHOT_FIELDS.split()
    assert list(schema["properties"]) == [*schema["required"], "evidence"]
    assert schema["properties"]["captured_at"]["format"] == "date-time"


def test_every_error_has_an_example_of_six_members(described: dict[str, Any]) -> None:
    for response in described["components"]["responses"].values():
        media = response["content"]["application/problem+json"]
        assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
        for slug, example in media["examples"].items():
            assert list(example["value"]) == SIX
            assert example["value"]["type"] == "https://api.dashtam.com/errors/" + slug
            assert msgspec.convert(example["value"], Problem).title in response["description"]


def test_the_example_of_not_found_is_the_documents_own(described: dict[str, Any]) -> None:
    media = described["components"]["responses"]["NotFound"]["content"]["application/problem+json"]
    assert media["examples"]["not_found"]["value"] == NOT_FOUND


def test_the_history_tells_both_reasons_of_400(described: dict[str, Any]) -> None:
    answers = described["paths"]["/api/v1/accounts/{id}/balance-history"]["get"]["responses"]
    name = answers["400"]["$ref"].rpartition("/")[2]
    media = described["components"]["responses"][name]["content"]["application/problem+json"]
    assert set(media["examples"]) == {"invalid_date_range", "validation_failed"}
    assert {"403", "404"} < set(answers)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.handler.__name__)
def test_an_operation_tells_every_error_of_its_kind(
    described: dict[str, Any], route: Route
) -> None:
    operation = operation_of(described, route)
    told = set(operation["responses"])
    assert {"400", "406", "429", "500", "503", str(route.status)} <= told
    assert ("401" in told) or route.auth is Auth.NOBODY
    assert ("403" in told) or route.auth is not Auth.SESSION
    assert ("304" in told) == route.conditional
    assert {"413", "415", "422"} <= told or not route.takes_body
    assert {str(kind.status) for kind in route.errors} <= told
    assert bool(operation["security"]) == (route.auth is not Auth.NOBODY)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.handler.__name__)
def test_an_operation_tells_the_headers_of_its_kind(
    described: dict[str, Any], route: Route
) -> None:
    operation = operation_of(described, route)
    headers = set(operation["responses"][str(route.status)]["headers"])
    assert {"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining"} < headers
    assert ("ETag" in headers) == route.conditional
    asked = {parameter["name"] for parameter in operation.get("parameters", ())}
    assert ("Idempotency-Key" in asked) == route.idempotent


def test_too_many_requests_tell_when_to_come_back(described: dict[str, Any]) -> None:
    headers = described["components"]["responses"]["RateLimited"]["headers"]
    assert {"Retry-After", "X-RateLimit-Reset"} < set(headers)


@pytest.mark.parametrize(
    ("server", "told"),
    [(None, "/"), ("https://money.example.org/", "https://money.example.org")],
)
def test_the_only_server_is_this_installation(server: str | None, told: str) -> None:
    described = build_document(ROUTES, version="1", server=server, errors_url="https://e.example/")
    assert described["servers"] == [{"url": told}]
    assert "https://e.example/not_found" in json.dumps(described)


def test_an_entry_names_only_the_errors_that_do_not_follow_from_its_kind() -> None:
    for route in ROUTES:
        follow = route_errors(replace(route, errors=()))
        assert not set(route.errors) & set(follow), route.path
