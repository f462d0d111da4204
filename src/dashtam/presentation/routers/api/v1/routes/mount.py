"""The registry's routes, mounted: one ASGI endpoint for each path."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import anyio.to_thread
import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.application.rate_limits import AUTH
from dashtam.domain.errors import DashtamError, Invalid, Unavailable, Unprocessable
from dashtam.presentation.http.client_ip import Networks, client_address
from dashtam.presentation.http.problems import (
    METHOD_NOT_ALLOWED,
    UNSUPPORTED_MEDIA_TYPE,
    HttpError,
    Problems,
)
from dashtam.presentation.http.request_context import Request, Upload
from dashtam.presentation.routers.api.v1.routes.event_stream import EventStream
from dashtam.presentation.routers.api.v1.routes.pipeline import Pipeline
from dashtam.presentation.routers.api.v1.routes.route import Route, Transaction

T = TypeVar("T")

BASE_PATH: Final = "/api/v1"

# How long a request waits for its turn. Those who write may have a long import before them.
_READ_WITHIN_S: Final = 10.0
_WRITE_WITHIN_S: Final = 30.0


class Busy(Unavailable):
    """All threads are taken, and stayed so for as long as a request waits."""

    detail = "Too much is being worked on at the moment. Nothing was changed; try again soon."


def mount(
    routes: Iterable[Route],
    *,
    services: Services,
    problems: Problems,
    token_usage: TokenUsage,
    trusted_proxies: Networks,
    threads: int,
) -> list[HttpRoute]:
    """Return one route of the framework for each path, literal segments before parameters.

    At most ``threads`` requests are worked on at once, one for each connection to the database: of
    ten, four read, three write, and two sign in, which is slow on purpose. None of these keeps the
    others waiting; with fewer than five threads each kind still has one.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    workers = Workers(threads)
    build_pipeline = partial(
        Pipeline, services=services, problems=problems, token_usage=token_usage
    )
    return [
        HttpRoute(
            BASE_PATH + path,
            Endpoint(by_path[path], build_pipeline, problems, trusted_proxies, workers),
        )
        for path in sorted(by_path, key=_literals_first)
    ]


