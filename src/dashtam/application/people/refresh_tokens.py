"""Refresh tokens: their content, and how each follows from the one before.

``dtr_`` and, in base64url, session id (16 bytes), generation (4), secret (32) and tag (16).
The first secret is random; each next one is derived from the one before by a key outside the
database, so that the same token can be issued again without being stored. The tag proves that a
token was issued here: a forged one can revoke nothing.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from struct import Struct
from typing import Final
from uuid import UUID

from dashtam.application.ports import Secrets
from dashtam.domain.user import Session, SessionId

PREFIX: Final = "dtr_"

_PAYLOAD: Final = Struct(">16sI32s")
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
        """The form in which the newest token is stored."""
        return sha256(self.secret).digest()

    def text(self, secrets: Secrets) -> str:
        """Return the token as it is sent."""
        return PREFIX + urlsafe_b64encode(self.data(secrets)).decode().rstrip("=")

    def data(self, secrets: Secrets) -> bytes:
        """Return the token's bytes, its tag last."""
        payload = _PAYLOAD.pack(self.session_id.bytes, self.generation, self.secret)
        return payload + secrets.derive("refresh-tag", payload)[:_TAG_BYTES]

    def next(self, secrets: Secrets) -> "RefreshToken":
        """Return the one token that may follow."""
        successor = secrets.derive("refresh-successor", self.secret)
        return RefreshToken(self.session_id, self.generation + 1, successor)

    def is_newest(self, session: Session) -> bool:
        """Tell whether this is the session's newest token."""
        return self.generation == session.generation and compare_digest(
            self.hash, session.refresh_hash
        )


def parse(text: str, secrets: Secrets) -> RefreshToken | None:
    """Return the token, None unless it was issued here."""
    # Nothing else is decoded; the last character has bits to spare, and a token one spelling.
    if _TEXT.fullmatch(text) is None:
        return None
    data = urlsafe_b64decode(f"{text.removeprefix(PREFIX)}=")
    session_id, generation, secret = _PAYLOAD.unpack_from(data)
    token = RefreshToken(SessionId(UUID(bytes=session_id)), generation, secret)
    return token if compare_digest(data, token.data(secrets)) else None
