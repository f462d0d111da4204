"""Live syncs: claimed in one transaction, fetched with none open, their result in another."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from dashtam.application import credentials
from dashtam.application.history.capture import ClockBehind
from dashtam.application.ports import Services
from dashtam.application.provider import (
    CredentialsRefused,
    Provider,
    ProviderError,
    ProviderRateLimited,
    Report,
    Unsealable,
)
from dashtam.application.syncs import sync_result
from dashtam.application.syncs.lease import LeaseHeartbeat
from dashtam.application.syncs.provider_quota import Budget
from dashtam.application.syncs.schedule import day_of
from dashtam.application.syncs.sync_result import Failure, SyncClaim
from dashtam.application.syncs.syncs import SyncRunning, interrupt, succeeded
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.connection import Connection, ConnectionState, ProviderKind
from dashtam.domain.errors import Conflict, DashtamError, RateLimited, Unavailable
from dashtam.domain.sync import SnapshotSource, Sync, SyncId, SyncKind, SyncState

_PAUSE: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = timedelta(days=7)
_A_DAY: Final = timedelta(days=1)
_REAPED_AT_ONCE: Final = 100

Keep = Callable[[UnitOfWork, Sync], None]
"""Does something more in the transaction in which a run ends."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A sync that is asked for: ``account`` for the holdings of that one alone.

    ``is_forced`` leaves out our own spacing, never what the provider wants. ``is_due`` is for the
    slot at which the connection is due.
    """

    source: SnapshotSource
    account: Account | None = None
    is_forced: bool = False
    is_due: bool = False


def begin(
    work: UnitOfWork, services: Services, connection: Connection, wanted: SyncRequest
) -> SyncClaim:
    """Claim the user's own connection for one run; the caller commits it before he completes it.

    Raises:
        Conflict: no provider feeds it, or it is disconnected.
        SyncRunning: another run is under way.
        RateLimited: too soon, by our own rules, the provider's or its day's budget.
    """
    live = work.connections.lock(connection.id)
    if live is None or live.connection.kind is not ProviderKind.API:
        detail = "No provider feeds this: there is nothing to sync."
        raise Conflict(detail)
    return claim(work, services, live, wanted)


def claim(
    work: UnitOfWork, services: Services, live: LiveConnection, wanted: SyncRequest
) -> SyncClaim:
    """Do what ``begin`` does with a connection that is locked already."""
    provider = _provider_of(services, live)
    running = work.syncs.find_running(live.connection.id)
    if running is not None:
        assert running.lease_until is not None, "every live run has a lease"
        if running.lease_until > work.now:
            raise SyncRunning(running.id)
        interrupt(work, running)
    if not wanted.is_due:
        _refuse_too_soon(work, services, live, wanted)
    _refuse_when_paused(work, live, provider)
    is_first = not work.syncs.has_succeeded(live.connection.id)
    sync = Sync(
        id=SyncId(work.new_id()),
        user_id=live.connection.user_id,
        connection_id=live.connection.id,
        kind=SyncKind.LIVE,
        source=SnapshotSource.INITIAL_CONNECTION if is_first else wanted.source,
        state=SyncState.RUNNING,
        started_at=work.now,
        finished_at=None,
        recorded=0,
        skipped=0,
        accounts=(),
        code=None,
        detail=f"{provider.name} is being asked.",
        retracted_at=None,
        lease_until=work.now + services.options.sync_lease,
        fence=live.fence + 1,
        account_id=None if wanted.account is None else wanted.account.id,
        due_at=live.connection.next_sync_at if wanted.is_due else None,
    )
    work.connections.update(replace(live, fence=live.fence + 1))
    work.syncs.add(sync)
    return SyncClaim(sync, replace(live, fence=live.fence + 1), provider)


def complete(services: Services, claim: SyncClaim, keep: Keep = lambda _work, _sync: None) -> Sync:
    """Fetch, then write the result, whole or not at all; return the run as it ended.

    ``keep`` is called in the transaction of the result. Whoever lost his claim meanwhile writes
    nothing, and gets the run as others ended it.
    """
    with LeaseHeartbeat(services, claim.sync):
        told = _fetched(services, claim)
    if isinstance(told, Report):
        _tell(services, claim, told)
    try:
        return _written(services, claim, told, keep)
    except ClockBehind as behind:
        return _written(services, claim, Failure("clock_behind", str(behind)), keep)


def run(services: Services, claim: SyncClaim, keep: Keep = lambda _work, _sync: None) -> Sync:
    """Complete the claim, and refuse where it came to nothing.

    Raises:
        SyncFailed: the provider did not give what was asked.
        SyncInterrupted: it was not the provider's fault.
    """
    return succeeded(complete(services, claim, keep))


def reap(work: UnitOfWork, services: Services) -> int:
    """End the runs whose lease ran out, and return how many those were."""
    reaped = 0
    for sync in work.syncs.expired(work.now, _REAPED_AT_ONCE):
        work.connections.lock(sync.connection_id)
        again = work.syncs.get(sync.id)
        if again is None or again.state is not SyncState.RUNNING:
            continue
        if again.lease_until is not None and again.lease_until <= services.clock():
            interrupt(work, again)
            reaped += 1
    return reaped


def release(work: UnitOfWork, claim: SyncClaim) -> None:
    """Give a claim back before its end, so that another worker can take it at once."""
    work.connections.lock(claim.sync.connection_id)
    sync = work.syncs.get(claim.sync.id)
    if sync is not None and sync.state is SyncState.RUNNING:
        interrupt(work, sync)


def _provider_of(services: Services, live: LiveConnection) -> Provider:
    if live.connection.state is ConnectionState.DISCONNECTED:
        detail = "This connection is disconnected. Enter its credentials to connect it again."
        raise Conflict(detail)
    provider = services.providers.get(live.connection.provider)
    if provider is None:
        detail = f"The provider {live.connection.provider!r} is not installed here any more."
        raise Conflict(detail)
    return provider


def _refuse_too_soon(
    work: UnitOfWork, services: Services, live: LiveConnection, wanted: SyncRequest
) -> None:
    if wanted.is_forced:
        return
    account_id = None if wanted.account is None else wanted.account.id
    last = work.syncs.last_success_at(live.connection.id, wanted.source, account_id)
    if last is not None and last + services.options.sync_spacing > work.now:
        raise RateLimited(
            _seconds(last + services.options.sync_spacing - work.now),
            "This was synced a moment ago. Wait a little, or force it.",
        )


def _refuse_when_paused(work: UnitOfWork, live: LiveConnection, provider: Provider) -> None:
    if live.paused_until is not None and live.paused_until > work.now:
        detail = f"{provider.name} does not want to be asked again yet."
        raise RateLimited(_seconds(live.paused_until - work.now), detail)
    day = day_of(work.now)
    if live.requests_on == day and live.requests >= provider.pace.daily_budget:
        detail = f"{provider.name} was asked as often as it may be today."
        raise RateLimited(_seconds(day + _A_DAY - work.now), detail)


def _seconds(left: timedelta) -> int:
    return max(1, -(-left // timedelta(seconds=1)))


def _fetched(services: Services, claim: SyncClaim) -> Report | Failure:
    connection, sealed = claim.live.connection, claim.live.credentials
    if sealed is None:
        return Failure("credentials_refused", "There are no credentials.")
    try:
        kept = credentials.opened(services.cipher, connection, sealed)
    except Unsealable:
        # Whoever brings the key back should not have to enter anything.
        return Failure("key_missing", "The key of the credentials is gone.")
    budget = Budget(services, claim.provider, connection.id, claim.sync.fence or 0)
    try:
        report = claim.provider.fetch(
            kept,
            services.http_for(budget.spend),
            now=claim.sync.started_at,
            backfill=claim.sync.source is SnapshotSource.INITIAL_CONNECTION,
        )
    except ProviderError as error:
        return _failure(error, kept)
    except DashtamError as refusal:
        # The database went away while the provider was asked.
        return Failure("interrupted", str(refusal))
    except Exception as error:  # noqa: BLE001 - a provider may be other people's code
        detail = f"{claim.provider.name} could not be read ({type(error).__name__})."
        return Failure("provider_failed", detail)
    return sync_result.without_secrets(report, kept)


def _tell(services: Services, claim: SyncClaim, report: Report) -> None:
    """Say how far the run has come, and give the result the time of a whole lease."""
    count = len(report.accounts)
    accounts = "1 account" if count == 1 else f"{count} accounts"
    detail = f"{claim.provider.name} told of {accounts}: that is being recorded."
    # The result is written all the same, or finds out for itself why it cannot be.
    with suppress(Unavailable), services.database.write() as work:
        now = services.clock()
        work.syncs.renew_lease(claim.sync.id, now + services.options.sync_lease, now, detail)


def _failure(error: ProviderError, kept: credentials.Kept) -> Failure:
    detail = credentials.harmless(str(error), kept)
    if isinstance(error, CredentialsRefused):
        return Failure("credentials_refused", detail)
    if isinstance(error, ProviderRateLimited):
        pause = _PAUSE if error.retry_after is None else error.retry_after
        return Failure("rate_limited", detail, min(max(pause, timedelta()), _LONGEST_PAUSE))
    return Failure("provider_failed", detail)


def _written(services: Services, claim: SyncClaim, told: Report | Failure, keep: Keep) -> Sync:
    with services.database.write() as work:
        live = work.connections.lock(claim.sync.connection_id)
        sync = work.syncs.get(claim.sync.id)
        if live is None or sync is None:
            return _gone(work, claim.sync)
        if not _holds(services, live, sync):
            return _lost(work, sync)
        ended = sync_result.write(work, services, replace(claim, live=live, sync=sync), told)
        keep(work, ended)
        return ended


def _holds(services: Services, live: LiveConnection, sync: Sync) -> bool:
    # The clock is read once the connection is locked: what was read before may be long ago. From
    # here on the lock keeps everybody else out, also when the lease runs out while we write.
    return (
        sync.state is SyncState.RUNNING
        and sync.fence == live.fence
        and sync.lease_until is not None
        and sync.lease_until > services.clock()
    )


def _lost(work: UnitOfWork, sync: Sync) -> Sync:
    if sync.state is SyncState.RUNNING:
        interrupt(work, sync)
    return work.syncs.get(sync.id) or sync


def _gone(work: UnitOfWork, sync: Sync) -> Sync:
    detail = "The connection was removed meanwhile."
    return replace(sync, state=SyncState.FAILED, finished_at=work.now, code="interrupted",
                   detail=detail)  # fmt: skip
