"""Holdings: the current positions."""

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.history.holding import Holding
from dashtam.domain.user import UserId


def list_for_account(work: UnitOfWork, account: Account, page: PageRequest) -> ListPage[Holding]:
    """Return the account's positions by symbol, then id."""
    return work.holdings.of_account(account.id, page)


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[Holding]:
    """Return the positions of all the user's accounts by symbol, then id."""
    return work.holdings.of_user(user_id, page)
