"""The registry's routes, mounted: one ASGI endpoint for each path."""

import hashlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

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

from dashtam.application.people import api_tokens
from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.application.rate_limits import AUTH
from dashtam.domain.errors import DashtamError, Invalid, Unavailable, Unprocessable
from dashtam.presentation.http.client_ip import Networks, client_address
from dashtam.presentation.http.problems import UNSUPPORTED_MEDIA_TYPE, HttpError, Problems
from dashtam.presentation.http.request_context import BASE_PATH, Request, Upload, bearer_token
from dashtam.presentation.routers.api.v1.routes.event_stream import EventStream
from dashtam.presentation.routers.api.v1.routes.pipeline import Pipeline
from dashtam.presentation.routers.api.v1.routes.route import Route, Transaction

T = TypeVar("T")

# How long a request waits for a thread; one that writes, or waits for others of its user, longer.
_WITHIN_S: Final = 10.0
_LONG_WITHIN_S: Final = 30.0

# Requests of one process that ask providers, and those of one user: more than may wait for their
# answers, since these threads also wait for the permits to ask.
_ASKING: Final = 256
_ASKING_OF_ONE: Final = 24


class Busy(Unavailable):
    """All threads stayed taken for as long as a request waits."""

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
    ten, four read, three write, and two sign in, which is slow on purpose. No kind keeps another
    waiting; with fewer than five threads each kind still has one. One user, and one API token, has
    at most half of the threads of a kind, and one for heavy requests, so that many requests of one
    user wait for each other alone.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    workers = Workers(threads)
    pipeline = partial(Pipeline, services=services, problems=problems, token_usage=token_usage)

    def find_caller(authorization: str) -> str:
        token = bearer_token(authorization)
        if token.startswith(api_tokens.PREFIX):
            return token
        principal = services.signer.verify(token, services.clock())
        return "" if principal is None else str(principal.user_id)

    def literals_first(path: str) -> list[tuple[bool, str]]:
        return [(segment.startswith("{"), segment) for segment in path.split("/")]

    return [
        HttpRoute(
            BASE_PATH + path,
            Endpoint(by_path[path], pipeline, problems, trusted_proxies, workers, find_caller),
        )
        for path in sorted(by_path, key=literals_first)
    ]


