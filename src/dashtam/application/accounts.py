"""Accounts: listing and changing them, and the balances that their owners type."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from dashtam.application.audit_log import note
from dashtam.application.balance_snapshots import changed_since
from dashtam.application.capture import Capture
from dashtam.application.connections import MANUAL, connection_of_institution, refuse_live
from dashtam.application.pages import Listed, Page
from dashtam.application.records import Work
from dashtam.domain.account import Account, AccountId, AccountType, BalanceSign
from dashtam.domain.balance_history import ChangedSnapshot
from dashtam.domain.balance_snapshot import BalanceSnapshot, SnapshotSource
from dashtam.domain.connection import ProviderKind
from dashtam.domain.errors import (
    AccountForbidden,
    AccountNotFound,
    Fault,
    Unprocessable,
)
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading
from dashtam.domain.sync import AccountOutcome, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account with its newest snapshot, None before the first."""

    account: Account
    newest: BalanceSnapshot | None


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


class AccountChanges(TypedDict, total=False):
    """What an owner changes of an account; what is left out stays."""

    name: str
    account_type: AccountType
    balance_sign: BalanceSign
    is_hidden: bool
    closed_at: datetime | None


def owned(work: Work, user_id: UserId, account_id: AccountId) -> Account:
    """Return the user's account.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    account = work.accounts.get(account_id)
    if account is None:
        raise AccountNotFound
    if account.user_id != user_id:
        raise AccountForbidden
    return account


def with_balance(work: Work, account: Account) -> AccountBalance:
    """Return the account with its newest snapshot."""
    return AccountBalance(account, work.balance_snapshots.latest_of([account.id]).get(account.id))


def of_user(work: Work, user_id: UserId, page: Page) -> Listed[AccountBalance]:
    """Return the user's accounts with their newest snapshots, by name, then id."""
    found = work.accounts.of_user(user_id, page)
    newest = work.balance_snapshots.latest_of([account.id for account in found.items])
    items = [AccountBalance(account, newest.get(account.id)) for account in found.items]
    return Listed(items, found.total, found.last)


def change(work: Work, account: Account, changes: AccountChanges) -> Account:
    """Change the user's own account, and return it as it is now.

    Raises:
        Unprocessable: the sign of a manual account, or a closing in the future.
    """
    work.users.hold(account.user_id)
    # What somebody else changed a moment ago stays changed.
    account = owned(work, account.user_id, account.id)
    connection = work.connections.get(account.connection_id)
    manual = connection is not None and connection.kind is ProviderKind.MANUAL
    if manual and changes.get("balance_sign", 1) != 1:
        detail = "The balances of a manual account count as they are typed: type debts negative."
        raise Unprocessable(detail, (Fault("/balance_sign", "manual_account", detail),))
    closed_at = changes.get("closed_at")
    if closed_at is not None and closed_at > work.now:
        detail = "An account cannot have been closed in the future."
        raise Unprocessable(detail, (Fault("/closed_at", "future", detail),))
    changed = replace(account, **changes, updated_at=work.now)
    changed = replace(changed, name=changed.name.strip())
    work.accounts.change(changed)
    if changed.balance_sign != account.balance_sign:
        work.history_pages.changed(account.id)
    note(work, "account_changed", account.user_id, account.id)
    return changed


def create_manual(
    work: Work, user_id: UserId, described: ManualAccount, reading: Reading
) -> AccountBalance:
    """Make an account that its owner keeps by hand, with its first balance recorded.

    Raises:
        Unprocessable: the balance is of the future.
    """
    work.users.hold(user_id)
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


def type_balance(work: Work, account: Account, reading: Reading) -> TypedBalance:
    """Record a balance that the account's owner typed, as he sees it (a debt is negative).

    Raises:
        Conflict: a live connection feeds the account.
        Unprocessable: the balance is of the future.
    """
    work.users.hold(account.user_id)
    account = owned(work, account.user_id, account.id)
    refuse_live(work, account)
    first = not work.balance_snapshots.any_of(account.id)
    source = SnapshotSource.INITIAL_CONNECTION if first else SnapshotSource.MANUAL_SYNC
    sync_id = _record_typed(work, account, reading, source)
    found = work.balance_snapshots.newest(account.id, None, 2, until=reading.captured_at)
    assert found is not None, "the account is there"
    return TypedBalance(_changed(found.snapshots), sync_id)


def _changed(newest: Sequence[BalanceSnapshot]) -> ChangedSnapshot:
    return changed_since(newest[0] if newest[1:] else None, newest[-1])


def _record_typed(work: Work, account: Account, reading: Reading, source: SnapshotSource) -> SyncId:
    if reading.captured_at > work.now:
        detail = "A balance cannot have been captured in the future."
        raise Unprocessable(detail, (Fault("/captured_at", "future", detail),))
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
    work.accounts.synced(account.connection_id, [account.id], work.now)
    note(work, "balance_typed", account.user_id, sync_id)
    return sync_id
