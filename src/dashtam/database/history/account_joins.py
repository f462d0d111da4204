"""Accounts that are one history: which accounts are joined, now or at an instant."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select

from dashtam.database.history.accounts import ACCOUNTS, account_from_row
from dashtam.database.history.past_settings import PastSettings
from dashtam.database.repository import Repository
from dashtam.database.tables import accounts
from dashtam.domain.account import Account, AccountId
from dashtam.domain.user import UserId

_JOINED = select(accounts.c.id, accounts.c.joined_to).where(
    accounts.c.user_id == bindparam("of_user"), accounts.c.joined_to.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Joins:
    """The accounts by the one to which they are joined; those that are not joined are absent."""

    joined_to: dict[AccountId, AccountId] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether any account is joined."""
        return bool(self.joined_to)

    def root_of(self, account_id: AccountId) -> AccountId:
        """Return the account with the id of the whole history."""
        while account_id in self.joined_to:
            account_id = self.joined_to[account_id]
        return account_id

    def members_of(self, account_id: AccountId) -> Sequence[AccountId]:
        """Return all accounts of the history of this one, the one with its id first."""
        root = self.root_of(account_id)
        return [root, *sorted(one for one in self.joined_to if self.root_of(one) == root)]

    def expand(self, account_ids: Iterable[AccountId]) -> Collection[AccountId]:
        """Return all accounts of the histories of these."""
        return list(dict.fromkeys(one for id_ in account_ids for one in self.members_of(id_)))


class AccountJoins(Repository):
    """The statements on joins; with ``known_at`` on those of that instant.

    The joins of a user are read once; ``forget`` has them read again.
    """

    def __init__(self, connection: Connection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._past = None if known_at is None else PastSettings(connection, known_at)
        self._joins: dict[UserId, Joins] = {}
        self._owners: dict[AccountId, UserId] = {}

    def of_user(self, user_id: UserId) -> Joins:
        """Return the joins of the user's accounts."""
        if user_id not in self._joins:
            self._joins[user_id] = self._find(user_id)
        return self._joins[user_id]

    def around(self, account_ids: Collection[AccountId]) -> Joins:
        """Return the joins of the owners of these accounts."""
        unknown = [one for one in account_ids if one not in self._owners]
        if unknown:
            owners = select(accounts.c.id, accounts.c.user_id).where(accounts.c.id.in_(unknown))
            for row in self._connection.execute(owners):
                self._owners[AccountId(row.id)] = UserId(row.user_id)
        users = dict.fromkeys(self._owners[one] for one in account_ids if one in self._owners)
        joined_to: dict[AccountId, AccountId] = {}
        for user_id in users:
            joined_to |= self.of_user(user_id).joined_to
        return Joins(joined_to)

    def forget(self) -> None:
        """Have the joins read again: some were changed."""
        self._joins.clear()

    def proposed(self, user_id: UserId) -> Collection[AccountId]:
        """Return the user's accounts for which a join is proposed."""
        found = self._load(accounts.c.user_id == user_id)
        return {one.id for one in found if one.join_proposed_to is not None}

    def load(self, account_ids: Sequence[AccountId]) -> Sequence[Account]:
        """Return these accounts in this order, with their settings."""
        found = self._load(accounts.c.id.in_(account_ids))
        return sorted(found, key=lambda account: account_ids.index(account.id))

    def _find(self, user_id: UserId) -> Joins:
        if self._past is None:
            rows = self._connection.execute(_JOINED, {"of_user": user_id})
            return Joins({AccountId(row.id): AccountId(row.joined_to) for row in rows})
        known = self._load(accounts.c.user_id == user_id)
        return Joins({one.id: one.joined_to for one in known if one.joined_to is not None})

    def _load(self, condition: ColumnElement[bool]) -> Sequence[Account]:
        found = [
            account_from_row(row) for row in self._connection.execute(ACCOUNTS.where(condition))
        ]
        return found if self._past is None else self._past.apply(found)
