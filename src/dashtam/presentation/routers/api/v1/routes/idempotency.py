"""Idempotency keys: a repeated request gets the first answer and is not done again."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from dashtam.application.ports import World
from dashtam.application.records import KeptAnswer, Work
from dashtam.domain.errors import Conflict, Fault, Invalid, Unprocessable
from dashtam.domain.user import UserId
from dashtam.presentation.call import Request
from dashtam.presentation.routers.api.v1.routes.route import Route

HEADER: Final = "idempotency-key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LEASE: Final = timedelta(minutes=2)


class AnsweringStill(Conflict):
    """The first request under the key is not answered yet."""

    detail = "The first request with this Idempotency-Key is still being answered."


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

    def claim(self, work: Work) -> KeptAnswer | None:
        """Return the answer that is kept under the key; None when the key is now ours to answer.

        Raises:
            KeyOfAnother: the key stands for a request with another body.
            AnsweringStill: the request that took the key is still running.
        """
        kept = work.idempotency_keys.get(self.user_id, self.route, self.key, work.now)
        if kept is not None:
            if kept.fingerprint != self.fingerprint:
                raise KeyOfAnother
            if kept.status is not None:
                return kept
            if kept.lease_until > work.now:
                raise AnsweringStill
        claim = KeptAnswer(self.fingerprint, work.now + _LEASE, None, {}, b"")
        work.idempotency_keys.claim(self.user_id, self.route, self.key, claim, work.now)
        return None

    def keep(self, work: Work, status: int, headers: dict[str, str], body: bytes) -> None:
        """Keep the answer, in the work that it tells of."""
        answer = KeptAnswer(self.fingerprint, work.now, status, headers, body)
        work.idempotency_keys.keep(self.user_id, self.route, self.key, answer)

    def free(self, work: Work) -> None:
        """Let the key be used again, since nothing was done."""
        work.idempotency_keys.free(self.user_id, self.route, self.key)


def key_of(world: World, route: Route, request: Request, user_id: UserId) -> IdempotencyKey | None:
    """Return the request's key, None where it has none or the route takes none.

    Raises:
        Invalid: the header is not 1 to 255 visible ASCII characters.
    """
    text = request.headers.get(HEADER)
    if text is None or not route.idempotent:
        return None
    if not _KEY.fullmatch(text):
        detail = "An Idempotency-Key is 1 to 255 visible ASCII characters."
        raise Invalid(detail, (Fault("Idempotency-Key", "invalid", detail),))
    said = request.path.encode() + b"\n" + request.fingerprint
    return IdempotencyKey(
        user_id=user_id,
        route=f"{route.method} {route.path}",
        key=text,
        fingerprint=world.secrets.derive("idempotency", said),
    )
