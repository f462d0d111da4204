"""Joins: accounts that are one account under several ids, as their owner says."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dashtam.application.history import accounts
from dashtam.application.history.capture import record_joins
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountSettings, AccountType, Identity
from dashtam.domain.errors import (
    AccountForbidden,
    AccountNotFound,
    Conflict,
    FieldError,
    Unprocessable,
)
from dashtam.domain.user import UserId

_POINTER: Final = "/account_id"
_UNKNOWN: Final = ("unknown", "You have no account with this id.")
_SAME: Final = ("same_account", "An account cannot be joined to itself.")
_CURRENCIES: Final = (
    "different_currency",
    "Accounts of different currencies cannot be one history.",
)


class NotJoined(Conflict):
    """The account is not joined, and no join of it is proposed."""

    detail = "This account is not joined to another one, and no join of it is proposed."


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A new account, and the identity that its provider reports."""

    account: Account
    identity: Identity


def propose(
    work: UnitOfWork, new: Sequence[NewAccount], silent: Iterable[Account]
) -> dict[AccountId, Account]:
    """Return the accounts that the new ones likely continue under other ids, by the new ones' ids.

    The name, the type, the last digits and the currency agree, and so does the institution; each
    account is proposed once. ``silent`` are those that the same answer does not report.
    """
    places = {(one.account.currency, one.account.institution) for one in new}
    candidates = [
        account
        for account in silent
        if account.closed_at is None and (account.currency, account.institution) in places
    ]
    if not candidates:
        return {}
    # The owner may have changed the settings since the provider told them first.
    events = work.account_events.first_settings([account.id for account in candidates])
    told = {one: AccountSettings.from_content(event.values) for one, event in events.items()}
    by_name: dict[str, list[Account]] = {}
    for account in candidates:
        for name in {account.name, told[account.id].name}:
            by_name.setdefault(name, []).append(account)
    proposed: dict[AccountId, Account] = {}
    taken: set[AccountId] = set()
    for one in new:
        fitting = [
            account
            for account in by_name.get(one.identity.name, ())
            if account.id not in taken and _agree(one, account, told[account.id])
        ]
        # The last digits tell accounts of one name apart, where both tell them.
        fitting.sort(key=lambda account: account.number_masked != one.account.number_masked)
        if fitting:
            proposed[one.account.id] = fitting[0]
            taken.add(fitting[0].id)
    return proposed


def _agree(new: NewAccount, old: Account, told: AccountSettings) -> bool:
    """Tell whether two accounts of one name agree in all else."""
    account_type = new.identity.account_type or AccountType.OTHER
    numbers = new.account.number_masked, old.number_masked
    return (
        new.account.currency == old.currency
        and new.account.institution == old.institution
        and account_type in {old.account_type, told.account_type}
        and (None in numbers or numbers[0] == numbers[1])
    )


def join(work: UnitOfWork, user_id: UserId, account_id: AccountId, other_id: AccountId) -> Account:
    """Make two accounts one history, and return the account that has its id from then on.

    That is the one that was created first. No row changes: an event links them, and ``separate``
    undoes it. Joining twice is the same as once.

    Raises:
        AccountNotFound: no account has the first id.
        AccountForbidden: it is another user's.
        Unprocessable: the user has no second account, or they cannot be one history.
    """
    work.users.lock_for_recording(user_id)
    one = accounts.load_single(work, user_id, account_id)
    try:
        other = accounts.load_single(work, user_id, other_id)
    except (AccountForbidden, AccountNotFound) as error:
        raise _refusal(*_UNKNOWN) from error
    joins = work.account_joins.of_user(user_id)
    roots = {joins.root_of(one.id), joins.root_of(other.id)}
    if one.id == other.id:
        raise _refusal(*_SAME)
    if len(roots) == 1:
        return accounts.load(work, user_id, one.id)
    if one.currency != other.currency:
        raise _refusal(*_CURRENCIES)
    first, second = sorted(
        work.accounts.of_ids(roots), key=lambda account: (account.created_at, account.id)
    )
    joined = replace(second, joined_to=first.id, join_proposed_to=None, updated_at=work.now)
    changed = [joined]
    if first.join_proposed_to is not None:
        changed.append(replace(first, join_proposed_to=None, updated_at=work.now))
    _store(work, changed, "account_joined")
    return accounts.load(work, user_id, first.id)


def separate(work: UnitOfWork, user_id: UserId, account_id: AccountId) -> None:
    """Undo the joins of an account, or decline the join that is proposed for it.

    For the account with the id of the whole history this separates all others from it.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        NotJoined: there is nothing to undo or to decline.
    """
    work.users.lock_for_recording(user_id)
    account = accounts.load_single(work, user_id, account_id)
    if account.joined_to is not None or account.join_proposed_to is not None:
        separated = [account]
    else:
        members = work.account_joins.of_user(user_id).members_of(account.id)
        found = work.accounts.of_ids(members)
        separated = [one for one in found if one.joined_to == account.id]
    if not separated:
        raise NotJoined
    now = work.now
    changed = [
        replace(one, joined_to=None, join_proposed_to=None, updated_at=now) for one in separated
    ]
    before = {one.joined_to for one in separated if one.joined_to is not None}
    _store(work, changed, "account_separated", before)


def _store(
    work: UnitOfWork, changed: Sequence[Account], event: str, before: Collection[AccountId] = ()
) -> None:
    for account in changed:
        work.accounts.update(account)
    work.account_joins.forget()
    record_joins(work, changed, before)
    work.record_events(event, changed[0].user_id, [account.id for account in changed])


def _refusal(code: str, detail: str) -> Unprocessable:
    return Unprocessable(detail, (FieldError(_POINTER, code, detail),))
