"""Answers from the history cache, in front of the router.

Only a request without any error is answered here: a valid token, valid parameters, the caller's own
account, and a token left in the bucket. Every other request is passed on, before anything is spent
or sent.
"""

from collections import OrderedDict
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from dashtam.application.people import api_tokens
from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.database.history_cache.chunk_format import DamagedError
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import Credential, HistoryCache
from dashtam.domain.errors import DashtamError
from dashtam.domain.user import Principal
from dashtam.presentation.http.content_coding import EncodedBody, accepts_gzip, encode_body
from dashtam.presentation.http.middleware import Answer
from dashtam.presentation.http.parameters import read_parameters
from dashtam.presentation.http.request_context import BASE_PATH, FastRequest, bearer_token
from dashtam.presentation.routers.api.v1.routes.pipeline import (
    check_accept,
    etag_matches,
    rate_limit_fields,
    user_bucket,
)
from dashtam.presentation.routers.api.v1.routes.route import FastHandler, Route

_CACHE_BYTES: Final = 32 * 1024 * 1024
_MAX_BODY_BYTES: Final = 2 * 1024 * 1024
_OVERHEAD_BYTES: Final = 2048
_ACCEPTS_JSON: Final = frozenset({None, b"*/*", b"application/json"})

# In the state of a request that was looked for once already.
_MISSED: Final = "fast_path_missed"

Key = tuple[str, bytes, bytes, bytes | None, bytes | None]
"""Path, query, and the headers ``Authorization``, ``Accept`` and ``Accept-Encoding``."""


RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A response for one caller; ``token`` is None for a read-only token."""

    principal: Principal
    bucket: str
    token: str | None
    etag: str
    body_headers: RawHeaders
    headers: RawHeaders
    body: bytes


class _FastRoute:
    """One route that the history cache can answer."""

    def __init__(self, route: Route, handler: FastHandler) -> None:
        self.route = route
        self.handler = handler
        self._begin, self._has_id, self._end = (BASE_PATH + route.path).partition("{id}")

    def account_id_in(self, path: str) -> str | None:
        """Return the id in the path, empty where the route has none, None for another route."""
        if not self._has_id:
            return "" if path == self._begin else None
        if not (path.startswith(self._begin) and path.endswith(self._end)):
            return None
        return path[len(self._begin) : len(path) - len(self._end)]


class FastPath:
    """An ASGI application that answers from the history cache, and passes other requests on."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[Route],
        *,
        services: Services,
        cache: HistoryCache,
        token_usage: TokenUsage,
    ) -> None:
        self._app = app
        self._services = services
        self._cache = cache
        self._token_usage = token_usage
        self._routes = [
            _FastRoute(route, route.fast_handler)
            for route in routes
            if route.fast_handler is not None
        ]
        self._responses = ResponseCache(_CACHE_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] == "http" and _MISSED not in scope["state"]:
            answer = await self._answer(scope)
            if answer is not None:
                status, headers, body = answer
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)

    def answer_now(self, scope: Scope) -> Answer | None:
        """Return the answer where nothing has to be waited for, None for every other request."""
        if not self._cache.is_immediate or self._services.buckets.may_wait:
            return None
        answer = _run_now(self._answer(scope))
        if answer is None:
            scope["state"][_MISSED] = True
        return answer

    async def _answer(self, scope: Scope) -> Answer | None:
        route, account_id = self._find_route(scope)
        if route is None:
            return None
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            given.setdefault(name, value)
        authorization, accept = given.get(b"authorization", b""), given.get(b"accept")
        coding = given.get(b"accept-encoding")
        key = scope["path"], scope["query_string"], authorization, accept, coding
        now = self._services.clock()
        # Read before the response: a commit between them makes it look older than it is.
        version = self._cache.version()
        response = self._responses.get(key, version)
        if response is None:
            response = await self._try_build(route, account_id, key, now)
            if response is None:
                return None
            if response.token is not None and version is not None:
                self._responses.put(key, version, response)
        # Only the time has changed since it was built; and a session outlasts its access tokens,
        # counted from the refresh that issued them.
        elif response.token and self._services.signer.verify(response.token, now) is None:
            return None
        limits = await self._spend(route, response)
        if limits is None:
            return None
        headers = [*response.headers, *limits]
        known = given.get(b"if-none-match")
        if known is not None and etag_matches(known.decode("latin-1"), response.etag):
            return 304, headers, b""
        return 200, [*response.body_headers, *headers], response.body

    def _find_route(self, scope: Scope) -> tuple[_FastRoute | None, str]:
        if scope["method"] == "GET":
            for route in self._routes:
                account_id = route.account_id_in(scope["path"])
                if account_id is not None:
                    return route, account_id
        return None, ""

    async def _spend(self, route: _FastRoute, response: CachedResponse) -> RawHeaders | None:
        """Take a token from the caller's bucket, and return its headers; None if it has none."""
        buckets = self._services.buckets
        policy = self._services.options.rate_policies[route.route.rate_limit.name]
        if buckets.may_wait:
            spent = await to_thread.run_sync(buckets.spend, policy, response.bucket)
        else:
            spent = buckets.spend(policy, response.bucket)
        if spent.retry_after_s is not None:
            return None
        if response.principal.unrecorded_token_id is not None:
            self._token_usage.note(response.principal.unrecorded_token_id)
        return rate_limit_fields(spent)

    async def _try_build(
        self, route: _FastRoute, account_id: str, key: Key, now: datetime
    ) -> CachedResponse | None:
        try:
            return await self._build_response(route, account_id, key, now)
        except (CacheMissError, DamagedError, DashtamError):
            return None

    async def _build_response(
        self, route: _FastRoute, account_id: str, key: Key, now: datetime
    ) -> CachedResponse:
        _, query, authorization, accept, coding = key
        token = bearer_token(authorization.decode("latin-1"))
        principal: Principal | None = None
        if token.startswith(api_tokens.PREFIX):
            credential = Credential(now, token_hash=api_tokens.hash_token(token))
        else:
            principal = self._services.signer.verify(token, now)
            if principal is None:
                raise CacheMissError
            credential = Credential(now, session_id=principal.session_id)
        if accept not in _ACCEPTS_JSON:
            check_accept((accept or b"").decode("latin-1"), route.route.media_type)
        values = read_parameters(route.route.parameters, {"id": account_id}, query)
        viewer, parts = await route.handler(FastRequest(values, self._cache, credential))
        gzip = coding is not None and accepts_gzip(coding.decode("latin-1"))
        body = encode_body(parts, gzip=gzip)
        if principal is None:
            reader = Principal(viewer.user_id, None, viewer.unrecorded_token_id)
            return build_cached_response(reader, None, body)
        if principal.user_id != viewer.user_id:
            raise CacheMissError
        return build_cached_response(principal, token, body)


