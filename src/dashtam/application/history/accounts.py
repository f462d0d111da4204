"""Accounts: loading, listing and changing them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict

from dashtam.application.history.capture import record_removals, record_settings
from dashtam.database.history.account_joins import Joins
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType, BalanceSign
from dashtam.domain.connection import ProviderKind
from dashtam.domain.errors import AccountForbidden, AccountNotFound, FieldError, Unprocessable
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.history.coverage import Coverage
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account with its newest snapshot and its coverage, None before the first snapshot.

    Closed and hidden accounts are never stale. ``joined`` are the accounts that are joined to it.
    """

    account: Account
    newest: BalanceSnapshot | None
    coverage: Coverage | None = None
    is_stale: bool = False
    joined: Sequence[AccountId] = ()


class AccountChanges(TypedDict, total=False):
    """The fields of an account that its owner changes; absent ones stay."""

    name: str
    account_type: AccountType
    balance_sign: BalanceSign
    is_hidden: bool
    holds_unlikely: bool
    closed_at: datetime | None


def create(work: UnitOfWork, new: Collection[Account]) -> None:
    """Store new accounts of one user, with their lines in the audit log."""
    work.accounts.add(new)
    work.account_heads.add(new)
    record_settings(work, new)
    for user_id in {account.user_id for account in new}:
        work.record_events("account_created", user_id, [account.id for account in new])


def remove(work: UnitOfWork, account: Account) -> None:
    """Take an account out of every answer; its rows stay. The caller knows that nothing counts."""
    removed = replace(account, removed_at=work.now, updated_at=work.now)
    work.accounts.update(removed)
    record_removals(work, [removed])
    work.record_event("account_removed", account.user_id, account.id)


def restore(work: UnitOfWork, removed: Collection[Account]) -> None:
    """Bring removed accounts back, with the settings that they have here."""
    for account in removed:
        work.accounts.update(replace(account, updated_at=work.now))
        work.history_chunks.rebuild(account)
        work.record_event("account_restored", account.user_id, account.id)
    if removed:
        record_removals(work, removed)


def load(work: UnitOfWork, user_id: UserId, account_id: AccountId) -> Account:
    """Return the user's account, for a joined one the account with the id of the whole history.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    account = load_single(work, user_id, account_id)
    root_id = work.account_joins.around([account.id]).root_of(account.id)
    return account if root_id == account.id else load_single(work, user_id, root_id)


def load_single(work: UnitOfWork, user_id: UserId, account_id: AccountId) -> Account:
    """Return the user's account with this very id, joined or not.

    Raises:
        AccountNotFound: no account has this id, or it was removed.
        AccountForbidden: it is another user's.
    """
    account = work.accounts.get(account_id)
    if account is None:
        raise AccountNotFound
    if account.user_id != user_id:
        raise AccountForbidden
    if account.removed_at is not None:
        raise AccountNotFound
    return account


def load_balance(work: UnitOfWork, account: Account) -> AccountBalance:
    """Return the account with its newest snapshot, and its coverage with the longest gap."""
    [balance] = _with_balances(work, [account])
    if balance.coverage is None:
        return balance
    gap = work.balance_snapshots.longest_gap(account.id)
    longest_gap_days = None if gap is None else round(gap / timedelta(days=1))
    return replace(balance, coverage=replace(balance.coverage, longest_gap_days=longest_gap_days))


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[AccountBalance]:
    """Return the user's accounts with their newest snapshots, by name, then id.

    Their coverage leaves the longest gaps out, which only all snapshots tell.
    """
    found = work.accounts.of_user(user_id, page)
    return ListPage(_with_balances(work, found.items), found.total, found.last)


def _with_balances(work: UnitOfWork, found: Sequence[Account]) -> list[AccountBalance]:
    account_ids = [account.id for account in found]
    joins = work.account_joins.around(account_ids)
    if joins:
        found = _with_last_syncs(work, joins, found)
    newest = work.balance_snapshots.latest_of(account_ids)
    observations = work.balance_snapshots.recent_observations(account_ids)
    balances = []
    for account in found:
        own = observations.get(account.id)
        is_shown = not account.is_hidden and account.closed_at is None
        is_stale = own is not None and is_shown and own.is_stale(work.now)
        coverage = None if own is None else own.coverage()
        joined = joins.members_of(account.id)[1:]
        balances.append(AccountBalance(account, newest.get(account.id), coverage, is_stale, joined))
    return balances


def _with_last_syncs(work: UnitOfWork, joins: Joins, found: Sequence[Account]) -> Sequence[Account]:
    """Return the accounts, joined ones with the last sync of any account of their history."""
    members = work.accounts.of_ids(joins.expand(account.id for account in found))
    syncs = {one.id: one.last_synced_at for one in members}
    return [
        replace(
            account,
            last_synced_at=max(
                (at for one in joins.members_of(account.id) if (at := syncs.get(one)) is not None),
                default=account.last_synced_at,
            ),
        )
        for account in found
    ]


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
        _turn_joined(work, changed)
    work.record_event("account_changed", account.user_id, account.id)
    return changed


def _turn_joined(work: UnitOfWork, root: Account) -> None:
    """Give the sign of the whole history to the accounts that are joined to it."""
    members = work.account_joins.around([root.id]).members_of(root.id)
    for member in work.accounts.of_ids(members):
        if member.id != root.id and member.balance_sign != root.balance_sign:
            turned = replace(member, balance_sign=root.balance_sign, updated_at=work.now)
            work.accounts.update(turned)
            record_settings(work, [turned])
            work.history_chunks.rebuild(turned)
