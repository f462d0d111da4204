"""Accounts kept by hand, and the balances that their owners type."""

from dataclasses import dataclass
from datetime import datetime

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.application.history.accounts import AccountBalance
from dashtam.application.history.capture import Capture
from dashtam.application.people import users
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType, Identity
from dashtam.domain.connection import Connection
from dashtam.domain.errors import FieldError, Unprocessable
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.money import Currency
from dashtam.domain.period import Precision
from dashtam.domain.statement import Reading
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class ManualAccount:
    """An account without a provider, as its owner describes it."""

    name: str
    account_type: AccountType
    currency: Currency


@dataclass(frozen=True, slots=True)
class TypedBalance:
    """The snapshot of a typed balance, and the run by which it can be retracted."""

    snapshot: ChangedSnapshot
    sync_id: SyncId


def create_manual(
    work: UnitOfWork, user_id: UserId, described: ManualAccount, reading: Reading
) -> AccountBalance:
    """Create an account that its owner keeps by hand, with its first balance recorded.

    Raises:
        Unprocessable: the balance is of the future.
    """
    work.users.lock_for_recording(user_id)
    connection = connections.find_or_create(work, user_id, connections.MANUAL)
    account_id = AccountId(work.random_id())
    identity = Identity(
        institution_key=connection.institution,
        institution="",
        external_id=str(account_id),
        name=described.name.strip(),
        account_type=described.account_type,
        currency=described.currency,
    )
    account = Account.new(account_id, connection, identity, work.now)
    accounts.create(work, [account])
    _record(work, account, connection, reading, SnapshotSource.INITIAL_CONNECTION)
    # The head is read again.
    work.flush()
    return accounts.load_balance(work, accounts.load(work, user_id, account_id))


def type_balance(work: UnitOfWork, account: Account, reading: Reading) -> TypedBalance:
    """Record a balance as the account's owner typed it (a debt is negative).

    Raises:
        Conflict: a live connection feeds the account.
        Unprocessable: the balance is of the future.
    """
    work.users.lock_for_recording(account.user_id)
    account = accounts.load(work, account.user_id, account.id)
    connection = connections.load_writable(work, account)
    is_first = not work.balance_snapshots.with_any([account.id])
    source = SnapshotSource.INITIAL_CONNECTION if is_first else SnapshotSource.MANUAL_SYNC
    sync_id = _record(work, account, connection, reading, source)
    return load_typed(work, account, reading.captured_at, sync_id)


def load_typed(
    work: UnitOfWork, account: Account, captured_at: datetime, sync_id: SyncId
) -> TypedBalance:
    """Return the snapshot that this run has just recorded at this instant."""
    newest = work.balance_snapshots.newest(account.id, None, 2, until=captured_at)
    assert newest is not None, "the account exists"
    *previous, snapshot = newest.snapshots
    return TypedBalance(with_change(previous[0] if previous else None, snapshot), sync_id)


def add_run(
    work: UnitOfWork, account: Account, connection: Connection, source: SnapshotSource
) -> SyncId:
    """Store a run, ended already, that records one typed balance of the account."""
    sync = Sync.begin(SyncId(work.new_id()), connection, SyncKind.TYPED, source, work.now)
    outcome = AccountOutcome(account.id, SyncState.SUCCEEDED, recorded=1)
    work.syncs.add(sync.finish(SyncState.SUCCEEDED, work.now, accounts=[outcome]))
    return sync.id


def to_reported(account: Account, typed: Reading) -> Reading:
    """Return a typed reading as the account's source would report it: it reads back as typed."""
    return typed.with_opposite_sign() if account.balance_sign == -1 else typed


def _record(
    work: UnitOfWork,
    account: Account,
    connection: Connection,
    reading: Reading,
    source: SnapshotSource,
) -> SyncId:
    today = users.load(work, account.user_id).today(work.now)
    is_day = reading.precision is Precision.DAY
    # Today's balance can be typed before today's noon (UTC).
    is_future = reading.captured_at > work.now
    if reading.captured_at.date() > today if is_day else is_future:
        detail = "A balance cannot have been captured in the future."
        raise Unprocessable(detail, (FieldError("/captured_at", "future", detail),))
    sync_id = add_run(work, account, connection, source)
    Capture(work, sync_id).record_typed(account, source, to_reported(account, reading))
    work.connections.mark_synced({connection.id}, work.now)
    work.record_event("balance_typed", account.user_id, sync_id)
    return sync_id
