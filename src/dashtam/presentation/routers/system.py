"""Routes outside the API: liveness, readiness, the OpenAPI document, public keys, metrics."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dashtam.presentation.http.problems import UNAVAILABLE, Problems

GetHandler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SystemRoutes:
    """The routes of one application; their docstrings are their text in the OpenAPI document.

    ``readiness_fault`` returns a sentence, None where requests can be served. ``metrics`` is None
    where they are off.
    """

    problems: Problems
    readiness_fault: Callable[[], str | None]
    jwks: Callable[[], Mapping[str, Any]]
    openapi: Callable[[], bytes]
    metrics: Callable[[], bytes] | None

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers: dict[str, GetHandler] = {
            "/livez": self.get_liveness,
            "/readyz": self.get_readiness,
            "/openapi.json": self.get_openapi,
            "/.well-known/jwks.json": self.get_jwks,
        }
        if self.metrics:
            handlers["/metrics"] = self.get_metrics
        return [Route(path, GetEndpoint(get, self.problems)) for path, get in handlers.items()]

    async def get_liveness(self, _request: Request) -> Response:
        """Tell whether the process answers.

        Depends on nothing else.
        """
        return _json({"status": "alive"})

    async def get_readiness(self, request: Request) -> Response:
        """Tell whether requests can be served.

        The database answers, its schema is up to date, its disk has space, and the worker looks for
        due connections; 503 otherwise.
        """
        fault = await run_in_threadpool(self.readiness_fault)
        if fault is None:
            return _json({"status": "ready"})
        return self.problems.scope_response(request.scope, UNAVAILABLE, fault)

    async def get_openapi(self, _request: Request) -> Response:
        """Get this document.

        OpenAPI 3.1, made from the routes that are served.
        """
        return Response(self.openapi(), media_type="application/json")

    async def get_jwks(self, _request: Request) -> Response:
        """Get the public keys.

        The keys by which access tokens are verified (RFC 7517).
        """
        return _json(self.jwks())

    async def get_metrics(self, _request: Request) -> Response:
        """Get the metrics, in Prometheus' text format."""
        assert self.metrics is not None, "this route exists only where metrics are on"
        return Response(self.metrics(), media_type="text/plain; version=1.0.0; charset=utf-8")


@dataclass(frozen=True, slots=True)
class GetEndpoint:
    """A path that is only read (``GET``, ``HEAD`` and ``OPTIONS``), as an ASGI application."""

    handler: GetHandler
    problems: Problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] in {"GET", "HEAD"}:
            response = await self.handler(Request(scope, receive))
        else:
            response = self.problems.method_response(scope, {"Allow": "GET, HEAD, OPTIONS"})
        await response(scope, receive, send)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
