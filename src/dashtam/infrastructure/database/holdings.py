"""The statements on holdings."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select
from uuid_utils.compat import uuid7

from dashtam.application.records import Listed, Page
from dashtam.domain.account import AccountId
from dashtam.domain.holding import Holding
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position
from dashtam.domain.user import UserId
from dashtam.infrastructure.database.rows import AnyRow, page_of
from dashtam.infrastructure.database.tables import accounts, holdings

_BY_SYMBOL = (holdings.c.symbol, holdings.c.id)


class Holdings:
    """Every statement on ``holdings``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_account(self, account_id: AccountId, page: Page) -> Listed[Holding]:
        """Return the account's positions by symbol, then id."""
        statement = select(holdings).where(holdings.c.account_id == account_id)
        return page_of(self._connection, statement, page, _holding_of, by=_BY_SYMBOL)

    def of_user(self, user_id: UserId, page: Page) -> Listed[Holding]:
        """Return the positions of all the user's accounts by symbol, then id."""
        owned = select(accounts.c.id).where(accounts.c.user_id == user_id)
        statement = select(holdings).where(holdings.c.account_id.in_(owned))
        return page_of(self._connection, statement, page, _holding_of, by=_BY_SYMBOL)

    def replace(
        self, account_id: AccountId, positions: Sequence[Position], as_of: datetime
    ) -> None:
        """Put these in place of the account's, unless those are of a later instant."""
        of_account = holdings.c.account_id == account_id
        newest = self._connection.scalar(select(func.max(holdings.c.as_of)).where(of_account))
        if newest is not None and newest > as_of:
            return
        self._connection.execute(delete(holdings).where(of_account))
        rows = [
            asdict(position)
            | {"id": uuid7(), "account_id": account_id, "currency": position.currency.code}
            for position in positions
        ]
        if rows:
            self._connection.execute(insert(holdings), rows)


def _holding_of(row: AnyRow) -> Holding:
    position = Position(
        symbol=row.symbol,
        name=row.name,
        asset_type=row.asset_type,
        quantity=row.quantity,
        price=row.price,
        market_value=row.market_value,
        cost_basis=row.cost_basis,
        currency=Currency.of(row.currency),
        as_of=row.as_of,
    )
    return Holding(id=row.id, account_id=row.account_id, position=position)
