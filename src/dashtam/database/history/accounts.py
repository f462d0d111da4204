"""The statements on accounts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import and_, bindparam, exists, insert, select, update

from dashtam.database.history.past_settings import PastSettings
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row, to_row
from dashtam.database.syncs.connections import connection_from_row
from dashtam.database.tables import account_aliases, account_heads, accounts, connections
from dashtam.domain.account import (
    Account,
    AccountId,
    AccountType,
    AliasKind,
    InstitutionAlias,
)
from dashtam.domain.account_alias import AccountAlias
from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.money import Currency
from dashtam.domain.user import UserId

_alias = account_aliases.c

_CHANGEABLE = (
    *("name", "account_type", "balance_sign", "is_hidden", "holds_unlikely", "closed_at"),
    *("joined_to", "join_proposed_to", "removed_at", "updated_at"),
)

ACCOUNTS = select(accounts, account_heads.c.last_synced_at).join(
    account_heads,
    and_(
        account_heads.c.user_id == accounts.c.user_id, account_heads.c.account_id == accounts.c.id
    ),
)
"""Selects every account with the time of its last sync."""

_OF_CONNECTION = ACCOUNTS.where(accounts.c.connection_id == bindparam("of_connection")).order_by(
    accounts.c.id
)
_ALIASES = select(account_aliases).where(
    _alias.account_id.in_(bindparam("of_accounts", expanding=True))
)


class Accounts(Repository):
    """The statements on ``accounts``.

    With ``known_at`` the accounts of a user are those that existed at that instant, with their
    settings of then.
    """

    def __init__(self, connection: DatabaseConnection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._past = None if known_at is None else PastSettings(connection, known_at)

    def get(self, account_id: AccountId) -> Account | None:
        """Return the account of any user."""
        statement = ACCOUNTS.where(accounts.c.id == account_id)
        return self._fetch_one(statement, account_from_row)

    def of_ids(self, account_ids: Collection[AccountId]) -> Sequence[Account]:
        """Return the accounts with these ids, of any user, by id."""
        statement = ACCOUNTS.where(accounts.c.id.in_(account_ids)).order_by(accounts.c.id)
        return [account_from_row(row) for row in self._connection.execute(statement)]

    def of_user(
        self, user_id: UserId, page: PageRequest, *, with_all: bool = False
    ) -> ListPage[Account]:
        """Return the user's accounts by name (code points), then id.

        Those that are joined to others, and removed ones, are left out unless ``with_all``.
        """
        statement = ACCOUNTS.where(accounts.c.user_id == user_id)
        if not with_all and self._past is None:
            statement = statement.where(
                accounts.c.joined_to.is_(None), accounts.c.removed_at.is_(None)
            )
        if self._past is not None:
            rows = self._connection.execute(statement)
            found = self._past.apply([account_from_row(row) for row in rows])
            if not with_all:
                found = [one for one in found if one.joined_to is None and one.removed_at is None]
            found.sort(key=attrgetter("name", "id.hex"))
            # One page: an account's name may have been another one.
            return ListPage(found, len(found), None)
        order = (accounts.c.name, accounts.c.id)
        return self._fetch_page(statement, page, account_from_row, order=order)

    def of_connection(self, connection_id: ConnectionId) -> Sequence[Account]:
        """Return all of the connection's accounts, by id."""
        rows = self._connection.execute(_OF_CONNECTION, {"of_connection": connection_id})
        return [account_from_row(row) for row in rows]

    def aliases(self, of: Collection[Account]) -> Mapping[AccountId, Sequence[AccountAlias]]:
        """Return the recorded names of each account that has any."""
        currencies = {account.id: account.currency for account in of}
        found: dict[AccountId, list[AccountAlias]] = {}
        for row in self._connection.execute(_ALIASES, {"of_accounts": list(currencies)}):
            account_id = AccountId(row.account_id)
            institution = InstitutionAlias(AliasKind(row.kind), row.institution)
            alias = AccountAlias(institution, row.external_id, currencies[account_id])
            found.setdefault(account_id, []).append(alias)
        return found

    def add_aliases(self, new: Mapping[AccountId, Collection[AccountAlias]], at: datetime) -> None:
        """Record names of accounts, which they do not have yet."""
        rows = [
            {
                "account_id": account_id,
                "kind": alias.institution.kind,
                "institution": alias.institution.value,
                "external_id": alias.external_id,
                "created_at": at,
            }
            for account_id, aliases in new.items()
            for alias in aliases
        ]
        if rows:
            self._connection.execute(insert(account_aliases), rows)

    def of_other_connections(
        self, connection: Connection, external_ids: Collection[str]
    ) -> Sequence[tuple[Account, Connection]]:
        """Return the accounts that ever had these ids under other connections to the provider.

        Those of the newest connection come first.
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
        by_id = {row.id: connection_from_row(row) for row in self._connection.execute(others)}
        if not by_id:
            return []
        has_id = exists().where(
            _alias.account_id == accounts.c.id, _alias.external_id.in_(external_ids)
        )
        statement = ACCOUNTS.where(accounts.c.connection_id.in_(by_id), has_id)
        statement = statement.order_by(accounts.c.id)
        found = [account_from_row(row) for row in self._connection.execute(statement)]
        order = {connection_id: place for place, connection_id in enumerate(by_id)}
        found.sort(key=lambda account: order[account.connection_id])
        return [(account, by_id[account.connection_id]) for account in found]

    def add(self, new: Collection[Account]) -> None:
        """Insert accounts, which need heads too (``AccountHeads.add``)."""
        rows = [to_row(account) | {"currency": account.currency.code} for account in new]
        for row in rows:
            # The head has it.
            del row["last_synced_at"]
        if rows:
            self._connection.execute(insert(accounts), rows)

    def update(self, account: Account) -> None:
        """Store the fields that the owner can change, and ``updated_at``."""
        self._update(account.id, **{name: getattr(account, name) for name in _CHANGEABLE})

    def name_institution(self, connection: Connection) -> None:
        """Give the connection's name to its accounts that have only their institution's code."""
        statement = update(accounts).where(
            accounts.c.connection_id == connection.id,
            accounts.c.institution == connection.institution,
        )
        values = {"institution": connection.name, "updated_at": connection.updated_at}
        self._connection.execute(statement.values(values))

    def move(
        self, account_ids: Collection[AccountId], connection_id: ConnectionId, at: datetime
    ) -> None:
        """Hand the accounts over to another connection."""
        statement = update(accounts).where(accounts.c.id.in_(account_ids))
        self._connection.execute(statement.values(connection_id=connection_id, updated_at=at))

    def _update(self, account_id: AccountId, **values: object) -> None:
        self._connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))


def account_from_row(row: AnyRow) -> Account:
    """Return the account of a row of ``accounts``."""
    return from_row(
        Account, row, account_type=AccountType(row.account_type), currency=Currency.of(row.currency)
    )
