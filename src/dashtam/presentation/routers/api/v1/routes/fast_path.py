"""The short way to answers that lie ready, in front of the router.

It answers what is plainly right: a good token, readable parameters, one's own account, a bucket
that has a token left. Everything else it passes on, untouched, to the way that every route has and
that alone can refuse.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from dashtam.application.people import api_tokens
from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.application.rate_limits import Spent
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import Credential, HistoryCache
from dashtam.domain.errors import DashtamError
from dashtam.domain.user import Principal
from dashtam.presentation.http.parameters import read_parameters
from dashtam.presentation.http.problems import HttpError
from dashtam.presentation.http.request_context import FastRequest
from dashtam.presentation.routers.api.v1.routes.pipeline import (
    check_accept,
    etag_of,
    limit_headers,
    matches,
    user_key,
)
from dashtam.presentation.routers.api.v1.routes.route import FastHandler, Route

_ID: Final = "{id}"
_KEPT_BYTES: Final = 32 * 1024 * 1024
_LARGEST_KEPT: Final = 2 * 1024 * 1024
_AROUND_BYTES: Final = 2048
_OF_BODY: Final = 2
_USUAL: Final = frozenset({None, b"*/*", b"application/json"})
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")


Header = tuple[bytes, bytes]
Key = tuple[str, bytes, bytes, bytes | None]


class _Asked:
    """A request that may have an answer that lies ready."""

    __slots__ = ("accept", "account_id", "authorization", "if_none_match", "key", "place")

    def __init__(self, place: "_FastRoute", account_id: str, scope: Scope) -> None:
        self.place = place
        self.account_id = account_id
        self.authorization: bytes | None = None
        self.accept: bytes | None = None
        self.if_none_match: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"authorization" and self.authorization is None:
                self.authorization = value
            elif name == b"accept" and self.accept is None:
                self.accept = value
            elif name == b"if-none-match" and self.if_none_match is None:
                self.if_none_match = value
        # What the answer depends on, all of it, beside what is stored.
        self.key: Key = scope["path"], scope["query_string"], self.authorization or b"", self.accept

    def has(self, etag: str) -> bool:
        """Tell whether the client has what is known by this validator."""
        known = self.if_none_match
        return known is not None and matches(known.decode("latin-1"), etag)

    @property
    def token(self) -> str:
        """The bearer's token. Raises ``CacheMissError`` where there is none."""
        scheme, _, token = (self.authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise CacheMissError
        return token.strip().decode("latin-1")


@dataclass(frozen=True, slots=True)
class _CachedResponse:
    """An answer, ready to be sent to whom it was made for; ``token`` is None for read-only ones."""

    principal: Principal
    bucket: str
    token: str | None
    etag: str
    headers: tuple[Header, ...]
    body: bytes


class _FastRoute:
    """Where one route's answers lie, and how its parameters are read."""

    def __init__(self, route: Route, handler: FastHandler, base_path: str) -> None:
        self.route = route
        self.handler = handler
        self.begin, self.has_id, self.end = (base_path + route.path).partition(_ID)
        self._of_query = [one for one in route.parameters if one.place == "query"]
        self._of_path = [one for one in route.parameters if one.place == "path"]
        # Charts ask for the same range of many accounts.
        self._queried = lru_cache(maxsize=512)(self._read_query)

    def account_in(self, path: str) -> str | None:
        """Return the id in the path, empty where the route has none, None for another route."""
        if not self.has_id:
            return "" if path == self.begin else None
        if not (path.startswith(self.begin) and path.endswith(self.end)):
            return None
        return path[len(self.begin) : len(path) - len(self.end)]

    def values(self, account_id: str, query: bytes) -> Mapping[str, Any]:
        """Return the parameters' values. Raises ``DashtamError`` where one cannot be read."""
        read = {one.name: one.parse(account_id) for one in self._of_path}
        return read | self._queried(query)

    def _read_query(self, query: bytes) -> dict[str, Any]:
        return read_parameters(self._of_query, {}, query)


class FastPath:
    """An ASGI application that answers what lies ready, and passes everything else on."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[Route],
        *,
        services: Services,
        cache: HistoryCache,
        token_usage: TokenUsage,
        base_path: str,
    ) -> None:
        self._app = app
        self._services = services
        self._cache = cache
        self._token_usage = token_usage
        self._places = [
            _FastRoute(route, route.fast_handler, base_path)
            for route in routes
            if route.fast_handler is not None
        ]
        self._kept = _KeptAnswers(_KEPT_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        asked = self._asked(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if asked is None or not await self._is_sent(asked, send):
            await self._app(scope, receive, send)

    async def _is_sent(self, asked: _Asked, send: Send) -> bool:
        """Send what lies ready; tell of what does not, of which nothing was sent or spent."""
        answer = await self._answer(asked)
        spent = None if answer is None else await self._spent(answer, asked.place.route)
        if answer is None or spent is None:
            return False
        self._token_usage.note(answer.principal)
        status, headers, body = 200, [*answer.headers, *_limits(spent)], answer.body
        if asked.has(answer.etag):
            # Of the headers, those of a body stand first.
            status, headers, body = 304, headers[_OF_BODY:], b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True

    def _asked(self, scope: Scope) -> _Asked | None:
        path = scope["path"]
        for place in self._places:
            account_id = place.account_in(path)
            if account_id is not None:
                return _Asked(place, account_id, scope)
        return None

    async def _answer(self, asked: _Asked) -> _CachedResponse | None:
        """Return the answer, None where another way has to be gone."""
        now = self._services.clock()
        # Read before the answer: a commit between them makes the answer look older than it is.
        version = self._cache.version()
        answer = self._kept.get(asked.key, version)
        if answer is not None and answer.token is not None:
            # All is as it was when this was made, but for the time; and a session, which lasts
            # from the refresh that issued the token, outlasts it.
            is_good = self._services.signer.verify(answer.token, now) is not None
            return answer if is_good else None
        try:
            answer = await self._made(asked, now)
        except (CacheMissError, DashtamError, HttpError):
            return None
        if answer.token is not None and version is not None:
            self._kept.keep(asked.key, version, answer)
        return answer

    async def _made(self, asked: _Asked, now: datetime) -> _CachedResponse:
        place, token = asked.place, asked.token
        principal: Principal | None = None
        if token.startswith(api_tokens.PREFIX):
            credential = Credential(now, token_hash=api_tokens.hash_of(token))
        else:
            principal = self._services.signer.verify(token, now)
            if principal is None:
                raise CacheMissError
            credential = Credential(now, session_id=principal.session_id)
        if asked.accept not in _USUAL:
            check_accept((asked.accept or b"").decode("latin-1"), place.route.media_type)
        context = FastRequest(self._cache, credential, place.values(asked.account_id, asked.key[1]))
        reader, body = await place.handler(context)
        if principal is None:
            return _answer(Principal(reader.user_id, None, reader.unrecorded_token_id), None, body)
        if principal.user_id != reader.user_id:
            raise CacheMissError
        return _answer(principal, token, body)

    async def _spent(self, answer: _CachedResponse, route: Route) -> Spent | None:
        """Return what the user's bucket says, None where it is empty: nothing was taken then."""
        buckets = self._services.buckets
        policy = self._services.options.rate_policies[route.rate_limit.name]
        if buckets.may_wait:
            spent = await to_thread.run_sync(buckets.spend, policy, answer.bucket)
        else:
            spent = buckets.spend(policy, answer.bucket)
        return spent if spent.retry_after_s is None else None


def _answer(principal: Principal, token: str | None, body: bytes) -> _CachedResponse:
    etag = etag_of(body)
    length = (b"content-length", b"%d" % len(body))
    headers = length, _JSON, _NO_STORE, (b"etag", etag.encode())
    return _CachedResponse(principal, user_key(principal), token, etag, headers, body)


def _limits(spent: Spent) -> list[Header]:
    return [(name.lower().encode(), text.encode()) for name, text in limit_headers(spent).items()]


class _KeptAnswers:
    """Answers as they were given, good until anything at all is committed; bounded in bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._version: object = None
        self._answers: OrderedDict[Key, _CachedResponse] = OrderedDict()

    def get(self, key: Key, version: object) -> _CachedResponse | None:
        if version != self._version:
            self._answers.clear()
            self._bytes = 0
            self._version = version
            return None
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Key, version: object, answer: _CachedResponse) -> None:
        if len(answer.body) > _LARGEST_KEPT or version != self._version:
            return
        replaced = self._answers.pop(key, None)
        if replaced is not None:
            self._bytes -= _weight(key, replaced)
        self._answers[key] = answer
        self._bytes += _weight(key, answer)
        while self._bytes > self._most_bytes:
            self._bytes -= _weight(*self._answers.popitem(last=False))


def _weight(key: Key, answer: _CachedResponse) -> int:
    # A query can be long, and its answer short.
    return _AROUND_BYTES + len(answer.body) + sum(len(part) for part in key if part is not None)
