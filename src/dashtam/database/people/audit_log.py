"""Every statement on ``audit_log``."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Connection, insert, select

from dashtam.database.tables import audit_log
from dashtam.domain.audit import AuditLine
from dashtam.domain.user import UserId


class AuditLog:
    """The audit log, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, line: AuditLine) -> None:
        """Append a line."""
        self._connection.execute(insert(audit_log).values(asdict(line)))

    def newest(self, limit: int, user_id: UserId | None = None) -> Sequence[AuditLine]:
        """Return the newest lines, newest first, of one user or of everyone."""
        statement = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if user_id is not None:
            statement = statement.where(audit_log.c.user_id == user_id)
        return [AuditLine(*row) for row in self._connection.execute(statement)]

    def subjects_of(self, event: str) -> Iterator[UUID]:
        """Yield what the event happened to, once for each line that tells of it."""
        statement = select(audit_log.c.subject).where(audit_log.c.event == event)
        for subject in self._connection.scalars(statement.order_by(audit_log.c.id)):
            if subject is not None:
                yield subject
