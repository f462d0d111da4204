"""Compressed responses: which coding a client takes, and a validator of each (RFC 9110)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from dashtam.database.history_cache.chunk_format import Checksum, Segment, join_segments

MIN_BYTES: Final = 1024
"""A smaller body fits one packet of the network, compressed or not."""

_FAST: Final = 1
_ZERO_WEIGHT: Final = re.compile(r"q\s*= *[0.][0. ]*")


def parse_accept(header: str) -> Iterator[tuple[str, bool]]:
    """Yield each entry of ``Accept`` or ``Accept-Encoding`` in small letters, and its permission.

    An entry with the weight 0 refuses.
    """
    for entry in header.lower().split(","):
        name, *options = (part.strip() for part in entry.split(";"))
        yield name, not any(map(_ZERO_WEIGHT.fullmatch, options))


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether the header ``Accept-Encoding`` allows gzip; an empty one does not."""
    allowed = dict(parse_accept(accept_encoding))
    return allowed.get("gzip", allowed.get("*", False))


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A body as it is sent, with its validator: each coding has its own.

    It ``varies`` where another client would get another coding.
    """

    content: bytes
    etag: str
    varies: bool
    is_gzip: bool = False


def encode_body(parts: Iterable[bytes | Segment], *, gzip: bool) -> EncodedBody:
    """Return the parts as one body; compressed if it is worth it and the client takes gzip.

    Raises:
        DamagedError: a segment is damaged.
    """
    parts = list(parts)
    length = sum(len(part) if isinstance(part, bytes) else part.checksum.length for part in parts)
    varies = length >= MIN_BYTES
    if gzip and varies:
        segments = (Segment.of(part) if isinstance(part, bytes) else part for part in parts)
        content, checksum = join_segments(segments)
        # It names the content and the coding. The same content may be compressed to other bytes;
        # only a range of them would show that, and no response has ranges.
        etag = f'{checksum.etag[:-1]}-gzip"'
        return EncodedBody(content, etag, varies, is_gzip=True)
    contents = (part if isinstance(part, bytes) else part.inflate() for part in parts)
    content = b"".join(contents)
    return EncodedBody(content, Checksum.of(content).etag, varies)


class CompressionMiddleware:
    """Compresses the responses that have no coding yet, whole ones and streams.

    Responses with a validator are compressed where it is made (``encode_body``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = GZipMiddleware(app, MIN_BYTES, _FAST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; pass anything else on."""
        if scope["type"] == "http":
            # Starlette looks for the word alone: a client may name gzip to refuse it.
            accepted = accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))
            scope = {**scope, "headers": list(scope["headers"])}
            MutableHeaders(scope=scope)["accept-encoding"] = "gzip" if accepted else "identity"
        await self._app(scope, receive, send)
