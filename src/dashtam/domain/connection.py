"""Connections: the sources of a user's accounts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from dashtam.domain.user import UserId

ConnectionId = NewType("ConnectionId", UUID)


class ProviderKind(StrEnum):
    """How a provider's balances reach Dashtam."""

    API = "api"
    FILE = "file"
    MANUAL = "manual"


class ConnectionState(StrEnum):
    """Whether a connection works, and the reason where it does not."""

    ACTIVE = "active"
    NEEDS_ATTENTION = "needs_attention"
    NEEDS_REAUTHENTICATION = "needs_reauthentication"
    RATE_LIMITED = "rate_limited"
    FAILING = "failing"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Institution:
    """A source to connect to: its key, its name for people, and the way its balances arrive."""

    key: str
    name: str
    provider: str
    kind: ProviderKind


@dataclass(frozen=True, slots=True)
class Connection:
    """One user's connection to one institution.

    ``institution`` is the key by which files of one institution find their connection again: an
    OFX ``FI``, a BIC, else the format's name. ``detail`` is a sentence, None when all is well.
    ``expires_at`` is the end of the user's consent, None where it has none.
    """

    id: ConnectionId
    user_id: UserId
    provider: str
    kind: ProviderKind
    institution: str
    name: str
    created_at: datetime
    updated_at: datetime
    state: ConnectionState = ConnectionState.ACTIVE
    detail: str | None = None
    last_synced_at: datetime | None = None
    next_sync_at: datetime | None = None
    expires_at: datetime | None = None

    @classmethod
    def new(
        cls, connection_id: ConnectionId, user_id: UserId, institution: Institution, now: datetime
    ) -> Self:
        """Return an active connection that no sync is planned for."""
        return cls(
            id=connection_id,
            user_id=user_id,
            provider=institution.provider,
            kind=institution.kind,
            institution=institution.key,
            name=institution.name,
            created_at=now,
            updated_at=now,
        )
