"""The routes outside the API, as operations of the OpenAPI document."""

from typing import Any, Final

from dashtam.presentation.openapi.errors import ALWAYS, error_references, header_references
from dashtam.presentation.openapi.operation import operation_texts
from dashtam.presentation.routers.system import SystemRoutes

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

_ROUTES: Final = (
    ("/livez", SystemRoutes.get_liveness, _STATUS, {"status": "alive"}),
    ("/readyz", SystemRoutes.get_readiness, _STATUS, {"status": "ready"}),
    ("/openapi.json", SystemRoutes.get_openapi, {"type": "object"}, {"openapi": "3.1.0"}),
    ("/.well-known/jwks.json", SystemRoutes.get_jwks, _KEYS, {"keys": [_KEY]}),
)


def system_paths() -> dict[str, Any]:
    """Return the paths that need no token and have no rate limit."""
    paths = {}
    for path, handler, schema, example in _ROUTES:
        success = {
            "description": "Done",
            "headers": header_references(["X-Request-Id"]),
            "content": {"application/json": {"schema": schema, "example": example}},
        }
        texts = operation_texts(handler) | {"tags": [TAG], "security": []}
        paths[path] = {"get": texts | {"responses": {"200": success} | error_references(ALWAYS)}}
    return paths
