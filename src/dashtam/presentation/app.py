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

from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.presentation.http.client_ip import Networks
from dashtam.presentation.http.middleware import BodyLimits, Cors, EdgeMiddleware
from dashtam.presentation.http.problems import NOT_FOUND, Problems
from dashtam.presentation.openapi.document import build_document
from dashtam.presentation.routers.api.v1.routes.fast_path import FastPath
from dashtam.presentation.routers.api.v1.routes.mount import BASE_PATH, mount, reads_body
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.system import SystemRoutes, trace_id
from dashtam.presentation.web.dashboard import Dashboard
from dashtam.presentation.web.pages import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
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


def make_app(services: Services, options: AppOptions) -> ASGIApp:
    """Return the application, ready to be served."""
    problems = Problems(options.errors_url)
    openapi = cache(partial(_openapi, options))
    system = SystemRoutes(problems, options.is_ready, options.jwks, openapi, options.metrics)
    token_usage = TokenUsage(services.database, services.background)
    routes: list[BaseRoute] = [
        *mount(
            ROUTES,
            services=services,
            problems=problems,
            token_usage=token_usage,
            trusted_proxies=options.trusted_proxies,
            threads=options.threads,
        ),
        *system.routes(),
        # Where the dashboard is built, it answers at / before the plain page does.
        *Dashboard(problems, services.options.base_path).routes(),
        *Pages(problems, openapi).routes(),
    ]
    app: ASGIApp = Router(
        routes,
        redirect_slashes=False,
        default=_Nowhere(problems),
        lifespan=_lifespan(options.close, services.history_cache),
    )
    if services.history_cache is not None:
        app = FastPath(
            app,
            ROUTES,
            services=services,
            cache=services.history_cache,
            token_usage=token_usage,
            base_path=BASE_PATH,
        )
    if options.cors_origins:
        app = Cors(
            app,
            allow_origins=options.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
            expose_headers=["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
                            "Retry-After", "ETag", "Location", "X-Request-Id"],
        )  # fmt: skip
    return EdgeMiddleware(
        app,
        problems=problems,
        log=options.log,
        observe=options.observe,
        bodies=BodyLimits(answers_413=partial(reads_body, routes)),
    )


def _openapi(options: AppOptions) -> bytes:
    described = build_document(
        ROUTES, version=options.version, server=options.public_url, errors_url=options.errors_url
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
