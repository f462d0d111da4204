"""Accounts: loading, listing and changing them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from dashtam.application.history.capture import record_settings
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType, BalanceSign
from dashtam.domain.connection import ProviderKind
from dashtam.domain.errors import AccountForbidden, AccountNotFound, FieldError, Unprocessable
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account with its newest snapshot, None before the first."""

    account: Account
    newest: BalanceSnapshot | None


class AccountChanges(TypedDict, total=False):
    """The fields of an account that its owner changes; absent ones stay."""

    name: str
    account_type: AccountType
    balance_sign: BalanceSign
    is_hidden: bool
    closed_at: datetime | None


def create(work: UnitOfWork, new: Collection[Account]) -> None:
    """Store new accounts of one user, with their lines in the audit log."""
    work.accounts.add(new)
    work.account_heads.add(new)
    record_settings(work, new)
    for user_id in {account.user_id for account in new}:
        work.record_events("account_created", user_id, [account.id for account in new])


def load(work: UnitOfWork, user_id: UserId, account_id: AccountId) -> Account:
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


def load_balance(work: UnitOfWork, account: Account) -> AccountBalance:
    """Return the account with its newest snapshot."""
    return AccountBalance(account, work.balance_snapshots.latest_of([account.id]).get(account.id))


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[AccountBalance]:
    """Return the user's accounts with their newest snapshots, by name, then id."""
    found = work.accounts.of_user(user_id, page)
    newest = work.balance_snapshots.latest_of([account.id for account in found.items])
    items = [AccountBalance(account, newest.get(account.id)) for account in found.items]
    return ListPage(items, found.total, found.last)


def change(work: UnitOfWork, account: Account, changes: AccountChanges) -> Account:
    """Change the user's own account, and return it.

    Raises:
        Unprocessable: the sign of a manual account, or a closing in the future.
    """
    work.users.lock_for_recording(account.user_id)
    # Loaded again under the lock, so that a change of a moment ago is not undone.
    account = load(work, account.user_id, account.id)
    connection = work.connections.get(account.connection_id)
    is_manual = connection is not None and connection.kind is ProviderKind.MANUAL
    if is_manual and changes.get("balance_sign", 1) != 1:
        detail = "The balances of a manual account count as they are typed: type debts negative."
        raise Unprocessable(detail, (FieldError("/balance_sign", "manual_account", detail),))
    closed_at = changes.get("closed_at")
    if closed_at is not None and closed_at > work.now:
        detail = "An account cannot have been closed in the future."
        raise Unprocessable(detail, (FieldError("/closed_at", "future", detail),))
    changes = {**changes, "name": changes.get("name", account.name).strip()}
    changed = replace(account, **changes, updated_at=work.now)
    work.accounts.update(changed)
    if changed.settings != account.settings:
        record_settings(work, [changed])
    if changed.balance_sign != account.balance_sign:
        work.history_chunks.rebuild(changed)
    work.record_event("account_changed", account.user_id, account.id)
    return changed
