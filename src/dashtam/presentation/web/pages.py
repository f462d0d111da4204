"""The pages for people: where to start, and the API reference; no script, nothing from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashtam.presentation.http.problems import Problems
from dashtam.presentation.routers.system import GetEndpoint

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "/": "text/html",
    "/docs": "text/html",
    "/style.css": "text/css",
    "/favicon.svg": "image/svg+xml",
}
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages; each is made by its first request and then kept."""

    problems: Problems
    openapi: Callable[[], bytes]
    _contents: dict[str, str] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(path, GetEndpoint(partial(self._respond, path), self.problems))
            for path in _MEDIA_TYPES
        ]

    async def _respond(self, path: str, _request: Request) -> Response:
        if path not in self._contents:
            self._contents[path] = await run_in_threadpool(self._load, path)
        content, media_type = self._contents[path], _MEDIA_TYPES[path]
        return Response(content, headers=dict(_HEADERS), media_type=media_type)

    def _load(self, path: str) -> str:
        if _MEDIA_TYPES[path] != "text/html":
            return files(__package__).joinpath(path[1:]).read_text("utf-8")
        # It loads Jinja2, which a server needs only when somebody reads a page.
        from dashtam.presentation.web import rendering  # noqa: PLC0415 - see above

        document = msgspec.json.decode(self.openapi(), type=dict[str, Any])
        if path == "/":
            return rendering.render_start(document)
        return rendering.render_reference(document)
