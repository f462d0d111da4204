"""The dashboard's built files: one page at several addresses, with its scripts and images."""

import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashtam.presentation.http.content_coding import accepts_gzip, parse_accept
from dashtam.presentation.http.problems import Problems
from dashtam.presentation.routers.system import GetEndpoint

SHELL_PATHS: Final = (
    "/",
    "/accounts/{id}",
    "/accounts/{id}/revisions",
    "/connections",
    "/connections/return",
    "/import",
    "/settings",
)

_INDEX: Final = "index.html"
_BASE: Final = b'<base href="/">'
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'self';"
    " form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Their names change with their content.
_HASHED: Final = "assets/"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_REVALIDATE: Final = "no-cache"


@dataclass
class Dashboard:
    """The dashboard; the first request reads its files into memory.

    ``base_path`` is the prefix that a proxy adds to our paths, empty where there is none.
    """

    problems: Problems
    base_path: str

    def routes(self) -> list[Route]:
        """Return the routes; a clone without a built dashboard has none."""
        names = {f"/{name}": name for name, _ in _files() if not name.endswith(".gz")}
        if names.pop(f"/{_INDEX}", None) is None:
            return []
        names |= dict.fromkeys(SHELL_PATHS, _INDEX)
        return [
            Route(path, GetEndpoint(partial(self._respond, name), self.problems))
            for path, name in names.items()
        ]

    async def not_found(self, request: Request) -> Response | None:
        """Return the page, with the status 404, to a browser that opens an unknown address.

        None for a path of the API, for all other clients, and where the dashboard is not built.
        """
        accepted = dict(parse_accept(request.headers.get("accept", "")))
        takes_page = request.method in {"GET", "HEAD"} and accepted.get("text/html", False)
        if not takes_page or request.url.path.startswith("/api/") or _INDEX not in self._contents:
            return None
        response = await self._respond(_INDEX, request)
        response.status_code = HTTPStatus.NOT_FOUND
        return response

    async def _respond(self, name: str, request: Request) -> Response:
        caching = _IMMUTABLE if name.startswith(_HASHED) else _REVALIDATE
        headers = {**_HEADERS, "Cache-Control": caching}
        content, packed = self._contents[name], self._contents.get(f"{name}.gz")
        if packed is not None:
            headers["Vary"] = "Accept-Encoding"
            if accepts_gzip(request.headers.get("accept-encoding", "")):
                content, headers["Content-Encoding"] = packed, "gzip"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if name.endswith(".webmanifest"):
            media_type = "application/manifest+json"
        return Response(content, headers=headers, media_type=media_type)

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        contents = {name: file.read_bytes() for name, file in _files()}
        if self.base_path:
            base = f'<base href="{escape(self.base_path)}/">'.encode()
            contents[_INDEX] = contents[_INDEX].replace(_BASE, base)
            contents.pop(f"{_INDEX}.gz", None)
        return contents


def _files(
    folder: Traversable | None = None, prefix: str = ""
) -> Iterator[tuple[str, Traversable]]:
    """Yield the built files with their paths, such as ``assets/index.js``."""
    folder = folder or files(__package__) / "dist"
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry
