"""Single keys: signing keys for access tokens, sealing keys for credentials."""

from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.utils import base64url_encode
from msgspec import Meta

from dashtam.application.people.sessions import ACCESS_TOKEN_S

SECRET_BYTES: Final = 32
SEALING_ID_BYTES: Final = 8

# A minute longer than a token lives: processes notice a rotation one after the other.
_VERIFIES_FOR: Final = timedelta(seconds=ACCESS_TOKEN_S + 60)

Secret = Annotated[bytes, Meta(min_length=SECRET_BYTES, max_length=SECRET_BYTES)]


class SigningKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """An Ed25519 key; ``retired_at`` is when a newer key replaced it, None while it signs."""

    private: Secret
    made_at: datetime
    retired_at: datetime | None

    def __repr__(self) -> str:
        return f"SigningKey({self.kid}, made_at={self.made_at}, retired_at={self.retired_at})"

    @cached_property
    def private_key(self) -> Ed25519PrivateKey:
        """The key that signs."""
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies."""
        return self.private_key.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 8037); its ``kid`` is its thumbprint (RFC 7638)."""
        x = base64url_encode(self.public_key.public_bytes_raw()).decode()
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
        kid = base64url_encode(sha256(members.encode()).digest()).decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}

    @property
    def kid(self) -> str:
        """The id that tokens name the key by."""
        return self.jwk["kid"]

    def is_valid_at(self, now: datetime) -> bool:
        """Tell whether a token that this key signed can still be valid."""
        return self.retired_at is None or now < self.retired_at + _VERIFIES_FOR


class SealingKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """An AES-256 key under which credentials are sealed."""

    key: Secret
    made_at: datetime

    def __repr__(self) -> str:
        return f"SealingKey({self.id.hex()}, made_at={self.made_at})"

    @cached_property
    def id(self) -> bytes:
        """The id by which sealed text names its key; it reveals nothing of the key."""
        return sha256(b"sealing-key-id" + self.key).digest()[:SEALING_ID_BYTES]
