"""Syncs on the wire: the runs that recorded balances."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.application.syncs import claims, sync_run, syncs
from dashtam.application.syncs.claims import SyncClaim, SyncRequest
from dashtam.application.syncs.syncs import SyncFollower
from dashtam.database.pagination import ListPage
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import DashtamError
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncState
from dashtam.presentation.http.parameters import ACCOUNT_ID, CONNECTION_ID, path_id, write_cursor
from dashtam.presentation.http.request_context import (
    NO_CONTENT,
    RequestContext,
    Response,
    StreamPart,
)
from dashtam.presentation.schemas.base import Input, Shape

SYNC_ID = path_id("Sync unique identifier.")
SNAPSHOT_ID = path_id("Snapshot unique identifier.", name="snapshot_id")

EVENT_STREAM: Final = "text/event-stream"

_HEARTBEAT_EVERY: Final = 30

Force = Annotated[
    bool,
    Meta(description="Sync although that was done in the last 15 minutes."),
]


class AccountResult(Shape):
    """What a run did to one account."""

    account_id: UUID
    state: SyncState
    code: str | None
    detail: str | None


class SyncShape(Shape):
    """A run; `retracted_at` is null unless its snapshots were taken back."""

    id: UUID
    connection_id: UUID
    source: SnapshotSource
    state: SyncState
    started_at: datetime
    finished_at: datetime | None
    recorded: int
    skipped: int
    accounts: list[AccountResult]
    code: str | None
    detail: str | None
    retracted_at: datetime | None


class SyncList(Shape):
    """A page of runs, newest first."""

    syncs: list[SyncShape]
    total_count: int
    next_cursor: str | None


class SyncOrder(Input):
    """How to sync."""

    force: Force = False


class AccountSyncOrder(Input):
    """Which connection to sync, and how."""

    connection_id: UUID
    force: Force = False


def sync_accounts(context: RequestContext) -> Response:
    """Sync a connection's accounts.

    Asks the provider what every account of the connection holds, and records it with the source
    `account_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = context.body(AccountSyncOrder)

    def begin(work: UnitOfWork) -> SyncClaim:
        connection = connections.load(work, context.user_id, ConnectionId(order.connection_id))
        wanted = SyncRequest(SnapshotSource.ACCOUNT_SYNC, is_forced=order.force)
        return claims.claim_connection(work, context.services, connection, wanted)

    return _synced(context, begin)


def sync_holdings(context: RequestContext) -> Response:
    """Sync an account's holdings.

    Asks the provider for the account's positions and balance, and records them with the source
    `holdings_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = context.body(SyncOrder)

    def begin(work: UnitOfWork) -> SyncClaim:
        account = accounts.load(work, context.user_id, AccountId(context.value(ACCOUNT_ID)))
        connection = connections.load(work, context.user_id, account.connection_id)
        wanted = SyncRequest(SnapshotSource.HOLDINGS_SYNC, account.id, is_forced=order.force)
        return claims.claim_connection(work, context.services, connection, wanted)

    return _synced(context, begin)


def sync_connection(context: RequestContext) -> Response:
    """Sync a connection.

    What a user's Refresh does: everything that the provider tells is recorded, with the source
    `manual_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = context.body(SyncOrder)

    def begin(work: UnitOfWork) -> SyncClaim:
        connection = connections.load(
            work, context.user_id, ConnectionId(context.value(CONNECTION_ID))
        )
        wanted = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=order.force)
        return claims.claim_connection(work, context.services, connection, wanted)

    return _synced(context, begin)


def follow_sync(context: RequestContext) -> Response:
    """Follow a sync.

    The run as server-sent events: `sync` with the run whenever it has changed, the last one when
    it has ended. Comments keep the connection open meanwhile.
    """
    sync = syncs.load(context.work, context.user_id, SyncId(context.value(SYNC_ID)))
    events = _Events(SyncFollower(context.services, context.user_id, sync.id))
    return Response(stream=events.next, media_type=EVENT_STREAM)


class _Events:
    """One client's following of one run."""

    def __init__(self, following: SyncFollower) -> None:
        self._following = following
        self._silent = 0

    def next(self) -> StreamPart:
        """Return what is new, and now and then a sign of life."""
        try:
            sync = self._following.poll()
        except DashtamError:
            # It is gone, or the database is: the client asks for the run itself.
            return StreamPart(b"", is_last=True)
        if sync is not None:
            self._silent = 0
            data = msgspec.json.encode(sync_shape(sync))
            return StreamPart(
                b"event: sync\ndata: " + data + b"\n\n", sync.state != SyncState.RUNNING
            )
        self._silent += 1
        return StreamPart(b": \n\n" if self._silent % _HEARTBEAT_EVERY == 0 else b"")


