"""Long-lived, read-only API tokens, for scripts and other dashboards."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Final

from dashtam.application.ports import Background, Secrets
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.people.api_tokens import USE_RECORDED_EVERY
from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.errors import FieldError, NotFound, Unauthorized, Unprocessable
from dashtam.domain.user import ApiToken, ApiTokenId, Principal, UserId

PREFIX: Final = "dta_"
LONGEST_NAME: Final = 100
LONGEST_DAYS: Final = 3650

_LENGTH: Final = len(PREFIX) + 43


def create(
    work: UnitOfWork, secrets: Secrets, user_id: UserId, name: str, expires_in_days: int | None
) -> tuple[ApiToken, str]:
    """Create a token and return it with its text, which is stored nowhere.

    Without ``expires_in_days`` it is valid until it is revoked.

    Raises:
        Unprocessable: the name or the days break a rule.
        Unauthorized: the user does not exist any more.
    """
    name = name.strip()
    field_errors = []
    if not (1 <= len(name) <= LONGEST_NAME and name.isprintable()):
        detail = f"A name has 1 to {LONGEST_NAME} printable characters."
        field_errors.append(FieldError("/name", "invalid", detail))
    if expires_in_days is not None and not 1 <= expires_in_days <= LONGEST_DAYS:
        detail = f"A token is good for 1 to {LONGEST_DAYS} days."
        field_errors.append(FieldError("/expires_in_days", "out_of_range", detail))
    if field_errors:
        raise Unprocessable(field_errors[0].detail, tuple(field_errors))
    work.users.block_erasure(user_id)
    text = PREFIX + urlsafe_b64encode(secrets.random()).decode().rstrip("=")
    token = ApiToken(
        id=ApiTokenId(work.new_id()),
        user_id=user_id,
        name=name,
        created_at=work.now,
        expires_at=None if expires_in_days is None else work.now + timedelta(days=expires_in_days),
        last_used_at=None,
    )
    work.api_tokens.add(token, hash_token(text))
    work.record_event("access_token_created", user_id, token.id)
    return token, text


def authenticate(work: UnitOfWork, text: str) -> Principal:
    """Return the token's principal.

    Raises:
        Unauthorized: the token is unknown, revoked or expired.
    """
    if len(text) != _LENGTH or not text.isascii():
        raise Unauthorized
    token = work.api_tokens.find_by_hash(hash_token(text), work.now)
    if token is None:
        raise Unauthorized
    last = token.last_used_at
    is_due = last is None or work.now - last >= USE_RECORDED_EVERY
    return Principal(token.user_id, None, token.id if is_due else None)


class TokenUsage:
    """Records when tokens were last used, in a thread that no request waits for."""

    def __init__(self, database: Database, background: Background) -> None:
        self._database = database
        self._background = background
        self._lock = Lock()
        self._waiting: set[ApiTokenId] = set()
        self._is_writing = False

    def note(self, token_id: ApiTokenId) -> None:
        """Record soon that the token was used.

        A use that cannot be written is left to the token's next one.
        """
        with self._lock:
            self._waiting.add(token_id)
            if self._is_writing:
                return
            self._is_writing = True
        self._background.start(self._write)

    def _write(self) -> None:
        while True:
            with self._lock:
                used, self._waiting = self._waiting, set()
                self._is_writing = bool(used)
            if not used:
                return
            # Every error ends here, at the thread's edge: no request may notice.
            with suppress(Exception), self._database.write() as work:
                # In one order, since others may lock the same rows.
                for token_id in sorted(used):
                    work.api_tokens.mark_used(token_id, work.now)


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[ApiToken]:
    """Return the user's live tokens, newest first."""
    return work.api_tokens.of_user(user_id, work.now, page)


def revoke(work: UnitOfWork, user_id: UserId, token_id: ApiTokenId) -> None:
    """Revoke a token; it is refused from now on.

    Raises:
        NotFound: there is no such token, or it is another user's.
    """
    token = work.api_tokens.get(token_id)
    if token is None or token.user_id != user_id:
        raise NotFound
    work.api_tokens.revoke(token_id, work.now)
    work.record_event("access_token_revoked", user_id, token_id)


def hash_token(text: str) -> bytes:
    """Return the hash by which a token is stored and found."""
    return sha256(text.encode()).digest()
