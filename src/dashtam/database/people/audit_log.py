"""The statements on the audit log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import insert, select

from dashtam.database.repository import Repository
from dashtam.database.tables import audit_log
from dashtam.domain.audit import AuditLine
from dashtam.domain.user import UserId

_INSERT = insert(audit_log)


class AuditLog(Repository):
    """The statements on ``audit_log``."""

    def add(self, lines: Iterable[AuditLine]) -> None:
        """Append lines."""
        rows = list(map(asdict, lines))
        if rows:
            self._connection.execute(_INSERT, rows)

    def newest(self, limit: int, user_id: UserId | None = None) -> Sequence[AuditLine]:
        """Return the newest lines of one user, or of everyone (None), newest first."""
        statement = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if user_id is not None:
            statement = statement.where(audit_log.c.user_id == user_id)
        return [AuditLine(*row) for row in self._connection.execute(statement)]

    def subjects_of(self, event: str) -> Iterator[UUID]:
        """Yield the subject of each line with this event, oldest first."""
        statement = select(audit_log.c.subject).where(
            audit_log.c.event == event, audit_log.c.subject.is_not(None)
        )
        yield from self._connection.scalars(statement.order_by(audit_log.c.id))
