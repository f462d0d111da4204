"""One route as an operation of the OpenAPI document."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from dashtam.presentation.openapi import errors
from dashtam.presentation.openapi.schemas import schema_reference
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route

# OpenAPI 3.1 allows roles for every scheme; the bearer's token must have one of them.
_SECURITY: Final[Mapping[Auth, list[dict[str, list[str]]]]] = {
    Auth.NOBODY: [],
    Auth.READER: [{"bearer": ["session"]}, {"bearer": ["read-only token"]}],
    Auth.SESSION: [{"bearer": ["session"]}],
}

_SUCCESS: Final = {200: "Done", 201: "Made", 202: "Accepted", 204: "Done; the answer is empty"}


def _header(name: str, description: str, example: str, **schema: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"} | schema,
        "example": example,
    }


_IDEMPOTENCY_KEY: Final = _header(
    "Idempotency-Key",
    "A repeat with the same key within 24 hours gets the first answer, and nothing is done again.",
    "8f14e45f-ceea-467a-9575-1d1f1f1a3c11",
    pattern="^[!-~]{1,255}$",
)
_IF_NONE_MATCH: Final = _header(
    "If-None-Match",
    "The ETag of the answer that the client holds; 304 when it is still the same.",
    '"9b2d6c0c4f1e8a7d5b3f2e1c0a9d8b7f"',
)
_PREFER: Final = _header(
    "Prefer", "`respond-async` answers 202 at once, with the run's address.", "respond-async"
)


def operation_texts(handler: Callable[..., object]) -> dict[str, Any]:
    """Return the texts of an operation, from the handler's name and docstring."""
    summary, _, description = (inspect.getdoc(handler) or "").partition("\n")
    return {
        "operationId": handler.__name__,
        "summary": summary.removesuffix("."),
        "description": description.strip(),
    }


def build_operation(route: Route) -> dict[str, Any]:
    """Return the operation of a route."""
    operation = operation_texts(route.handler) | {
        "tags": [route.tag],
        "security": _SECURITY[route.auth],
        "x-rate-limit": {
            "policy": route.rate_limit.name,
            "capacity": route.rate_limit.capacity,
            "per_minute": route.rate_limit.per_minute,
            "scope": "address" if route.auth is Auth.NOBODY else "user",
        },
        "parameters": _parameters(route),
        "requestBody": _request_body(route),
    }
    operation = {key: value for key, value in operation.items() if value or key == "security"}
    failures = errors.error_references(errors.route_errors(route))
    return operation | {"responses": _successes(route) | failures}


def _parameters(route: Route) -> list[Mapping[str, Any]]:
    parameters: list[Mapping[str, Any]] = [
        {
            "name": one.name,
            "in": one.place,
            "required": one.required,
            "description": one.description,
            "schema": dict(one.schema),
            "example": int(one.example) if one.schema["type"] == "integer" else one.example,
        }
        for one in route.parameters
    ]
    headers = (
        (_IDEMPOTENCY_KEY, route.idempotent),
        (_IF_NONE_MATCH, route.conditional),
        (_PREFER, route.responds_async),
    )
    return [*parameters, *(header for header, is_read in headers if is_read)]


def _request_body(route: Route) -> dict[str, Any] | None:
    if route.body is not None:
        media = {"schema": schema_reference(route.body), "example": route.body.example}
        required = not route.body_is_optional
        return {"required": required, "content": dict.fromkeys(route.body_types, media)}
    if route.upload is not None:
        schema = {
            "type": "object",
            "properties": route.upload.fields,
            "required": ["file"],
            "additionalProperties": False,
        }
        form = {"schema": schema, "example": route.upload.example}
        return {"required": True, "content": {"multipart/form-data": form}}
    return None


def _successes(route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = dict(errors.header_references(("X-Request-Id", *errors.RATE_HEADERS)))
    if route.conditional:
        headers |= errors.header_references(["ETag"])
    unchanged = {"description": "The client's answer is still the same", "headers": dict(headers)}
    if route.location is not None:
        schema = {"type": "string", "format": "uri-reference"}
        headers |= {"Location": {"description": route.location, "schema": schema}}
    # The schema of an event stream would be that of each event.
    is_text = "json" not in route.media_type and route.media_type != "text/event-stream"
    media: dict[str, Any] = {"schema": {"type": "string"} if is_text else {}}
    if route.answer is not None:
        example = route.answer.example if route.example is None else route.example
        media = {"schema": schema_reference(route.answer), "example": example}
    success: dict[str, Any] = {"headers": headers}
    if route.status != 204:  # noqa: PLR2004 - no content
        success["content"] = {route.media_type: media}
    statuses = [route.status, 202] if route.responds_async else [route.status]
    answers = {str(status): {"description": _SUCCESS[status]} | success for status in statuses}
    return answers | ({"304": unchanged} if route.conditional else {})
