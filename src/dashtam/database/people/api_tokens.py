"""Every statement on ``access_tokens``."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, insert, or_, select, update

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, one_of, page_of
from dashtam.database.tables import access_tokens
from dashtam.domain.user import AccessToken, AccessTokenId, UserId

_UNREVOKED = select(
    access_tokens.c.id,
    access_tokens.c.user_id,
    access_tokens.c.name,
    access_tokens.c.created_at,
    access_tokens.c.expires_at,
    access_tokens.c.last_used_at,
).where(access_tokens.c.revoked_at.is_(None))

USE_NOTED_EVERY: Final = timedelta(minutes=1)
"""How often the last use of a token is written down, at most."""


class AccessTokens:
    """Read-only tokens, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_hash(self, token_hash: bytes, now: datetime) -> AccessToken | None:
        """Return the token with this hash, unless it was revoked or has expired."""
        return one_of(
            self._connection, _live(now).where(access_tokens.c.token_hash == token_hash), _token
        )

    def of_user(self, user_id: UserId, now: datetime, page: PageRequest) -> ListPage[AccessToken]:
        """Return the user's live tokens, newest first."""
        return page_of(
            self._connection,
            _live(now).where(access_tokens.c.user_id == user_id),
            page,
            _token,
            by=[access_tokens.c.id],
            newest_first=True,
        )

    def get(self, token_id: AccessTokenId) -> AccessToken | None:
        """Return the token, unless it was revoked."""
        return one_of(self._connection, _UNREVOKED.where(access_tokens.c.id == token_id), _token)

    def add(self, token: AccessToken, token_hash: bytes) -> None:
        """Keep a new token by its hash."""
        self._connection.execute(
            insert(access_tokens).values(**asdict(token), token_hash=token_hash)
        )

    def used(self, token_id: AccessTokenId, at: datetime) -> None:
        """Keep when the token was last used."""
        self._connection.execute(
            update(access_tokens).where(access_tokens.c.id == token_id).values(last_used_at=at)
        )

    def revoke(self, token_id: AccessTokenId, at: datetime) -> None:
        """End the token."""
        self._connection.execute(
            update(access_tokens)
            .where(access_tokens.c.id == token_id, access_tokens.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    def revoke_all(self, user_id: UserId, at: datetime) -> None:
        """End every token of the user."""
        self._connection.execute(
            update(access_tokens)
            .where(access_tokens.c.user_id == user_id, access_tokens.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )


def _live(now: datetime) -> Select[Any]:
    return _UNREVOKED.where(
        or_(access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > now)
    )


def _token(row: AnyRow) -> AccessToken:
    return AccessToken(*row)
