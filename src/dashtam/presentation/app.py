"""The application: the registry's routes, the system's, the pages, and the edge around them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from dashtam.application.people.api_tokens import Uses
from dashtam.application.ports import World
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.presentation.http.client_ip import Networks
from dashtam.presentation.http.middleware import Bodies, Cors, Edge
from dashtam.presentation.http.problems import NOT_FOUND, Problems
from dashtam.presentation.openapi.document import document
from dashtam.presentation.routers.api.v1.routes.fast_path import Shortcut
from dashtam.presentation.routers.api.v1.routes.mount import BASE_PATH, mount, reads_body
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.system import System, trace_id
from dashtam.presentation.web.dashboard import Dashboard
from dashtam.presentation.web.pages import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the application stands in, beside the world of its use cases."""

    version: str
    threads: int
    public_url: str | None
    trusted_proxies: Networks
    cors_origins: Sequence[str]
    errors_url: str
    is_ready: Callable[[], bool]
    jwks: Callable[[], Mapping[str, Any]]
    observe: Callable[[str, int, float], None]
    metrics: Callable[[], bytes] | None
    close: Callable[[], None]
    log: FilteringBoundLogger


def make_app(world: World, around: Surroundings) -> ASGIApp:
    """Return the application, ready to be served."""
    problems = Problems(around.errors_url)
    openapi = cache(partial(_openapi, around))
    system = System(problems, around.is_ready, around.jwks, openapi, around.metrics)
    uses = Uses(world.database, world.background)
    routes: list[BaseRoute] = [
        *mount(
            ROUTES,
            world=world,
            problems=problems,
            uses=uses,
            trusted_proxies=around.trusted_proxies,
            threads=around.threads,
        ),
        *system.routes(),
        # Where the dashboard is built, it answers at / before the plain page does.
        *Dashboard(problems, world.rules.base_path).routes(),
        *Pages(problems, openapi).routes(),
    ]
    app: ASGIApp = Router(
        routes,
        redirect_slashes=False,
        default=_Nowhere(problems),
        lifespan=_lifespan(around.close, world.ready),
    )
    if world.ready is not None:
        app = Shortcut(
            app,
            ROUTES,
            world=world,
            reads=world.ready,
            uses=uses,
            base_path=BASE_PATH,
        )
    if around.cors_origins:
        app = Cors(
            app,
            allow_origins=around.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
            expose_headers=["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
                            "Retry-After", "ETag", "Location", "X-Request-Id"],
        )  # fmt: skip
    return Edge(
        app,
        problems=problems,
        log=around.log,
        observe=around.observe,
        bodies=Bodies(answers_413=partial(reads_body, routes)),
    )


def _openapi(around: Surroundings) -> bytes:
    described = document(
        ROUTES, version=around.version, server=around.public_url, errors_url=around.errors_url
    )
    return msgspec.json.encode(described)


class _Nowhere:
    """Where requests for paths that are not there end."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._problems.response(
            NOT_FOUND,
            "There is nothing at this path.",
            instance=scope["path"],
            trace_id=trace_id(request),
        )
        await response(scope, receive, send)


def _lifespan(close: Callable[[], None], ready: HistoryCache | None) -> Callable[[Any], Any]:
    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        if ready is not None:
            await ready.open()
        yield
        if ready is not None:
            await ready.close()
        close()

    return lifespan
