"""A client that goes away before its answers is no failure of the server."""

import asyncio
import logging
import socket
import struct
import time
from itertools import product

import pytest
import structlog
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from dashtam.presentation.http.http_protocol import Timeouts
from dashtam.presentation.http.middleware import EdgeMiddleware
from dashtam.presentation.http.problems import Problems
from http_server import answer, body_bytes, connect, lifespan, read_answer, running

SHORT_ANSWER = b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n"
LONG_ANSWER = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
PARTS = b"GET /parts HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789"
HALF_UPLOAD = UPLOAD[:-4]
SENT = [
    SHORT_ANSWER,
    SHORT_ANSWER * 2,
    SHORT_ANSWER * 10,
    LONG_ANSWER,
    LONG_ANSWER * 3,
    PARTS,
    PARTS * 3,
    UPLOAD * 3,
    HALF_UPLOAD,
    SHORT_ANSWER + HALF_UPLOAD,
    PARTS + SHORT_ANSWER[:20],
]


async def slow_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer when most clients of these tests are gone."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await body_bytes(receive)
    await asyncio.sleep(0.05)
    if scope["path"] == "/parts":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
            await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b""})
    else:
        await answer(send, b"x" * (5_000_000 if scope["path"] == "/long" else 10))


@pytest.mark.parametrize("leave", ["close", "reset", "half close"])
def test_a_client_that_is_gone_fails_nothing(leave: str, caplog: pytest.LogCaptureFixture) -> None:
    edge = EdgeMiddleware(slow_app, problems=Problems(), log=structlog.get_logger())
    with (
        capture_logs() as logs,
        caplog.at_level(logging.WARNING),
        running(Timeouts(), edge, log_level="warning") as port,
    ):
        for sent, stays_s in product(SENT, [0, 0.06]):
            with connect(port, sent) as wire:
                time.sleep(stays_s)
                if leave == "reset":
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif leave == "half close":
                    wire.shutdown(socket.SHUT_WR)
        with connect(port, SHORT_ANSWER) as wire:
            assert len(read_answer(wire)) == 10
    assert {entry["event"] for entry in logs} == {"request_finished"}
    assert caplog.messages == []
