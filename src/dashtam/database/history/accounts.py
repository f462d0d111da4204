"""The statements on accounts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_one, fetch_page
from dashtam.database.syncs.connections import connection_from_row
from dashtam.database.tables import accounts, connections
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.connection import Connection as TheirConnection
from dashtam.domain.connection import ConnectionId
from dashtam.domain.history.hash_chain import GENESIS, Chain
from dashtam.domain.money import Currency
from dashtam.domain.user import UserId

_CHANGEABLE = ("name", "account_type", "balance_sign", "is_hidden", "closed_at", "updated_at")

_BATCH = 1_000


class Accounts:
    """Every statement on ``accounts``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, account_id: AccountId) -> Account | None:
        """Return the account, whoever owns it."""
        statement = select(accounts).where(accounts.c.id == account_id)
        return fetch_one(self._connection, statement, account_from_row)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Account]:
        """Return the user's accounts by name (code points), then id."""
        statement = select(accounts).where(accounts.c.user_id == user_id)
        by = (accounts.c.name, accounts.c.id)
        return fetch_page(self._connection, statement, page, account_from_row, by=by)

    def find(
        self, connection_id: ConnectionId, external_id: str, currency: Currency
    ) -> Account | None:
        """Return the account with this identity."""
        statement = select(accounts).where(
            accounts.c.connection_id == connection_id,
            accounts.c.external_id == external_id,
            accounts.c.currency == currency.code,
        )
        return fetch_one(self._connection, statement, account_from_row)

    def add(self, account: Account) -> None:
        """Keep a new account, its chain empty."""
        values = asdict(account) | {
            "currency": account.currency.code,
            "chain_length": 0,
            "chain_head": GENESIS,
        }
        self._connection.execute(insert(accounts), values)

    def update(self, account: Account) -> None:
        """Keep what its owner changed: name, type, sign, hidden, closed, and ``updated_at``."""
        values = {name: getattr(account, name) for name in _CHANGEABLE}
        self._connection.execute(update(accounts).where(accounts.c.id == account.id).values(values))

    def lock_chain(self, account_id: AccountId) -> Chain:
        """Return where the account's chain ends, and lock the account until the work is done."""
        statement = (
            select(accounts.c.chain_length, accounts.c.chain_head)
            .where(accounts.c.id == account_id)
            .with_for_update()
        )
        row = self._connection.execute(statement).one()
        return Chain(row.chain_length, row.chain_head)

    def of_connection(self, connection_id: ConnectionId) -> Sequence[Account]:
        """Return all of the connection's accounts, by id."""
        statement = select(accounts).where(accounts.c.connection_id == connection_id)
        rows = self._connection.execute(statement.order_by(accounts.c.id))
        return [account_from_row(row) for row in rows]

    def find_by_other_connection(
        self, connection: TheirConnection, external_id: str, currency: Currency
    ) -> tuple[Account, TheirConnection] | None:
        """Return the account with this identity under another connection to the same provider.

        Of several the one whose connection was made last.
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

    def move(self, account_id: AccountId, connection_id: ConnectionId, at: datetime) -> None:
        """Have another connection feed the account from now on."""
        self._connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(connection_id=connection_id, updated_at=at)
        )

    def last_live_at(self, account_id: AccountId) -> datetime | None:
        """Return the ``captured_at`` of the account's last live snapshot."""
        statement = select(accounts.c.last_live_at).where(accounts.c.id == account_id)
        last: datetime | None = self._connection.scalar(statement)
        return last

    def set_last_live_at(self, account_id: AccountId, captured_at: datetime) -> None:
        """Keep the ``captured_at`` of the account's last live snapshot."""
        self._connection.execute(
            update(accounts).where(accounts.c.id == account_id).values(last_live_at=captured_at)
        )

    def update_chain(self, account_id: AccountId, chain: Chain) -> None:
        """Keep where the chain ends now."""
        self._connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(chain_length=chain.length, chain_head=chain.head)
        )

    def mark_synced(
        self, connection_id: ConnectionId, account_ids: Sequence[AccountId], at: datetime
    ) -> None:
        """Keep when a run last reached these accounts and, if there are any, their connection."""
        if not account_ids:
            return
        self._connection.execute(
            update(accounts).where(accounts.c.id == bindparam("of")).values(last_synced_at=at),
            [{"of": account_id} for account_id in account_ids],
        )
        self._connection.execute(
            update(connections)
            .where(connections.c.id == connection_id)
            .values(last_synced_at=at, updated_at=at)
        )

    def chains(self) -> Iterator[tuple[AccountId, Chain]]:
        """Yield every account of everyone, by id, with where its chain ends; lock nothing."""
        ends = accounts.c.id, accounts.c.chain_length, accounts.c.chain_head
        statement = select(*ends).order_by(accounts.c.id)
        options = {"yield_per": _BATCH}
        with self._connection.execute(statement, execution_options=options) as rows:
            for row in rows:
                yield AccountId(row.id), Chain(row.chain_length, row.chain_head)


def account_from_row(row: AnyRow) -> Account:
    """Return the account of a row of ``accounts``."""
    return Account(
        id=row.id,
        user_id=row.user_id,
        connection_id=row.connection_id,
        external_id=row.external_id,
        name=row.name,
        institution=row.institution,
        account_type=AccountType(row.account_type),
        number_masked=row.number_masked,
        currency=Currency.of(row.currency),
        balance_sign=row.balance_sign,
        is_hidden=row.is_hidden,
        closed_at=row.closed_at,
        last_synced_at=row.last_synced_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
