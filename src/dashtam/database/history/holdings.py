"""The statements on holdings."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from uuid_utils.compat import uuid7

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_page
from dashtam.database.tables import accounts, holdings
from dashtam.domain.account import AccountId
from dashtam.domain.history.holding import Holding
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position
from dashtam.domain.sync import Sync, SyncId
from dashtam.domain.user import UserId

_BY_SYMBOL = (holdings.c.symbol, holdings.c.id)


class Holdings:
    """Every statement on ``holdings``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_account(self, account_id: AccountId, page: PageRequest) -> ListPage[Holding]:
        """Return the account's positions by symbol, then id."""
        statement = select(holdings).where(holdings.c.account_id == account_id)
        return fetch_page(self._connection, statement, page, _holding_of, by=_BY_SYMBOL)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Holding]:
        """Return the positions of all the user's accounts by symbol, then id."""
        owned = select(accounts.c.id).where(accounts.c.user_id == user_id)
        statement = select(holdings).where(holdings.c.account_id.in_(owned))
        return fetch_page(self._connection, statement, page, _holding_of, by=_BY_SYMBOL)

    def replace(
        self,
        account_id: AccountId,
        positions: Sequence[Position],
        as_of: datetime,
        sync_id: SyncId,
    ) -> None:
        """Put what a run tells in place of the account's, unless that is of a later instant."""
        this = accounts.c.id == account_id
        known_as_of = self._connection.scalar(select(accounts.c.holdings_as_of).where(this))
        if known_as_of is not None and known_as_of > as_of:
            return
        self._connection.execute(
            update(accounts).where(this).values(holdings_as_of=as_of, holdings_sync_id=sync_id)
        )
        self._connection.execute(delete(holdings).where(holdings.c.account_id == account_id))
        rows = [
            asdict(position)
            | {"id": uuid7(), "account_id": account_id, "currency": position.currency.code}
            for position in positions
        ]
        if rows:
            self._connection.execute(insert(holdings), rows)

    def retract(self, sync: Sync) -> None:
        """Forget what the run told: nothing is known of these accounts' positions any more."""
        told = accounts.c.user_id == sync.user_id, accounts.c.holdings_sync_id == sync.id
        of_these = holdings.c.account_id.in_(select(accounts.c.id).where(*told))
        self._connection.execute(delete(holdings).where(of_these))
        self._connection.execute(
            update(accounts).where(*told).values(holdings_as_of=None, holdings_sync_id=None)
        )


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
