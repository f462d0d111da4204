"""Idempotency keys: a repeated request gets the first response, and is not done again."""

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

KEY_HEADER: Final = "idempotency-key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LEASE: Final = timedelta(minutes=2)
# A provider may take a minute for each of its answers.
_PROVIDER_LEASE: Final = timedelta(minutes=10)


class RequestInProgress(Conflict):
    """The first request with the key has no response yet."""

    detail = "The first request with this Idempotency-Key is still being answered."


class LeaseExpired(Conflict):
    """The request outlived the lease of its key, so that another request may have the key."""

    detail = (
        "This request took so long that its Idempotency-Key was free again. It was not done;"
        " send it again."
    )


class KeyReused(Unprocessable):
    """The key was used for a different request."""

    detail = "This Idempotency-Key was used for a different request."


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """The claim of one request on its key. No other claim on the key has the same lease."""

    user_id: UserId
    route: str
    key: str
    fingerprint: bytes
    lease_until: datetime

    def store(self, work: UnitOfWork, status: int, headers: dict[str, str], body: bytes) -> None:
        """Store the response in the unit of work that it reports.

        Raises:
            LeaseExpired: another request has the key, and the work must not be committed.
        """
        response = StoredResponse(self.fingerprint, self.lease_until, status, headers, body)
        if not work.idempotency_keys.complete(self.user_id, self.route, self.key, response):
            raise LeaseExpired

    def release(self, work: UnitOfWork) -> None:
        """Free the key where the request was not done.

        A stored response stays: a commit looks like a failure where its confirmation is lost.
        """
        work.idempotency_keys.release(self.user_id, self.route, self.key, self.lease_until)


def read_key(request: Request) -> str:
    """Return the text of the request's key.

    Raises:
        Invalid: the header is not 1 to 255 visible ASCII characters.
    """
    text = request.headers[KEY_HEADER]
    if not _KEY.fullmatch(text):
        detail = "An Idempotency-Key is 1 to 255 visible ASCII characters."
        raise Invalid(detail, (FieldError("Idempotency-Key", "invalid", detail),))
    return text


def claim_key(
    services: Services, route: Route, request: Request, user_id: UserId, key: str
) -> StoredResponse | IdempotencyClaim:
    """Return the response that is stored under the key, else a claim for this request.

    Raises:
        KeyReused: the key was used for a request with another path or body.
        RequestInProgress: the request that claimed the key is still running.
        Unauthorized: the user was erased meanwhile.
    """
    name = f"{route.method} {route.path}"
    content = request.path.encode() + b"\n" + request.fingerprint
    fingerprint = services.secrets.derive("idempotency", content)
    with services.database.write() as work:
        keys = work.idempotency_keys
        work.users.block_erasure(user_id)
        stored = keys.get(user_id, name, key, work.now)
        if stored is not None:
            if stored.fingerprint != fingerprint:
                raise KeyReused
            if stored.status is not None:
                return stored
            if stored.lease_until > work.now:
                raise RequestInProgress
        lease_until = work.now + (_PROVIDER_LEASE if route.asks_providers else _LEASE)
        unanswered = StoredResponse(fingerprint, lease_until, None, {}, b"")
        if not keys.claim(user_id, name, key, unanswered, work.now):
            raise RequestInProgress
    return IdempotencyClaim(user_id, name, key, fingerprint, lease_until)
