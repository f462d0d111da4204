"""Claims: which connection is synced next, and the right to sync it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from dashtam.application.ports import Services
from dashtam.application.provider import Provider
from dashtam.application.syncs import schedule
from dashtam.application.syncs.syncs import SyncRunning, interrupt
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection, ConnectionState, ProviderKind
from dashtam.domain.errors import Conflict, RateLimited, Unauthorized
from dashtam.domain.sync import (
    SnapshotSource,
    Sync,
    SyncFailureCode,
    SyncId,
    SyncKind,
    SyncState,
)

_EXPIRED_AT_ONCE: Final = 100
_SPREAD_AT_ONCE: Final = 1_000
_RETRY_UNINSTALLED_AFTER: Final = timedelta(days=1)
_DISCONNECTED: Final = "The connection was disconnected meanwhile; nothing was recorded."


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A sync as it is requested; ``account_id`` for the holdings of that account alone.

    ``is_forced`` leaves out our own spacing, never the provider's pauses. ``is_due`` is for the
    slot at which the connection is due.
    """

    source: SnapshotSource
    account_id: AccountId | None = None
    is_forced: bool = False
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class SyncClaim:
    """The right to complete one run, as long as its lease and its fence hold."""

    sync: Sync
    live: LiveConnection
    provider: Provider


def claim_due(services: Services) -> SyncClaim | None:
    """Choose the connection that has been due for longest and claim it, None where none is due.

    Connections of a provider or a user at the limit of concurrent syncs are left for later. The
    transaction that writes the result moves the slot on: a claim that is lost before that leaves
    the slot due.
    """
    at_limit = services.provider_permits.find_limits()
    if at_limit.everyone:
        return None
    with services.database.read() as work:
        if not work.connections.has_due(work.now, at_limit):
            return None
    with services.database.write() as work:
        live = work.connections.lock_next_due(work.now, at_limit)
        if live is None:
            return None
        try:
            request = SyncRequest(SnapshotSource.SCHEDULED_SYNC, is_due=True)
            return claim_locked(work, services, live, request)
        except RateLimited as refusal:
            # The quota is spent, or another sync met a pause meanwhile.
            after = timedelta(seconds=refusal.retry_after_s) * (
                1 + services.secrets.fraction() / 10
            )
            postponed = replace(live.connection, next_sync_at=work.now + after)
        except SyncRunning:
            return None
        except Conflict as refusal:
            # The provider is not installed.
            postponed = replace(
                live.connection,
                state=ConnectionState.FAILING,
                detail=str(refusal),
                next_sync_at=work.now + _RETRY_UNINSTALLED_AFTER,
                updated_at=work.now,
            )
        work.connections.update(replace(live, connection=postponed))
    return None


def claim_connection(
    work: UnitOfWork, services: Services, connection: Connection, request: SyncRequest
) -> SyncClaim:
    """Claim the user's own connection for one run; the caller commits before it completes the run.

    Raises:
        Conflict: no provider feeds it, or it is disconnected.
        SyncRunning: another run has not ended.
        RateLimited: too soon, by our spacing, the provider's pause or its quota of the day.
    """
    live = work.connections.lock(connection.id)
    if live is None or live.connection.kind is not ProviderKind.API:
        raise Conflict(detail="No provider feeds this: there is nothing to sync.")
    return claim_locked(work, services, live, request)


