"""The application: the routes of the API, the system and the pages, behind the HTTP edge."""

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
from dashtam.presentation.http.client_ip import Networks
from dashtam.presentation.http.content_coding import CompressionMiddleware
from dashtam.presentation.http.middleware import BodyLimits, Cors, EdgeMiddleware
from dashtam.presentation.http.problems import NOT_FOUND, Problems
from dashtam.presentation.openapi.document import build_document
from dashtam.presentation.routers.api.v1.routes.fast_path import FastPath
from dashtam.presentation.routers.api.v1.routes.mount import mount, reads_body
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.system import SystemRoutes
from dashtam.presentation.web.dashboard import Dashboard
from dashtam.presentation.web.pages import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """Options of the application, and its callbacks.

    ``readiness_fault`` returns a sentence, None where requests can be served. ``observe`` counts an
    answered request; it and ``metrics`` are None where metrics are off.
    """

    version: str
    threads: int
    public_url: str | None
    trusted_proxies: Networks
    cors_origins: Sequence[str]
    errors_url: str
    readiness_fault: Callable[[], str | None]
    jwks: Callable[[], Mapping[str, Any]]
    observe: Callable[[str, int, float], None] | None
    metrics: Callable[[], bytes] | None
    close: Callable[[], None]
    log: FilteringBoundLogger


def make_app(services: Services, options: AppOptions) -> ASGIApp:
    """Return the application, ready to be served."""
    problems = Problems(options.errors_url)
    token_usage = TokenUsage(services.database, services.background)
    history_cache = services.history_cache()

    @cache
    def openapi() -> bytes:
        document = build_document(
            ROUTES,
            version=options.version,
            server=options.public_url,
            errors_url=options.errors_url,
        )
        return msgspec.json.encode(document)

    dashboard = Dashboard(problems, services.options.base_path)

    async def answer_not_found(scope: Scope, receive: Receive, send: Send) -> None:
        page = await dashboard.not_found(Request(scope))
        problem = problems.scope_response(scope, NOT_FOUND, "There is nothing at this path.")
        await (page or problem)(scope, receive, send)

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        if history_cache is not None:
            await history_cache.open()
        yield
        if history_cache is not None:
            await history_cache.close()
        options.close()

    routes: list[BaseRoute] = [
        *mount(
            ROUTES,
            services=services,
            problems=problems,
            token_usage=token_usage,
            trusted_proxies=options.trusted_proxies,
            threads=options.threads,
        ),
        *SystemRoutes(
            problems, options.readiness_fault, options.jwks, openapi, options.metrics
        ).routes(),
        # Where the dashboard is built, it answers at / before the plain page does.
        *dashboard.routes(),
        *Pages(problems, openapi).routes(),
    ]
    app: ASGIApp = Router(
        routes, redirect_slashes=False, default=answer_not_found, lifespan=lifespan
    )
    app = CompressionMiddleware(app)
    answer_now = None
    if history_cache is not None:
        app = fast_path = FastPath(
            app, ROUTES, services=services, cache=history_cache, token_usage=token_usage
        )
        answer_now = fast_path.answer_now
    if options.cors_origins:
        app = Cors(
            app,
            allow_origins=options.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Prefer", "Idempotency-Key",
                           "If-Match", "If-None-Match"],
            expose_headers=["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
                            "Retry-After", "ETag", "Location", "X-Request-Id"],
        )  # fmt: skip
    return EdgeMiddleware(
        app,
        problems=problems,
        log=options.log,
        observe=options.observe,
        bodies=BodyLimits(answers_413=partial(reads_body, routes)),
        answer_now=answer_now,
    )
