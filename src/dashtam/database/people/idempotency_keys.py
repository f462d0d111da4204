"""Every statement on ``idempotency_keys``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from dashtam.database.tables import idempotency_keys
from dashtam.domain.user import UserId

_KEPT: Final = timedelta(hours=24)
_headers = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The first answer under an idempotency key; ``status`` is None while it is being made."""

    fingerprint: bytes
    lease_until: datetime
    status: int | None
    headers: Mapping[str, str]
    body: bytes


class IdempotencyKeys:
    """Idempotency keys, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user_id: UserId, route: str, key: str, now: datetime) -> StoredResponse | None:
        """Return what is kept under the key, unless it is older than a day."""
        row = self._connection.execute(
            select(idempotency_keys).where(
                _named(user_id, route, key), idempotency_keys.c.created_at > now - _KEPT
            )
        ).one_or_none()
        if row is None:
            return None
        return StoredResponse(
            fingerprint=row.fingerprint,
            lease_until=row.lease_until,
            status=row.status,
            headers=_headers.decode(row.headers),
            body=row.body,
        )

    def claim(
        self, user_id: UserId, route: str, key: str, answer: StoredResponse, now: datetime
    ) -> bool:
        """Take the key for a request that is being answered; False when somebody else has it.

        The user's spent keys go.
        """
        self._connection.execute(delete(idempotency_keys).where(_spent(user_id, now)))
        statement = insert(idempotency_keys).values(
            user_id=user_id,
            route=route,
            key=key,
            fingerprint=answer.fingerprint,
            created_at=now,
            lease_until=answer.lease_until,
            status=answer.status,
            headers=_text(answer),
            body=answer.body,
        )
        try:
            with self._connection.begin_nested():
                self._connection.execute(statement)
        except IntegrityError:
            return False
        return True

    def complete(self, user_id: UserId, route: str, key: str, answer: StoredResponse) -> bool:
        """Keep the answer; False when the claim with this lease does not hold any more."""
        changed = self._connection.execute(
            update(idempotency_keys)
            .where(_named(user_id, route, key), _claimed(answer.lease_until))
            .values(status=answer.status, headers=_text(answer), body=answer.body)
        )
        return changed.rowcount == 1

    def release(self, user_id: UserId, route: str, key: str, lease_until: datetime) -> None:
        """Let the key be used again, unless an answer is kept or the claim is another's."""
        self._connection.execute(
            delete(idempotency_keys).where(_named(user_id, route, key), _claimed(lease_until))
        )


def _named(user_id: UserId, route: str, key: str) -> ColumnElement[bool]:
    return and_(
        idempotency_keys.c.user_id == user_id,
        idempotency_keys.c.route == route,
        idempotency_keys.c.key == key,
    )


def _claimed(lease_until: datetime) -> ColumnElement[bool]:
    return and_(idempotency_keys.c.status.is_(None), idempotency_keys.c.lease_until == lease_until)


def _spent(user_id: UserId, now: datetime) -> ColumnElement[bool]:
    interrupted = and_(idempotency_keys.c.status.is_(None), idempotency_keys.c.lease_until <= now)
    return and_(
        idempotency_keys.c.user_id == user_id,
        or_(idempotency_keys.c.created_at <= now - _KEPT, interrupted),
    )


def _text(answer: StoredResponse) -> str:
    return msgspec.json.encode(dict(answer.headers)).decode()
