"""The settings of accounts as they were at an instant, read from their events."""

from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import Connection, select

from dashtam.database.repository import Repository
from dashtam.database.tables import account_events
from dashtam.domain.account import Account, AccountId, AccountSettings
from dashtam.domain.history.account_event import EventKind, parse_content

_e = account_events.c


class PastSettings(Repository):
    """The settings of accounts at ``known_at``; each account's are read once."""

    def __init__(self, connection: Connection, known_at: datetime) -> None:
        super().__init__(connection)
        self.known_at = known_at
        self._found: dict[AccountId, AccountSettings] = {}

    def of(self, account_id: AccountId) -> AccountSettings:
        """Return the settings of an account that existed."""
        if account_id not in self._found:
            self._load([account_id])
        return self._found[account_id]

    def apply(self, present: Iterable[Account]) -> list[Account]:
        """Return those of the accounts that existed, with their settings of then."""
        existing = [account for account in present if account.created_at <= self.known_at]
        self._load([account.id for account in existing])
        return [
            replace(
                account,
                **{one.name: getattr(settings, one.name) for one in fields(AccountSettings)},
            )
            for account in existing
            if (settings := self._found.get(account.id)) is not None
        ]

    def _load(self, account_ids: Collection[AccountId]) -> None:
        statement = (
            select(_e.account_id, _e.content)
            .where(
                _e.account_id.in_(account_ids),
                _e.kind == EventKind.SETTINGS,
                _e.recorded_at <= self.known_at,
            )
            .order_by(_e.account_id, _e.number)
        )
        # The last one of each account stays.
        for account_id, content in self._connection.execute(statement):
            self._found[account_id] = AccountSettings.from_content(parse_content(content))
