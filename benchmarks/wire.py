"""The load: requests made beforehand, sent over connections that stay open, answers counted."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Final

import msgspec

_BUFFER: Final = bytearray(1 << 20)
_VIEW: Final = memoryview(_BUFFER)
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_PATIENCE_S: Final = 60.0
_NO_BODY: Final = frozenset({204, 304})


class WrongAnswer(Exception):
    """An answer is not what it must be, so that no time of it means anything."""


class Reply(msgspec.Struct, frozen=True):
    """One answer: its status, its headers in small letters, its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty where there is none."""
        found = (value for key, value in self.headers if key == name.encode())
        return next(found, b"").decode()


class Round(msgspec.Struct, frozen=True):
    """What came of one stretch of load."""

    per_second: float
    p50_ms: float
    p99_ms: float
    answers: int


def get(target: str, token: str, **headers: str) -> bytes:
    """Return the bytes of a request; underscores in names of headers are hyphens."""
    return _head("GET", target, token, headers) + b"\r\n"


def post(target: str, token: str, body: bytes) -> bytes:
    """Return the bytes of a request with a body of JSON."""
    headers = {"Content_Type": "application/json", "Content_Length": str(len(body))}
    return _head("POST", target, token, headers) + b"\r\n" + body


def upload(target: str, token: str, file: bytes) -> bytes:
    """Return the bytes of a request with a file in a form."""
    border = b"a-border-that-no-file-has"
    disposition = b'Content-Disposition: form-data; name="file"; filename="balances.csv"'
    body = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (border, disposition, file, border)
    media_type = f"multipart/form-data; boundary={border.decode()}"
    headers = {"Content_Type": media_type, "Content_Length": str(len(body))}
    return _head("POST", target, token, headers) + b"\r\n" + body


def _head(method: str, target: str, token: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += (f"{name.replace('_', '-')}: {value}" for name, value in headers.items())
    return "".join(f"{line}\r\n" for line in lines).encode()


def ask(port: int, request: bytes) -> Reply:
    """Send one request on a connection of its own, and return the whole answer."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as wire:
        wire.sendall(request)
        read = b""
        while _END not in read:
            read += _more(wire)
        head, _, body = read.partition(_END)
        first, *lines = head.split(b"\r\n")
        pairs = [line.split(b": ", 1) for line in lines]
        headers = [(name.lower(), value) for name, value in pairs]
        length = int(dict(headers).get(b"content-length", b"0"))
        status = int(first.split()[1])
        while status not in _NO_BODY and len(body) < length:
            body += _more(wire)
        return Reply(status, headers, body)


def _more(wire: socket.socket) -> bytes:
    found = wire.recv(len(_BUFFER))
    if not found:
        msg = "The server closed the connection in the middle of an answer."
        raise WrongAnswer(msg)
    return found


class _Wire:
    """One connection with at most one request under way."""

    __slots__ = ("head", "missing", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = b""
        self.missing = -1  # Unknown, until the head is read.
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.head, self.missing = b"", -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def read(self, status: bytes) -> bool:
        """Read what is there; tell whether the answer is whole."""
        count = self.socket.recv_into(_BUFFER)
        if not count:
            msg = "The server closed a connection under load."
            raise WrongAnswer(msg)
        if self.missing >= 0:
            self.missing -= count
            return self.missing <= 0
        self.head += _VIEW[:count] if count < len(_BUFFER) else _BUFFER
        end = self.head.find(_END)
        if end < 0:
            return False
        if self.head[9:12] != status:
            raise WrongAnswer(self.head[:400].decode(errors="replace"))
        self.missing = _length(self.head, end) + end + len(_END) - len(self.head)
        return self.missing <= 0


def _length(head: bytes, end: int) -> int:
    at = head.find(_LENGTH, 0, end)
    if at < 0 or head[9:12] == b"304":
        return 0
    return int(head[at + len(_LENGTH) : head.index(b"\r", at)])


def load(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, status: int = 200
) -> Round:
    """Send the requests over and over, as many at once as there are connections.

    What is under way when the time is over is waited for, and counts.

    Raises:
        WrongAnswer: an answer has another status.
    """
    upcoming, wanted = cycle(requests), str(status).encode()
    took: list[float] = []
    with _opened(port, connections) as (selector, wires):
        begun = time.perf_counter()
        for wire in wires:
            wire.send(next(upcoming))
        until, last, under_way = begun + seconds, begun, len(wires)
        while under_way:
            ready = selector.select(_PATIENCE_S)
            if not ready:
                msg = f"There was no answer for {_PATIENCE_S:.0f} s."
                raise WrongAnswer(msg)
            for key, _ in ready:
                if not key.data.read(wanted):
                    continue
                last = time.perf_counter()
                took.append(last - key.data.sent_at)
                if last < until:
                    key.data.send(next(upcoming))
                else:
                    under_way -= 1
    return _round(took, last - begun)


@contextmanager
def _opened(
    port: int, connections: int
) -> Iterator[tuple[selectors.BaseSelector, Sequence[_Wire]]]:
    with selectors.DefaultSelector() as selector:
        wires = [_Wire(port) for _ in range(connections)]
        try:
            for wire in wires:
                selector.register(wire.socket, selectors.EVENT_READ, wire)
            yield selector, wires
        finally:
            for wire in wires:
                wire.socket.close()


def _round(took: list[float], elapsed_s: float) -> Round:
    took.sort()
    return Round(
        per_second=len(took) / elapsed_s,
        p50_ms=took[len(took) // 2] * 1000,
        p99_ms=took[min(len(took) - 1, len(took) * 99 // 100)] * 1000,
        answers=len(took),
    )
