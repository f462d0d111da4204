"""Holdings: the positions of an account, or of all accounts, at one time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from operator import attrgetter
from uuid import UUID

from dashtam.application.history import accounts
from dashtam.database.history.account_joins import Joins
from dashtam.database.pagination import Cursor, ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.history.holding import Holding
from dashtam.domain.history.position_set import PositionSet
from dashtam.domain.user import UserId


def list_for_account(
    work: UnitOfWork,
    user_id: UserId,
    account_id: AccountId,
    page: PageRequest,
    at: datetime | None = None,
) -> ListPage[Holding]:
    """Return the positions of the user's account by symbol, then id; at an instant or the newest.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    account = accounts.load(work, user_id, account_id)
    joins = work.account_joins.around([account.id])
    members = joins.members_of(account.id)
    found = work.position_sets.of_accounts(members, at)
    return _to_page(_newest_of_each(joins, found), page)


def list_for_user(
    work: UnitOfWork, user_id: UserId, page: PageRequest, at: datetime | None = None
) -> ListPage[Holding]:
    """Return the positions of all the user's accounts by symbol, then id.

    Those of an account that waits for its owner's decision on a join are left out.
    """
    waiting = work.account_joins.proposed(user_id)
    found = [
        one for one in work.position_sets.of_user(user_id, at) if one.account_id not in waiting
    ]
    return _to_page(_newest_of_each(work.account_joins.of_user(user_id), found), page)


def _newest_of_each(joins: Joins, sets: Sequence[PositionSet]) -> Sequence[PositionSet]:
    """Return the newest set of each history, with the id of the whole history."""
    newest: dict[AccountId, PositionSet] = {}
    for one in sorted(sets, key=attrgetter("captured_at", "recorded_at")):
        root_id = joins.root_of(one.account_id)
        newest[root_id] = replace(one, account_id=root_id)
    return list(newest.values())


def _to_page(sets: Sequence[PositionSet], page: PageRequest) -> ListPage[Holding]:
    found = sorted(chain.from_iterable(one.holdings for one in sets), key=_place_of)
    behind = found
    if page.after is not None:
        after = page.after.name, page.after.id
        behind = [holding for holding in found if _place_of(holding) > after]
    items = behind[: page.limit]
    last = Cursor(items[-1].id, items[-1].position.symbol) if len(behind) > page.limit else None
    return ListPage(items, len(found), last)


def _place_of(holding: Holding) -> tuple[str, UUID]:
    return holding.position.symbol, holding.id
