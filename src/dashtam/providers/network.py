"""Connections to checked addresses; one deadline ends all waiting of a request."""

import ssl
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import httpcore2

from dashtam.providers.ssrf import Resolver, require_public_addresses, resolve

_CONNECT_S: Final = 10.0
_MAX_ADDRESSES: Final = 4


class Deadline:
    """The end of a request's time, over all its waits."""

    def __init__(self, total_s: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._ends_s = timer() + total_s

    def left_s(self, at_most_s: float | None = None) -> float:
        """Return the seconds left, at most these; raise httpcore2.TimeoutException at the end."""
        left_s = self._ends_s - self._timer()
        if left_s <= 0:
            raise httpcore2.ReadTimeout
        return left_s if at_most_s is None else min(left_s, at_most_s)


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects to any public address, and to the ``listed`` hosts and ports, and to no other."""

    def __init__(
        self, listed: Collection[tuple[str, int]], resolver: Resolver, deadline: Deadline
    ) -> None:
        self._listed = listed
        self._resolver = resolver
        self._deadline = deadline
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first checked address that answers; TLS still verifies the name."""
        del timeout, local_address, socket_options
        found = resolve(host, port, self._resolver, self._deadline.left_s(_CONNECT_S))
        if (host.lower(), port) not in self._listed:
            require_public_addresses(found)
        for address in found[1:_MAX_ADDRESSES]:
            try:
                return self._connect(found[0], port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                found[0] = address
        return self._connect(found[0], port)

    def _connect(self, address: str, port: int) -> httpcore2.NetworkStream:
        within_s = self._deadline.left_s(_CONNECT_S)
        return _TimedStream(self._plain.connect_tcp(address, port, within_s), self._deadline)


class _TimedStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        within_s = self._deadline.left_s(timeout)
        encrypted = self._stream.start_tls(ssl_context, server_hostname, within_s)
        return _TimedStream(encrypted, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's own signature
        return self._stream.get_extra_info(info)
