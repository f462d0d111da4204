"""The edge of the application: what holds for every request, before and after all else."""

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

IMPORTS_PATH: Final = "/api/v1/imports"
MAX_TARGET_BYTES: Final = 16 * 1024
_LOGGED_PATH_CHARACTERS: Final = 200
_FIRST_ERROR: Final = 400
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LENGTH = re.compile(rb"[0-9]{1,18}")
_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
_OWN_HEADERS: Final = frozenset({b"x-request-id", b"x-content-type-options"})


class BodyTooLarge(HttpError):
    """The body has more bytes than it may."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(PAYLOAD_TOO_LARGE, f"A body may have {max_bytes:,} bytes here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How large bodies may be.

    One that is larger is refused at the edge, but where ``answers_413`` says that the application
    reads it: there reading raises ``BodyTooLarge``, so that the answer can tell of rate limits too.
    """

    max_bytes: int = 1024 * 1024
    max_import_bytes: int = 10 * 1024 * 1024
    answers_413: Callable[[Scope], bool] = lambda _scope: False


_BODIES: Final = BodyLimits()


class EdgeMiddleware:
    """Names each request, bounds what it may send, answers for what fails, and logs its end.

    The name is in ``scope["state"]["trace_id"]``, the header ``X-Request-Id`` and every log line;
    one that a client sends is not taken over. What fails is answered by a problem and goes no
    further, so that nothing above prints it again.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        problems: Problems,
        log: FilteringBoundLogger,
        observe: Callable[[str, int, float], None] = lambda _method, _status, _took_s: None,
        bodies: BodyLimits = _BODIES,
    ) -> None:
        self.app = app
        self.problems = problems
        self.log = log
        self.bodies = bodies
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not a request; see to one request from its beginning to its end."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_import = scope["path"] == IMPORTS_PATH
        max_bytes = self.bodies.max_import_bytes if is_import else self.bodies.max_bytes
        started = time.perf_counter()
        request = _Request(self, scope, receive, send, max_bytes)
        await request.run()
        took_s = time.perf_counter() - started
        self._observe(scope["method"], request.status or 0, took_s)
        # Pages and charts read all day long; metrics count that.
        went_well = request.status is not None and request.status < _FIRST_ERROR
        is_dull = went_well and scope["method"] in _READS
        say = self.log.debug if is_dull else self.log.info
        say(
            "request_finished",
            method=scope["method"],
            path=scope["path"][:_LOGGED_PATH_CHARACTERS],
            status=request.status,
            took_s=round(took_s, 6),
            trace_id=request.trace_id,
        )


class _Request:
    """One request and its answer; ``status`` is None as long as there is no answer."""

    def __init__(
        self, edge: EdgeMiddleware, scope: Scope, receive: Receive, send: Send, max_bytes: int
    ) -> None:
        self.trace_id = f"{getrandbits(128):032x}"
        self.status: int | None = None
        self._edge = edge
        self._scope = scope
        self._client_receive = receive
        self._client_send = send
        self._max_bytes = max_bytes
        self._read_bytes = 0
        self._is_over = False  # The client went, or has its answer whatever the application does.
        scope.setdefault("state", {})["trace_id"] = self.trace_id

    async def run(self) -> None:
        try:
            if self._target_bytes() > MAX_TARGET_BYTES:
                await self._answer(VALIDATION_FAILED, "The address is longer than 16 KiB.")
            elif self._is_declared_too_large() and not self._edge.bodies.answers_413(self._scope):
                await self._answer(PAYLOAD_TOO_LARGE, str(BodyTooLarge(self._max_bytes)))
            else:
                await self._edge.app(self._scope, self._receive, self._send)
                if self.status is None and not self._is_over:
                    await self._fail("no answer", "")
        except ClientDisconnect:
            # It was told so by _receive, for either reason, and there is nobody to tell it to.
            self._is_over = True
        except asyncio.CancelledError:
            # Only a server that stops cancels a request, and it takes no notice of what it gets.
            await self._answer(UNAVAILABLE, "The server is stopping. Try again in a moment.")
        except Exception as trouble:  # noqa: BLE001 - nothing may pass the edge
            await self._fail(_exception_names(trouble), _traceback_text(trouble))

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
            await self._answer(PAYLOAD_TOO_LARGE, str(too_large))
            return {"type": "http.disconnect"}
        return message

    async def _send(self, message: Message) -> None:
        if self._is_over:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        await self._client_send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = [one for one in message.get("headers", ()) if one[0] not in _OWN_HEADERS]
        headers.append((b"x-request-id", self.trace_id.encode()))
        headers.append(_NO_SNIFFING)
        return headers

    async def _fail(self, error: str, frames: str) -> None:
        self._edge.log.error(
            "request_failed",
            method=self._scope["method"],
            path=self._scope["path"][:_LOGGED_PATH_CHARACTERS],
            error=error,
            frames=frames,
            trace_id=self.trace_id,
        )
        await self._answer(INTERNAL_ERROR, "Something went wrong here. It was logged.")

    async def _answer(self, kind: ProblemType, detail: str) -> None:
        """Answer with a problem, unless an answer began already, and listen to nobody else."""
        if self.status is None and not self._is_over:
            path = self._scope["path"]
            response = self._edge.problems.response(
                kind, detail, instance=path, trace_id=self.trace_id
            )
            await response(self._scope, self._client_receive, self._send)
        self._is_over = True

    def _target_bytes(self) -> int:
        raw_path = self._scope.get("raw_path") or self._scope["path"].encode()
        return len(raw_path) + len(b"?") + len(self._scope["query_string"])

    def _is_declared_too_large(self) -> bool:
        for name, value in self._scope["headers"]:
            # Any other length cannot be understood here; what then comes is counted.
            if name == b"content-length" and _LENGTH.fullmatch(value):
                return int(value) > self._max_bytes
        return False


def _exception_names(trouble: BaseException) -> str:
    """Return the classes of an exception and of what it came from, without their texts.

    The texts may quote what no log may hold: statements of SQL come with their values.
    """
    origin = trouble.__cause__ or trouble.__context__
    name = f"{type(trouble).__module__}.{type(trouble).__qualname__}"
    return name if origin is None else f"{name} from {type(origin).__qualname__}"


def _traceback_text(trouble: BaseException) -> str:
    """Return where it happened, innermost last: places and lines of code, no values."""
    origin = trouble.__cause__ or trouble.__context__
    before = "" if origin is None else "".join(traceback.format_tb(origin.__traceback__)) + "then\n"
    return before + "".join(traceback.format_tb(trouble.__traceback__))


class Cors(CORSMiddleware):
    """Tells browsers what is allowed, and refuses by not saying so."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return what is allowed; where it is not what was asked for, nothing of it."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:  # noqa: PLR2004 - where errors begin
            return response
        # An OPTIONS is no error, and every error is a problem: silence is what a browser needs.
        return Response(status_code=204, headers={"Vary": "Origin"})
