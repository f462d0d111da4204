"""The pages for people: where to start, and the API reference; no script, nothing from outside."""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.resources import files
from string import Template
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashtam.presentation.http.problems import Problems
from dashtam.presentation.routers.system import GetEndpoint, GetHandler
from dashtam.presentation.web.markup import text
from dashtam.presentation.web.reference import reference, server_of

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages:
    """The pages, made when they are first asked for and then kept."""

    def __init__(self, problems: Problems, openapi: Callable[[], bytes]) -> None:
        self._problems = problems
        self._openapi = openapi

    def routes(self) -> list[Route]:
        """Return the routes."""
        answers: dict[str, GetHandler] = {
            "/": self._answer_start,
            "/docs": self._answer_reference,
            "/style.css": _answer_style,
            "/favicon.svg": _answer_icon,
        }
        return [Route(path, GetEndpoint(page, self._problems)) for path, page in answers.items()]

    async def _answer_start(self, _request: Request) -> Response:
        return _response(self._start, "text/html")

    async def _answer_reference(self, _request: Request) -> Response:
        return _response(self._reference, "text/html")

    @cached_property
    def _document(self) -> dict[str, Any]:
        return msgspec.json.decode(self._openapi(), type=dict[str, Any])

    @cached_property
    def _start(self) -> str:
        server = text(server_of(self._document))
        version = text(self._document["info"]["version"])
        return Template(_file("start.html")).substitute(server=server, version=version)

    @cached_property
    def _reference(self) -> str:
        return reference(self._document)


async def _answer_style(_request: Request) -> Response:
    return _response(_file("style.css"), "text/css")


async def _answer_icon(_request: Request) -> Response:
    return _response(_file("favicon.svg"), "image/svg+xml")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _response(content: str, media_type: str) -> Response:
    return Response(content, headers=dict(_HEADERS), media_type=media_type)
