"""The export of all of a user's data, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from dashtam.application.connections import connections
from dashtam.application.history import accounts, holdings
from dashtam.application.history.accounts import AccountBalance
from dashtam.application.history.known_at import as_known_at
from dashtam.application.imports import import_profiles
from dashtam.application.people import users
from dashtam.application.syncs import syncs
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection
from dashtam.domain.history.account_event import AccountEvent
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, SnapshotId
from dashtam.domain.history.evidence import Amendments, collect_amendments
from dashtam.domain.history.external_flow import ExternalFlow
from dashtam.domain.history.holding import Holding
from dashtam.domain.history.position_set import PositionSet
from dashtam.domain.import_profile import ImportProfile
from dashtam.domain.period import MAX_INSTANT
from dashtam.domain.sync import Sync
from dashtam.domain.user import User, UserId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Export:
    """All data of one user; each stream is read once, within the unit of work.

    ``syncs`` are newest first, retracted ones among them. ``balance_snapshots`` are ordered by
    account, each account's oldest first with the change since the one before, and with the
    amendments of the account's snapshots; retracted ones are left out. ``account_events`` are
    ordered by account, each account's oldest first. ``position_sets`` and ``external_flows`` are
    ordered likewise, and those that do not count are among them.
    """

    at: datetime
    user: User
    connections: Iterator[Connection]
    accounts: Iterator[AccountBalance]
    holdings: Iterator[Holding]
    syncs: Iterator[Sync]
    balance_snapshots: Iterator[tuple[ChangedSnapshot, Mapping[SnapshotId, Amendments]]]
    account_events: Iterator[AccountEvent]
    position_sets: Iterator[PositionSet]
    external_flows: Iterator[ExternalFlow]
    import_profiles: Iterator[ImportProfile]


def export(work: UnitOfWork, user_id: UserId, known_at: datetime | None = None) -> Export:
    """Return all of the user's data, or those that were recorded until an instant.

    Of an earlier instant the accounts have their settings of then; the user, the connections and
    the other fields of the accounts are as they are now.

    Raises:
        Invalid: the instant is in the future.
        Unauthorized: the user does not exist any more.
    """
    work, until = as_known_at(work, known_at), known_at or MAX_INSTANT

    def of_each_account(read: Callable[[AccountId], Iterator[T]]) -> Iterator[T]:
        for account in iterate_all(
            lambda page: work.accounts.of_user(user_id, page, with_all=True)
        ):
            yield from read(account.id)

    def read_snapshots(
        account_id: AccountId,
    ) -> Iterator[tuple[ChangedSnapshot, Mapping[SnapshotId, Amendments]]]:
        members = work.account_joins.around([account_id]).members_of(account_id)
        if members[0] != account_id:
            # They are among those of the whole history.
            return
        amendments = collect_amendments(work.account_events.about_snapshots(members))
        previous: BalanceSnapshot | None = None
        for snapshot in work.balance_snapshots.stream(account_id):
            yield with_change(previous, snapshot), amendments
            previous = snapshot

    events = (link.event for link in of_each_account(work.account_events.links))
    sets = (link.positions for link in of_each_account(work.position_sets.links))
    flows = (link.recorded for link in of_each_account(work.external_flows.links))
    owned = iterate_all(lambda page: connections.list_for_user(work, user_id, page))
    runs = iterate_all(lambda page: syncs.list_for_user(work, user_id, page))
    return Export(
        at=work.now,
        user=users.load(work, user_id),
        connections=(one for one in owned if one.created_at <= until),
        accounts=iterate_all(lambda page: accounts.list_for_user(work, user_id, page)),
        holdings=iterate_all(lambda page: holdings.list_for_user(work, user_id, page)),
        syncs=(run.as_known_at(until) for run in runs if run.started_at <= until),
        balance_snapshots=of_each_account(read_snapshots),
        account_events=(one for one in events if one.recorded_at <= until),
        position_sets=(one for one in sets if one.recorded_at <= until),
        external_flows=(one for one in flows if one.recorded_at <= until),
        import_profiles=iterate_all(
            lambda page: import_profiles.list_for_user(work, user_id, page)
        ),
    )
