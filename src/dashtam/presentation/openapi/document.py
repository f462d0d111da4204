"""The OpenAPI document, made from the registry; run as a program, this module prints it."""

import json
import sys
from collections.abc import Iterable
from typing import Any, Final

from dashtam import __version__
from dashtam.presentation.http.problems import Problem, Problems
from dashtam.presentation.http.request_context import BASE_PATH
from dashtam.presentation.openapi.errors import ALWAYS, error_responses, route_errors
from dashtam.presentation.openapi.operation import build_operation
from dashtam.presentation.openapi.schemas import component_schemas
from dashtam.presentation.openapi.system_operations import TAG, system_paths
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Route

_DESCRIPTION: Final = """\
Records the balances of your accounts whenever they are synced, imported or typed, and serves \
their history to the cent.

Amounts are strings of plain digits, never rounded. Instants are UTC. Clients ignore fields that \
they do not know. Every error is a problem (RFC 9457) as `application/problem+json`. `HEAD` is \
answered wherever `GET` is, and `OPTIONS` lists the methods of a path."""

_BEARER: Final = f"""\
The access token of a session (a JWT, good for 15 minutes, from `POST {BASE_PATH}/sessions`), or, \
where an operation names that role, a long-lived read-only token (from \
`POST {BASE_PATH}/access-tokens`)."""

_HEADERS: Final = {
    "X-Request-Id": ("string", "The request's name in the log; `trace_id` of a problem."),
    "X-RateLimit-Limit": ("integer", "The requests that a full bucket holds."),
    "X-RateLimit-Remaining": ("integer", "The requests that are left now."),
    "X-RateLimit-Reset": ("integer", "The epoch second when the bucket is full again."),
    "Retry-After": ("integer", "Seconds after which the same request is worth another try."),
    "ETag": ("string", "Identifies this answer; send it as `If-None-Match`."),
    "WWW-Authenticate": ("string", "`Bearer`"),
    "Accept-Patch": ("string", "Of a PATCH: the media types that its body may have."),
}


def build_document(
    routes: Iterable[Route], *, version: str, server: str | None, errors_url: str
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document; without a server's address it applies to any host."""
    routes = list(routes)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(BASE_PATH + route.path, {})[route.method.lower()] = build_operation(route)
    shapes = [shape for route in routes for shape in (route.answer, route.body) if shape]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dashtam",
            "version": version,
            "summary": "The history of your balances.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": (server or "/").rstrip("/") or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys([*(route.tag for route in routes), TAG])],
        "paths": paths | system_paths(),
        "components": {
            "schemas": component_schemas([*shapes, Problem]),
            "responses": error_responses([*map(route_errors, routes), ALWAYS], errors_url),
            "headers": {
                name: {"description": description, "schema": {"type": kind}}
                for name, (kind, description) in _HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": _BEARER,
                }
            },
        },
    }


def text() -> str:
    """Return the document of this version, as the docs have it."""
    document = build_document(
        ROUTES, version=__version__, server=None, errors_url=Problems().base_url
    )
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
