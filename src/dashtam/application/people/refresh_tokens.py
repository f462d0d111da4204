"""Refresh tokens: what stands in them, and how each follows from the one before.

``dtr_`` and, in base64url, session id (16 bytes), generation (4), secret (32) and tag (16).
The first secret is random; each next one is derived from the one before by a key outside the
database, so that the same token can be handed out again without having been kept. The tag shows
that a token came from here: one that somebody made up can revoke nothing.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

from dashtam.application.ports import Secrets
from dashtam.domain.user import Session, SessionId

PREFIX: Final = "dtr_"

_ID_BYTES: Final = 16
_GENERATION_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_TAG_BYTES: Final = 16
_TEXT: Final = re.compile(PREFIX + "[A-Za-z0-9_-]{90}[AEIMQUYcgkosw048]")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token; ``generation`` counts those of the session from 0."""

    session_id: SessionId
    generation: int
    secret: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """What of the newest token is kept."""
        return sha256(self.secret).digest()

    def text(self, secrets: Secrets) -> str:
        """Return the token as it is handed out."""
        return PREFIX + _encode(self._payload + self._tag(secrets))

    def next(self, secrets: Secrets) -> "RefreshToken":
        """Return the one token that may follow."""
        successor = secrets.derive("refresh-successor", self.secret)
        return RefreshToken(self.session_id, self.generation + 1, successor)

    def is_newest(self, session: Session) -> bool:
        """Tell whether no token of the session was handed out after this one."""
        return self.generation == session.generation and compare_digest(
            self.hash, session.refresh_hash
        )

    def is_ours(self, secrets: Secrets, tag: bytes) -> bool:
        """Tell whether the tag could only have been made here."""
        return compare_digest(tag, self._tag(secrets))

    @property
    def _payload(self) -> bytes:
        generation = self.generation.to_bytes(_GENERATION_BYTES, "big")
        return self.session_id.bytes + generation + self.secret

    def _tag(self, secrets: Secrets) -> bytes:
        return secrets.derive("refresh-tag", self._payload)[:_TAG_BYTES]


def parse(text: str, secrets: Secrets) -> RefreshToken | None:
    """Return the token, None unless it was handed out here."""
    # Nothing else is decoded; the last character has bits to spare, and a token one spelling.
    if _TEXT.fullmatch(text) is None:
        return None
    data = urlsafe_b64decode(f"{text.removeprefix(PREFIX)}=")
    token = RefreshToken(
        session_id=SessionId(UUID(bytes=data[:_ID_BYTES])),
        generation=int.from_bytes(data[_ID_BYTES:][:_GENERATION_BYTES], "big"),
        secret=data[-_TAG_BYTES - _SECRET_BYTES : -_TAG_BYTES],
    )
    return token if token.is_ours(secrets, data[-_TAG_BYTES:]) else None


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
