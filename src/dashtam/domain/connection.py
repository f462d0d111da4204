"""Connections: where the accounts of a user come from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from dashtam.domain.user import UserId

ConnectionId = NewType("ConnectionId", UUID)


class ProviderKind(StrEnum):
    """How a provider's balances reach Dashtam."""

    API = "api"
    FILE = "file"
    MANUAL = "manual"


class ConnectionState(StrEnum):
    """Whether a connection works, and what its owner can do."""

    ACTIVE = "active"
    NEEDS_REAUTHENTICATION = "needs_reauthentication"
    RATE_LIMITED = "rate_limited"
    FAILING = "failing"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Connection:
    """One user's tie to one institution.

    ``institution`` is the key by which files of one institution find their connection again: an
    OFX ``FI``, a BIC, else the format's name. ``detail`` is a sentence, None when all is well.
    """

    id: ConnectionId
    user_id: UserId
    provider: str
    kind: ProviderKind
    institution: str
    name: str
    state: ConnectionState
    detail: str | None
    last_synced_at: datetime | None
    next_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime
