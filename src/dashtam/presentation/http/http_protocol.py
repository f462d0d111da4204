"""One connection of a client, which is closed when the client is too slow.

uvicorn closes a kept-alive connection that stays idle, and no other: half a header, half a body
and an answer that nobody reads would stay for ever.
"""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from dataclasses import dataclass
from typing import ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

# What surrounds the bytes of a body may weigh this many times as much: five bytes frame a chunk
# of one byte, and more than that serves only to keep us busy.
_FRAMING_PER_BYTE = 8


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a client is waited for, and how much of it is read that is not a body."""

    headers_s: float = 10
    body_s: float = 10
    reader_s: float = 60
    headers_bytes: int = 64 * 1024

    @property
    def shortest_s(self) -> float:
        """How often to look, so that no deadline set since the last look can be over."""
        return min(self.headers_s, self.body_s, self.reader_s)


class HttpConnectionProtocol(HttpToolsProtocol):
    """uvicorn's connection, with a watch that looks as seldom as the deadlines allow."""

    timeouts: ClassVar[Timeouts] = Timeouts()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline_timer: TimerHandle | None = None
        now = self.loop.time()
        self._timing = _ClientTiming(headers_since=now, heard_at=now)
        self._chunk_bytes = 0
        # Of the request that is being read, all that is not its body; and of the chunk it began
        # in, what may belong to the request before.
        self._other_bytes = 0
        self._uncounted_bytes = 0

    # asyncio declares any transport here, and that of a TCP connection can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to watch."""
        super().connection_made(transport)
        self.flow = _TimedFlowControl(transport, self.loop, self._timing)
        self.transport = _CoalescingTransport(transport, self.loop)
        self._deadline_timer = self.loop.call_later(self.timeouts.shortest_s, self._check_deadlines)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no longer."""
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note that the client was heard; refuse what only keeps the parser busy."""
        timing = self._timing
        timing.heard_at = self.loop.time()
        if not timing.in_body and timing.headers_since is None:
            timing.headers_since = timing.heard_at
        self._chunk_bytes = len(data)
        self._other_bytes += self._chunk_bytes
        super().data_received(data)
        if self._other_bytes > self.timeouts.headers_bytes and not self.transport.is_closing():
            self._refuse()
        elif self.timeout_keep_alive_task is None:
            self._restart_keep_alive()

    def on_message_begin(self) -> None:
        """Wait for the headers from here on; a request may begin right behind another."""
        if self._timing.headers_since is None:
            self._timing.headers_since = self._timing.heard_at
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait for the body from here on.

        Raises:
            ValueError: the header block is too large; the parser takes this for a syntax error,
                which uvicorn answers with its bare 400.
        """
        limit = self.timeouts.headers_bytes
        # An upper bound, so that the headers of ordinary requests need not be added up.
        most = self._other_bytes + self._uncounted_bytes
        if most > limit and self._headers_bytes() > limit:
            msg = "The header block is too large."
            raise ValueError(msg)
        self._other_bytes = 0
        self._timing.headers_since = None
        super().on_headers_complete()
        self._timing.in_body = True

    def on_body(self, body: bytes) -> None:
        """Allow for what frames the body."""
        self._other_bytes -= len(body) * (1 + _FRAMING_PER_BYTE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect nothing more; whatever comes now begins the next request."""
        self._other_bytes = 0
        self._uncounted_bytes = self._chunk_bytes
        self._timing.in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Turn to the next request."""
        timing = self._timing
        timing.answered_at = self.loop.time()
        if timing.headers_since is not None:
            # The next request had begun already; its time starts when it can have an answer.
            timing.headers_since = timing.answered_at
        super().on_response_complete()

    def _headers_bytes(self) -> int:
        framing = len(": \r\n")
        return len(self.url) + sum(len(name) + len(value) + framing for name, value in self.headers)

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _refuse(self) -> None:
        if self._is_answering():
            self.transport.abort()
        else:
            self.send_400_response("Too much that is not a body.")

    def _restart_keep_alive(self) -> None:
        """Wait for the next request, where the rest of a body came only after its answer.

        uvicorn stops waiting when anything arrives, and starts only with an answer.
        """
        idle = not self._timing.in_body and self._timing.headers_since is None
        if idle and self.cycle and self.cycle.response_complete:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _check_deadlines(self) -> None:
        now = self.loop.time()
        dues = (self._headers_due(), self._body_due(now), self._reader_due(now))
        due = min((due for due in dues if due is not None), default=now + self.timeouts.shortest_s)
        if due <= now:
            # Not close(), which would wait until the client has read what is still to be sent.
            self.transport.abort()
            return
        self._deadline_timer = self.loop.call_at(
            min(due, now + self.timeouts.shortest_s), self._check_deadlines
        )

    def _headers_due(self) -> float | None:
        since = self._timing.headers_since
        # Whoever waits for an answer may take his time with the next request.
        if since is None or self._is_answering():
            return None
        return since + self.timeouts.headers_s

    def _body_due(self, now: float) -> float | None:
        timing = self._timing
        if not timing.in_body:
            return None
        if self.cycle.response_complete:
            # What comes after the answer is thrown away, and not for long.
            return timing.answered_at + self.timeouts.body_s
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # It is we who hold the body up.
            timing.heard_at = now
        return max(timing.heard_at, timing.reading_since) + self.timeouts.body_s

    def _reader_due(self, now: float) -> float | None:
        timing = self._timing
        unsent = self.transport.get_write_buffer_size()
        if unsent < timing.unsent or not timing.unsent:
            timing.read_at = now
        timing.unsent = unsent
        return timing.read_at + self.timeouts.reader_s if unsent else None


@dataclass(slots=True)
class _ClientTiming:
    """Since when the client keeps us waiting, in the event loop's time, and for what."""

    headers_since: float | None = None
    in_body: bool = False
    heard_at: float = 0
    reading_since: float = 0
    answered_at: float = 0
    read_at: float = 0
    unsent: int = 0


class _TimedFlowControl(FlowControl):
    """Flow control that notes when it was the client's turn again."""

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
    """A transport that sends the beginning of an answer together with what follows at once.

    uvicorn writes the headers and the body one after the other, and each would be a system call.
    """

    def __init__(self, transport: asyncio.Transport, loop: AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing  # type: ignore[method-assign] # asked several times an answer
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign] # likewise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold the first bytes until more come, or until it is the event loop's turn."""
        if not data:
            # As a piece of its own it would wait in asyncio's transport to be sent, for ever.
            self._send()
            return
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines([held, data])
        else:
            self._held = bytes(data)
            self._loop.call_soon(self._send)

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
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
