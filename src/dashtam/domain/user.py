"""People, their sessions and their long-lived tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
AccessTokenId = NewType("AccessTokenId", UUID)


@dataclass(frozen=True, slots=True)
class User:
    """Someone who keeps accounts here; ``email`` is as it was typed, compared without case."""

    id: UserId
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: a user, in a session (``session_id``) or with a read-only token (None)."""

    user_id: UserId
    session_id: SessionId | None

    @property
    def may_write(self) -> bool:
        """A long-lived token only reads."""
        return self.session_id is not None
