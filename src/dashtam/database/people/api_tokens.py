"""Every statement on ``api_tokens``."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, insert, or_, select, update

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_one, fetch_page
from dashtam.database.tables import api_tokens
from dashtam.domain.user import ApiToken, ApiTokenId, UserId

_UNREVOKED = select(
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.name,
    api_tokens.c.created_at,
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
).where(api_tokens.c.revoked_at.is_(None))

USE_RECORDED_EVERY: Final = timedelta(minutes=1)
"""How often the last use of a token is written down, at most."""


class ApiTokens:
    """Read-only tokens, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_by_hash(self, token_hash: bytes, now: datetime) -> ApiToken | None:
        """Return the token with this hash, unless it was revoked or has expired."""
        return fetch_one(
            self._connection, _live(now).where(api_tokens.c.token_hash == token_hash), _token
        )

    def of_user(self, user_id: UserId, now: datetime, page: PageRequest) -> ListPage[ApiToken]:
        """Return the user's live tokens, newest first."""
        return fetch_page(
            self._connection,
            _live(now).where(api_tokens.c.user_id == user_id),
            page,
            _token,
            by=[api_tokens.c.id],
            newest_first=True,
        )

    def get(self, token_id: ApiTokenId) -> ApiToken | None:
        """Return the token, unless it was revoked."""
        return fetch_one(self._connection, _UNREVOKED.where(api_tokens.c.id == token_id), _token)

    def add(self, token: ApiToken, token_hash: bytes) -> None:
        """Keep a new token by its hash."""
        self._connection.execute(insert(api_tokens).values(**asdict(token), token_hash=token_hash))

    def mark_used(self, token_id: ApiTokenId, at: datetime) -> None:
        """Keep when the token was last used."""
        self._connection.execute(
            update(api_tokens).where(api_tokens.c.id == token_id).values(last_used_at=at)
        )

    def revoke(self, token_id: ApiTokenId, at: datetime) -> None:
        """End the token."""
        self._connection.execute(
            update(api_tokens)
            .where(api_tokens.c.id == token_id, api_tokens.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    def revoke_all(self, user_id: UserId, at: datetime) -> None:
        """End every token of the user."""
        self._connection.execute(
            update(api_tokens)
            .where(api_tokens.c.user_id == user_id, api_tokens.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )


def _live(now: datetime) -> Select[Any]:
    return _UNREVOKED.where(or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now))


def _token(row: AnyRow) -> ApiToken:
    return ApiToken(*row)
