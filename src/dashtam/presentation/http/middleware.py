"""The edge of the application: the rules of every request, before and after all others."""

import asyncio
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import getrandbits
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from dashtam.presentation.http.problems import (
    INTERNAL_ERROR,
    PAYLOAD_TOO_LARGE,
    UNAVAILABLE,
    VALIDATION_FAILED,
    HttpError,
    Problems,
    ProblemType,
)
from dashtam.presentation.http.request_context import BASE_PATH

_IMPORTS_PATH: Final = f"{BASE_PATH}/imports"
_MAX_TARGET_BYTES: Final = 16 * 1024
_LOGGED_PATH_CHARACTERS: Final = 200
# Every part of our own paths, or an id. Anything else may be a token that somebody pasted.
_LOGGED_PART: Final = re.compile(
    r"[A-Za-z0-9._-]{0,20}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII
)
_FIRST_ERROR: Final = 400
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LENGTH = re.compile(rb"[0-9]{1,18}")
# A body may be too large, and an origin may need headers of its own.
_NEEDS_EDGE: Final = frozenset({b"content-length", b"origin"})
_OWN_HEADERS: Final = frozenset({b"x-request-id", b"x-content-type-options"})


class BodyTooLarge(HttpError):
    """The body has more bytes than it may."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(PAYLOAD_TOO_LARGE, f"A body may have {max_bytes:,} bytes here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How large bodies may be.

    A larger one is refused at the edge. Where ``answers_413`` is true the application reads it:
    reading then raises ``BodyTooLarge``, so that the answer has the headers of the rate limit too.
    """

    max_bytes: int = 1024 * 1024
    max_import_bytes: int = 10 * 1024 * 1024
    answers_413: Callable[[Scope], bool] = lambda _scope: False


_BODIES: Final = BodyLimits()


Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""A whole answer: its status, its headers, its body."""

ANSWER_NOW: Final = "answer_now"
"""The name of ``EdgeMiddleware.answer_now`` in the state of the application's lifespan."""


class EdgeMiddleware:
    """Names each request, limits its size, answers for failures, and logs its end.

    The name is in ``scope["state"]["trace_id"]``, the header ``X-Request-Id`` and every log line;
    a client's own is not used. No exception leaves this middleware, so none is printed twice.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        problems: Problems,
        log: FilteringBoundLogger,
        observe: Callable[[str, int, float], None] | None = None,
        bodies: BodyLimits = _BODIES,
        answer_now: Callable[[Scope], Answer | None] | None = None,
    ) -> None:
        self.app = app
        self.problems = problems
        self.log = log
        self.bodies = bodies
        self._observe = observe
        self._answer_now = answer_now

    def answer_now(self, scope: Scope) -> Answer | None:
        """Return the whole answer of a request that needs no task of its own, else None."""
        if self._answer_now is None or _target_bytes(scope) > _MAX_TARGET_BYTES:
            return None
        for name, _ in scope["headers"]:
            if name in _NEEDS_EDGE:
                return None
        started = time.perf_counter()
        try:
            answer = self._answer_now(scope)
        except Exception as error:  # noqa: BLE001 - the request itself will meet it, and tell of it
            self.log.warning("answer_now_failed", error=type(error).__qualname__)
            return None
        if answer is None:
            return None
        trace_id = _new_trace_id()
        status, headers, body = answer
        self._note_end(scope, status, trace_id, started)
        return status, [*headers, *_own_headers(trace_id)], body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; pass anything else on."""
        if scope["type"] != "http":
            if "state" in scope and self._answer_now is not None:
                scope["state"][ANSWER_NOW] = self.answer_now
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request = _EdgeRequest(self, scope, receive, send)
        await request.run()
        self._note_end(scope, request.status, request.trace_id, started)

    def _note_end(self, scope: Scope, status: int | None, trace_id: str, started: float) -> None:
        took_s = time.perf_counter() - started
        if self._observe is not None:
            try:
                self._observe(scope["method"], status or 0, took_s)
            except Exception as error:  # noqa: BLE001 - the request was answered
                self.log.error("metrics_failed", error=type(error).__name__)  # noqa: TRY400 - as above
        # Dashboards read all day long, and the metrics count that: reads are logged for debugging.
        succeeded = status is not None and status < _FIRST_ERROR
        log = self.log.debug if succeeded and scope["method"] in _READS else self.log.info
        log(
            "request_finished",
            method=scope["method"],
            path=_logged_path(scope["path"]),
            status=status,
            took_s=round(took_s, 6),
            trace_id=trace_id,
        )


