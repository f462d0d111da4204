"""One route as an operation of the OpenAPI document."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from dashtam.application.rate_limits import RatePolicy
from dashtam.presentation.http.parameters import Parameter
from dashtam.presentation.openapi.errors import (
    RATE_HEADERS,
    error_references,
    header_references,
    route_errors,
)
from dashtam.presentation.openapi.schemas import schema_reference
from dashtam.presentation.routers.api.v1.routes import examples
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route

# The roles that the bearer's token must have one of (OpenAPI 3.1 allows them for every scheme).
_SECURITY: Final[Mapping[Auth, list[dict[str, list[str]]]]] = {
    Auth.NOBODY: [],
    Auth.READER: [{"bearer": ["session"]}, {"bearer": ["read-only token"]}],
    Auth.SESSION: [{"bearer": ["session"]}],
}

_SUCCESS: Final = {200: "Done", 201: "Made", 202: "Accepted", 204: "Done; the answer is empty"}

_RUN: Final = "Where the run is."

_LOCATIONS: Final = {
    "create_account": "Where the account is.",
    "type_balance": "Where the run is by which the balance can be retracted.",
    "import_file": "Where the run is; left out in a dry run.",
    "create_connection": "Where the connection is.",
    "sync_accounts": _RUN,
    "sync_holdings": _RUN,
    "sync_connection": _RUN,
}

_FORM_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    "mapping": {"type": "string", "contentMediaType": "application/json"},
    "account_id": {"type": "string", "format": "uuid"},
    "connection_id": {"type": "string", "format": "uuid"},
    "dry_run": {"type": "boolean", "default": False},
}

_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key within 24 hours gets the first answer, and nothing"
    " is done again.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "example": "8f14e45f-ceea-467a-9575-1d1f1f1a3c11",
}

_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the answer that the client holds; 304 when it is still the same.",
    "schema": {"type": "string"},
    "example": '"9b2d6c0c4f1e8a7d5b3f2e1c0a9d8b7f"',
}

_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` answers 202 at once, with the run's address.",
    "schema": {"type": "string"},
    "example": "respond-async",
}


def build_operation(route: Route) -> dict[str, Any]:
    """Return what the document says of a route; its texts are the handler's docstring."""
    summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n")
    described = {
        "operationId": route.handler.__name__,
        "summary": summary.removesuffix("."),
        "description": description.strip(),
        "tags": [route.tag],
        "security": _SECURITY[route.auth],
        "x-rate-limit": _rate_limit(route.rate_limit, route.auth),
        "parameters": _parameters(route),
        "requestBody": _request_body(route),
    }
    told = {key: value for key, value in described.items() if value or key == "security"}
    return told | {"responses": _successes(route) | error_references(route_errors(route))}


def _rate_limit(policy: RatePolicy, auth: Auth) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "capacity": policy.capacity,
        "per_minute": policy.per_minute,
        "scope": "address" if auth is Auth.NOBODY else "user",
    }


def _parameters(route: Route) -> list[Mapping[str, Any]]:
    parameters: list[Mapping[str, Any]] = [_parameter(parameter) for parameter in route.parameters]
    if route.idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if route.conditional:
        parameters.append(_IF_NONE_MATCH)
    if route.responds_async:
        parameters.append(_PREFER)
    return parameters


def _parameter(parameter: Parameter[Any]) -> dict[str, Any]:
    is_number = parameter.schema["type"] == "integer"
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
        "example": int(parameter.example) if is_number else parameter.example,
    }


def _request_body(route: Route) -> dict[str, Any] | None:
    if route.body is not None:
        media = {
            "schema": schema_reference(route.body),
            "example": examples.EXAMPLES.get(route.body),
        }
        required = not route.body_is_optional
        return {"required": required, "content": {"application/json": _without_none(media)}}
    if route.upload is not None:
        form = {"schema": _form_schema(route.upload), "example": examples.FORM}
        return {"required": True, "content": {"multipart/form-data": form}}
    return None


def _form_schema(form: Mapping[str, str]) -> dict[str, Any]:
    fields = {
        name: {**_FORM_SCHEMAS.get(name, {"type": "string"}), "description": description}
        for name, description in form.items()
    }
    return {
        "type": "object",
        "properties": fields,
        "required": ["file"],
        "additionalProperties": False,
    }


def _successes(route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = dict(header_references(("X-Request-Id", *RATE_HEADERS)))
    unchanged = {
        "description": "The client's answer is still the same",
        "headers": headers | header_references(["ETag"]),
    }
    if route.conditional:
        headers |= header_references(["ETag"])
    if location := _LOCATIONS.get(route.handler.__name__):
        schema = {"type": "string", "format": "uri-reference"}
        headers |= {"Location": {"description": location, "schema": schema}}
    success = {
        "description": _SUCCESS[route.status],
        "headers": headers,
        "content": _content(route),
    }
    answers = {str(route.status): _without_none(success)}
    if route.responds_async:
        accepted = {"headers": headers, "content": _content(route)}
        answers["202"] = {"description": _SUCCESS[202], **accepted}
    return answers | ({"304": unchanged} if route.conditional else {})


def _content(route: Route) -> dict[str, Any] | None:
    if route.answer is not None:
        example = examples.BY_HANDLER.get(
            route.handler.__name__, examples.EXAMPLES.get(route.answer)
        )
        return {
            route.media_type: _without_none(
                {"schema": schema_reference(route.answer), "example": example}
            ),
        }
    if route.status == 204:  # noqa: PLR2004 - no content
        return None
    return {route.media_type: {"schema": {} if "json" in route.media_type else {"type": "string"}}}


def _without_none(described: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if value is not None}
