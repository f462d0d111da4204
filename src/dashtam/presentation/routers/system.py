"""What is outside the API: liveness, readiness, the OpenAPI document, keys, metrics, pages."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dashtam.presentation.http.problems import METHOD_NOT_ALLOWED, UNAVAILABLE, Problems

_ALLOW = "GET, HEAD, OPTIONS"

Page = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SystemRoutes:
    """What the system's routes tell: whether we are ready, our public keys, what the API is.

    ``metrics`` is None where they are off.
    """

    problems: Problems
    is_ready: Callable[[], bool]
    jwks: Callable[[], Mapping[str, Any]]
    openapi: Callable[[], bytes]
    metrics: Callable[[], bytes] | None

    def routes(self) -> list[Route]:
        """Return the routes."""
        pages: dict[str, Page] = {
            "/livez": _livez,
            "/readyz": self._readyz,
            "/openapi.json": self._openapi,
            "/.well-known/jwks.json": self._jwks,
        }
        if self.metrics:
            pages["/metrics"] = self._metrics
        return [Route(path, GetEndpoint(page, self.problems)) for path, page in pages.items()]

    async def _readyz(self, request: Request) -> Response:
        """Tell whether the database answers and its schema is today's."""
        if await run_in_threadpool(self.is_ready):
            return _json({"status": "ready"})
        return self.problems.response(
            UNAVAILABLE,
            "The database cannot be reached, or its schema is not today's.",
            instance=request.scope["path"],
            trace_id=trace_id(request),
        )

    async def _openapi(self, _request: Request) -> Response:
        return Response(self.openapi(), media_type="application/json")

    async def _jwks(self, _request: Request) -> Response:
        return _json(self.jwks())

    async def _metrics(self, _request: Request) -> Response:
        assert self.metrics is not None, "there is no such route where they are off"
        return Response(self.metrics(), media_type="text/plain; version=1.0.0; charset=utf-8")


class GetEndpoint:
    """A path that is only read: ``GET``, ``HEAD`` and ``OPTIONS``, as an ASGI application."""

    def __init__(self, page: Page, problems: Problems) -> None:
        self._page = page
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method in {"GET", "HEAD"}:
            return await self._page(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _ALLOW})
        return self._problems.response(
            METHOD_NOT_ALLOWED,
            f"This path answers {_ALLOW}.",
            instance=request.scope["path"],
            trace_id=trace_id(request),
            headers={"Allow": _ALLOW},
        )


def trace_id(request: Request) -> str:
    """Return the name that the edge gave this request."""
    state: Mapping[str, str] = request.scope.get("state", {})
    return state.get("trace_id", "")


async def _livez(_request: Request) -> Response:
    """Tell that the process answers; depends on nothing."""
    return _json({"status": "alive"})


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
