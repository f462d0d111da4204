"""The statements on sessions."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, exists, insert, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository
from dashtam.database.tables import sessions
from dashtam.domain.user import Session, SessionId, UserId

_ROTATED = ("generation", "refresh_hash", "rotated_at", "last_used_at", "expires_at")


class Sessions(Repository):
    """The statements on ``sessions``."""

    def get(self, session_id: SessionId) -> Session | None:
        """Return the session."""
        return self._fetch_one(select(sessions).where(sessions.c.id == session_id), _from_row)

    def lock(self, session_id: SessionId) -> Session | None:
        """Return the session, and lock it until the commit."""
        statement = select(sessions).where(sessions.c.id == session_id).with_for_update()
        return self._fetch_one(statement, _from_row)

    def is_live(self, session_id: SessionId, user_id: UserId, now: datetime) -> bool:
        """Tell whether the session is this user's, not revoked and not expired."""
        live = _select_live(user_id, now).where(sessions.c.id == session_id)
        return bool(self._connection.scalar(select(exists(live))))

    def of_user(self, user_id: UserId, now: datetime, page: PageRequest) -> ListPage[Session]:
        """Return the user's live sessions, newest first."""
        statement, order = _select_live(user_id, now), [sessions.c.id]
        return self._fetch_page(statement, page, _from_row, order=order, descending=True)

    def add(self, session: Session) -> None:
        """Insert a session."""
        self._connection.execute(insert(sessions).values(asdict(session)))

    def rotate(self, session: Session) -> None:
        """Store the session's next refresh token and its times."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session.id)
            .values({name: getattr(session, name) for name in _ROTATED})
        )

    def revoke(self, session_id: SessionId, at: datetime) -> None:
        """Revoke the session."""
        self._connection.execute(_revoke(at).where(sessions.c.id == session_id))

    def revoke_all(self, user_id: UserId, at: datetime, but: SessionId | None = None) -> None:
        """Revoke the user's sessions, except one."""
        statement = _revoke(at).where(sessions.c.user_id == user_id)
        if but is not None:
            statement = statement.where(sessions.c.id != but)
        self._connection.execute(statement)


def _select_live(user_id: UserId, now: datetime) -> Select[Any]:
    return select(sessions).where(
        sessions.c.user_id == user_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > now,
    )


def _revoke(at: datetime) -> Update:
    return update(sessions).where(sessions.c.revoked_at.is_(None)).values(revoked_at=at)


def _from_row(row: AnyRow) -> Session:
    return Session(*row)
