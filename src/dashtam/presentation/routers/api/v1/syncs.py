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
from dashtam.application.syncs import sync_run, syncs
from dashtam.application.syncs.sync_result import Claim
from dashtam.application.syncs.sync_run import Wanted
from dashtam.application.syncs.syncs import Following
from dashtam.database.pagination import Listed
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import Refusal
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncState
from dashtam.presentation.http.parameters import ACCOUNT_ID, CONNECTION_ID, path_id, write_cursor
from dashtam.presentation.http.request_context import NO_CONTENT, Answer, Call, Piece
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


def sync_accounts(call: Call) -> Answer:
    """Sync a connection's accounts.

    Asks the provider what every account of the connection holds, and records it with the source
    `account_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = call.body(AccountSyncOrder)

    def begin(work: UnitOfWork) -> Claim:
        connection = connections.of(work, call.user_id, ConnectionId(order.connection_id))
        wanted = Wanted(SnapshotSource.ACCOUNT_SYNC, is_forced=order.force)
        return sync_run.begin(work, call.world, connection, wanted)

    return _synced(call, begin)


def sync_holdings(call: Call) -> Answer:
    """Sync an account's holdings.

    Asks the provider for the account's positions and balance, and records them with the source
    `holdings_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = call.body(SyncOrder)

    def begin(work: UnitOfWork) -> Claim:
        account = accounts.owned(work, call.user_id, AccountId(call.value(ACCOUNT_ID)))
        connection = connections.of(work, call.user_id, account.connection_id)
        wanted = Wanted(SnapshotSource.HOLDINGS_SYNC, account, is_forced=order.force)
        return sync_run.begin(work, call.world, connection, wanted)

    return _synced(call, begin)


def sync_connection(call: Call) -> Answer:
    """Sync a connection.

    What a user's Refresh does: everything that the provider tells is recorded, with the source
    `manual_sync`. With `Prefer: respond-async` the answer is 202 and the run goes on.
    """
    order = call.body(SyncOrder)

    def begin(work: UnitOfWork) -> Claim:
        connection = connections.of(work, call.user_id, ConnectionId(call.value(CONNECTION_ID)))
        wanted = Wanted(SnapshotSource.MANUAL_SYNC, is_forced=order.force)
        return sync_run.begin(work, call.world, connection, wanted)

    return _synced(call, begin)


def follow_sync(call: Call) -> Answer:
    """Follow a sync.

    The run as server-sent events: `sync` with the run whenever it has changed, the last one when
    it has ended. Comments keep the connection open meanwhile.
    """
    sync = syncs.of(call.work, call.user_id, SyncId(call.value(SYNC_ID)))
    events = _Events(Following(call.world, call.user_id, sync.id))
    return Answer(follow=events.next, media_type=EVENT_STREAM)


class _Events:
    """One client's following of one run."""

    def __init__(self, following: Following) -> None:
        self._following = following
        self._silent = 0

    def next(self) -> Piece:
        """Return what is new, and now and then a sign of life."""
        try:
            sync = self._following.news()
        except Refusal:
            # It is gone, or the database is: the client asks for the run itself.
            return Piece(b"", is_last=True)
        if sync is not None:
            self._silent = 0
            data = msgspec.json.encode(sync_shape(sync))
            return Piece(b"event: sync\ndata: " + data + b"\n\n", sync.state != SyncState.RUNNING)
        self._silent += 1
        return Piece(b": \n\n" if self._silent % _HEARTBEAT_EVERY == 0 else b"")


def _synced(call: Call, begin: Callable[[UnitOfWork], Claim]) -> Answer:
    with call.world.database.write() as work:
        claim = begin(work)
        accepted = _answer_of(claim.sync, 202)
        if call.responds_async:
            call.keep(work, accepted)
    if call.responds_async:
        call.world.background.start(partial(sync_run.complete, call.world, claim))
        return accepted

    def keep(work: UnitOfWork, ended: Sync) -> None:
        if ended.state is not SyncState.FAILED:
            call.keep(work, _answer_of(ended, 201))

    return _answer_of(sync_run.run(call.world, claim, keep), 201)


def _answer_of(sync: Sync, status: int) -> Answer:
    return Answer(sync_shape(sync), status, {"Location": f"/api/v1/syncs/{sync.id}"})


def list_connection_syncs(call: Call) -> Answer:
    """List a connection's syncs.

    Every run of the connection, imports and typed balances too, newest first.
    """
    connection_id = ConnectionId(call.value(CONNECTION_ID))
    connection = connections.of(call.work, call.user_id, connection_id)
    return _answer(syncs.of_connection(call.work, connection, call.page()))


def list_syncs(call: Call) -> Answer:
    """List syncs.

    Every run of all the user's connections, newest first.
    """
    return _answer(syncs.of_user(call.work, call.user_id, call.page()))


def get_sync(call: Call) -> Answer:
    """Get a sync.

    A run with what it did to each account.
    """
    return Answer(sync_shape(syncs.of(call.work, call.user_id, SyncId(call.value(SYNC_ID)))))


def get_snapshot_sync(call: Call) -> Answer:
    """Get a snapshot's sync.

    The run that recorded a balance snapshot: a sync, an import or a typed balance. A snapshot that
    was retracted has its run too, with `retracted_at`.
    """
    account_id = AccountId(call.value(ACCOUNT_ID))
    snapshot_id = SnapshotId(call.value(SNAPSHOT_ID))
    return Answer(sync_shape(syncs.of_snapshot(call.work, call.user_id, account_id, snapshot_id)))


def retract_sync(call: Call) -> Answer:
    """Retract a sync.

    Takes back what an import or a typed balance recorded: no reading shows it any more, and the
    same file can be imported again. What was recorded stays in the database, and in the audit log.
    """
    syncs.retract(call.work, call.user_id, SyncId(call.value(SYNC_ID)))
    return NO_CONTENT


def _answer(found: Listed[Sync]) -> Answer:
    return Answer(
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
