"""A client's connection, which is closed when the client is too slow.

uvicorn closes a kept-alive connection that stays idle, and no other: half a header, half a body
and an answer that no client reads would stay for ever, in memory without a limit.
"""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    Scope,
)
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from dashtam.presentation.http.middleware import ANSWER_NOW, Answer

# The framing of a body may have this many times its bytes: five bytes frame a chunk of one byte,
# and more only keeps the parser busy.
_FRAMING_PER_BYTE = 8

# Of a longer body the rest is in a file.
_BODY_IN_MEMORY_BYTES = 1024 * 1024

# A smaller write is not counted, nor is its client the first to be disconnected.
_LARGE_BYTES = 64 * 1024

# As measured, of a connection whose request has begun and waits for its body.
_CONNECTION_BYTES = 24 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The longest silences of a client, and the most that it may send without an answer.

    ``headers_bytes`` are those outside bodies, ``waiting_requests`` those behind a request that has
    no answer yet. ``buffered_bytes`` is the most memory for all clients of a process together.
    """

    headers_s: float = 10
    body_s: float = 10
    reader_s: float = 60
    headers_bytes: int = 64 * 1024
    waiting_requests: int = 16
    buffered_bytes: int = 128 * 1024 * 1024

    @property
    def shortest_s(self) -> float:
        """The time between two checks; no deadline set since the last check is earlier."""
        return min(self.headers_s, self.body_s, self.reader_s)


@dataclass(slots=True)
class _ClientTiming:
    """When the client last did its part, in the event loop's time."""

    headers_since: float | None = None
    in_body: bool = False
    heard_at: float = 0
    reading_since: float = 0
    answered_at: float = 0
    read_at: float = 0
    unsent: int = 0