def reads_body(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    """Tell whether one of our endpoints reads the body of this request."""
    for route in routes:
        if route.matches(scope)[0] is Match.FULL:
            endpoint = getattr(route, "endpoint", None)
            return isinstance(endpoint, Endpoint) and endpoint.takes_body(scope["method"])
    return False


class Workers:
    """The threads in which requests are worked on."""

    def __init__(self, threads: int) -> None:
        # Requests that write wait for each other: they never take every thread, nor every
        # connection to the database. One connection is left for background tasks.
        writing = max(1, threads * 3 // 10)
        signing_in = max(1, threads // 5)
        self._reading = anyio.CapacityLimiter(max(1, threads - writing - signing_in - 1))
        self._writing = anyio.CapacityLimiter(writing)
        self._signing_in = anyio.CapacityLimiter(signing_in)
        # These hold no connection while they wait for a provider, which may take a minute.
        self._asking_providers = anyio.CapacityLimiter(_ASKING)
        self._unlimited = anyio.CapacityLimiter(math.inf)
        self._shares: WeakValueDictionary[tuple[int, str, bool], anyio.CapacityLimiter] = (
            WeakValueDictionary()
        )

    @property
    def limits(self) -> list[float]:
        """The number of threads for reading, writing and signing in."""
        kinds = (self._reading, self._writing, self._signing_in)
        return [kind.total_tokens for kind in kinds]

    async def run(
        self,
        route: Route,
        step: Callable[..., T],
        *args: object,
        writes: bool = False,
        caller: str = "",
    ) -> T:
        """Call a step of the pipeline in a thread, and return its result.

        ``caller`` is the user or the token that has the request, empty where nobody signed in.

        Raises:
            Busy: no thread became free for as long as a request waits.
        """
        limiter = self._writing if writes else self._reading
        if route.rate_limit is AUTH:
            limiter = self._signing_in
        if route.asks_providers and writes:
            limiter = self._asking_providers
        share = self._share_of(caller, limiter, is_heavy=route.is_heavy)
        within_s = _LONG_WITHIN_S if writes or route.is_heavy else _WITHIN_S
        until = anyio.current_time() + within_s
        async with _taken(share, until), _taken(limiter, until):
            return await anyio.to_thread.run_sync(step, *args, limiter=self._unlimited)

    def _share_of(
        self, caller: str, limiter: anyio.CapacityLimiter, *, is_heavy: bool
    ) -> anyio.CapacityLimiter:
        """Return the caller's share of the threads of one kind."""
        if not caller:
            return self._unlimited
        most = 1 if is_heavy else (int(limiter.total_tokens) + 1) // 2
        if limiter is self._asking_providers:
            most = _ASKING_OF_ONE
        key = id(limiter), caller, is_heavy
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = anyio.CapacityLimiter(most)
        return share


@asynccontextmanager
async def _taken(limiter: anyio.CapacityLimiter, until: float) -> AsyncIterator[None]:
    """Hold one of the limiter's tokens.

    Raises:
        Busy: none became free in time.
    """
    borrower = object()
    try:
        with anyio.fail_after(until - anyio.current_time()):
            await limiter.acquire_on_behalf_of(borrower)
    except TimeoutError:
        raise Busy from None
    try:
        yield
    finally:
        limiter.release_on_behalf_of(borrower)


class Endpoint:
    """All routes of one path, as an ASGI application."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        pipeline: Callable[..., Pipeline],
        problems: Problems,
        trusted_proxies: Networks,
        workers: Workers,
        find_caller: Callable[[str], str],
    ) -> None:
        self._routes = routes
        self._pipeline = pipeline
        self._problems = problems
        self._trusted_proxies = trusted_proxies
        self._workers = workers
        self._find_caller = find_caller
        methods = {*routes, "OPTIONS"} | ({"HEAD"} if "GET" in routes else set())
        self._method_headers = {"Allow": ", ".join(sorted(methods))}
        if "PATCH" in routes:
            self._method_headers |= routes["PATCH"].patch_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        http = HttpRequest(scope, receive)
        route = self._routes.get("GET" if http.method == "HEAD" else http.method)
        if route is None:
            response = self._problems.method_response(scope, self._method_headers)
        else:
            find_address = partial(client_address, http, self._trusted_proxies)
            request = Request(
                method=http.method,
                path=scope["path"],
                path_values=http.path_params,
                query=scope["query_string"],
                headers=http.headers,
                address=find_address() if route.uses_address else "",
                trace_id=getattr(http.state, "trace_id", ""),
            )
            pipeline = self._pipeline(route, request, find_address=find_address)
            try:
                response = await self._run(pipeline, route, http, request)
            except DashtamError as error:
                response = pipeline.error_response(error)
        await response(scope, receive, send)

    def takes_body(self, method: str) -> bool:
        """Tell whether requests of this method have a body."""
        route = self._routes.get(method)
        return route is not None and route.takes_body

    async def _run(
        self, pipeline: Pipeline, route: Route, http: HttpRequest, request: Request
    ) -> Response:
        caller = self._find_caller(http.headers.get("authorization", ""))
        run = partial(self._workers.run, route, caller=caller)
        if route.takes_body:
            await run(pipeline.admit)
            if route.upload is not None:
                body, fingerprint = await _read_upload(http)
            else:
                body, fingerprint = await _read_json(http, route)
            request = replace(request, body=body, fingerprint=fingerprint)
            try:
                return await run(pipeline.run_with_body, request, writes=True)
            finally:
                await http.close()
        writes = route.transaction is not Transaction.READ
        response = await run(pipeline.run, writes=writes)
        if isinstance(response, EventStream):
            if http.method == "HEAD":
                return Response(headers=response.headers, media_type=response.media_type)
            response.run = partial(self._workers.run, route)
        return response


async def _read_json(http: HttpRequest, route: Route) -> tuple[Any, bytes]:
    """Return the JSON value of the body, and the hash of its text."""
    if route.body_is_optional and not await http.body():
        return {}, hashlib.sha256(b"{}").digest()
    types = route.body_types
    detail = f"Send the body as {' or '.join(types)}."
    _check_media_type(http, types, detail, route.patch_headers)
    raw = await http.body()
    try:
        return msgspec.json.decode(raw), hashlib.sha256(raw).digest()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "The body is not JSON."
        raise Invalid(detail) from error


async def _read_upload(http: HttpRequest) -> tuple[Upload, bytes]:
    """Return the form with its file, and the hash of all its content."""
    _check_media_type(http, ["multipart/form-data"], "Send the file as multipart/form-data.")
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
    return Upload(upload.file, upload.filename or "", texts), digest.digest()


def _check_media_type(
    http: HttpRequest,
    media_types: Sequence[str],
    detail: str,
    headers: Mapping[str, str] | None = None,
) -> None:
    given = http.headers.get("content-type", "")
    if given.split(";", 1)[0].strip().lower() not in media_types:
        raise HttpError(UNSUPPORTED_MEDIA_TYPE, detail, headers)
