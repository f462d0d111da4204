"""Long-lived tokens that only read: for scripts and for the dashboards of others."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Final

from dashtam.application.audit_log import note
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
    work: UnitOfWork,
    secrets: Secrets,
    user_id: UserId,
    name: str,
    expires_in_days: int | None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which cannot be had again.

    Without ``expires_in_days`` it is good until it is revoked.

    Raises:
        Unprocessable: the name or the days break a rule.
        Unauthorized: there is no such user any more.
    """
    name = name.strip()
    _refuse_faults(name, expires_in_days)
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
    work.api_tokens.add(token, hash_of(text))
    note(work, "access_token_created", user_id, token.id)
    return token, text


def authenticate(work: UnitOfWork, text: str) -> Principal:
    """Return who reads with this token.

    Raises:
        Unauthorized: it is not good, or no longer.
    """
    if len(text) != _LENGTH or not text.isascii():
        raise Unauthorized
    token = work.api_tokens.find_by_hash(hash_of(text), work.now)
    if token is None:
        raise Unauthorized
    noted = token.last_used_at
    is_unnoted = noted is None or work.now - noted >= USE_RECORDED_EVERY
    return Principal(token.user_id, None, token.id if is_unnoted else None)


class TokenUsage:
    """Uses of tokens that are to be written down, in a thread for which no reader waits."""

    def __init__(self, database: Database, background: Background) -> None:
        self._database = database
        self._background = background
        self._lock = Lock()
        self._waiting: set[ApiTokenId] = set()
        self._is_writing = False

    def note(self, principal: Principal) -> None:
        """Have it written down soon that the principal's token is in use, if it is due.

        What cannot be written now is told again by the token's next use.
        """
        if principal.unrecorded_token_id is None:
            return
        with self._lock:
            self._waiting.add(principal.unrecorded_token_id)
            if self._is_writing:
                return
            self._is_writing = True
        self._background.start(self._write)

    def _write(self) -> None:
        while used := self._next():
            # Whatever fails ends here, at the thread's edge: no request may notice.
            with suppress(Exception), self._database.write() as work:
                # In one order, since others may lock the same rows.
                for token_id in sorted(used):
                    work.api_tokens.mark_used(token_id, work.now)

    def _next(self) -> set[ApiTokenId]:
        with self._lock:
            used, self._waiting = self._waiting, set()
            self._is_writing = bool(used)
            return used


def of_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[ApiToken]:
    """Return the user's live tokens, newest first."""
    return work.api_tokens.of_user(user_id, work.now, page)


def revoke(work: UnitOfWork, user_id: UserId, token_id: ApiTokenId) -> None:
    """End a token; it is refused from now on.

    Raises:
        NotFound: there is no such token, or it is another user's.
    """
    token = work.api_tokens.get(token_id)
    if token is None or token.user_id != user_id:
        raise NotFound
    work.api_tokens.revoke(token_id, work.now)
    note(work, "access_token_revoked", user_id, token_id)


def hash_of(text: str) -> bytes:
    """Return by what a token is known here; its text is kept nowhere."""
    return sha256(text.encode()).digest()


def _refuse_faults(name: str, days: int | None) -> None:
    field_errors = []
    if not (1 <= len(name) <= LONGEST_NAME and name.isprintable()):
        detail = f"A name has 1 to {LONGEST_NAME} printable characters."
        field_errors.append(FieldError("/name", "invalid", detail))
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        detail = f"A token is good for 1 to {LONGEST_DAYS} days."
        field_errors.append(FieldError("/expires_in_days", "out_of_range", detail))
    if field_errors:
        raise Unprocessable(field_errors[0].detail, tuple(field_errors))
