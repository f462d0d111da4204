"""Accounts kept by hand, and the balances that their owners type."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashtam.application.audit_log import note
from dashtam.application.connections.connections import (
    MANUAL,
    connection_of_institution,
    refuse_live,
)
from dashtam.application.history.accounts import AccountBalance, owned, with_balance
from dashtam.application.history.capture import Capture
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.errors import FieldError, Unprocessable
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class ManualAccount:
    """An account that no provider knows, as its owner describes it."""

    name: str
    account_type: AccountType
    currency: Currency


@dataclass(frozen=True, slots=True)
class TypedBalance:
    """The snapshot that a typed balance became, and the run by which it can be taken back."""

    snapshot: ChangedSnapshot
    sync_id: SyncId


def create_manual(
    work: UnitOfWork, user_id: UserId, described: ManualAccount, reading: Reading
) -> AccountBalance:
    """Make an account that its owner keeps by hand, with its first balance recorded.

    Raises:
        Unprocessable: the balance is of the future.
    """
    work.users.lock_for_recording(user_id)
    connection = connection_of_institution(work, user_id, MANUAL)
    account_id = AccountId(work.random_id())
    account = Account(
        id=account_id,
        user_id=user_id,
        connection_id=connection.id,
        external_id=str(account_id),
        name=described.name.strip(),
        institution="",
        account_type=described.account_type,
        number_masked=None,
        currency=described.currency,
        balance_sign=1,
        is_hidden=False,
        closed_at=None,
        last_synced_at=None,
        created_at=work.now,
        updated_at=work.now,
    )
    work.accounts.add(account)
    note(work, "account_created", user_id, account_id)
    _record_typed(work, account, reading, SnapshotSource.INITIAL_CONNECTION)
    return with_balance(work, owned(work, user_id, account_id))


def type_balance(work: UnitOfWork, account: Account, reading: Reading) -> TypedBalance:
    """Record a balance that the account's owner typed, as he sees it (a debt is negative).

    Raises:
        Conflict: a live connection feeds the account.
        Unprocessable: the balance is of the future.
    """
    work.users.lock_for_recording(account.user_id)
    account = owned(work, account.user_id, account.id)
    refuse_live(work, account)
    first = not work.balance_snapshots.has_any(account.id)
    source = SnapshotSource.INITIAL_CONNECTION if first else SnapshotSource.MANUAL_SYNC
    sync_id = _record_typed(work, account, reading, source)
    found = work.balance_snapshots.newest(account.id, None, 2, until=reading.captured_at)
    assert found is not None, "the account is there"
    return TypedBalance(_changed(found.snapshots), sync_id)


def _changed(newest: Sequence[BalanceSnapshot]) -> ChangedSnapshot:
    return with_change(newest[0] if newest[1:] else None, newest[-1])


def _record_typed(
    work: UnitOfWork, account: Account, reading: Reading, source: SnapshotSource
) -> SyncId:
    if reading.captured_at > work.now:
        detail = "A balance cannot have been captured in the future."
        raise Unprocessable(detail, (FieldError("/captured_at", "future", detail),))
    sync_id = SyncId(work.new_id())
    work.syncs.add(
        Sync(
            id=sync_id,
            user_id=account.user_id,
            connection_id=account.connection_id,
            kind=SyncKind.TYPED,
            source=source,
            state=SyncState.SUCCEEDED,
            started_at=work.now,
            finished_at=work.now,
            recorded=1,
            skipped=0,
            accounts=(AccountOutcome(account.id, SyncState.SUCCEEDED, 1, 0),),
            code=None,
            detail=None,
            retracted_at=None,
        )
    )
    # Stored the way the account's source would report it, so that it reads back as it was typed.
    reported = reading.turned() if account.balance_sign == -1 else reading
    Capture(work, account, sync_id, source).typed(reported)
    work.accounts.mark_synced(account.connection_id, [account.id], work.now)
    note(work, "balance_typed", account.user_id, sync_id)
    return sync_id
