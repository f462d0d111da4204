"""Removals: accounts of which no balance counts any more, after their imports were retracted."""

from dashtam.application.history import accounts
from dashtam.application.syncs import syncs
from dashtam.application.syncs.syncs import ImportRunning
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ProviderKind
from dashtam.domain.errors import Conflict
from dashtam.domain.user import UserId


class AccountInUse(Conflict):
    """Balances of the account count, or it is joined to another one."""

    detail = "Balances of this account count: retract the imports that recorded them first."


class AccountConnected(Conflict):
    """A live connection feeds the account."""

    detail = "A live connection feeds this account, and would bring it back: hide or close it."


def remove_account(work: UnitOfWork, user_id: UserId, account_id: AccountId) -> None:
    """Take an account of which nothing counts out of every answer; its rows stay.

    Raises:
        AccountNotFound, AccountForbidden: there is none with this id, or it is another user's.
        AccountInUse: a balance of it counts, or it is joined to another account.
        AccountConnected: a live connection feeds it.
        ImportRunning: a long import of the user's has not ended.
    """
    work.users.lock_for_recording(user_id)
    account = accounts.load_single(work, user_id, account_id)
    connection = work.connections.get(account.connection_id)
    if connection is not None and connection.kind is ProviderKind.API:
        raise AccountConnected
    running = syncs.find_unfinished_import(work, user_id)
    if running is not None:
        # It may be recording balances of this account.
        raise ImportRunning(running.id)
    is_joined = len(work.account_joins.around([account.id]).members_of(account.id)) > 1
    if is_joined or work.balance_snapshots.with_any([account.id]):
        raise AccountInUse
    accounts.remove(work, account)
