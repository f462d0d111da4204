"""Frames: bytes in the form in which pages of history lie in the database.

A frame is one of Zstandard (RFC 8878), with its checksum: whatever was changed by hand does not
open. What is short is kept as it is, behind a checksum alone: opening a frame would take longer.
"""

import zlib
from threading import local
from typing import Final

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

LARGEST: Final = 64 * 1024 * 1024
"""What a frame holds at most, in bytes."""

_LEVEL: Final = 3
_CHECKSUM_BYTES: Final = 4


class DamagedChunkError(Exception):
    """The bytes are no frame, or not the one that was made."""


class _Tools(local):
    """One of each for every thread: they are dear to make, and not to be shared."""

    def __init__(self) -> None:
        self.compressor = ZstdCompressor(level=_LEVEL, write_checksum=True)
        self.decompressor = ZstdDecompressor()


_tools = _Tools()


def compress(content: bytes) -> bytes:
    """Return the frame of the content."""
    return _tools.compressor.compress(content)


def decompress(frame: bytes) -> bytes:
    """Return what the frame holds.

    Raises:
        DamagedFrameError: it is not as it was made.
    """
    try:
        return _tools.decompressor.decompress(frame, max_output_size=LARGEST)
    except ZstdError as error:
        raise DamagedChunkError from error


def with_checksum(content: bytes) -> bytes:
    """Return the content behind its checksum."""
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES) + content


def verify_checksum(kept: bytes) -> bytes:
    """Return the content that stands behind its checksum.

    Raises:
        DamagedFrameError: it is not as it was made.
    """
    content = kept[_CHECKSUM_BYTES:]
    if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES) != kept[:_CHECKSUM_BYTES]:
        raise DamagedChunkError
    return content
