"""Single keys: those that sign access tokens, and those that seal credentials."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dashtam.application.people.sessions import ACCESS_TOKEN_S

SECRET_BYTES: Final = 32
SEALING_ID_BYTES: Final = 8

# A little longer than a token lives: processes hear of a rotation one after the other.
_VERIFIES_FOR: Final = timedelta(seconds=ACCESS_TOKEN_S + 60)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key; ``retired_at`` is when another one took over (None: it signs)."""

    private: bytes = field(repr=False)
    made_at: datetime
    retired_at: datetime | None = None

    @cached_property
    def private_key(self) -> Ed25519PrivateKey:
        """The private half."""
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def public_key(self) -> Ed25519PublicKey:
        """The public half."""
        return self.private_key.public_key()

    @cached_property
    def kid(self) -> str:
        """The thumbprint of the public half (RFC 7638, with the members of RFC 8037)."""
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{self._x}"}}'
        return _base64url(sha256(members.encode()).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": self._x,
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        }

    def is_valid_at(self, now: datetime) -> bool:
        """Tell whether a token of this key can still be good."""
        return self.retired_at is None or now < self.retired_at + _VERIFIES_FOR

    @property
    def _x(self) -> str:
        return _base64url(self.public_key.public_bytes_raw())


@dataclass(frozen=True)
class SealingKey:
    """A key of AES-256 that wraps the keys under which credentials are sealed."""

    key: bytes = field(repr=False)
    made_at: datetime

    @cached_property
    def id(self) -> bytes:
        """What sealed text names its key by; it tells nothing of the key."""
        return sha256(b"sealing-key-id" + self.key).digest()[:SEALING_ID_BYTES]


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
