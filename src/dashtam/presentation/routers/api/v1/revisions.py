"""Revisions on the wire: the changes of an account's past."""

from typing import ClassVar
from uuid import UUID

from dashtam.application.history import revisions
from dashtam.domain.history.revision import Actor, RevisionKind
from dashtam.presentation.http.parameters import ACCOUNT_ID
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Instant, PageShape, Shape


class RevisionShape(Shape):
    """One change of an account's past.

    `by` is `sync` where a live run did it. `sync_id` is the run that recorded, was retracted or
    decided, null without one. The instants and `points` are of the snapshots that it is about, null
    where it is about the account. `reason` is in the owner's words, null without one.
    """

    at: Instant
    kind: RevisionKind
    by: Actor
    sync_id: UUID | None
    first_captured_at: Instant | None
    last_captured_at: Instant | None
    points: int | None
    reason: str | None
    detail: str

    example: ClassVar = {
        "at": examples.CAPTURED_AT,
        "kind": "correction",
        "by": "owner",
        "sync_id": examples.SYNC_ID,
        "first_captured_at": "2025-06-15T10:00:00Z",
        "last_captured_at": "2025-06-15T10:00:00Z",
        "points": 1,
        "reason": "The bank reported cents.",
        "detail": "A balance was corrected.",
    }


class RevisionList(PageShape):
    """A page of revisions, the newest first."""

    revisions: list[RevisionShape]


def list_revisions(context: RequestContext) -> Response[RevisionList]:
    """List an account's revisions.

    The changes of the account's past: corrections, retractions, runs that recorded balances of
    before the newest one, decided holds, and settings that turn its readings.
    """
    found = revisions.list_for_account(
        context.work, context.user_id, context.value(ACCOUNT_ID), context.page()
    )
    return Response.of_page(RevisionList, found, RevisionShape.of)
