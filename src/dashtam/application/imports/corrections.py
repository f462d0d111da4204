"""Retracting and correcting single snapshots."""

from dataclasses import replace

from dashtam.application.history import accounts, capture
from dashtam.application.history.capture import Capture
from dashtam.application.imports import typed_balances
from dashtam.application.imports.typed_balances import TypedBalance
from dashtam.application.syncs import syncs
from dashtam.application.syncs.syncs import ImportRunning, SnapshotNotFound
from dashtam.database.history.balance_snapshots import StoredSnapshot
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.errors import Conflict
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.evidence import UNAMENDED, collect_amendments
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import UserId


class SnapshotNotCounted(Conflict):
    """The snapshot was retracted, or another one supersedes it."""

    detail = "This snapshot does not count any more. Correct the one that stands in its place."


def retract(
    work: UnitOfWork,
    user_id: UserId,
    account_id: AccountId,
    snapshot_id: SnapshotId,
    reason: str | None,
) -> None:
    """Take back one snapshot of any source: it stays, and no query of readers returns it.

    The positions that came with it do not count any more either. Twice is the same as once. The
    retraction of a correction does not bring the snapshot back that it superseded: its owner said
    that that one is wrong.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        SnapshotNotFound: the account has no snapshot with this id.
        ImportRunning: a long import of the user's has not ended.
    """
    account, stored = _load(work, user_id, account_id, snapshot_id)
    if not stored.counts:
        # One that is held or superseded counted for nothing yet, and is taken back for ever.
        amendments = collect_amendments(work.account_events.about_snapshots([account.id]))
        known = amendments.get(snapshot_id, UNAMENDED)
        if known == UNAMENDED or known.retracted_at is not None:
            return
    capture.retract(work, account, stored.record, reason)
    work.record_event("snapshot_retracted", user_id, snapshot_id)


def correct(
    work: UnitOfWork,
    user_id: UserId,
    account_id: AccountId,
    snapshot_id: SnapshotId,
    amounts: Reading,
    reason: str,
) -> TypedBalance:
    """Record a snapshot in place of one that counts, at its instant, and return it.

    The amounts are those that its owner typed (a debt is negative); their instant is ignored.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        SnapshotNotFound: the account has no snapshot with this id.
        SnapshotNotCounted: it was retracted, or superseded.
        ImportRunning: a long import of the user's has not ended.
    """
    account, stored = _load(work, user_id, account_id, snapshot_id)
    if not stored.counts:
        raise SnapshotNotCounted
    connection = work.connections.get(account.connection_id)
    assert connection is not None, "every account has a connection"
    wrong = stored.record.reading
    reading = replace(amounts, captured_at=wrong.captured_at, precision=wrong.precision)
    sync_id = typed_balances.add_run(work, account, connection, SnapshotSource.MANUAL_SYNC)
    reported = typed_balances.to_reported(account, reading)
    Capture(work, sync_id).correct(account, stored.record, reported, reason)
    work.record_event("snapshot_corrected", user_id, snapshot_id)
    return typed_balances.load_typed(work, account, reading.captured_at, sync_id)


def _load(
    work: UnitOfWork, user_id: UserId, account_id: AccountId, snapshot_id: SnapshotId
) -> tuple[Account, StoredSnapshot]:
    work.users.lock_for_recording(user_id)
    account = accounts.load(work, user_id, account_id)
    stored = work.balance_snapshots.find(account.id, snapshot_id)
    if stored is None:
        raise SnapshotNotFound
    # A joined account's snapshot is amended in its own chain.
    account = accounts.load_single(work, user_id, stored.record.account_id)
    running = syncs.find_unfinished_import(work, user_id)
    if running is not None:
        # It may have skipped a balance because this snapshot has it.
        raise ImportRunning(running.id)
    return account, stored
