"""The statements on holdings."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from uuid_utils.compat import uuid7

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.tables import accounts, holdings
from dashtam.domain.account import AccountId
from dashtam.domain.history.holding import Holding
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position
from dashtam.domain.sync import Sync, SyncId
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

    def replace(
        self, account_id: AccountId, positions: Sequence[Position], as_of: datetime, sync_id: SyncId
    ) -> None:
        """Replace the account's positions, unless those stored are of a later instant."""
        is_account = accounts.c.id == account_id
        stored_as_of = self._connection.scalar(select(accounts.c.holdings_as_of).where(is_account))
        if stored_as_of is not None and stored_as_of > as_of:
            return
        statement = update(accounts).where(is_account)
        self._connection.execute(statement.values(holdings_as_of=as_of, holdings_sync_id=sync_id))
        self._connection.execute(delete(holdings).where(holdings.c.account_id == account_id))
        rows = [
            asdict(position)
            | {"id": uuid7(), "account_id": account_id, "currency": position.currency.code}
            for position in positions
        ]
        if rows:
            self._connection.execute(insert(holdings), rows)

    def retract(self, sync: Sync) -> None:
        """Delete the positions that a sync reported: the accounts then have none that are known."""
        is_reported = accounts.c.user_id == sync.user_id, accounts.c.holdings_sync_id == sync.id
        reported = select(accounts.c.id).where(*is_reported)
        self._connection.execute(delete(holdings).where(holdings.c.account_id.in_(reported)))
        statement = update(accounts).where(*is_reported)
        self._connection.execute(statement.values(holdings_as_of=None, holdings_sync_id=None))


def _holding_from_row(row: AnyRow) -> Holding:
    position = from_row(Position, row, currency=Currency.of(row.currency))
    return Holding(id=row.id, account_id=row.account_id, position=position)
