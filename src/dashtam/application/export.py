"""The export of all of a user's data, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.application.history.accounts import AccountBalance
from dashtam.application.people import users
from dashtam.application.syncs import syncs
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import Connection
from dashtam.domain.history.account_event import AccountEvent
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.history.holding import Holding
from dashtam.domain.sync import Sync
from dashtam.domain.user import User, UserId


@dataclass(frozen=True, slots=True)
class Export:
    """All data of one user; each stream is read once, within the unit of work.

    ``syncs`` are newest first, retracted ones among them. ``balance_snapshots`` are ordered by
    account, each account's oldest first with the change since the one before; retracted ones are
    left out. ``account_events`` are ordered by account, each account's oldest first.
    """

    at: datetime
    user: User
    connections: Iterator[Connection]
    accounts: Iterator[AccountBalance]
    holdings: Iterator[Holding]
    syncs: Iterator[Sync]
    balance_snapshots: Iterator[ChangedSnapshot]
    account_events: Iterator[AccountEvent]


def export(work: UnitOfWork, user_id: UserId) -> Export:
    """Return all of the user's data.

    Raises:
        Unauthorized: the user does not exist any more.
    """

    def changed_snapshots() -> Iterator[ChangedSnapshot]:
        for account in iterate_all(lambda page: work.accounts.of_user(user_id, page)):
            previous: BalanceSnapshot | None = None
            for snapshot in work.balance_snapshots.stream(account.id):
                yield with_change(previous, snapshot)
                previous = snapshot

    def account_events() -> Iterator[AccountEvent]:
        for account in iterate_all(lambda page: work.accounts.of_user(user_id, page)):
            for link in work.account_events.links(account.id):
                yield link.event

    return Export(
        at=work.now,
        user=users.load(work, user_id),
        connections=iterate_all(lambda page: connections.list_for_user(work, user_id, page)),
        accounts=iterate_all(lambda page: accounts.list_for_user(work, user_id, page)),
        holdings=iterate_all(lambda page: work.holdings.of_user(user_id, page)),
        syncs=iterate_all(lambda page: syncs.list_for_user(work, user_id, page)),
        balance_snapshots=changed_snapshots(),
        account_events=account_events(),
    )
