"""The statements on holdings."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, exists, insert, select
from uuid_utils.compat import uuid7

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row, to_row
from dashtam.database.tables import accounts, holdings
from dashtam.domain.account import AccountId
from dashtam.domain.history.holding import Holding
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position
from dashtam.domain.user import UserId

_BY_SYMBOL = (holdings.c.symbol, holdings.c.id)


class Holdings(Repository):
    """The statements on ``holdings``."""

    def of_account(self, account_id: AccountId, page: PageRequest) -> ListPage[Holding]:
        """Return the account's positions by symbol, then id."""
        statement = select(holdings).where(holdings.c.account_id == account_id)
        return self._fetch_page(statement, page, _holding_from_row, order=_BY_SYMBOL)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Holding]:
        """Return the positions of all the user's accounts by symbol, then id."""
        owned = select(accounts.c.id).where(accounts.c.user_id == user_id)
        statement = select(holdings).where(holdings.c.account_id.in_(owned))
        return self._fetch_page(statement, page, _holding_from_row, order=_BY_SYMBOL)

    def has_any(self, account_id: AccountId) -> bool:
        """Tell whether the account has positions."""
        statement = select(exists().where(holdings.c.account_id == account_id))
        return bool(self._connection.scalar(statement))

    def replace(self, positions: Mapping[AccountId, Sequence[Position]]) -> None:
        """Replace the positions of each account."""
        statement = delete(holdings).where(holdings.c.account_id.in_(positions))
        self._connection.execute(statement)
        rows = [
            to_row(position)
            | {"id": uuid7(), "account_id": account_id, "currency": position.currency.code}
            for account_id, of_account in positions.items()
            for position in of_account
        ]
        if rows:
            self._connection.execute(insert(holdings), rows)


def _holding_from_row(row: AnyRow) -> Holding:
    position = from_row(Position, row, currency=Currency.of(row.currency))
    return Holding(id=row.id, account_id=row.account_id, position=position)
