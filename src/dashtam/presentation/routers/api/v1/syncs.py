"""Syncs on the wire: the runs that recorded balances."""

from datetime import datetime
from uuid import UUID

from dashtam.application import connections, syncs
from dashtam.application.records import Listed
from dashtam.domain.account import AccountId
from dashtam.domain.balance_snapshot import SnapshotId, SnapshotSource
from dashtam.domain.connection import ConnectionId
from dashtam.domain.sync import AccountOutcome, Sync, SyncId, SyncState
from dashtam.presentation.call import NO_CONTENT, Answer, Call
from dashtam.presentation.parameters import ACCOUNT_ID, CONNECTION_ID, path_id, write_cursor
from dashtam.presentation.wire import Shape

SYNC_ID = path_id("Sync unique identifier.")
SNAPSHOT_ID = path_id("Snapshot unique identifier.", name="snapshot_id")


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
