"""A provider's server on loopback, with TLS, that says exactly what a test has it say."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Script = Callable[[Asked], Iterable[bytes]]
"""Yields the raw bytes of an answer; the connection ends with it, however much was announced."""


def said(
    body: bytes | str | object, status: int = 200, *headers: tuple[str, str]
) -> tuple[bytes, ...]:
    """Return a whole answer; what is neither bytes nor text is written as JSON."""
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    content = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return (LINE.join(line.encode() for line in lines) + LINE + LINE, content)


def always(body: bytes | str | object, status: int = 200, *headers: tuple[str, str]) -> Script:
    """Return the script that says the same to everyone."""
    answer = said(body, status, *headers)
    return lambda _: answer


@dataclass(slots=True)
class Stub:
    """The server; ``script`` may be exchanged at any time."""

    context: ssl.SSLContext
    script: Script = lambda _: said(b"")
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def serving(self) -> Iterator["Stub"]:
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
        # A client that goes away is what many tests are about.
        with contextlib.suppress(OSError, ssl.SSLError), wire:
            wire.settimeout(10)
            with self.context.wrap_socket(wire, server_side=True) as stream:
                asked = _read(stream)
                if asked is None:
                    return
                self.asked.append(asked)
                for piece in self.script(asked):
                    stream.sendall(piece)
                    if self.stopped.is_set():
                        return


def _read(stream: ssl.SSLSocket) -> Asked | None:
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
    return Asked(method, target, headers, body)