def _synced(context: RequestContext, begin: Callable[[UnitOfWork], SyncClaim]) -> Response:
    with context.services.database.write() as work:
        claim = begin(work)
        accepted = _answer_of(claim.sync, 202)
        if context.responds_async:
            context.keep(work, accepted)
    if context.responds_async:
        context.services.background.start(partial(sync_run.complete, context.services, claim))
        return accepted

    def keep(work: UnitOfWork, ended: Sync) -> None:
        if ended.state is not SyncState.FAILED:
            context.keep(work, _answer_of(ended, 201))

    return _answer_of(sync_run.complete_or_raise(context.services, claim, keep), 201)


def _answer_of(sync: Sync, status: int) -> Response:
    return Response(sync_shape(sync), status, {"Location": f"/api/v1/syncs/{sync.id}"})


def list_connection_syncs(context: RequestContext) -> Response:
    """List a connection's syncs.

    Every run of the connection, imports and typed balances too, newest first.
    """
    connection_id = ConnectionId(context.value(CONNECTION_ID))
    connection = connections.load(context.work, context.user_id, connection_id)
    return _answer(syncs.list_for_connection(context.work, connection, context.page()))


def list_syncs(context: RequestContext) -> Response:
    """List syncs.

    Every run of all the user's connections, newest first.
    """
    return _answer(syncs.list_for_user(context.work, context.user_id, context.page()))


def get_sync(context: RequestContext) -> Response:
    """Get a sync.

    A run with what it did to each account.
    """
    return Response(
        sync_shape(syncs.load(context.work, context.user_id, SyncId(context.value(SYNC_ID))))
    )


def get_snapshot_sync(context: RequestContext) -> Response:
    """Get a snapshot's sync.

    The run that recorded a balance snapshot: a sync, an import or a typed balance. A snapshot that
    was retracted has its run too, with `retracted_at`.
    """
    account_id = AccountId(context.value(ACCOUNT_ID))
    snapshot_id = SnapshotId(context.value(SNAPSHOT_ID))
    return Response(
        sync_shape(syncs.load_of_snapshot(context.work, context.user_id, account_id, snapshot_id))
    )


def retract_sync(context: RequestContext) -> Response:
    """Retract a sync.

    Takes back what an import or a typed balance recorded: no reading shows it any more, and the
    same file can be imported again. What was recorded stays in the database, and in the audit log.
    """
    syncs.retract(context.work, context.user_id, SyncId(context.value(SYNC_ID)))
    return NO_CONTENT


def _answer(found: ListPage[Sync]) -> Response:
    return Response(
        SyncList(
            syncs=[sync_shape(sync) for sync in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def sync_shape(sync: Sync) -> SyncShape:
    """Return a run as it is sent."""
    return SyncShape(
        id=sync.id,
        connection_id=sync.connection_id,
        source=sync.source,
        state=sync.state,
        started_at=sync.started_at,
        finished_at=sync.finished_at,
        recorded=sync.recorded,
        skipped=sync.skipped,
        accounts=[_result(outcome) for outcome in sync.accounts],
        code=sync.code,
        detail=sync.detail,
        retracted_at=sync.retracted_at,
    )


def _result(outcome: AccountOutcome) -> AccountResult:
    return AccountResult(
        account_id=outcome.account_id,
        state=outcome.state,
        code=outcome.code,
        detail=outcome.detail,
    )
