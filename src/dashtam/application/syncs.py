"""Syncs: reading the runs that recorded balances, and taking one back."""

from dashtam.application import accounts
from dashtam.application.audit_log import note
from dashtam.application.records import Listed, Page, Work
from dashtam.domain.account import AccountId
from dashtam.domain.balance_snapshot import SnapshotId
from dashtam.domain.connection import Connection
from dashtam.domain.errors import Conflict, NotFound
from dashtam.domain.sync import Sync, SyncId, SyncKind
from dashtam.domain.user import UserId


class SyncNotFound(NotFound):
    """The user has no run with this id."""

    detail = "Sync not found"


class SnapshotNotFound(NotFound):
    """The account has no snapshot with this id."""

    detail = "Snapshot not found"


def of(work: Work, user_id: UserId, sync_id: SyncId) -> Sync:
    """Return the user's run.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
    """
    sync = work.syncs.get(sync_id)
    if sync is None or sync.user_id != user_id:
        raise SyncNotFound
    return sync


def of_snapshot(
    work: Work, user_id: UserId, account_id: AccountId, snapshot_id: SnapshotId
) -> Sync:
    """Return the run that recorded a snapshot of the user's account, be it retracted since.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        SnapshotNotFound: the account has no snapshot with this id.
    """
    account = accounts.owned(work, user_id, account_id)
    sync_id = work.balance_snapshots.sync_of(account.id, snapshot_id)
    if sync_id is None:
        raise SnapshotNotFound
    return of(work, user_id, sync_id)


def of_connection(work: Work, connection: Connection, page: Page) -> Listed[Sync]:
    """Return the connection's runs, newest first."""
    return work.syncs.of_connection(connection.id, page)


def of_user(work: Work, user_id: UserId, page: Page) -> Listed[Sync]:
    """Return the user's runs, newest first."""
    return work.syncs.of_user(user_id, page)


def retract(work: Work, user_id: UserId, sync_id: SyncId) -> None:
    """Take back what an import or a typed balance recorded: no reading shows it from now on.

    The rows stay. Taking back twice is the same as once.

    Raises:
        SyncNotFound: there is none with this id, or it is another user's.
        Conflict: the run was a live sync, which is what the provider said.
    """
    work.users.hold(user_id)
    sync = of(work, user_id, sync_id)
    if sync.kind is SyncKind.LIVE:
        detail = "Only imports and typed balances can be retracted: a live sync is what was said."
        raise Conflict(detail)
    if sync.retracted_at is None:
        work.syncs.retract(sync, work.now)
        # What an account holds now is no history: what this run said of it is not known any more.
        work.holdings.retract(sync)
        note(work, "sync_retracted", user_id, sync_id)
