"""Holdings: the current positions."""

from dashtam.application.pages import Listed, Page
from dashtam.application.records import Work
from dashtam.domain.account import Account
from dashtam.domain.holding import Holding
from dashtam.domain.user import UserId


def of_account(work: Work, account: Account, page: Page) -> Listed[Holding]:
    """Return the account's positions by symbol, then id."""
    return work.holdings.of_account(account.id, page)


def of_user(work: Work, user_id: UserId, page: Page) -> Listed[Holding]:
    """Return the positions of all the user's accounts by symbol, then id."""
    return work.holdings.of_user(user_id, page)
