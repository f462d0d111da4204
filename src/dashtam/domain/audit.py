"""The audit log: who did what, and when."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that happened; ``subject`` is the id of what it happened to.

    ``event`` is a fixed name such as ``sync_retracted``. No balance, name or secret stands here.
    """

    id: UUID
    at: datetime
    user_id: UserId | None
    event: str
    subject: UUID | None
    address: str
