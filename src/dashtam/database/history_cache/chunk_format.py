"""How the history cache stores snapshots: as JSON, compressed, under a key outside the database.

A chunk is a DEFLATE segment (RFC 1951) that ends with a full flush: on a byte, and with nothing
that refers to bytes before it. Segments behind one another are one DEFLATE stream, so that a gzip
member (RFC 1952) is its header, the segments as they are stored, the end of the stream, and the
checksum and length of the whole.

Each stored value begins with a keyed BLAKE2b digest (RFC 7693) of all that the database says of it.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from typing import Final, NamedTuple, Self
from uuid import UUID

from isal import isal_zlib

from dashtam.domain.history.balance_history import ChangedSnapshot
from dashtam.domain.money import Money

_RAW: Final = -15
_FAST: Final = 1
_THOROUGH: Final = 9
_ADLER_BASE: Final = 65_521
_MAC_BYTES: Final = 16
_CHECKSUM_BYTES: Final = 12
# No name, no time, any operating system.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_END_OF_STREAM: Final = b"\x03\x00"


class DamagedError(Exception):
    """The stored bytes do not match their own checksum."""


class ForgedError(Exception):
    """The stored bytes match their checksum, and were not written with the key."""


class Checksum(NamedTuple):
    """The CRC-32, Adler-32 and length of some bytes; those of a whole follow from its parts'."""

    crc32: int = 0
    adler32: int = 1
    length: int = 0

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the checksum of the content."""
        return cls(isal_zlib.crc32(content), isal_zlib.adler32(content), len(content))

    def followed_by(self, other: "Checksum") -> "Checksum":
        """Return the checksum of these bytes and the others behind them."""
        low, high = self.adler32 & 0xFFFF, self.adler32 >> 16
        # RFC 1950, section 8.2: the low half is one more than the sum of the bytes, the high half
        # the sum of all its values.
        high += (other.adler32 >> 16) + other.length % _ADLER_BASE * (low - 1)
        low += (other.adler32 & 0xFFFF) - 1
        return Checksum(
            isal_zlib.crc32_combine(self.crc32, other.crc32, other.length),
            high % _ADLER_BASE << 16 | low % _ADLER_BASE,
            self.length + other.length,
        )

    @property
    def etag(self) -> str:
        """A strong validator of the bytes (RFC 9110, 8.8.3)."""
        return f'"{self.crc32:08x}{self.adler32:08x}{self.length:08x}"'


class Segment(NamedTuple):
    """Some bytes as a DEFLATE segment, with their checksum."""

    deflated: bytes
    checksum: Checksum

    @classmethod
    def of(cls, content: bytes, *, is_thorough: bool = False) -> Self:
        """Compress the content; thoroughly in five times the time, and a tenth smaller."""
        if is_thorough:
            thorough = zlib.compressobj(_THOROUGH, wbits=_RAW)
            deflated = thorough.compress(content) + thorough.flush(zlib.Z_FULL_FLUSH)
        else:
            fast = isal_zlib.compressobj(level=_FAST, wbits=_RAW)
            deflated = fast.compress(content) + fast.flush(isal_zlib.Z_FULL_FLUSH)
        return cls(deflated, Checksum.of(content))

    def inflate(self) -> bytes:
        """Return the content.

        Raises:
            DamagedError: the segment does not hold it.
        """
        try:
            # One byte more than there should be: a damaged segment cannot fill the memory.
            length = self.checksum.length + 1
            content = isal_zlib.decompressobj(wbits=_RAW).decompress(self.deflated, length)
        except isal_zlib.error as error:  # type: ignore[misc] # its stub names an instance
            raise DamagedError from error
        if Checksum.of(content) != self.checksum:
            raise DamagedError
        return content


def join_segments(segments: Iterable[Segment]) -> tuple[bytes, Checksum]:
    """Return the segments as one gzip member, and the checksum of its content."""
    segments = tuple(segments)
    whole = reduce(Checksum.followed_by, (segment.checksum for segment in segments), Checksum())
    parts = [_GZIP_HEADER, *(segment.deflated for segment in segments), _END_OF_STREAM]
    trailer = whole.crc32.to_bytes(4, "little") + (whole.length & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join([*parts, trailer]), whole


def chunk_place(account_id: UUID, after_us: int | None, last_us: int, snapshots: int) -> bytes:
    """Return the place of a chunk: its account, its bounds in microseconds, and its count."""
    return b"%b %a %d %d " % (account_id.bytes, after_us, last_us, snapshots)


def start_digest(key: bytes) -> blake2b:
    """Return the keyed hash that every digest continues."""
    return blake2b(digest_size=_MAC_BYTES, key=key)


@dataclass(frozen=True, slots=True)
class ChunkFormat:
    """``render`` returns the JSON of a snapshot as the API sends it, ``parse_balance`` its balance.

    ``keyed`` returns the keyed hash of ``start_digest``, which is always the same one.
    """

    render: Callable[[ChangedSnapshot], bytes]
    parse_balance: Callable[[bytes], Money]
    keyed: Callable[[], blake2b]

    def seal_segment(self, segment: Segment, place: bytes) -> bytes:
        """Return the segment as it is stored, valid at this place alone (``chunk_place``)."""
        checksum = segment.checksum
        numbers = checksum.crc32, checksum.adler32, checksum.length
        content = b"".join(number.to_bytes(4) for number in numbers) + segment.deflated
        return self._digest(content, place) + content

    def open_segment(self, stored: bytes, place: bytes) -> Segment:
        """Return the stored segment.

        Raises:
            DamagedError, ForgedError: it is not as it was stored.
        """
        content = stored[_MAC_BYTES:]
        crc32, adler32 = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
        checksum = Checksum(crc32, adler32, int.from_bytes(content[8:_CHECKSUM_BYTES]))
        segment = Segment(content[_CHECKSUM_BYTES:], checksum)
        if self._digest(content, place) != stored[:_MAC_BYTES]:
            segment.inflate()
            raise ForgedError
        return segment

    def seal_latest(self, rendered: bytes, account_id: UUID) -> bytes:
        """Return an account's newest snapshot as it is stored: short, and so not compressed."""
        content = isal_zlib.crc32(rendered).to_bytes(4) + rendered
        return self._digest(content, account_id.bytes) + content

    def open_latest(self, stored: bytes, account_id: UUID) -> bytes:
        """Return the stored newest snapshot.

        Raises:
            DamagedError, ForgedError: it is not as it was stored.
        """
        content = stored[_MAC_BYTES:]
        if self._digest(content, account_id.bytes) != stored[:_MAC_BYTES]:
            if isal_zlib.crc32(content[4:]).to_bytes(4) != content[:4]:
                raise DamagedError
            raise ForgedError
        return content[4:]

    def _digest(self, content: bytes, place: bytes) -> bytes:
        digest = self.keyed().copy()
        digest.update(place + content)
        return digest.digest()
