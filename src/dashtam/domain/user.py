"""People, their sessions and their long-lived tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from unicodedata import normalize
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ApiTokenId = NewType("ApiTokenId", UUID)


@dataclass(frozen=True, slots=True)
class User:
    """Someone who keeps accounts here; ``email`` is as it was typed, compared without case."""

    id: UserId
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """That all of a user's rows were removed, and how many snapshots were among them."""

    user_id: UserId
    erased_at: datetime
    snapshots: int


def email_key(email: str) -> str:
    """Return what two spellings of one e-mail have in common: no outer blanks, no case."""
    return normalize("NFC", normalize("NFC", email.strip()).casefold())


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in and all the refresh tokens that came of it.

    ``generation`` counts the refresh tokens from 0; only the newest one's hash is kept.
    ``rotated_at`` is when the newest was handed out.
    """

    id: SessionId
    user_id: UserId
    generation: int
    refresh_hash: bytes
    rotated_at: datetime
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A long-lived, read-only token by its name; the token itself is kept as a hash alone."""

    id: ApiTokenId
    user_id: UserId
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: a user, in a session (``session_id``) or with a read-only token (None).

    ``unrecorded_token_id`` is the read-only token whose last use was not written down for a while.
    """

    user_id: UserId
    session_id: SessionId | None
    unrecorded_token_id: ApiTokenId | None = None

    @property
    def may_write(self) -> bool:
        """A long-lived token only reads."""
        return self.session_id is not None
