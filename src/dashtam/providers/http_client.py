"""The one way out: every request to a provider is made here, and guarded here.

https alone; public addresses alone, but for hosts that the operator listed; the address that was
checked is the one that is connected to; no redirects; 60 s in total and 5 MB decoded. No error says
where a request went, since addresses and queries hold tokens.
"""

import logging
import random
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import httpcore2
import httpx2

from dashtam import __version__
from dashtam.application.provider import Http, HttpAnswer, ProviderFailed
from dashtam.providers.network import Deadline, Guard, GuardedBackend
from dashtam.providers.ssrf import Resolver, is_plain_host, system_resolver

TOTAL_S: Final = 60.0
MAX_DECODED_BYTES: Final = 5 * 1024 * 1024

# Before the second attempt and before the third, with up to half as much again.
_PAUSES_S: Final = (0.5, 2.0)
_PASSING: Final = frozenset({502, 503, 504})
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})
_HTTPS: Final = 443
_MAX_PORT: Final = 65535

# They write what they send and receive, credentials included.
for _chatty in ("httpcore2", "httpx2"):
    logging.getLogger(_chatty).setLevel(logging.CRITICAL)  # noqa: TID251 - to silence it


class Outbound:
    """What all requests share: whom to trust, and which private hosts the operator listed."""

    def __init__(
        self,
        listed: Collection[tuple[str, int]] = (),
        authorities: str | None = None,
        *,
        resolver: Resolver = system_resolver,
        total_s: float = TOTAL_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._authorities = authorities
        self.guard = Guard(frozenset(listed), resolver)
        self.total_s = total_s
        self.sleep = sleep

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The system's certificate authorities, and those that were given as PEM text.

        Raises:
            ProviderFailed: what was given is none.
        """
        context = httpcore2.default_ssl_context()
        if self._authorities:
            try:
                context.load_verify_locations(cadata=self._authorities)
            except (ssl.SSLError, TypeError, ValueError):
                raise ProviderFailed(_NO_AUTHORITIES) from None
        return context

    def client(self, spend: Callable[[], None] = lambda: None) -> Http:
        """Return a client; it calls ``spend`` before every request that it puts on the wire.

        What ``spend`` raises ends the request, so that a spent budget is never overdrawn.
        """
        return _GuardedHttp(self, spend)


class _GuardedHttp:
    def __init__(self, outbound: Outbound, spend: Callable[[], None]) -> None:
        self._outbound = outbound
        self._spend = spend

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
    ) -> HttpAnswer:
        request = _request(method, _address(url, params), dict(headers or {}), auth, content)
        deadline = Deadline(self._outbound.total_s)
        for pause_s in _pauses_s(method):
            try:
                answer = self._attempt(request, deadline)
                if answer.status not in _PASSING or "retry-after" in answer.headers:
                    return answer
            except _Unreached:
                pass
            self._wait(pause_s, deadline)
        return self._attempt(request, deadline)

    def _wait(self, pause_s: float, deadline: Deadline) -> None:
        # Many who failed together do not come back together.
        jittered_s = pause_s * (1 + random.random() / 2)  # noqa: S311 - no secret
        try:
            self._outbound.sleep(deadline.left_s(jittered_s))
        except httpcore2.TimeoutException:
            raise ProviderFailed(_SLOW) from None

    def _attempt(self, request: httpx2.Request, deadline: Deadline) -> HttpAnswer:
        self._spend()
        backend = GuardedBackend(self._outbound.guard, deadline)
        trust = self._outbound.trust
        try:
            with (
                httpcore2.ConnectionPool(ssl_context=trust, network_backend=backend) as pool,
                pool.stream(
                    request.method,
                    str(request.url),
                    headers=request.headers.raw,
                    content=request.content or None,
                ) as response,
            ):
                return _answer(response)
        except httpcore2.TimeoutException:
            raise ProviderFailed(_SLOW) from None
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError) as error:
            raise _failure(error) from None
        except httpcore2.LocalProtocolError:
            raise ProviderFailed(_UNSENDABLE) from None


class _Unreached(ProviderFailed):
    """No answer came; the same request may be answered in a moment."""


_SLOW = "The provider took longer to answer than it may."
_UNREACHED = "The provider cannot be reached, or broke off its answer."
_UNTRUSTED = "The provider's server has no valid certificate for its name."
_NO_AUTHORITIES = "The setting outbound_ca holds no certificates that can be read."
_UNSENDABLE = "What was given holds characters that cannot be sent."
_LONG = "The provider's answer is longer than 5 MB."
_GARBLED = "The provider's answer cannot be decoded."
_REDIRECTED = "The provider's server sends us to another address, where Dashtam does not go."
_NO_ADDRESS = "The provider's address is not one that begins with https:// and a plain host name."


def _pauses_s(method: str) -> tuple[float, ...]:
    # Anything but reading may have been done, although no answer came.
    return _PAUSES_S if method == "GET" else ()


def _address(url: str, params: Sequence[tuple[str, str]]) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
        if params:
            parsed = parsed.copy_merge_params(list(params))
    except (httpx2.InvalidURL, UnicodeError):
        raise ProviderFailed(_NO_ADDRESS) from None
    is_plain = is_plain_host(parsed.raw_host.decode("ascii"))
    is_port = 1 <= (parsed.port or _HTTPS) <= _MAX_PORT
    if parsed.scheme != "https" or parsed.userinfo or not is_plain or not is_port:
        raise ProviderFailed(_NO_ADDRESS)
    return parsed


def _request(
    method: str,
    url: httpx2.URL,
    headers: dict[str, str],
    auth: tuple[str, str] | None,
    content: bytes | None,
) -> httpx2.Request:
    headers |= {"User-Agent": f"dashtam/{__version__}", "Accept-Encoding": "gzip, deflate"}
    if auth is not None:
        headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
    try:
        return httpx2.Request(method, url, headers=headers, content=content)
    except UnicodeError:
        raise ProviderFailed(_UNSENDABLE) from None


def _answer(response: httpcore2.Response) -> HttpAnswer:
    if httpx2.codes.is_redirect(response.status):
        raise ProviderFailed(_REDIRECTED)
    headers = httpx2.Headers(response.headers)
    if headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        raise ProviderFailed(_GARBLED)
    decoded = httpx2.Response(
        response.status, headers=headers, stream=_Received(response.iter_stream())
    )
    body = bytearray()
    try:
        for chunk in decoded.iter_bytes():
            body += chunk
            if len(body) > MAX_DECODED_BYTES:
                raise ProviderFailed(_LONG)
    except httpx2.DecodingError:
        raise ProviderFailed(_GARBLED) from None
    named = {name.lower(): value for name, value in headers.items()}
    return HttpAnswer(response.status, named, bytes(body))


class _Received(httpx2.SyncByteStream):
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def _failure(error: Exception) -> ProviderFailed:
    # The library keeps what it stands for as its argument.
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
        return ProviderFailed(_UNTRUSTED)
    return _Unreached(_UNREACHED)
