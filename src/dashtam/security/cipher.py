"""Credentials sealed with AES-256-GCM, so that a stolen database reveals none of them.

A sealed text is a version, the id of its key on the key ring, a nonce, and the ciphertext with its
tag. The version, the key's id and the place of the text are its associated data: in another row, of
another owner or in another field the text cannot be opened.
"""

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dashtam.application.provider import Unsealable
from dashtam.security.key_ring import SEALING_ID_BYTES, LiveKeyRing

Place = Sequence[str]
"""Table, row, owner and field."""

_VERSION: Final = b"\x02"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_ID_END: Final = 1 + SEALING_ID_BYTES
_NONCE_END: Final = _ID_END + _NONCE_BYTES


class KeyRingCipher:
    """Seals under the newest key of the ring, and opens under any key on it."""

    def __init__(self, keys: LiveKeyRing) -> None:
        self._keys = keys

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Seal under the newest key."""
        key = self._keys.current().sealing_key
        # A random nonce of 96 bits is safe for 2^32 texts under one key (NIST SP 800-38D, 8.3), and
        # nothing but a user who enters credentials, or a rotation, seals one.
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = AESGCM(key.key).encrypt(nonce, plain, _associated_data(key.id, place))
        return b"".join((_VERSION, key.id, nonce, ciphertext))

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Open under the key that the sealed text names."""
        key_id = parse_key_id(sealed)
        # A key that is not known may have been created by another process a moment ago.
        key = self._keys.current().find_sealing_key(key_id) or self._keys.reload().find_sealing_key(
            key_id
        )
        if key is None:
            detail = "It was sealed under a key that is not on the key ring."
            raise Unsealable(detail)
        nonce, ciphertext = sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:]
        try:
            return AESGCM(key.key).decrypt(nonce, ciphertext, _associated_data(key_id, place))
        except InvalidTag:
            detail = "It was changed, or sealed for another place."
            raise Unsealable(detail) from None


def parse_key_id(sealed: bytes) -> bytes:
    """Return the id of the key that the text was sealed under.

    Raises:
        Unsealable: this is not sealed text of the known version.
    """
    if len(sealed) < _NONCE_END + _TAG_BYTES or sealed[:1] != _VERSION:
        detail = "This is not sealed text of a known version."
        raise Unsealable(detail)
    return sealed[1:_ID_END]


def _associated_data(key_id: bytes, place: Place) -> bytes:
    """Return the data to authenticate; its lengths make it different for any two places."""
    parts = [part.encode() for part in place]
    lengths = b"".join(len(part).to_bytes(4) for part in parts)
    return b"".join((_VERSION, key_id, len(parts).to_bytes(4), lengths, *parts))
