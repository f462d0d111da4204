"""Users, their sessions and their API tokens."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NewType
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ApiTokenId = NewType("ApiTokenId", UUID)


@dataclass(frozen=True, slots=True)
class User:
    """A user; ``email`` is as typed, and compared without case.

    ``time_zone`` is the IANA name of the zone of the user's days; None is UTC.
    """

    id: UserId
    email: str
    created_at: datetime
    time_zone: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the user's days."""
        return ZoneInfo(self.time_zone or "UTC")

    def today(self, now: datetime) -> date:
        """Return the user's day, or the day in UTC where that is later."""
        return max(now.astimezone(self.zone).date(), now.astimezone(UTC).date())


@dataclass(frozen=True, slots=True)
class Erasure:
    """The deletion of all of a user's rows; ``snapshots`` is the number of deleted snapshots."""

    user_id: UserId
    erased_at: datetime
    snapshots: int


def email_key(email: str) -> str:
    """Return the e-mail without outer blanks and case: equal for every spelling of one e-mail."""
    return normalize("NFC", normalize("NFC", email.strip()).casefold())


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in and its refresh tokens.

    ``generation`` counts the refresh tokens from 0. ``refresh_hash`` is the hash of the newest one,
    issued at ``rotated_at``.
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
    """A long-lived, read-only token; the database has only a hash of the token itself."""

    id: ApiTokenId
    user_id: UserId
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: a user with a session, or with an API token (``session_id`` is None).

    ``unrecorded_token_id`` is the API token if its use has to be recorded, else None.
    """

    user_id: UserId
    session_id: SessionId | None
    unrecorded_token_id: ApiTokenId | None = None
