"""The dashboard's built files: one page at several addresses, and what it is made of."""

import mimetypes
from collections.abc import Mapping
from functools import cached_property
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashtam.presentation.http.problems import Problems
from dashtam.presentation.routers.system import GetEndpoint, GetHandler

SHELL_PATHS: Final = ("/", "/accounts/{id}", "/connections", "/import", "/settings")

_INDEX: Final = "index.html"
_BASE: Final = '<base href="/">'
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
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"


class Dashboard:
    """The dashboard, read when it is first asked for and then kept.

    ``base_path`` is what a proxy puts before our paths, empty where there is none.
    """

    def __init__(self, problems: Problems, base_path: str) -> None:
        self._problems = problems
        self._base_path = base_path

    def routes(self) -> list[Route]:
        """Return the routes; a clone in which the dashboard was not built yet has none."""
        names = _names(_folder(), "")
        if _INDEX not in names:
            return []
        names.remove(_INDEX)
        answers: dict[str, GetHandler] = dict.fromkeys(SHELL_PATHS, self._answer_shell)
        answers |= {f"/{name}": self._answer_file for name in names if not name.endswith(".gz")}
        return [Route(path, GetEndpoint(page, self._problems)) for path, page in answers.items()]

    async def _answer_shell(self, request: Request) -> Response:
        if self._base_path:
            return _response(self._shell, _INDEX, {})
        return self._file(_INDEX, request)

    async def _answer_file(self, request: Request) -> Response:
        return self._file(request.url.path.lstrip("/"), request)

    @cached_property
    def _shell(self) -> bytes:
        page = _folder().joinpath(_INDEX).read_text("utf-8")
        return page.replace(_BASE, f'<base href="{escape(self._base_path)}/">').encode()

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        folder = _folder()
        return {name: folder.joinpath(name).read_bytes() for name in _names(folder, "")}

    def _file(self, name: str, request: Request) -> Response:
        packed = self._contents.get(f"{name}.gz")
        if packed is None:
            return _response(self._contents[name], name, {})
        headers = {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return _response(packed, name, headers | {"Content-Encoding": "gzip"})
        return _response(self._contents[name], name, headers)


def _folder() -> Traversable:
    return files(__package__).joinpath("dist")


def _names(folder: Traversable, above: str) -> list[str]:
    if not folder.is_dir():
        return []
    names: list[str] = []
    for entry in folder.iterdir():
        name = above + entry.name
        names += _names(entry, f"{name}/") if entry.is_dir() else [name]
    return sorted(names)


def _response(content: bytes, name: str, headers: Mapping[str, str]) -> Response:
    caching = _FOR_EVER if name.startswith(_HASHED) else _ASK_FIRST
    own = {**_HEADERS, "Cache-Control": caching, **headers}
    return Response(content, headers=own, media_type=_media_type(name))


def _media_type(name: str) -> str:
    if name.endswith(".webmanifest"):
        return "application/manifest+json"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
