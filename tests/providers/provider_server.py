"""A provider's server on loopback, with TLS; each test scripts its answers."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request, as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


AnswerScript = Callable[[ReceivedRequest], Iterable[bytes]]
"""Yields the raw bytes of an answer, however long its header says; the connection ends then."""


def http_answer(
    body: bytes | str | object, status: int = 200, *headers: tuple[str, str]
) -> tuple[bytes, ...]:
    """Return a whole answer; a body of another type than bytes or text becomes JSON."""
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    content = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return (LINE.join(line.encode() for line in lines) + LINE + LINE, content)


def answer_always(
    body: bytes | str | object, status: int = 200, *headers: tuple[str, str]
) -> AnswerScript:
    """Return the script with the same answer to every request."""
    answer = http_answer(body, status, *headers)
    return lambda _: answer


@dataclass(slots=True)
class ProviderServer:
    """The server; a test may replace ``script`` at any time."""

    context: ssl.SSLContext
    script: AnswerScript = lambda _: http_answer(b"")
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def serving(self) -> Iterator["ProviderServer"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.stopped.set()
                # Wakes the thread that accepts, which closing alone does not.
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join(5)

    def url(self, path: str = "", host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopped.is_set():
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(wire,), daemon=True).start()

    def _answer(self, wire: socket.socket) -> None:
        # In many tests the client goes away.
        with contextlib.suppress(OSError, ssl.SSLError), wire:
            wire.settimeout(10)
            with self.context.wrap_socket(wire, server_side=True) as stream:
                request = _read(stream)
                if request is None:
                    return
                self.requests.append(request)
                for piece in self.script(request):
                    stream.sendall(piece)
                    if self.stopped.is_set():
                        return


def _read(stream: ssl.SSLSocket) -> ReceivedRequest | None:
    received = b""
    while LINE + LINE not in received:
        chunk = stream.recv(65536)
        if not chunk:
            return None
        received += chunk
    head, _, body = received.partition(LINE + LINE)
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += stream.recv(65536)
    method, target, _ = first.split(" ")
    return ReceivedRequest(method, target, headers, body)
