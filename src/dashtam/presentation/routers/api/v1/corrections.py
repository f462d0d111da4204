"""Single snapshots on the wire: retracting and correcting them."""

from typing import ClassVar

from dashtam.application.imports import corrections
from dashtam.domain.period import MIN_INSTANT, Moment
from dashtam.presentation.http.parameters import ACCOUNT_ID, SNAPSHOT_ID
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas.base import Input, Reason
from dashtam.presentation.schemas.snapshots import Snapshot, snapshot_shape
from dashtam.presentation.schemas.typed_amounts import TypedAmounts


class Retraction(Input):
    """Why a snapshot is retracted."""

    reason: Reason | None = None
    example: ClassVar = {"reason": "The bank reported another account's balance."}


class Correction(TypedAmounts, kw_only=True):
    """The right amounts of a snapshot; those that are left out are unknown."""

    reason: Reason
    example: ClassVar = {"balance": "25000.00", "reason": "The bank reported cents."}


def retract_snapshot(context: RequestContext) -> Response[None]:
    """Retract a snapshot.

    Takes back one snapshot of any source: no answer shows it any more. It stays in the database,
    with the reason. A retracted correction does not bring back the snapshot that it superseded.
    """
    corrections.retract(
        context.work,
        context.user_id,
        context.value(ACCOUNT_ID),
        context.value(SNAPSHOT_ID),
        context.body(Retraction).reason,
    )
    return NO_CONTENT


def correct_snapshot(context: RequestContext) -> Response[Snapshot]:
    """Correct a snapshot.

    Records a snapshot with the right amounts at the same instant; from then on no answer shows the
    old one, which stays in the database. A correction can be corrected again. `Location` names the
    run that recorded the new snapshot.
    """
    body = context.body(Correction)
    corrected = corrections.correct(
        context.work,
        context.user_id,
        context.value(ACCOUNT_ID),
        context.value(SNAPSHOT_ID),
        # The instant is that of the corrected snapshot.
        body.reading_at(Moment(MIN_INSTANT)),
        body.reason,
    )
    return Response(snapshot_shape(corrected.snapshot), location=f"/syncs/{corrected.sync_id}")
