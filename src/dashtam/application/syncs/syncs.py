"""Syncs: reading the runs that recorded balances, and taking one back."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from dashtam.application.audit_log import note
from dashtam.application.history import accounts
from dashtam.application.ports import Services
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection
from dashtam.domain.errors import Conflict, DashtamError, NotFound, Unavailable
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.sync import Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

INTERRUPTED: Final = "It was interrupted before its end, and recorded nothing."


class SyncNotFound(NotFound):
    """The user has no run with this id."""

    detail = "Sync not found"


class SnapshotNotFound(NotFound):
    """The account has no snapshot with this id."""

    detail = "Snapshot not found"


class SyncRunning(Conflict):
    """The connection is being synced, by the run ``sync_id``."""

    detail = "This connection is being synced already."

    def __init__(self, sync_id: SyncId) -> None:
        super().__init__()
        self.sync_id = sync_id


class SyncFailed(DashtamError):
    """A run failed at the provider; it is kept as ``sync_id``."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(f"{sync.detail} The run is kept as {sync.id}.")
        self.sync_id = sync.id


class SyncInterrupted(Unavailable):
    """A run could not be brought to its end here; it is kept as ``sync_id``."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(f"{sync.detail} The run is kept as {sync.id}.")
        self.sync_id = sync.id


def of(work: UnitOfWork, user_id: UserId, sync_id: SyncId) -> Sync:
    """Return the user's run.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
    """
    sync = work.syncs.get(sync_id)
    if sync is None or sync.user_id != user_id:
        raise SyncNotFound
    return _as_of(sync, work.now)


def of_snapshot(
    work: UnitOfWork, user_id: UserId, account_id: AccountId, snapshot_id: SnapshotId
) -> Sync:
    """Return the run that recorded a snapshot of the user's account, be it retracted since.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        SnapshotNotFound: the account has no snapshot with this id.
    """
    account = accounts.owned(work, user_id, account_id)
    sync_id = work.balance_snapshots.find_sync_id(account.id, snapshot_id)
    if sync_id is None:
        raise SnapshotNotFound
    return of(work, user_id, sync_id)


def of_connection(work: UnitOfWork, connection: Connection, page: PageRequest) -> ListPage[Sync]:
    """Return the connection's runs, newest first."""
    return _listed(work.syncs.of_connection(connection.id, page), work.now)


def of_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[Sync]:
    """Return the user's runs, newest first."""
    return _listed(work.syncs.of_user(user_id, page), work.now)


def retract(work: UnitOfWork, user_id: UserId, sync_id: SyncId) -> None:
    """Take back what an import or a typed balance recorded: no reading shows it from now on.

    The rows stay. Taking back twice is the same as once.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
        Conflict: the run was a live sync, which is what the provider said.
    """
    work.users.lock_for_recording(user_id)
    sync = of(work, user_id, sync_id)
    if sync.kind is SyncKind.LIVE:
        detail = "Only imports and typed balances can be retracted: a live sync is what was said."
        raise Conflict(detail)
    if sync.retracted_at is None:
        work.syncs.retract(sync, work.now)
        for account_id in sorted({outcome.account_id for outcome in sync.accounts}):
            work.history_chunks.mark_changed(account_id)
        # What an account holds now is no history: what this run said of it is not known any more.
        work.holdings.retract(sync)
        note(work, "sync_retracted", user_id, sync_id)


def succeeded(sync: Sync) -> Sync:
    """Return a run that ended, unless it failed.

    Raises:
        SyncFailed: the provider did not give what was asked.
        SyncInterrupted: it was not the provider's fault.
    """
    if sync.state is not SyncState.FAILED:
        return sync
    if sync.code in {"interrupted", "clock_behind", "disconnected", "key_missing"}:
        raise SyncInterrupted(sync)
    raise SyncFailed(sync)


def interrupt(work: UnitOfWork, sync: Sync) -> None:
    """End a run that nobody brings to its end."""
    ended = replace(
        sync,
        state=SyncState.FAILED,
        finished_at=work.now,
        lease_until=None,
        code="interrupted",
        detail=INTERRUPTED,
    )
    work.syncs.finish(ended)
    note(work, "sync_interrupted", sync.user_id, sync.id)


class Following:
    """A run as it goes on: asked again and again, it tells what is new."""

    def __init__(self, services: Services, user_id: UserId, sync_id: SyncId) -> None:
        self._services = services
        self._user_id = user_id
        self._sync_id = sync_id
        self._told: Sync | None = None

    def news(self) -> Sync | None:
        """Return the run, None where it is as it was when this was last asked.

        Raises:
            SyncNotFound: there is none with this id, or it is another user's.
        """
        with self._services.database.read() as work:
            sync = of(work, self._user_id, self._sync_id)
        # A renewed lease is no news.
        seen = replace(sync, lease_until=None)
        if seen == self._told:
            return None
        self._told = seen
        return sync


def _listed(found: ListPage[Sync], now: datetime) -> ListPage[Sync]:
    return replace(found, items=[_as_of(sync, now) for sync in found.items])


def _as_of(sync: Sync, now: datetime) -> Sync:
    # Nobody may have come by yet who writes it down.
    if sync.lease_until is None or sync.lease_until > now or sync.state is not SyncState.RUNNING:
        return sync
    return replace(
        sync,
        state=SyncState.FAILED,
        finished_at=sync.lease_until,
        code="interrupted",
        detail=INTERRUPTED,
    )
