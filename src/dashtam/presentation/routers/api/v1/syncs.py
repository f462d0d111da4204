"""Syncs on the wire: the runs that recorded balances."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.application.syncs import claims, sync_run, syncs
from dashtam.application.syncs.claims import SyncRequest
from dashtam.application.syncs.syncs import SyncFollower
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import DashtamError
from dashtam.domain.sync import (
    AccountCode,
    SnapshotSource,
    Sync,
    SyncFailureCode,
    SyncId,
    SyncState,
)
from dashtam.presentation.http.parameters import ACCOUNT_ID, CONNECTION_ID, SNAPSHOT_ID, path_id
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, PageShape, Shape

SYNC_ID = path_id(SyncId, "Sync unique identifier.")

EVENT_STREAM: Final = "text/event-stream"

_POLLS_PER_HEARTBEAT: Final = 30

Force = Annotated[
    bool, Meta(description="Sync even where the last sync is less than 15 minutes ago.")
]


class AccountResult(Shape):
    """The result of a run for one account.

    `skipped` balances were known already. `remarks` tell of recorded balances that are not closing
    booked ones.
    """

    account_id: UUID
    state: SyncState
    recorded: int
    skipped: int
    code: AccountCode | None
    detail: str | None
    remarks: list[str]


class SyncShape(Shape):
    """A run; `retracted_at` is null unless its snapshots were retracted.

    `first_on` and `last_on` are the first and last day (UTC) of the balances in the file or in the
    provider's report, null without any. `file_name`, `file_format` and `mapping`, the one that was
    given, are of an import's file, else null.
    """

    id: UUID
    connection_id: UUID
    source: SnapshotSource
    state: SyncState
    started_at: Instant
    finished_at: Instant | None
    recorded: int
    skipped: int
    accounts: list[AccountResult]
    code: SyncFailureCode | None
    detail: str | None
    retracted_at: Instant | None
    file_name: str | None
    file_format: str | None
    first_on: date | None
    last_on: date | None
    mapping: dict[str, Any] | None

    example: ClassVar = {
        "id": examples.SYNC_ID,
        "connection_id": examples.CONNECTION_ID,
        "source": "holdings_sync",
        "state": "succeeded",
        "started_at": examples.CAPTURED_AT,
        "finished_at": "2025-12-26T10:00:02Z",
        "recorded": 1,
        "skipped": 0,
        "accounts": [
            {
                "account_id": examples.ACCOUNT_ID,
                "state": "succeeded",
                "recorded": 1,
                "skipped": 0,
                "code": None,
                "detail": None,
                "remarks": [],
            }
        ],
        "code": None,
        "detail": None,
        "retracted_at": None,
        "file_name": None,
        "file_format": None,
        "first_on": "2025-12-26",
        "last_on": "2025-12-26",
        "mapping": None,
    }


class SyncList(PageShape):
    """A page of runs, newest first."""

    syncs: list[SyncShape]


class SyncOrder(Input):
    """Options of a sync."""

    force: Force = False
    example: ClassVar = {"force": False}


class AccountSyncOrder(Input):
    """The connection to sync, and options of the sync."""

    connection_id: UUID
    force: Force = False
    example: ClassVar = {"connection_id": examples.CONNECTION_ID, "force": False}


def sync_accounts(context: RequestContext) -> Response[SyncShape]:
    """Sync a connection's accounts.

    Asks the provider for every account of the connection, and records the balances with the source
    `account_sync`. With `Prefer: respond-async` the answer is 202 while the run continues.
    """
    order = context.body(AccountSyncOrder)
    request = SyncRequest(SnapshotSource.ACCOUNT_SYNC, is_forced=order.force)
    return _sync(context, request, ConnectionId(order.connection_id))


def sync_holdings(context: RequestContext) -> Response[SyncShape]:
    """Sync an account's holdings.

    Asks the provider for the account's positions and balance, and records them with the source
    `holdings_sync`. With `Prefer: respond-async` the answer is 202 while the run continues.
    """
    is_forced = context.body(SyncOrder).force
    account_id = context.value(ACCOUNT_ID)
    return _sync(context, SyncRequest(SnapshotSource.HOLDINGS_SYNC, account_id, is_forced))


def sync_connection(context: RequestContext) -> Response[SyncShape]:
    """Sync a connection.

    The user's Refresh: all that the provider reports is recorded, with the source `manual_sync`.
    With `Prefer: respond-async` the answer is 202 while the run continues.
    """
    request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=context.body(SyncOrder).force)
    return _sync(context, request, context.value(CONNECTION_ID))


def _sync(
    context: RequestContext, request: SyncRequest, connection_id: ConnectionId | None = None
) -> Response[SyncShape]:
    """Sync this connection, or that of the request's account."""
    services = context.services
    with services.database.write() as work:
        if connection_id is None:
            assert request.account_id is not None, "an account or a connection is named"
            connection_id = accounts.load(work, context.user_id, request.account_id).connection_id
        connection = connections.load(work, context.user_id, connection_id)
        claim = claims.claim_connection(work, services, connection, request)
        accepted = _respond(claim.sync, 202)
        if context.responds_async:
            context.store_response(work, accepted)
    if context.responds_async:
        services.background.start(partial(sync_run.complete, services, claim))
        return accepted

    def store(work: UnitOfWork, ended: Sync) -> None:
        if ended.state is not SyncState.FAILED:
            context.store_response(work, _respond(ended, 201))

    return _respond(sync_run.complete_or_raise(services, claim, store), 201)


