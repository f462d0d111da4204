"""Writing down who did what."""

from typing import Final
from uuid import UUID

from dashtam.application.records import Work
from dashtam.domain.audit import AuditLine
from dashtam.domain.user import UserId

HERE: Final = ""
"""The address of who works on this machine, by the command line."""


def note(
    work: Work, event: str, user_id: UserId | None, subject: UUID | None = None, address: str = HERE
) -> None:
    """Append a line to the audit log, as of now."""
    work.audit_log.add(
        AuditLine(
            id=work.new_id(),
            at=work.now,
            user_id=user_id,
            event=event,
            subject=subject,
            address=address,
        )
    )
