"""Syncs: reading the runs that recorded balances, interrupting and retracting them."""

from dataclasses import dataclass, replace
from typing import Final

from dashtam.application.history import accounts
from dashtam.application.ports import Services
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection
from dashtam.domain.errors import Conflict, DashtamError, NotFound, Unavailable
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.sync import Sync, SyncFailureCode, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

_INTERRUPTED: Final = "It was interrupted before its end, and recorded nothing."
_IMPORT_INTERRUPTED: Final = (
    "It was interrupted before its end: nothing of it counts. Import the file again."
)


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


class ImportRunning(SyncRunning):
    """The user's long import ``sync_id`` has not ended."""

    detail = "One of your files is being imported. Try again once that has ended."


class SyncFailed(DashtamError):
    """A run failed; it is stored as ``sync_id``."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(f"{sync.detail} The run is kept as {sync.id}.")
        self.sync_id = sync.id


class SyncInterrupted(SyncFailed, Unavailable):
    """A run failed here, not at the provider."""


def load(work: UnitOfWork, user_id: UserId, sync_id: SyncId) -> Sync:
    """Return the user's run.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
    """
    sync = work.syncs.get(sync_id)
    if sync is None or sync.user_id != user_id:
        raise SyncNotFound
    return _end_if_expired(work, sync)


def load_of_snapshot(
    work: UnitOfWork, user_id: UserId, account_id: AccountId, snapshot_id: SnapshotId
) -> Sync:
    """Return the run that recorded a snapshot of the user's account, retracted or not.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        SnapshotNotFound: the account has no snapshot with this id.
    """
    account = accounts.load(work, user_id, account_id)
    sync_id = work.balance_snapshots.find_sync_id(account.id, snapshot_id)
    if sync_id is None:
        raise SnapshotNotFound
    return load(work, user_id, sync_id)


def list_for_connection(
    work: UnitOfWork, connection: Connection, page: PageRequest
) -> ListPage[Sync]:
    """Return the connection's runs, newest first."""
    found = work.syncs.of_connection(connection.id, page)
    return replace(found, items=[_end_if_expired(work, sync) for sync in found.items])


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[Sync]:
    """Return the user's runs, newest first."""
    found = work.syncs.of_user(user_id, page)
    return replace(found, items=[_end_if_expired(work, sync) for sync in found.items])


def _end_if_expired(work: UnitOfWork, sync: Sync) -> Sync:
    """Return a run that lost its lease as interrupted, even before a worker stores that."""
    lease_until = sync.lease_until
    if lease_until is None or lease_until > work.now or sync.state is not SyncState.RUNNING:
        return sync
    code = SyncFailureCode.INTERRUPTED
    return sync.finish(SyncState.FAILED, lease_until, code=code, detail=_INTERRUPTED)


def interrupt(work: UnitOfWork, sync: Sync, detail: str = _INTERRUPTED) -> Sync:
    """End a run that its process does not complete, and return it.

    An import in pieces is retracted: the rows that it recorded stay, and never count.
    """
    code = SyncFailureCode.INTERRUPTED
    ended = sync.finish(SyncState.FAILED, work.now, code=code, detail=detail)
    if sync.kind is SyncKind.IMPORT:
        ended = replace(
            ended, recorded=sync.recorded, skipped=sync.skipped, detail=_IMPORT_INTERRUPTED
        )
        work.syncs.retract(sync, work.now)
        work.syncs.reveal(sync.id)
        work.record_event("sync_retracted", sync.user_id, sync.id)
    work.syncs.finish(ended)
    work.record_event("sync_interrupted", sync.user_id, sync.id)
    return ended


def find_unfinished_import(work: UnitOfWork, user_id: UserId) -> Sync | None:
    """Return the user's import that other processes may still record; the caller locks the user.

    One that lost its lease ends here.
    """
    running = work.syncs.find_unfinished(user_id)
    if running is not None and running.lease_until is not None and running.lease_until <= work.now:
        interrupt(work, running)
        return None
    return running


def retract(work: UnitOfWork, user_id: UserId, sync_id: SyncId) -> None:
    """Take back the snapshots and positions of a run: no query of readers returns them.

    The rows stay. Retracting twice is the same as once. A running import ends.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
        SyncRunning: the run is a live sync that has not ended.
        ImportRunning: another run, a long import of the user's, has not ended.
    """
    work.users.lock_for_recording(user_id)
    sync = load(work, user_id, sync_id)
    if sync.kind is SyncKind.LIVE and sync.state is SyncState.RUNNING:
        raise SyncRunning(sync.id)
    running = find_unfinished_import(work, user_id)
    # One that has lost its lease was ended a moment ago, and retracted by that.
    sync = load(work, user_id, sync_id)
    if running is not None and running.id == sync.id:
        interrupt(work, running)
    elif running is not None:
        # It may have skipped a balance because this run recorded it.
        raise ImportRunning(running.id)
    elif sync.retracted_at is None:
        work.syncs.retract(sync, work.now)
        accounts = work.accounts.of_ids({outcome.account_id for outcome in sync.accounts})
        work.account_heads.lock(accounts)
        for account in accounts:
            work.history_chunks.rebuild(account)
        work.record_event("sync_retracted", user_id, sync_id)


@dataclass(slots=True)
class SyncFollower:
    """Follows one run: each poll returns it if it has changed since the one before."""

    services: Services
    user_id: UserId
    sync_id: SyncId
    _last: Sync | None = None

    def poll(self) -> Sync | None:
        """Return the run, None if it is the same as at the last poll.

        Raises:
            SyncNotFound: there is none with this id, or it is another user's.
        """
        with self.services.database.read() as work:
            sync = load(work, self.user_id, self.sync_id)
        # A renewed lease is no change.
        current = replace(sync, lease_until=None)
        if current == self._last:
            return None
        self._last = current
        return sync
