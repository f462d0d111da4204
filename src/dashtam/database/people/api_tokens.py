"""The statements on API tokens."""

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, Update, insert, or_, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository
from dashtam.database.tables import api_tokens
from dashtam.domain.user import ApiToken, ApiTokenId, UserId

_UNREVOKED = select(*(api_tokens.c[field.name] for field in fields(ApiToken))).where(
    api_tokens.c.revoked_at.is_(None)
)

USE_RECORDED_EVERY: Final = timedelta(minutes=1)
"""The shortest time between two updates of a token's ``last_used_at``."""


class ApiTokens(Repository):
    """The statements on ``api_tokens``."""

    def find_by_hash(self, token_hash: bytes, now: datetime) -> ApiToken | None:
        """Return the live token with this hash."""
        statement = _select_live(now).where(api_tokens.c.token_hash == token_hash)
        return self._fetch_one(statement, _from_row)

    def of_user(self, user_id: UserId, now: datetime, page: PageRequest) -> ListPage[ApiToken]:
        """Return the user's live tokens, newest first."""
        statement = _select_live(now).where(api_tokens.c.user_id == user_id)
        order = [api_tokens.c.id]
        return self._fetch_page(statement, page, _from_row, order=order, descending=True)

    def get(self, token_id: ApiTokenId) -> ApiToken | None:
        """Return the token, also an expired one, but not a revoked one."""
        return self._fetch_one(_UNREVOKED.where(api_tokens.c.id == token_id), _from_row)

    def add(self, token: ApiToken, token_hash: bytes) -> None:
        """Insert a token by its hash."""
        self._connection.execute(insert(api_tokens).values(**asdict(token), token_hash=token_hash))

    def mark_used(self, token_id: ApiTokenId, at: datetime) -> None:
        """Store the time of the token's last use."""
        statement = update(api_tokens).where(api_tokens.c.id == token_id)
        self._connection.execute(statement.values(last_used_at=at))

    def revoke(self, token_id: ApiTokenId, at: datetime) -> None:
        """Revoke the token."""
        self._connection.execute(_revoke(at).where(api_tokens.c.id == token_id))

    def revoke_all(self, user_id: UserId, at: datetime) -> None:
        """Revoke every token of the user."""
        self._connection.execute(_revoke(at).where(api_tokens.c.user_id == user_id))


def _select_live(now: datetime) -> Select[Any]:
    return _UNREVOKED.where(or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now))


def _revoke(at: datetime) -> Update:
    return update(api_tokens).where(api_tokens.c.revoked_at.is_(None)).values(revoked_at=at)


def _from_row(row: AnyRow) -> ApiToken:
    return ApiToken(*row)
