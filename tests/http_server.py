"""A small application behind the real server, in a thread or in a process of its own."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from dashtam.presentation.http.http_protocol import Timeouts
from dashtam.presentation.http.server import build_server, listen, serve

SHORT = Timeouts(headers_s=0.5, body_s=0.5, reader_s=0.6, headers_bytes=4096)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes that were sent, or as the path asks."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/big":
        await answer(send, b"x" * 32_000_000)
    elif scope["path"] == "/refused":
        await answer(send, b"refused")
    else:
        if scope["path"] == "/late":
            await asyncio.sleep(1.2)
        await answer(send, b"%d" % await body_bytes(receive))


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def body_bytes(receive: Receive) -> int:
    count = 0
    while (message := await receive())["type"] == "http.request":
        count += len(message["body"])
        if not message["more_body"]:
            break
    return count


async def answer(send: Send, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def running(
    timeouts: Timeouts = SHORT, app: ASGIApp = app, log_level: str = "critical"
) -> Iterator[int]:
    """Yield the port of a server in a thread of this process."""
    ready = threading.Event()
    with ExitStack() as stack:
        (listening,) = (stack.enter_context(found) for found in listen("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        server = build_server(app, started=ready.set, log_level=log_level, timeouts=timeouts)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            assert ready.wait(10)
            yield port
        finally:
            server.handle_exit(signal.SIGTERM, None)
            thread.join(15)
            assert not thread.is_alive()


@contextmanager
def running_apart() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield a process that serves, and its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, __file__, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process, port
    finally:
        process.kill()
        process.communicate()


def connect(port: int, sent: bytes = b"") -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    wire.sendall(sent)
    return wire


def read_until_closed(wire: socket.socket) -> tuple[bytes, float]:
    """Return the bytes that the server still sent, and after how many seconds it closed."""
    started, received = time.monotonic(), b""
    try:
        while chunk := wire.recv(1 << 16):
            received += chunk
    except ConnectionResetError:
        pass
    return received, time.monotonic() - started


def read_answer(wire: socket.socket) -> bytes:
    """Return the body of one answer and leave the connection open."""
    with wire.makefile("rb") as file:
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        length = 0
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
        return file.read(length)


if __name__ == "__main__":
    serve(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        started=lambda: print("started", flush=True),  # noqa: T201 - the parent waits for it
        timeouts=Timeouts(headers_s=1.5, body_s=1.5, reader_s=1.5),
    )
    print("closed", flush=True)  # noqa: T201 - it shows that the caller goes on
