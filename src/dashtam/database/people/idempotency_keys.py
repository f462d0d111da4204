"""The statements on idempotency keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from dashtam.database.repository import Repository
from dashtam.database.tables import idempotency_keys
from dashtam.domain.user import UserId

_LIFETIME: Final = timedelta(hours=24)

_k = idempotency_keys.c


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The first response under an idempotency key; ``status`` is None until it is complete."""

    fingerprint: bytes
    lease_until: datetime
    status: int | None
    headers: Mapping[str, str]
    body: bytes


class IdempotencyKeys(Repository):
    """The statements on ``idempotency_keys``."""

    def get(self, user_id: UserId, route: str, key: str, now: datetime) -> StoredResponse | None:
        """Return the key's response, unless it is older than a day."""
        is_recent = _k.created_at > now - _LIFETIME
        row = self._connection.execute(
            select(idempotency_keys).where(_is_key(user_id, route, key), is_recent)
        ).one_or_none()
        if row is None:
            return None
        headers = msgspec.json.decode(row.headers, type=dict[str, str])
        return StoredResponse(row.fingerprint, row.lease_until, row.status, headers, row.body)

    def claim(
        self, user_id: UserId, route: str, key: str, response: StoredResponse, now: datetime
    ) -> bool:
        """Insert the key for a request in progress; False if another request has it.

        This deletes the user's expired and interrupted keys.
        """
        is_interrupted = and_(_k.status.is_(None), _k.lease_until <= now)
        self._connection.execute(
            delete(idempotency_keys).where(
                _k.user_id == user_id, or_(_k.created_at <= now - _LIFETIME, is_interrupted)
            )
        )
        values = asdict(response) | {"headers": _encode_headers(response)}
        return self._insert_unless_taken(
            insert(idempotency_keys).values(
                user_id=user_id, route=route, key=key, created_at=now, **values
            )
        )

    def complete(self, user_id: UserId, route: str, key: str, response: StoredResponse) -> bool:
        """Store the response; False if the claim with its lease is gone."""
        completed = self._connection.execute(
            update(idempotency_keys)
            .where(_is_key(user_id, route, key), _is_claimed(response.lease_until))
            .values(status=response.status, headers=_encode_headers(response), body=response.body)
        )
        return completed.rowcount == 1

    def release(self, user_id: UserId, route: str, key: str, lease_until: datetime) -> None:
        """Delete the key, unless it has a response or another request's lease."""
        self._connection.execute(
            delete(idempotency_keys).where(_is_key(user_id, route, key), _is_claimed(lease_until))
        )


def _is_key(user_id: UserId, route: str, key: str) -> ColumnElement[bool]:
    return and_(_k.user_id == user_id, _k.route == route, _k.key == key)


def _is_claimed(lease_until: datetime) -> ColumnElement[bool]:
    return and_(_k.status.is_(None), _k.lease_until == lease_until)


def _encode_headers(response: StoredResponse) -> str:
    return msgspec.json.encode(dict(response.headers)).decode()
