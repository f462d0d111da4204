"""Export: all of one's own data, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dashtam.application.connections import connections
from dashtam.application.history import accounts, holdings
from dashtam.application.history.accounts import AccountBalance
from dashtam.application.people import users
from dashtam.application.syncs import syncs
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import Connection
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.history.holding import Holding
from dashtam.domain.sync import Sync
from dashtam.domain.user import User, UserId


@dataclass(frozen=True, slots=True)
class Export:
    """Everything of one user; each stream is read once, while the work is open.

    ``syncs`` are newest first, retracted ones among them. ``balance_snapshots`` stand account by
    account, each oldest first and changed since the one before; what was retracted is left out.
    """

    at: datetime
    user: User
    connections: Iterator[Connection]
    accounts: Iterator[AccountBalance]
    holdings: Iterator[Holding]
    syncs: Iterator[Sync]
    balance_snapshots: Iterator[ChangedSnapshot]


def export(work: UnitOfWork, user_id: UserId) -> Export:
    """Return all of the user's own data.

    Raises:
        Unauthorized: there is no such user any more.
    """
    return Export(
        at=work.now,
        user=users.of(work, user_id),
        connections=iterate_all(lambda page: connections.of_user(work, user_id, page)),
        accounts=iterate_all(lambda page: accounts.of_user(work, user_id, page)),
        holdings=iterate_all(lambda page: holdings.of_user(work, user_id, page)),
        syncs=iterate_all(lambda page: syncs.of_user(work, user_id, page)),
        balance_snapshots=_snapshots(work, user_id),
    )


def _snapshots(work: UnitOfWork, user_id: UserId) -> Iterator[ChangedSnapshot]:
    for account in iterate_all(lambda page: work.accounts.of_user(user_id, page)):
        previous: BalanceSnapshot | None = None
        for snapshot in work.balance_snapshots.stream(account.id):
            yield with_change(previous, snapshot)
            previous = snapshot
