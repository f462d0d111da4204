"""What use cases ask of the database for people: users, their sessions, their tokens.

The work that holds them stands in ``records``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dashtam.application.pages import Listed, Page
from dashtam.domain.user import (
    AccessToken,
    AccessTokenId,
    Erasure,
    Session,
    SessionId,
    User,
    UserId,
)


class Users(Protocol):
    """Every statement on ``users``."""

    def get(self, user_id: UserId) -> User | None:
        """Return the user."""

    def by_email(self, email: str) -> User | None:
        """Return the user with this e-mail, compared without case."""

    def every(self) -> Sequence[User]:
        """Return everyone, by e-mail."""

    def any(self) -> bool:
        """Tell whether there is a user at all."""

    def password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, None when there is no such user."""

    def locked_password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, and lock it until the work is done."""

    def require(self, user_id: UserId) -> None:
        """Have an erasure of the user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """

    def hold(self, user_id: UserId) -> None:
        """Have everyone else who records for this user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """

    def add(self, user: User, password_hash: str) -> bool:
        """Keep a new user; False when the e-mail is taken."""

    def add_first(self, user: User, password_hash: str) -> bool:
        """Keep the first user of all; False when there is one already."""

    def set_password(self, user_id: UserId, password_hash: str, at: datetime) -> None:
        """Keep another password hash."""

    def erase(self, user_id: UserId, at: datetime) -> int:
        """Remove all that is the user's, and return how many snapshots that were."""

    def erasures(self) -> Sequence[Erasure]:
        """Return every erasure, oldest first."""


class Sessions(Protocol):
    """Every statement on ``sessions``."""

    def get(self, session_id: SessionId) -> Session | None:
        """Return the session."""

    def locked(self, session_id: SessionId) -> Session | None:
        """Return the session, and lock it until the work is done."""

    def is_live(self, session_id: SessionId, user_id: UserId, now: datetime) -> bool:
        """Tell whether the session is this user's, not revoked and not expired."""

    def of_user(self, user_id: UserId, now: datetime, page: Page) -> Listed[Session]:
        """Return the user's live sessions, newest first."""

    def add(self, session: Session) -> None:
        """Keep a new session."""

    def rotate(self, session: Session) -> None:
        """Keep the session's next refresh token, and when it was last used."""

    def revoke(self, session_id: SessionId, at: datetime) -> None:
        """End the session."""

    def revoke_all(self, user_id: UserId, at: datetime, but: SessionId | None = None) -> None:
        """End the user's sessions, all but one."""


class AccessTokens(Protocol):
    """Every statement on ``access_tokens``."""

    def by_hash(self, token_hash: bytes, now: datetime) -> AccessToken | None:
        """Return the token with this hash, unless it was revoked or has expired."""

    def of_user(self, user_id: UserId, now: datetime, page: Page) -> Listed[AccessToken]:
        """Return the user's live tokens, newest first."""

    def get(self, token_id: AccessTokenId) -> AccessToken | None:
        """Return the token, unless it was revoked."""

    def add(self, token: AccessToken, token_hash: bytes) -> None:
        """Keep a new token by its hash."""

    def used(self, token_id: AccessTokenId, at: datetime) -> None:
        """Keep when the token was last used."""

    def revoke(self, token_id: AccessTokenId, at: datetime) -> None:
        """End the token."""

    def revoke_all(self, user_id: UserId, at: datetime) -> None:
        """End every token of the user."""