def claim_locked(
    work: UnitOfWork, services: Services, live: LiveConnection, request: SyncRequest
) -> SyncClaim:
    """Claim a connection that is locked already; it raises as ``claim_connection`` does."""
    connection = live.connection
    if connection.state is ConnectionState.DISCONNECTED:
        detail = "This connection is disconnected. Enter its credentials to connect it again."
        raise Conflict(detail)
    provider = services.providers.get(connection.provider)
    if provider is None:
        detail = f"The provider {connection.provider!r} is not installed here any more."
        raise Conflict(detail)
    running = work.syncs.find_running(connection.id)
    if running is not None:
        assert running.lease_until is not None, "every live run has a lease"
        if running.lease_until > work.now:
            raise SyncRunning(running.id)
        interrupt(work, running)
    for end, detail in _iter_pauses(work, services, live, request):
        if end > work.now:
            raise RateLimited(-(-(end - work.now) // timedelta(seconds=1)), detail)
    is_first = connection.last_synced_at is None
    source = SnapshotSource.INITIAL_CONNECTION if is_first else request.source
    claimed = replace(live, fence=live.fence + 1)
    sync = replace(
        Sync.begin(SyncId(work.new_id()), connection, SyncKind.LIVE, source, work.now),
        detail=f"{provider.name} is being asked.",
        lease_until=work.now + services.options.sync_lease,
        fence=claimed.fence,
        account_id=request.account_id,
        due_at=connection.next_sync_at if request.is_due else None,
    )
    work.connections.update(claimed)
    work.syncs.add(sync)
    return SyncClaim(sync, claimed, provider)


def _iter_pauses(
    work: UnitOfWork, services: Services, live: LiveConnection, request: SyncRequest
) -> Iterator[tuple[datetime, str]]:
    """Yield the end of each pause: our spacing, the provider's pause, and the day's quota."""
    provider = services.providers[live.connection.provider]
    if not (request.is_due or request.is_forced):
        last = work.syncs.last_success_at(live.connection.id, request.source, request.account_id)
        if last is not None:
            detail = "This was synced a moment ago."
            yield last + services.options.sync_spacing, detail
    if live.paused_until is not None:
        yield live.paused_until, f"{provider.name} asked for a pause that has not ended."
    today = schedule.start_of_day(work.now)
    if live.requests_on == today and live.requests >= provider.pace.daily_budget:
        yield today + schedule.DAY, f"{provider.name} was asked as often as it may be today."
    most = provider.pace.daily_syncs
    if most is not None and work.syncs.count_live(live.connection.id, today) >= most:
        detail = f"{provider.name} allows {most} syncs a day, and today's were made."
        yield today + schedule.DAY, detail


def disconnect_locked(work: UnitOfWork, live: LiveConnection, detail: str) -> None:
    """Destroy the credentials of a connection that is locked already, and end its running sync.

    ``detail`` is the sentence of the disconnected connection. Twice is the same as once.
    """
    connection = live.connection
    if connection.state is ConnectionState.DISCONNECTED:
        return
    running = work.syncs.find_running(connection.id)
    if running is not None:
        ended = running.finish(
            SyncState.FAILED, work.now, code=SyncFailureCode.DISCONNECTED, detail=_DISCONNECTED
        )
        work.syncs.finish(ended)
        work.record_event("sync_failed", running.user_id, running.id)
    disconnected = replace(
        connection,
        state=ConnectionState.DISCONNECTED,
        detail=detail,
        next_sync_at=None,
        updated_at=work.now,
    )
    work.connections.update(
        replace(
            live,
            connection=disconnected,
            credentials=None,
            # No claim has the next fence: the holder of the present claim has lost it.
            fence=live.fence + 1,
            failures=0,
            paused_until=None,
        )
    )
    work.record_event("connection_disconnected", connection.user_id, connection.id)


def release(work: UnitOfWork, claim: SyncClaim) -> None:
    """Give a claim back before its end, so that another worker can take it at once."""
    work.connections.lock(claim.sync.connection_id)
    sync = work.syncs.get(claim.sync.id)
    if sync is not None and sync.state is SyncState.RUNNING:
        interrupt(work, sync)


def end_expired(work: UnitOfWork, services: Services) -> int:
    """End the runs with an expired lease, and return their number."""
    ended = 0
    for expired in work.syncs.expired(work.now, _EXPIRED_AT_ONCE):
        if expired.kind is SyncKind.IMPORT:
            # Its pieces hold this lock; the last one may have been recorded meanwhile.
            with suppress(Unauthorized):
                work.users.lock_for_recording(expired.user_id)
        work.connections.lock(expired.connection_id)
        sync = work.syncs.get(expired.id)
        if sync is None or sync.state is not SyncState.RUNNING:
            continue
        if sync.lease_until is not None and sync.lease_until <= services.clock():
            interrupt(work, sync)
            ended += 1
    return ended


def spread_overdue(services: Services) -> int:
    """Spread connections that fell due while no worker ran over the time to come.

    Each gets one slot, however many it missed; return their number.
    """
    with services.database.write() as work:
        before = work.now - schedule.CATCH_UP_AFTER
        overdue = work.connections.lock_overdue(before, _SPREAD_AT_ONCE)
        for live in overdue:
            provider = services.providers.get(live.connection.provider)
            if provider is not None:
                at = schedule.catch_up_at(provider.pace, work.now, services.secrets.fraction())
                postponed = replace(live.connection, next_sync_at=at)
                work.connections.update(replace(live, connection=postponed))
    return len(overdue)
