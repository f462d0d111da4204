"""Random bytes, and what is derived from the key ring's secret."""

import hmac
import os

from dashtam.security.key_ring import LiveKeyRing
from dashtam.security.keys import SECRET_BYTES


class KeyRingSecrets:
    """Secrets that a stolen database does not hold."""

    def __init__(self, keys: LiveKeyRing) -> None:
        self._keys = keys

    def random(self) -> bytes:
        """Return 32 random bytes."""
        return os.urandom(SECRET_BYTES)

    def derive(self, purpose: str, data: bytes) -> bytes:
        """Return the 32-byte HMAC of the data under the key for this purpose."""
        # Each purpose has a key of its own, so that no two of them can be mistaken for each other.
        key = hmac.digest(self._keys.current().secret, purpose.encode(), "sha256")
        return hmac.digest(key, data, "sha256")
