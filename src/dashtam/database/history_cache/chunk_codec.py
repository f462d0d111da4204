"""Compression of chunks, and the checksums that show damage.

A chunk is a Zstandard frame (RFC 8878) with a checksum. An account's newest snapshot is short: it
stays uncompressed behind a CRC-32, because decompressing would take longer.
"""

import zlib
from threading import local
from typing import Final

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

MAX_CHUNK_BYTES: Final = 64 * 1024 * 1024
"""The size of the largest chunk that is decompressed, uncompressed."""

_LEVEL: Final = 3
_CHECKSUM_BYTES: Final = 4


class DamagedChunkError(Exception):
    """The bytes do not match their checksum."""


class _Codecs(local):
    """A compressor and a decompressor for each thread: expensive to make and not thread-safe."""

    def __init__(self) -> None:
        self.compressor = ZstdCompressor(level=_LEVEL, write_checksum=True)
        self.decompressor = ZstdDecompressor()


_codecs = _Codecs()


def compress(content: bytes) -> bytes:
    """Return the content as a Zstandard frame."""
    return _codecs.compressor.compress(content)


def decompress(compressed: bytes) -> bytes:
    """Return the content of a Zstandard frame.

    Raises:
        DamagedChunkError: the frame is damaged.
    """
    try:
        return _codecs.decompressor.decompress(compressed, max_output_size=MAX_CHUNK_BYTES)
    except ZstdError as error:
        raise DamagedChunkError from error


def add_checksum(content: bytes) -> bytes:
    """Return the content behind its checksum."""
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES) + content


def verify_checksum(stored: bytes) -> bytes:
    """Return the content without the checksum before it.

    Raises:
        DamagedChunkError: the content does not match its checksum.
    """
    content = stored[_CHECKSUM_BYTES:]
    if add_checksum(content) != stored:
        raise DamagedChunkError
    return content