class _EdgeRequest:
    """One request and its answer; ``status`` is None until the answer begins."""

    def __init__(self, edge: EdgeMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.trace_id = _new_trace_id()
        self.status: int | None = None
        self._edge = edge
        self._scope = scope
        self._client_receive = receive
        self._client_send = send
        is_import = scope["path"] == _IMPORTS_PATH
        self._max_bytes = edge.bodies.max_import_bytes if is_import else edge.bodies.max_bytes
        self._read_bytes = 0
        # The client went, or has an answer that the application cannot change.
        self._is_over = False
        scope.setdefault("state", {})["trace_id"] = self.trace_id

    async def run(self) -> None:
        scope = self._scope
        try:
            if _target_bytes(scope) > _MAX_TARGET_BYTES:
                await self._send_problem(VALIDATION_FAILED, "The address is longer than 16 KiB.")
            elif self._is_declared_too_large() and not self._edge.bodies.answers_413(scope):
                await self._send_problem(PAYLOAD_TOO_LARGE, str(BodyTooLarge(self._max_bytes)))
            else:
                await self._edge.app(scope, self._receive, self._send)
                if self.status is None and not self._is_over:
                    await self._fail("no answer", "")
        except ClientDisconnect:
            # The client is gone, or _receive has already answered it.
            self._is_over = True
        except asyncio.CancelledError:
            # Only a server that stops cancels a request, and it ignores the exception.
            await self._send_problem(UNAVAILABLE, "The server is stopping. Try again in a moment.")
        except Exception as error:  # noqa: BLE001 - nothing may pass the edge
            # Without the messages, which may hold SQL with its values.
            origin = error.__cause__ or error.__context__
            names = f"{type(error).__module__}.{type(error).__qualname__}"
            frames = "".join(traceback.format_tb(error.__traceback__))
            if origin is not None:
                names += f" from {type(origin).__qualname__}"
                frames = "".join(traceback.format_tb(origin.__traceback__)) + "then\n" + frames
            await self._fail(names, frames)

    async def _receive(self) -> Message:
        if self._is_over:
            return {"type": "http.disconnect"}
        if self._read_bytes == 0 and self.status is None and self._is_declared_too_large():
            raise BodyTooLarge(self._max_bytes)
        message = await self._client_receive()
        self._read_bytes += len(message.get("body", b""))
        if message["type"] == "http.disconnect":
            self._is_over = True
        elif self._read_bytes > self._max_bytes:
            too_large = BodyTooLarge(self._max_bytes)
            if self.status is None and self._edge.bodies.answers_413(self._scope):
                raise too_large
            await self._send_problem(PAYLOAD_TOO_LARGE, str(too_large))
            return {"type": "http.disconnect"}
        return message

    async def _send(self, message: Message) -> None:
        if self._is_over:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [one for one in message.get("headers", ()) if one[0] not in _OWN_HEADERS]
            message = {**message, "headers": [*headers, *_own_headers(self.trace_id)]}
        await self._client_send(message)

    async def _fail(self, error: str, frames: str) -> None:
        self._edge.log.error(
            "request_failed",
            method=self._scope["method"],
            path=_logged_path(self._scope["path"]),
            error=error,
            frames=frames,
            trace_id=self.trace_id,
        )
        await self._send_problem(INTERNAL_ERROR, "Something went wrong here. It was logged.")

    async def _send_problem(self, kind: ProblemType, detail: str) -> None:
        """Send a problem, unless an answer has begun, and ignore the application from now on."""
        if self.status is None and not self._is_over:
            response = self._edge.problems.scope_response(self._scope, kind, detail)
            await response(self._scope, self._client_receive, self._send)
        self._is_over = True

    def _is_declared_too_large(self) -> bool:
        for name, value in self._scope["headers"]:
            # A body with any other length is counted as it arrives.
            if name == b"content-length" and _LENGTH.fullmatch(value):
                return int(value) > self._max_bytes
        return False


def _logged_path(path: str) -> str:
    """Return the path with ``…`` for each part that may be a token, an address or a name."""
    parts = path[:_LOGGED_PATH_CHARACTERS].split("/")
    return "/".join(part if _LOGGED_PART.fullmatch(part) else "…" for part in parts)


def _new_trace_id() -> str:
    return f"{getrandbits(128):032x}"


def _own_headers(trace_id: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-request-id", trace_id.encode()), (b"x-content-type-options", b"nosniff")]


def _target_bytes(scope: Scope) -> int:
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return len(raw_path) + len(b"?") + len(scope["query_string"])


class Cors(CORSMiddleware):
    """Tells browsers which requests are allowed, and refuses others without an error."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the allowed requests; no such headers where the browser wants others."""
        response = super().preflight_response(request_headers)
        if response.status_code < _FIRST_ERROR:
            return response
        # Every error of the API is a problem, and an OPTIONS is none: browsers need the headers.
        return Response(status_code=204, headers={"Vary": "Origin"})
