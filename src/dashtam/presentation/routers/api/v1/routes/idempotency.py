"""Idempotency keys: a repeated request gets the first answer and is not done again."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dashtam.application.ports import Services
from dashtam.database.people.idempotency_keys import StoredResponse
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, FieldError, Invalid, Unprocessable
from dashtam.domain.user import UserId
from dashtam.presentation.http.request_context import Request
from dashtam.presentation.routers.api.v1.routes.route import Route

HEADER: Final = "idempotency-key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LEASE: Final = timedelta(minutes=2)
# A provider may take a minute for each of its answers.
_LEASE_ASKING: Final = timedelta(minutes=10)


class AnsweringStill(Conflict):
    """The first request under the key is not answered yet."""

    detail = "The first request with this Idempotency-Key is still being answered."


class TookTooLong(Conflict):
    """The request did not end while its key was its own, so somebody else may have the key."""

    detail = (
        "This request took so long that its Idempotency-Key was free again. It was not done;"
        " send it again."
    )


class KeyOfAnother(Unprocessable):
    """The key was used for a different request."""

    detail = "This Idempotency-Key was used for a different request."


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key that one user chose for one request of one route."""

    user_id: UserId
    route: str
    key: str
    fingerprint: bytes
    lease: timedelta

    def claim(self, work: UnitOfWork) -> "StoredResponse | IdempotencyClaim":
        """Return the answer that is kept under the key, or the claim by which it is ours to answer.

        Raises:
            KeyOfAnother: the key stands for a request with another body.
            AnsweringStill: the request that took the key is still running.
            Unauthorized: the user was erased meanwhile.
        """
        work.users.block_erasure(self.user_id)
        kept = work.idempotency_keys.get(self.user_id, self.route, self.key, work.now)
        if kept is not None:
            if kept.fingerprint != self.fingerprint:
                raise KeyOfAnother
            if kept.status is not None:
                return kept
            if kept.lease_until > work.now:
                raise AnsweringStill
        lease_until = work.now + self.lease
        claim = StoredResponse(self.fingerprint, lease_until, None, {}, b"")
        if not work.idempotency_keys.claim(self.user_id, self.route, self.key, claim, work.now):
            raise AnsweringStill
        return IdempotencyClaim(self, lease_until)


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A key that one request has to answer. Its lease is as good as a name: no other has it."""

    key: IdempotencyKey
    lease_until: datetime

    def keep(self, work: UnitOfWork, status: int, headers: dict[str, str], body: bytes) -> None:
        """Keep the answer, in the work that it tells of.

        Raises:
            TookTooLong: the key is another's by now, and what the work did must not stand.
        """
        key = self.key
        answer = StoredResponse(key.fingerprint, self.lease_until, status, headers, body)
        if not work.idempotency_keys.complete(key.user_id, key.route, key.key, answer):
            raise TookTooLong

    def free(self, work: UnitOfWork) -> None:
        """Let the key be used again where nothing was done.

        What seems to have failed may have been committed, answer and all, when only the word of it
        was lost on the way: then the answer stays.
        """
        key = self.key
        work.idempotency_keys.release(key.user_id, key.route, key.key, self.lease_until)


def key_text(route: Route, request: Request) -> str | None:
    """Return the text of the request's key, None where it has none or the route takes none.

    Raises:
        Invalid: the header is not 1 to 255 visible ASCII characters.
    """
    text = request.headers.get(HEADER)
    if text is None or not route.idempotent:
        return None
    if not _KEY.fullmatch(text):
        detail = "An Idempotency-Key is 1 to 255 visible ASCII characters."
        raise Invalid(detail, (FieldError("Idempotency-Key", "invalid", detail),))
    return text


def key_of(
    services: Services, route: Route, request: Request, user_id: UserId, text: str
) -> IdempotencyKey:
    """Return the key with this text, once the request's body is known."""
    said = request.path.encode() + b"\n" + request.fingerprint
    return IdempotencyKey(
        user_id=user_id,
        route=f"{route.method} {route.path}",
        key=text,
        fingerprint=services.secrets.derive("idempotency", said),
        lease=_LEASE_ASKING if route.asks_providers else _LEASE,
    )
