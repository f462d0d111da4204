"""The audit log: events with their user and their time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event; ``subject`` is the id of the thing that changed.

    ``event`` is a fixed name such as ``sync_retracted``. A line has no balance, name or secret.
    """

    id: UUID
    at: datetime
    user_id: UserId | None
    event: str
    subject: UUID | None
    address: str
