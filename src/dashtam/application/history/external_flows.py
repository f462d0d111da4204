"""External flows: money and securities that came into an account or left it."""

from dashtam.application.history import accounts
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.history.external_flow import ExternalFlow
from dashtam.domain.period import Period
from dashtam.domain.user import UserId


def list_for_account(
    work: UnitOfWork, user_id: UserId, account_id: AccountId, period: Period, page: PageRequest
) -> ListPage[ExternalFlow]:
    """Return the flows that were booked on the days of the period, oldest first.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    account = accounts.load(work, user_id, account_id)
    first, last = period.start.date(), period.end.date()
    members = work.account_joins.around([account.id]).members_of(account.id)
    return work.external_flows.booked_within(members, first, last, page)
