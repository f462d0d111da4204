"""The short way to answers that lie ready, in front of the router.

It answers what is plainly right: a good token, readable parameters, one's own account, a bucket
that has a token left. Everything else it passes on, untouched, to the way that every route has and
that alone can refuse.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from dashtam.application import access_tokens
from dashtam.application.access_tokens import Uses
from dashtam.application.ports import World
from dashtam.application.rate_limits import Spent
from dashtam.application.ready_reads import NotReadyError, Proof, ReadyReads
from dashtam.domain.errors import Refusal
from dashtam.domain.user import Principal
from dashtam.presentation.call import ReadyCall
from dashtam.presentation.parameters import read_parameters
from dashtam.presentation.problems import Rejection
from dashtam.presentation.routers.api.v1.routes.route import ReadyHandler, Route
from dashtam.presentation.routers.api.v1.routes.turn import (
    check_accept,
    etag_of,
    limit_headers,
    matches,
    user_key,
)

_ID: Final = "{id}"
_KEPT_BYTES: Final = 32 * 1024 * 1024
_LARGEST_KEPT: Final = 2 * 1024 * 1024
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may have an answer that lies ready."""

    place: "_Place"
    account_id: str
    path: str
    query: bytes
    token: str
    accept: str | None
    if_none_match: str | None

    @property
    def key(self) -> tuple[object, ...]:
        return self.path, self.query, self.token, self.accept


@dataclass(frozen=True, slots=True)
class _Answer:
    principal: Principal
    etag: str
    body: bytes


class _Place:
    """Where one route's answers lie, and how its parameters are read."""

    def __init__(self, route: Route, handler: ReadyHandler, base_path: str) -> None:
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
        """Return the parameters' values. Raises ``Refusal`` where one cannot be read."""
        read = {one.name: one.parse(account_id) for one in self._of_path}
        return read | self._queried(query)

    def _read_query(self, query: bytes) -> dict[str, Any]:
        return read_parameters(self._of_query, {}, query)


class Shortcut:
    """An ASGI application that answers what lies ready, and passes everything else on."""

    def __init__(  # noqa: PLR0913 - one for each thing it stands between
        self,
        app: ASGIApp,
        routes: Iterable[Route],
        *,
        world: World,
        reads: ReadyReads,
        uses: Uses,
        base_path: str,
        threads: int,
    ) -> None:
        self._app = app
        self._world = world
        self._reads = reads
        self._uses = uses
        self._places = [
            _Place(route, route.ready, base_path) for route in routes if route.ready is not None
        ]
        self._is_inline = reads.is_inline and not world.buckets.may_wait
        self._limiter = CapacityLimiter(max(1, threads // 2))
        self._kept = _KeptAnswers(_KEPT_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        asked = self._asked(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        if self._is_inline:
            answered = self._answer(asked)
        else:
            answered = await to_thread.run_sync(self._answer, asked, limiter=self._limiter)
        if answered is None:
            await self._app(scope, receive, send)
            return
        status, headers, body = answered
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _asked(self, scope: Scope) -> _Asked | None:
        path = scope["path"]
        for place in self._places:
            account_id = place.account_in(path)
            if account_id is not None:
                break
        else:
            return None
        headers = dict(reversed(scope["headers"]))
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        accept = headers.get(b"accept")
        if_none_match = headers.get(b"if-none-match")
        return _Asked(
            place,
            account_id,
            path,
            scope["query_string"],
            token.strip().decode("latin-1"),
            None if accept is None else accept.decode("latin-1"),
            None if if_none_match is None else if_none_match.decode("latin-1"),
        )

    def _answer(self, asked: _Asked) -> tuple[int, Sequence[tuple[bytes, bytes]], bytes] | None:
        try:
            answer = self._found(asked)
        except (NotReadyError, Refusal, Rejection):
            return None
        policy = self._world.rules.policies[asked.place.route.rate_limit.name]
        spent = self._world.buckets.spend(policy, user_key(answer.principal))
        if spent.retry_after_s is not None:
            # Nothing was taken; the other way refuses.
            return None
        self._uses.note(answer.principal)
        if asked.if_none_match is not None and matches(asked.if_none_match, answer.etag):
            return 304, _headers(spent, answer), b""
        length = (b"content-length", b"%d" % len(answer.body))
        return 200, [length, _JSON, *_headers(spent, answer)], answer.body

    def _found(self, asked: _Asked) -> _Answer:
        now = self._world.clock()
        is_session = not asked.token.startswith(access_tokens.PREFIX)
        principal = self._world.signer.verify(asked.token, now) if is_session else None
        if principal is None and is_session:
            raise NotReadyError
        # Read before the answer: a commit between them makes the answer look older than it is.
        version = self._reads.version()
        answer = self._kept.get(asked.key, version)
        if answer is None:
            answer = self._made(asked, principal, now)
            if is_session and version is not None:
                self._kept.keep(asked.key, version, answer)
        return answer

    def _made(self, asked: _Asked, principal: Principal | None, now: datetime) -> _Answer:
        place = asked.place
        if asked.accept is not None:
            check_accept(asked.accept, place.route.media_type)
        if principal is not None:
            proof = Proof(now, session_id=principal.session_id)
        else:
            proof = Proof(now, token_hash=access_tokens.hash_of(asked.token))
        call = ReadyCall(self._reads, proof, place.values(asked.account_id, asked.query))
        reader, body = place.handler(call)
        if principal is None:
            principal = Principal(reader.user_id, None, reader.unnoted)
        elif principal.user_id != reader.user_id:
            raise NotReadyError
        return _Answer(principal, etag_of(body), body)


class _KeptAnswers:
    """Answers as they were given, good until anything at all is committed; bounded in bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._version: object = None
        self._answers: OrderedDict[tuple[object, ...], _Answer] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[object, ...], version: object) -> _Answer | None:
        with self._lock:
            if version != self._version or version is None:
                self._answers.clear()
                self._bytes = 0
                self._version = version
                return None
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def keep(self, key: tuple[object, ...], version: object, answer: _Answer) -> None:
        if len(answer.body) > _LARGEST_KEPT:
            return
        with self._lock:
            if version != self._version or key in self._answers:
                return
            self._answers[key] = answer
            self._bytes += len(answer.body)
            while self._bytes > self._most_bytes:
                _, oldest = self._answers.popitem(last=False)
                self._bytes -= len(oldest.body)


def _headers(spent: Spent, answer: _Answer) -> list[tuple[bytes, bytes]]:
    limits = limit_headers(spent)
    return [
        _NO_STORE,
        (b"etag", answer.etag.encode()),
        *[(name.lower().encode(), value.encode()) for name, value in limits.items()],
    ]
