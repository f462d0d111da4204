"""Every statement on ``sessions``."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, insert, select, update

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_one, fetch_page
from dashtam.database.tables import sessions
from dashtam.domain.user import Session, SessionId, UserId


class Sessions:
    """Sessions, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, session_id: SessionId) -> Session | None:
        """Return the session."""
        return fetch_one(
            self._connection, select(sessions).where(sessions.c.id == session_id), _session
        )

    def lock(self, session_id: SessionId) -> Session | None:
        """Return the session, and lock it until the work is done."""
        return fetch_one(
            self._connection,
            select(sessions).where(sessions.c.id == session_id).with_for_update(),
            _session,
        )

    def is_live(self, session_id: SessionId, user_id: UserId, now: datetime) -> bool:
        """Tell whether the session is this user's, not revoked and not expired."""
        live = _live(user_id, now).where(sessions.c.id == session_id)
        return bool(self._connection.scalar(select(exists(live))))

    def of_user(self, user_id: UserId, now: datetime, page: PageRequest) -> ListPage[Session]:
        """Return the user's live sessions, newest first."""
        return fetch_page(
            self._connection,
            _live(user_id, now),
            page,
            _session,
            by=[sessions.c.id],
            newest_first=True,
        )

    def add(self, session: Session) -> None:
        """Keep a new session."""
        self._connection.execute(insert(sessions).values(asdict(session)))

    def rotate(self, session: Session) -> None:
        """Keep the session's next refresh token, and when it was last used."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session.id)
            .values(
                generation=session.generation,
                refresh_hash=session.refresh_hash,
                rotated_at=session.rotated_at,
                last_used_at=session.last_used_at,
                expires_at=session.expires_at,
            )
        )

    def revoke(self, session_id: SessionId, at: datetime) -> None:
        """End the session."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    def revoke_all(self, user_id: UserId, at: datetime, but: SessionId | None = None) -> None:
        """End the user's sessions, all but one."""
        statement = update(sessions).where(
            sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None)
        )
        if but is not None:
            statement = statement.where(sessions.c.id != but)
        self._connection.execute(statement.values(revoked_at=at))


def _live(user_id: UserId, now: datetime) -> Select[Any]:
    return select(sessions).where(
        sessions.c.user_id == user_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > now,
    )


def _session(row: AnyRow) -> Session:
    return Session(*row)