def build_cached_response(
    principal: Principal, token: str | None, body: EncodedBody
) -> CachedResponse:
    """Return the response with this body."""
    of_body = {"content-length": str(len(body.content)), "content-type": "application/json"}
    if body.is_gzip:
        of_body["content-encoding"] = "gzip"
    others = {"cache-control": "no-store", "etag": body.etag}
    if body.varies:
        others["vary"] = "Accept-Encoding"
    return CachedResponse(
        principal,
        user_bucket(principal),
        token,
        body.etag,
        tuple((name.encode(), value.encode()) for name, value in of_body.items()),
        tuple((name.encode(), value.encode()) for name, value in others.items()),
        body.content,
    )


def _run_now(answer: Coroutine[Any, Any, Answer | None]) -> Answer | None:
    """Return the result of a coroutine that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as ended:
        result: Answer | None = ended.value
        return result
    answer.close()
    msg = "An immediate answer waits for something."
    raise AssertionError(msg)


class ResponseCache:
    """Responses that are valid until the next commit of any transaction; bounded in bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._version: object = None
        self._responses: OrderedDict[Key, CachedResponse] = OrderedDict()

    def get(self, key: Key, version: object) -> CachedResponse | None:
        """Return the response of this version of the database."""
        if version != self._version:
            self._responses.clear()
            self._bytes = 0
            self._version = version
            return None
        response = self._responses.get(key)
        if response is not None:
            self._responses.move_to_end(key)
        return response

    def put(self, key: Key, version: object, response: CachedResponse) -> None:
        """Store a response, and drop those that were used longest ago where it is full."""
        if len(response.body) > _MAX_BODY_BYTES or version != self._version:
            return
        replaced = self._responses.pop(key, None)
        if replaced is not None:
            self._bytes -= _size_bytes(key, replaced)
        self._responses[key] = response
        self._bytes += _size_bytes(key, response)
        while self._bytes > self._max_bytes:
            self._bytes -= _size_bytes(*self._responses.popitem(last=False))


def _size_bytes(key: Key, response: CachedResponse) -> int:
    # A query can be long, and its response short.
    return _OVERHEAD_BYTES + len(response.body) + sum(len(part) for part in key if part is not None)