def reads_body(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    """Tell whether the request will be answered by one of our endpoints that reads its body."""
    for route in routes:
        if route.matches(scope)[0] is Match.FULL:
            endpoint = getattr(route, "endpoint", None)
            return isinstance(endpoint, Endpoint) and endpoint.takes_body(scope["method"])
    return False


def _literals_first(path: str) -> list[tuple[bool, str]]:
    return [(segment.startswith("{"), segment) for segment in path.split("/")]


class Workers:
    """The threads in which calls are worked on."""

    def __init__(self, threads: int) -> None:
        # Those who write wait for each other, behind a long import for many seconds: they never
        # take every thread, nor every connection to the database. One of those is left for what
        # no request waits for.
        writing = max(1, threads * 3 // 10)
        signing_in = max(1, threads // 5)
        self._reading = anyio.CapacityLimiter(max(1, threads - writing - signing_in - 1))
        self._writing = anyio.CapacityLimiter(writing)
        self._signing_in = anyio.CapacityLimiter(signing_in)

        # They hold nothing while a provider thinks, for a minute if it likes.
        self._asking = anyio.CapacityLimiter(max(4, threads // 2))
        self._admitted = anyio.CapacityLimiter(math.inf)

    @property
    def limits(self) -> list[float]:
        """How many threads there are of each kind."""
        kinds = (self._reading, self._writing, self._signing_in)
        return [kind.total_tokens for kind in kinds]

    async def run(
        self, route: Route, work: Callable[..., T], *args: object, writes: bool = False
    ) -> T:
        """Return what the function returns, called in a thread.

        Raises:
            Busy: there was none to be had for as long as a request waits.
        """
        limiter = self._writing if writes else self._reading
        if route.rate_limit is AUTH:
            limiter = self._signing_in
        if route.asks_providers and writes:
            limiter = self._asking
        pipeline = object()
        try:
            with anyio.fail_after(_WRITE_WITHIN_S if writes else _READ_WITHIN_S):
                await limiter.acquire_on_behalf_of(pipeline)
        except TimeoutError:
            raise Busy from None
        try:
            return await anyio.to_thread.run_sync(work, *args, limiter=self._admitted)
        finally:
            limiter.release_on_behalf_of(pipeline)


class Endpoint:
    """Everything that one path answers, as an ASGI application."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        build_pipeline: Callable[[Route, Request], Pipeline],
        problems: Problems,
        trusted_proxies: Networks,
        workers: Workers,
    ) -> None:
        self._routes = routes
        self._build_pipeline = build_pipeline
        self._problems = problems
        self._trusted_proxies = trusted_proxies
        self._workers = workers
        methods = {*routes, "OPTIONS"} | ({"HEAD"} if "GET" in routes else set())
        self._allow = ", ".join(sorted(methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        http = HttpRequest(scope, receive)
        response = await self._respond(http)
        await response(scope, receive, send)

    def takes_body(self, method: str) -> bool:
        """Tell whether a request by this method has a body to read."""
        route = self._routes.get(method)
        return route is not None and route.takes_body

    async def _respond(self, http: HttpRequest) -> Response:
        if http.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self._allow})
        request = self._build_request(http)
        route = self._routes.get("GET" if http.method == "HEAD" else http.method)
        if route is None:
            return self._problems.response(
                METHOD_NOT_ALLOWED,
                f"This path answers {self._allow}.",
                instance=request.path,
                trace_id=request.trace_id,
                headers={"Allow": self._allow},
            )
        pipeline = self._build_pipeline(route, request)
        try:
            return await self._answer(http, route, pipeline, request)
        except Busy as busy:
            return pipeline.error_response(busy)

    async def _answer(
        self, http: HttpRequest, route: Route, pipeline: Pipeline, request: Request
    ) -> Response:
        if not route.takes_body:
            writes = route.transaction is not Transaction.READ
            response = await self._workers.run(route, pipeline.answer, writes=writes)
            return self._event_stream(response, route, http) if route.streams else response
        refused = await self._workers.run(route, pipeline.admit)
        return refused or await self._answer_body(http, route, pipeline, request)

    def _event_stream(self, response: Response, route: Route, http: HttpRequest) -> Response:
        if not isinstance(response, EventStream):
            return response
        if http.method == "HEAD":
            return Response(headers=response.headers, media_type=response.media_type)
        response.run = partial(self._workers.run, route)
        return response

    async def _answer_body(
        self, http: HttpRequest, route: Route, pipeline: Pipeline, request: Request
    ) -> Response:
        try:
            if route.upload is not None:
                body, fingerprint = await _read_upload(http)
            else:
                body, fingerprint = await _read_json(http, may_be_empty=route.body_is_optional)
        except DashtamError as refusal:
            return pipeline.error_response(refusal)
        whole = replace(request, body=body, fingerprint=fingerprint)
        try:
            return await self._workers.run(route, pipeline.run_with_body, whole, writes=True)
        finally:
            await http.close()

    def _build_request(self, http: HttpRequest) -> Request:
        return Request(
            method=http.method,
            path=http.scope["path"],
            path_values=http.path_params,
            query=http.scope["query_string"],
            headers=http.headers,
            address=client_address(http, self._trusted_proxies),
            trace_id=http.scope.get("state", {}).get("trace_id", ""),
        )


async def _read_json(http: HttpRequest, *, may_be_empty: bool) -> tuple[Any, bytes]:
    if may_be_empty and not await http.body():
        return {}, hashlib.sha256(b"{}").digest()
    if not _has_media_type(http, "application/json"):
        detail = "Send the body as application/json."
        raise HttpError(UNSUPPORTED_MEDIA_TYPE, detail)
    raw = await http.body()
    try:
        return msgspec.json.decode(raw), hashlib.sha256(raw).digest()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "The body is not JSON."
        raise Invalid(detail) from error


async def _read_upload(http: HttpRequest) -> tuple[Upload, bytes]:
    if not _has_media_type(http, "multipart/form-data"):
        detail = "Send the file as multipart/form-data."
        raise HttpError(UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        form = await http.form(max_files=1, max_fields=20, max_part_size=64 * 1024)
    except (HTTPException, MultiPartException) as error:
        detail = "The form cannot be read."
        raise Invalid(detail) from error
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        detail = "The form needs a file in its field `file`."
        raise Unprocessable(detail)
    texts = {name: text for name, text in form.items() if isinstance(text, str)}
    digest = hashlib.sha256(msgspec.json.encode(texts, order="sorted"))
    while chunk := await upload.read(1 << 20):
        digest.update(chunk)
    await upload.seek(0)
    return Upload(upload.file, texts), digest.digest()


def _has_media_type(http: HttpRequest, media_type: str) -> bool:
    given = http.headers.get("content-type", "")
    return given.split(";", 1)[0].strip().lower() == media_type