class ClientBuffers:
    """The memory of all connections of a process: unanswered requests and unread answers.

    Above ``max_bytes`` clients are disconnected until a quarter is free again: those with much
    first, and of these those that have been silent for longest.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._connections: set[HttpConnectionProtocol] = set()
        # An upper bound: bytes that clients have read since the last count are still in it.
        self._bytes = 0

    def add(self, connection: "HttpConnectionProtocol", count: int) -> None:
        """Count more bytes of a connection that is not closing."""
        if connection.transport.is_closing():
            return
        self._connections.add(connection)
        self._bytes += count
        if self._bytes > self._max_bytes:
            self._count_again()

    def discard(self, connection: "HttpConnectionProtocol") -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)

    def _count_again(self) -> None:
        sizes = {one: one.buffered_bytes for one in self._connections}
        self._bytes = sum(sizes.values())
        most_bytes = self._max_bytes * 3 // 4
        if self._bytes <= most_bytes:
            return
        now = asyncio.get_running_loop().time()
        order = {one: (sizes[one] < _LARGE_BYTES, one.silent_since(now)) for one in sizes}
        for connection in sorted(order, key=order.__getitem__):
            self._connections.discard(connection)
            self._bytes -= sizes[connection]
            # Not close(), which would wait until the client has read the rest of the answer.
            connection.transport.abort()
            if self._bytes <= most_bytes:
                return


class HttpConnectionProtocol(HttpToolsProtocol):
    """uvicorn's connection with deadlines, which are checked as seldom as they allow.

    ``buffers`` are those of all connections of the process.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        timeouts: Timeouts,
        buffers: ClientBuffers,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timeouts = timeouts
        self._buffers = buffers
        self._answer_now: Callable[[HTTPScope], Answer | None] | None = app_state.get(ANSWER_NOW)
        self._started_cycle: RequestResponseCycle | None = None
        self._unanswered_bytes = 0
        self._last_write_bytes = 0
        self._unread_bytes = 0
        self._deadline_timer: TimerHandle | None = None
        now = self.loop.time()
        self._timing = _ClientTiming(headers_since=now, heard_at=now)
        self._chunk_bytes = 0
        # The bytes of the current request outside its body, and the size of the chunk in which it
        # began: some of that chunk may belong to the request before.
        self._other_bytes = 0
        self._uncounted_bytes = 0

    # asyncio declares any transport here, and that of a TCP connection can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadlines."""
        super().connection_made(transport)
        self.flow = _TimedFlowControl(transport, self.loop, self._timing)
        self.transport = _CoalescingTransport(transport, self.loop, self._note_large_write)
        self._deadline_timer = self.loop.call_later(
            self._timeouts.shortest_s, self._check_deadlines
        )
        self._buffers.add(self, _CONNECTION_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadlines."""
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        self._buffers.discard(self)
        super().connection_lost(exc)
        # uvicorn tells this to the newest request alone; those before it may still be answered.
        for cycle in (self._started_cycle, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Note that the client was heard; refuse bytes that only keep the parser busy."""
        timing = self._timing
        timing.heard_at = self.loop.time()
        if not timing.in_body and timing.headers_since is None:
            timing.headers_since = timing.heard_at
        self._chunk_bytes = len(data)
        self._other_bytes += self._chunk_bytes
        self._unanswered_bytes += self._chunk_bytes
        super().data_received(data)
        is_idle = not timing.in_body and timing.headers_since is None and bool(self.cycle)
        if self._other_bytes > self._timeouts.headers_bytes and not self.transport.is_closing():
            self.send_400_response("The request has too many bytes outside its body.")
        elif self.timeout_keep_alive_task is None and is_idle and not self._is_answering():
            # The rest of a body came after its answer: uvicorn stops the keep-alive timeout when
            # anything arrives, and starts it only with an answer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._buffers.add(self, self._chunk_bytes)

    def send_400_response(self, msg: str) -> None:
        """Refuse the request; behind one that has no answer yet, close without a word."""
        if self._is_answering():
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Wait for the headers from now on; a request may begin right behind another.

        Raises:
            ValueError: too many requests wait for their answers; as in ``on_headers_complete``.
        """
        if len(self.pipeline) >= self._timeouts.waiting_requests:
            msg = "Too many requests wait for their answers."
            raise ValueError(msg)
        if self._timing.headers_since is None:
            self._timing.headers_since = self._timing.heard_at
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait for the body from now on.

        Raises:
            ValueError: the header block is too large; the parser takes this for a syntax error,
                which uvicorn answers with its bare 400.
        """
        limit = self._timeouts.headers_bytes
        # An upper bound, so that the headers of ordinary requests need not be added up.
        if self._other_bytes + self._uncounted_bytes > limit:
            framing = len(": \r\n")
            fields = sum(len(name) + len(value) + framing for name, value in self.headers)
            if len(self.url) + fields > limit:
                msg = "The header block is too large."
                raise ValueError(msg)
        self._other_bytes = 0
        self._timing.headers_since = None
        super().on_headers_complete()
        self._timing.in_body = True

    def on_body(self, body: bytes) -> None:
        """Allow for the framing of the body."""
        self._other_bytes -= len(body) * (1 + _FRAMING_PER_BYTE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next request."""
        self._other_bytes = 0
        self._uncounted_bytes = self._chunk_bytes
        self._timing.in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Turn to the next request."""
        timing = self._timing
        timing.answered_at = self.loop.time()
        if timing.headers_since is not None:
            # The next request has begun already; its time starts when it can have an answer.
            timing.headers_since = timing.answered_at
        if not self.pipeline:
            self._unanswered_bytes = 0
        super().on_response_complete()

    @property
    def buffered_bytes(self) -> int:
        """The memory of the connection, its unanswered requests and its unread answers."""
        unanswered = min(self._unanswered_bytes, _BODY_IN_MEMORY_BYTES)
        unread = self._unread_bytes if self.transport.get_write_buffer_size() else 0
        return _CONNECTION_BYTES + unanswered + unread

    def silent_since(self, now: float) -> float:
        """Return when the client last did its part: now, if it waits for the server."""
        self._note_reading(now)
        if self._timing.unsent:
            return self._timing.read_at
        if self._timing.in_body:
            return self._body_silent_since(now)
        return now if self._is_answering() else self._timing.heard_at

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._started_cycle = cycle
        # The client first reads the answer before, all but its end: memory has one at a time.
        is_unread = self.flow.write_paused
        waits = is_unread or cycle.waiting_for_100_continue or not cycle.keep_alive
        if self._answer_now is not None and not waits:
            answer = self._answer_now(cycle.scope)
            if answer is not None:
                self._send_now(cycle, *answer)
                return
        super()._start_asgi_task(cycle, self._when_read(cycle, app) if is_unread else app)

    def _send_now(
        self,
        cycle: RequestResponseCycle,
        status: int,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        fields = [b"%b: %b\r\n" % field for field in (*cycle.default_headers, *headers)]
        self.transport.write(b"".join([STATUS_LINE[status], *fields, b"\r\n"]))
        self.transport.write(body)
        cycle.response_complete = True
        self.on_response_complete()

    def _when_read(self, cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
        async def start(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            await self.flow.drain()
            if self.transport.is_closing():
                cycle.disconnected = True
            else:
                await app(scope, receive, send)

        return start

    def _note_large_write(self, count: int, unsent_before: int) -> None:
        self._note_reading(self.loop.time())
        # The buffer has the whole of a write until its last byte is sent. uvicorn writes only where
        # little is unsent: the end of the write before.
        self._unread_bytes = count + (self._last_write_bytes if unsent_before else 0)
        self._last_write_bytes = count
        if self._timing.unsent:
            self._buffers.add(self, count)

    def _note_reading(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._timing.unsent or not self._timing.unsent:
            self._timing.read_at = now
        self._timing.unsent = unsent

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _check_deadlines(self) -> None:
        timing, timeouts, now = self._timing, self._timeouts, self.loop.time()
        deadlines = [now + timeouts.shortest_s]
        # A client that waits for an answer may take its time with the next request.
        if timing.headers_since is not None and not self._is_answering():
            deadlines.append(timing.headers_since + timeouts.headers_s)
        if timing.in_body:
            deadlines.append(self._body_silent_since(now) + timeouts.body_s)
        self._note_reading(now)
        if timing.unsent:
            deadlines.append(timing.read_at + timeouts.reader_s)
        if min(deadlines) <= now:
            # Not close(), which would wait until the client has read the rest of the answer.
            self.transport.abort()
        else:
            self._deadline_timer = self.loop.call_at(min(deadlines), self._check_deadlines)

    def _body_silent_since(self, now: float) -> float:
        timing = self._timing
        if self.cycle.response_complete:
            # The rest of the body is thrown away, and not for long.
            return timing.answered_at
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # The server is the one that holds up the body.
            timing.heard_at = now
        return max(timing.heard_at, timing.reading_since)


class _TimedFlowControl(FlowControl):
    """Flow control that notes when it is the client's turn again."""

    def __init__(
        self, transport: asyncio.Transport, loop: AbstractEventLoop, timing: _ClientTiming
    ) -> None:
        super().__init__(transport)
        self._loop = loop
        self._timing = timing

    def resume_reading(self) -> None:
        if self.read_paused:
            self._timing.reading_since = self._loop.time()
        super().resume_reading()

    def resume_writing(self) -> None:
        if self.write_paused:
            self._timing.read_at = self._loop.time()
        super().resume_writing()


class _CoalescingTransport(asyncio.Transport):
    """A transport that sends the beginning of an answer together with its next bytes.

    uvicorn writes the headers and the body one after the other, and each would be a system call.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: AbstractEventLoop,
        note_large_write: Callable[[int, int], None],
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._note_large_write = note_large_write
        self._held = b""
        self.is_closing = transport.is_closing  # type: ignore[method-assign] # called several times an answer
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign] # likewise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold the first bytes until more come, or until it is the event loop's turn.

        Bytes for a client that is gone are dropped.
        """
        if self.is_closing():
            return
        if not data:
            # asyncio's transport would never count an empty chunk as sent.
            self._send()
            return
        is_large = len(data) >= _LARGE_BYTES
        unsent_before = self._transport.get_write_buffer_size() if is_large else 0
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines([held, data])
        else:
            self._held = bytes(data)
            self._loop.call_soon(self._send)
        if is_large:
            self._note_large_write(len(data), unsent_before)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are not sent yet."""
        return self._transport.get_write_buffer_size() + len(self._held)

    def close(self) -> None:
        """Close once everything is sent."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._held = b""
        self._transport.abort()

    def _send(self) -> None:
        held, self._held = self._held, b""
        # uvloop raises an error for bytes to a client that is gone.
        if held and not self.is_closing():
            self._transport.write(held)
