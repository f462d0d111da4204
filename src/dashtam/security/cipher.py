"""The cipher: credentials sealed so that a stolen database gives none of them away.

Each text has a fresh key of its own (AES-256-GCM), which is wrapped by a key of the ring. Its place
is authenticated with both: moved to another row, owner or field, it does not open.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dashtam.application.provider import Unsealable
from dashtam.security.key_ring import KeyRing, LiveKeyRing
from dashtam.security.keys import SEALING_ID_BYTES, SealingKey

Place = Sequence[str]
Sealed = tuple[Place, bytes]
"""Sealed text and the place at which it opens."""

# Version, id of the wrapping key, nonce, wrapped key, nonce, then the text: each with its tag.
_VERSION: Final = b"\x01"
_NONCE: Final = 12
_KEY: Final = 32
_TAG: Final = 16
_ID_ENDS: Final = 1 + SEALING_ID_BYTES
_WRAPPED_ENDS: Final = _ID_ENDS + _NONCE + _KEY + _TAG
_TEXT_BEGINS: Final = _WRAPPED_ENDS + _NONCE


class RingCipher:
    """Seals under the newest key of the ring, and opens under every one on it."""

    def __init__(self, keys: LiveKeyRing) -> None:
        self._keys = keys

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Return the sealed text; it opens at this place alone (table, row, owner, field)."""
        return _seal(self._keys.ring().seals, plain, place)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Return what was sealed.

        Raises:
            Unsealable: it was sealed for another place, changed, or under a key that is gone.
        """
        return _open(self._key(sealed), sealed, place)

    def _key(self, sealed: bytes) -> SealingKey:
        key_id = key_id_of(sealed)
        # A key that we do not know may have been made by another process a moment ago.
        key = self._keys.ring().sealing_key(key_id) or self._keys.newest().sealing_key(key_id)
        if key is None:
            detail = "It was sealed under a key that is not on the key ring."
            raise Unsealable(detail)
        return key


def key_id_of(sealed: bytes) -> bytes:
    """Return the id of the key that it was sealed under.

    Raises:
        Unsealable: this is not sealed text.
    """
    if len(sealed) < _TEXT_BEGINS + _TAG or sealed[:1] != _VERSION:
        detail = "This is not sealed text of a known version."
        raise Unsealable(detail)
    return sealed[1:_ID_ENDS]


def rewrap(
    ring: KeyRing, rows: Iterable[Sealed], replace: Callable[[Place, bytes, bytes], bool]
) -> frozenset[bytes]:
    """Seal every row anew under the ring's newest key; return the ids of older keys still needed.

    ``replace`` takes the place, what stands there and what is to stand there, commits, and says
    whether it still stood there: one that changed meanwhile is left as it is now. Each row is whole
    before and after, so that this can be killed at any moment and run again. A row that does not
    open is left alone, and its key is kept.
    """
    needed: set[bytes] = set()
    for place, sealed in rows:
        try:
            key_id = key_id_of(sealed)
        except Unsealable:
            continue
        if key_id == ring.seals.id:
            continue
        anew = _anew(ring, sealed, place)
        if anew is None or not replace(place, sealed, anew):
            needed.add(key_id)
    return frozenset(needed)


def _anew(ring: KeyRing, sealed: bytes, place: Place) -> bytes | None:
    key = ring.sealing_key(key_id_of(sealed))
    try:
        return None if key is None else _seal(ring.seals, _open(key, sealed, place), place)
    except Unsealable:
        return None


def _seal(key: SealingKey, plain: bytes, place: Place) -> bytes:
    data_key = AESGCM.generate_key(bit_length=8 * _KEY)
    around = _around(key.id, place)
    wrap_nonce, nonce = os.urandom(_NONCE), os.urandom(_NONCE)
    wrapped = AESGCM(key.key).encrypt(wrap_nonce, data_key, around)
    text = AESGCM(data_key).encrypt(nonce, plain, around)
    return b"".join((_VERSION, key.id, wrap_nonce, wrapped, nonce, text))


def _open(key: SealingKey, sealed: bytes, place: Place) -> bytes:
    around = _around(key.id, place)
    wrap_nonce = sealed[_ID_ENDS : _ID_ENDS + _NONCE]
    wrapped = sealed[_ID_ENDS + _NONCE : _WRAPPED_ENDS]
    nonce, text = sealed[_WRAPPED_ENDS:_TEXT_BEGINS], sealed[_TEXT_BEGINS:]
    try:
        data_key = AESGCM(key.key).decrypt(wrap_nonce, wrapped, around)
        return AESGCM(data_key).decrypt(nonce, text, around)
    except InvalidTag:
        detail = "It was changed, or sealed for another place."
        raise Unsealable(detail) from None


def _around(key_id: bytes, place: Place) -> bytes:
    """Return what is authenticated beside the text; no two places are written alike."""
    parts = [part.encode() for part in place]
    lengths = b"".join(len(part).to_bytes(4) for part in parts)
    return b"".join((_VERSION, key_id, len(parts).to_bytes(4), lengths, *parts))
