"""What is outside the API, as operations of the OpenAPI document."""

from typing import Any, Final

from dashtam.presentation.openapi.errors import ALWAYS, error_references, header_references

TAG: Final = "System"

_STATUS: Final = {
    "type": "object",
    "properties": {"status": {"type": "string"}},
    "required": ["status"],
}

_KEYS: Final = {
    "type": "object",
    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
    "required": ["keys"],
}

_KEY: Final = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "use": "sig",
    "alg": "EdDSA",
}


def system_paths() -> dict[str, Any]:
    """Return the paths that need no token and spend from no bucket."""
    return {
        "/livez": _reading(
            "get_liveness",
            "Tell whether the process answers",
            "Depends on nothing else.",
            _STATUS,
            {"status": "alive"},
        ),
        "/readyz": _reading(
            "get_readiness",
            "Tell whether requests can be served",
            "The database answers, and its schema is today's; 503 otherwise.",
            _STATUS,
            {"status": "ready"},
        ),
        "/openapi.json": _reading(
            "get_openapi",
            "Get this document",
            "OpenAPI 3.1, made from the routes that are served.",
            {"type": "object"},
            {"openapi": "3.1.0"},
        ),
        "/.well-known/jwks.json": _reading(
            "get_jwks",
            "Get the public keys",
            "Those that access tokens are signed with (RFC 7517).",
            _KEYS,
            {"keys": [_KEY]},
        ),
    }


def _reading(
    name: str, summary: str, description: str, schema: dict[str, Any], example: dict[str, Any]
) -> dict[str, Any]:
    success = {
        "description": "Done",
        "headers": header_references(["X-Request-Id"]),
        "content": {"application/json": {"schema": schema, "example": example}},
    }
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "description": description,
            "tags": [TAG],
            "security": [],
            "responses": {"200": success} | error_references(ALWAYS),
        }
    }
