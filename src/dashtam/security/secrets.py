"""Random bytes, and secrets derived from the key ring's secret."""

import hmac
import os

from dashtam.security.key_ring import SECRET_BYTES, LiveKeyRing


class KeyRingSecrets:
    """Secrets that a stolen database does not hold."""

    def __init__(self, keys: LiveKeyRing) -> None:
        self._keys = keys

    def random(self) -> bytes:
        """Read the operating system's random source."""
        return os.urandom(SECRET_BYTES)

    def derive(self, purpose: str, data: bytes) -> bytes:
        """Derive a key for the purpose, so that no two purposes share an HMAC."""
        key = hmac.digest(self._keys.current().secret, purpose.encode(), "sha256")
        return hmac.digest(key, data, "sha256")