def _respond(sync: Sync, status: int) -> Response[SyncShape]:
    return Response(SyncShape.of(sync), status, f"/syncs/{sync.id}")


def follow_sync(context: RequestContext) -> Response[None]:
    """Follow a sync.

    The run as server-sent events: `sync` with the run whenever it has changed, the last one when
    it has ended. Comments keep the connection open meanwhile.
    """
    sync = syncs.load(context.work, context.user_id, context.value(SYNC_ID))
    events = _sync_events(SyncFollower(context.services, context.user_id, sync.id))
    return Response(stream=events, media_type=EVENT_STREAM)


def _sync_events(following: SyncFollower) -> Iterator[bytes]:
    """Yield an event for each change of the run; between them heartbeats, or nothing."""
    silent_polls = 0
    while True:
        try:
            sync = following.poll()
        except DashtamError:
            # The run is gone, or the database is away: the client requests the run itself.
            return
        if sync is None:
            silent_polls += 1
            yield b": \n\n" if silent_polls % _POLLS_PER_HEARTBEAT == 0 else b""
            continue
        silent_polls = 0
        yield b"event: sync\ndata: " + msgspec.json.encode(SyncShape.of(sync)) + b"\n\n"
        if sync.state is not SyncState.RUNNING:
            return


def list_connection_syncs(context: RequestContext) -> Response[SyncList]:
    """List a connection's syncs.

    Every run of the connection, imports and typed balances too, newest first.
    """
    connection = connections.load(context.work, context.user_id, context.value(CONNECTION_ID))
    found = syncs.list_for_connection(context.work, connection, context.page())
    return Response.of_page(SyncList, found, SyncShape.of)


def list_syncs(context: RequestContext) -> Response[SyncList]:
    """List syncs.

    Every run of all the user's connections, newest first.
    """
    found = syncs.list_for_user(context.work, context.user_id, context.page())
    return Response.of_page(SyncList, found, SyncShape.of)


def get_sync(context: RequestContext) -> Response[SyncShape]:
    """Get a sync.

    A run with its result for each account.
    """
    sync = syncs.load(context.work, context.user_id, context.value(SYNC_ID))
    return Response(SyncShape.of(sync))


def get_snapshot_sync(context: RequestContext) -> Response[SyncShape]:
    """Get a snapshot's sync.

    The run that recorded a balance snapshot: a sync, an import or a typed balance. A snapshot that
    was retracted has its run too, with `retracted_at`.
    """
    account_id = context.value(ACCOUNT_ID)
    snapshot_id = context.value(SNAPSHOT_ID)
    sync = syncs.load_of_snapshot(context.work, context.user_id, account_id, snapshot_id)
    return Response(SyncShape.of(sync))


def retract_sync(context: RequestContext) -> Response[None]:
    """Retract a sync.

    Takes back the snapshots of a run, be it a sync, an import or a typed balance: no answer shows
    them any more, and the same file can be imported again. They stay in the database, and in the
    audit log.
    """
    syncs.retract(context.work, context.user_id, context.value(SYNC_ID))
    return NO_CONTENT
