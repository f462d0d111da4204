"""The statements on sign-ins in a browser that have not returned yet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select

from dashtam.database.repository import Repository, from_row, to_row
from dashtam.database.tables import authorizations
from dashtam.domain.connection import ConnectionId
from dashtam.domain.user import SessionId, UserId

_a = authorizations.c
_MOST_PENDING = 20


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sign-in that was begun in a session; ``session_id`` is None on the command line.

    ``token_hash`` is the hash of the random token in its address. ``connection_id`` is the
    connection that gets other credentials, None for a new one, which may have a ``name``.
    ``state`` is sealed. ``requests`` counts those made to the provider to begin it.
    """

    id: UUID
    user_id: UserId
    session_id: SessionId | None
    token_hash: bytes
    provider: str
    connection_id: ConnectionId | None
    name: str | None
    state: bytes
    requests: int
    expires_at: datetime


class Authorizations(Repository):
    """The statements on ``authorizations``."""

    def add(self, authorization: Authorization, now: datetime) -> None:
        """Insert a sign-in; the user's expired ones go, and the oldest of too many."""
        is_own = _a.user_id == authorization.user_id
        newest = select(_a.id).where(is_own, _a.expires_at > now).order_by(_a.expires_at.desc())
        kept = self._connection.scalars(newest.limit(_MOST_PENDING - 1)).all()
        self._connection.execute(delete(authorizations).where(is_own, _a.id.not_in(kept)))
        self._connection.execute(insert(authorizations), to_row(authorization))

    def take(
        self, user_id: UserId, session_id: SessionId | None, token_hash: bytes
    ) -> Authorization | None:
        """Delete and return the sign-in of this session with this token, None without one."""
        is_found = _a.token_hash == token_hash, _a.user_id == user_id
        # For None this is IS NULL.
        in_session = _a.session_id == session_id
        statement = select(authorizations).where(*is_found, in_session).with_for_update()
        found = self._fetch_one(statement, lambda row: from_row(Authorization, row))
        if found is not None:
            # Of two that return at once, one waits for the other and finds no row.
            self._connection.execute(delete(authorizations).where(_a.id == found.id))
        return found
