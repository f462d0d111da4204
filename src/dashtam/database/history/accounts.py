"""The statements on accounts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.syncs.connections import connection_from_row
from dashtam.database.tables import accounts, connections
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.history.hash_chain import GENESIS, Chain
from dashtam.domain.money import Currency
from dashtam.domain.user import UserId

_CHANGEABLE = ("name", "account_type", "balance_sign", "is_hidden", "closed_at", "updated_at")


class Accounts(Repository):
    """The statements on ``accounts``."""

    def get(self, account_id: AccountId) -> Account | None:
        """Return the account of any user."""
        statement = select(accounts).where(accounts.c.id == account_id)
        return self._fetch_one(statement, account_from_row)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Account]:
        """Return the user's accounts by name (code points), then id."""
        statement = select(accounts).where(accounts.c.user_id == user_id)
        order = (accounts.c.name, accounts.c.id)
        return self._fetch_page(statement, page, account_from_row, order=order)

    def of_connection(self, connection_id: ConnectionId) -> Sequence[Account]:
        """Return all of the connection's accounts, by id."""
        statement = select(accounts).where(accounts.c.connection_id == connection_id)
        rows = self._connection.execute(statement.order_by(accounts.c.id))
        return [account_from_row(row) for row in rows]

    def find(
        self, connection_id: ConnectionId, external_id: str, currency: Currency
    ) -> Account | None:
        """Return the account with this identity."""
        statement = select(accounts).where(
            accounts.c.connection_id == connection_id,
            accounts.c.external_id == external_id,
            accounts.c.currency == currency.code,
        )
        return self._fetch_one(statement, account_from_row)

    def find_by_other_connection(
        self, connection: Connection, external_id: str, currency: Currency
    ) -> tuple[Account, Connection] | None:
        """Return the account with this identity under another connection to the same provider.

        Of several accounts, return the one with the newest connection.
        """
        others = (
            select(connections)
            .where(
                connections.c.user_id == connection.user_id,
                connections.c.provider == connection.provider,
                connections.c.id != connection.id,
            )
            .order_by(connections.c.created_at.desc(), connections.c.id)
        )
        for row in self._connection.execute(others).all():
            account = self.find(row.id, external_id, currency)
            if account is not None:
                return account, connection_from_row(row)
        return None

    def add(self, account: Account) -> None:
        """Insert an account with an empty chain."""
        chain = {"chain_length": 0, "chain_head": GENESIS}
        values = asdict(account) | chain | {"currency": account.currency.code}
        self._connection.execute(insert(accounts), values)

    def update(self, account: Account) -> None:
        """Store the fields that the owner can change, and ``updated_at``."""
        self._update(account.id, **{name: getattr(account, name) for name in _CHANGEABLE})

    def move(self, account_id: AccountId, connection_id: ConnectionId, at: datetime) -> None:
        """Hand the account over to another connection."""
        self._update(account_id, connection_id=connection_id, updated_at=at)

    def last_live_at(self, account_id: AccountId) -> datetime | None:
        """Return the ``captured_at`` of the account's last live snapshot."""
        statement = select(accounts.c.last_live_at).where(accounts.c.id == account_id)
        captured_at: datetime | None = self._connection.scalar(statement)
        return captured_at

    def set_last_live_at(self, account_id: AccountId, captured_at: datetime) -> None:
        """Store the ``captured_at`` of the account's last live snapshot."""
        self._update(account_id, last_live_at=captured_at)

    def mark_synced(
        self, connection_id: ConnectionId, account_ids: Sequence[AccountId], at: datetime
    ) -> None:
        """Store the time of the accounts' last sync and, if there are any, their connection's."""
        if not account_ids:
            return
        self._connection.execute(
            update(accounts).where(accounts.c.id == bindparam("of")).values(last_synced_at=at),
            [{"of": account_id} for account_id in account_ids],
        )
        statement = update(connections).where(connections.c.id == connection_id)
        self._connection.execute(statement.values(last_synced_at=at, updated_at=at))

    def lock_chain(self, account_id: AccountId) -> Chain:
        """Return the end of the account's chain, and lock the account until the commit."""
        columns = accounts.c.chain_length, accounts.c.chain_head
        statement = select(*columns).where(accounts.c.id == account_id)
        return Chain(*self._connection.execute(statement.with_for_update()).one())

    def update_chain(self, account_id: AccountId, chain: Chain) -> None:
        """Store the end of the account's chain."""
        self._update(account_id, chain_length=chain.length, chain_head=chain.head)

    def chains(self) -> Iterator[tuple[AccountId, Chain]]:
        """Yield every user's accounts by id, each with the end of its chain; lock nothing."""
        columns = accounts.c.id, accounts.c.chain_length, accounts.c.chain_head
        for account_id, length, head in self._stream_rows(select(*columns).order_by(accounts.c.id)):
            yield AccountId(account_id), Chain(length, head)

    def _update(self, account_id: AccountId, **values: object) -> None:
        self._connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))


def account_from_row(row: AnyRow) -> Account:
    """Return the account of a row of ``accounts``."""
    return from_row(
        Account, row, account_type=AccountType(row.account_type), currency=Currency.of(row.currency)
    )
