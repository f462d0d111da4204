"""Writing down who did what, and reading it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.audit import AuditLine
from dashtam.domain.user import UserId

LOCAL_ADDRESS: Final = ""
"""The address of who works on this machine, by the command line."""


def record_event(
    work: UnitOfWork, event: str, user_id: UserId | None, subject: UUID | None = None
) -> None:
    """Append a line to the audit log: as of now, and from where the work was asked for."""
    work.audit_log.add(
        AuditLine(
            id=work.new_id(),
            at=work.now,
            user_id=user_id,
            event=event,
            subject=subject,
            address=work.address,
        )
    )


def list_newest(work: UnitOfWork, limit: int, user_id: UserId | None = None) -> Sequence[AuditLine]:
    """Return the newest lines, newest first, of one user or of everyone."""
    return work.audit_log.newest(limit, user_id)
