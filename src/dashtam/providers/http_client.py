"""The one HTTP client of all providers: it makes every request, and guards it.

https only; public addresses only, but for hosts that the operator listed; the checked address is
the one that is connected to; no redirects; 60 s in total and 5 MB decoded. No error names the
destination of a request, since addresses and queries hold tokens.
"""

import logging
import os
import random
import ssl
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import httpcore2
import httpx2

from dashtam import __version__
from dashtam.application.provider import (
    ClientCertificate,
    CredentialsRefused,
    Http,
    HttpAnswer,
    ProviderFailed,
)
from dashtam.providers.network import Deadline, GuardedBackend
from dashtam.providers.ssrf import Resolver, require_https_address, resolve_in_system

TOTAL_S: Final = 60.0
MAX_DECODED_BYTES: Final = 5 * 1024 * 1024

# Before the second attempt and before the third, with up to half as much again.
_PAUSES_S: Final = (0.5, 2.0)
_PASSING: Final = frozenset({502, 503, 504})
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})

_SLOW = "The provider took longer to answer than it may."
_UNREACHED = "The provider cannot be reached, or broke off its answer."
_UNTRUSTED = "The provider's server has no valid certificate for its name."
_NO_AUTHORITIES = "The setting outbound_ca holds no certificates that can be read."
_UNSENDABLE = "The credentials hold characters that cannot be sent."
_LONG = "The provider's answer is longer than 5 MB."
_GARBLED = "The provider's answer cannot be decoded."
_NO_CERTIFICATE = (
    "The client certificate and its key are not a pair in PEM, or the key has a password."
)
_REDIRECTED = "The provider's server redirects to another address, and no redirect is followed."

# They log each request and answer, credentials included.
for _library in ("httpcore2", "httpx2"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)  # noqa: TID251 - to silence it


@dataclass
class Outbound:
    """The client's settings: the private hosts of the operator, and certificate authorities.

    ``timer`` counts seconds of the time limit.
    """

    listed: Collection[tuple[str, int]] = ()
    authorities: str | None = None
    resolver: Resolver = resolve_in_system
    sleep: Callable[[float], None] = time.sleep
    timer: Callable[[], float] = time.monotonic
    total_s: float = TOTAL_S

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The context of connections without a client certificate; it raises as ``make_trust``."""
        return self.make_trust()

    def make_trust(self) -> ssl.SSLContext:
        """Return a context with the system's authorities and those of the PEM text ``authorities``.

        Raises:
            ProviderFailed: the text holds no certificate.
        """
        context = httpcore2.default_ssl_context()
        if self.authorities:
            try:
                context.load_verify_locations(cadata=self.authorities)
            except (ssl.SSLError, TypeError, ValueError):
                raise ProviderFailed(_NO_AUTHORITIES) from None
        return context

    def client(self, spend: Callable[[], None] = lambda: None) -> Http:
        """Return a client; it calls ``spend`` before each request that it sends.

        An error of ``spend`` ends the request, so that a spent budget is never overdrawn.
        """
        return _GuardedHttp(self, spend)


@dataclass(frozen=True, slots=True)
class _GuardedHttp:
    outbound: Outbound
    spend: Callable[[], None]

    def request(  # noqa: PLR0913 - the interface
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
        certificate: ClientCertificate | None = None,
    ) -> HttpAnswer:
        address = require_https_address(url, params)
        sent = {
            **(headers or {}),
            "User-Agent": f"dashtam/{__version__}",
            "Accept-Encoding": "gzip, deflate",
        }
        if auth is not None:
            sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        try:
            request = httpx2.Request(method, address, headers=sent, content=content)
        except UnicodeError:
            raise ProviderFailed(_UNSENDABLE) from None
        trust = (
            self.outbound.trust
            if certificate is None
            else _with_certificate(self.outbound, certificate)
        )
        deadline = Deadline(self.outbound.total_s, self.outbound.timer)
        # Anything but reading may have been done, although no answer came.
        for pause_s in _PAUSES_S if method == "GET" else ():
            try:
                answer = self._attempt(request, deadline, trust)
                if answer.status not in _PASSING or "retry-after" in answer.headers:
                    return answer
            except _Unreached:
                pass
            # Many clients that failed together do not come back together.
            jittered_s = pause_s * (1 + random.random() / 2)  # noqa: S311 - no secret
            try:
                self.outbound.sleep(deadline.left_s(jittered_s))
            except httpcore2.TimeoutException:
                raise ProviderFailed(_SLOW) from None
        return self._attempt(request, deadline, trust)

    def _attempt(
        self, request: httpx2.Request, deadline: Deadline, trust: ssl.SSLContext
    ) -> HttpAnswer:
        self.spend()
        outbound = self.outbound
        backend = GuardedBackend(outbound.listed, outbound.resolver, deadline)
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
                if httpx2.codes.is_redirect(response.status):
                    raise ProviderFailed(_REDIRECTED)
                headers = httpx2.Headers(response.headers)
                if headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
                    raise ProviderFailed(_GARBLED)
                decoded = httpx2.Response(
                    response.status, headers=headers, content=response.iter_stream()
                )
                body = bytearray()
                for chunk in decoded.iter_bytes():
                    body += chunk
                    if len(body) > MAX_DECODED_BYTES:
                        raise ProviderFailed(_LONG)
                named = {name.lower(): value for name, value in headers.items()}
                return HttpAnswer(response.status, named, bytes(body))
        except httpx2.DecodingError:
            raise ProviderFailed(_GARBLED) from None
        except httpcore2.TimeoutException:
            raise ProviderFailed(_SLOW) from None
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError) as error:
            # The library keeps the cause as the error's argument.
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
                raise ProviderFailed(_UNTRUSTED) from None
            raise _Unreached(_UNREACHED) from None
        except httpcore2.LocalProtocolError:
            raise ProviderFailed(_UNSENDABLE) from None


def _with_certificate(outbound: Outbound, certificate: ClientCertificate) -> ssl.SSLContext:
    """Return a context of its own for the certificate; no other connection presents it."""
    context = outbound.make_trust()
    # OpenSSL reads keys from files alone: this one is ours, and goes at once.
    descriptor, path = tempfile.mkstemp(prefix="dashtam-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{certificate.key}\n{certificate.certificate}\n")
        # A key under a password would be asked for at the terminal.
        context.load_cert_chain(path, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError):
        raise CredentialsRefused(_NO_CERTIFICATE) from None
    finally:
        Path(path).unlink()
    return context


class _Unreached(ProviderFailed):
    """No answer came; the same request may be answered in a moment."""
