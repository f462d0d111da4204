"""The audit log: events with their user, instant and address."""

from typing import Final
from uuid import UUID

from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.audit import AuditLine
from dashtam.domain.user import UserId

LOCAL_ADDRESS: Final = ""
"""The address of requests by the command line."""


def record_event(
    work: UnitOfWork, event: str, user_id: UserId | None, subject: UUID | None = None
) -> None:
    """Append a line: as of now, and from the address of this unit of work."""
    work.audit_log.add(AuditLine(work.new_id(), work.now, user_id, event, subject, work.address))
