"""Snapshots of accounts that are joined, read as those of one account."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import merge
from itertools import pairwise, repeat
from operator import attrgetter, itemgetter

from sqlalchemy import Connection
from typing_extensions import override

from dashtam.database.history.account_joins import AccountJoins, Joins
from dashtam.database.history.balance_snapshots import (
    BalanceSnapshots,
    LatestBalance,
    OwnedSnapshots,
    RecordedSpan,
    StoredSnapshot,
)
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, SnapshotId
from dashtam.domain.history.coverage import RECENT_INTERVALS, RecentObservations
from dashtam.domain.history.evidence import Exclusion, PlacedSnapshot
from dashtam.domain.period import ALL_TIME, Period, Precision
from dashtam.domain.sync import SnapshotSource, SyncId
from dashtam.domain.user import UserId

_CAPTURED_AT = attrgetter("captured_at")


class JoinedSnapshots(BalanceSnapshots):
    """``BalanceSnapshots``, where any account of a joined history stands for the whole of it.

    Each account's own sign applies, and the snapshots have the id of the whole history. Those of
    one instant are in the order of the accounts. Everything that records, and ``links``, ``holds``
    and ``readings_at``, is of the single accounts.
    """

    def __init__(
        self, connection: Connection, joins: AccountJoins, known_at: datetime | None = None
    ) -> None:
        super().__init__(connection, known_at)
        self._joins = joins

    @override
    def latest(self, user_id: UserId) -> Sequence[LatestBalance]:
        found, joins = super().latest(user_id), self._joins.of_user(user_id)
        if not joins:
            return found
        by_id = {one.account.id: one for one in found}
        roots = [one for one in found if one.account.id not in joins.joined_to]
        return [_join_latest(one, joins, by_id) for one in roots]

    @override
    def latest_of(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, BalanceSnapshot]:
        joins = self._joins.around(account_ids)
        if not joins:
            return super().latest_of(account_ids)
        found = super().latest_of(list(joins.expand(account_ids)))
        latest = {}
        for account_id in account_ids:
            members = joins.members_of(account_id)
            own = [found[member] for member in members if member in found]
            if own:
                newest = max(reversed(own), key=_CAPTURED_AT)
                latest[account_id] = replace(newest, account_id=members[0])
        return latest

    @override
    def within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None, limit: int
    ) -> OwnedSnapshots | None:
        find = super().within
        found = self._owned(account_id, lambda member: find(member, period, source, limit))
        return None if found is None else replace(found, snapshots=found.snapshots[:limit])

    @override
    def newest(
        self,
        account_id: AccountId,
        source: SnapshotSource | None,
        limit: int,
        until: datetime | None = None,
    ) -> OwnedSnapshots | None:
        find = super().newest
        found = self._owned(account_id, lambda member: find(member, source, limit, until))
        return None if found is None else replace(found, snapshots=found.snapshots[-limit:])

    def _owned(
        self, account_id: AccountId, find: Callable[[AccountId], OwnedSnapshots | None]
    ) -> OwnedSnapshots | None:
        members = self._members_of(account_id)
        owned = [one for one in map(find, members) if one is not None]
        if len(owned) < 2:  # noqa: PLR2004 - an account alone
            return owned[0] if owned else None
        snapshots = merge(*(one.snapshots for one in owned), key=_CAPTURED_AT)
        return replace(
            owned[0], snapshots=[replace(one, account_id=members[0]) for one in snapshots]
        )

    @override
    def with_excluded(
        self,
        account_id: AccountId,
        excluded: Iterable[Exclusion],
        source: SnapshotSource | None,
        limit: int,
        period: Period | None = None,
    ) -> Sequence[PlacedSnapshot]:
        members, reasons = self._members_of(account_id), list(excluded)
        find = super().with_excluded
        found = [find(member, reasons, source, limit, period) for member in members]
        if len(members) == 1:
            return found[0]
        is_newest_first = period is None
        oldest_first = [one[::-1] if is_newest_first else one for one in found]
        placed = [
            replace(one, snapshot=replace(one.snapshot, account_id=members[0]))
            for one in merge(*oldest_first, key=attrgetter("snapshot.captured_at"))
        ]
        return placed[::-1][:limit] if is_newest_first else placed[:limit]

    @override
    def count_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> int:
        count = super().count_within
        return sum(count(member, period, source) for member in self._members_of(account_id))

    @override
    def stream(
        self, account_id: AccountId, period: Period = ALL_TIME, source: SnapshotSource | None = None
    ) -> Iterator[BalanceSnapshot]:
        members, stream = self._members_of(account_id), super().stream
        if len(members) == 1:
            yield from stream(account_id, period, source)
            return
        streams = [stream(member, period, source) for member in members]
        for snapshot in merge(*streams, key=_CAPTURED_AT):
            yield replace(snapshot, account_id=members[0])

    @override
    def with_any(self, account_ids: Collection[AccountId]) -> set[AccountId]:
        joins = self._joins.around(account_ids)
        found = super().with_any(joins.expand(account_ids))
        return {one for one in account_ids if not found.isdisjoint(joins.members_of(one))}

    @override
    def spans(self, user_id: UserId) -> Sequence[RecordedSpan]:
        found, joins = super().spans(user_id), self._joins.of_user(user_id)
        if not joins:
            return found
        of_root: dict[AccountId, list[RecordedSpan]] = {}
        for span in found:
            of_root.setdefault(joins.root_of(span.account.id), []).append(span)
        accounts = {one.id: one for one in self._joins.load(list(of_root))}
        return [
            RecordedSpan(
                accounts[root],
                min(span.first_at for span in spans),
                max(span.last_at for span in spans),
                sum(span.recorded for span in spans),
            )
            for root, spans in of_root.items()
        ]

    @override
    def recent_observations(
        self, account_ids: Collection[AccountId]
    ) -> Mapping[AccountId, RecentObservations]:
        joins = self._joins.around(account_ids)
        if not joins:
            return super().recent_observations(account_ids)
        found = super().recent_observations(joins.expand(account_ids))
        joined = {}
        for account_id in account_ids:
            own = [found[one] for one in joins.members_of(account_id) if one in found]
            if own:
                instants = sorted(at for one in own for at in one.newest)
                first_at = min(one.first_at for one in own)
                recent = instants[-RECENT_INTERVALS - 1 :]
                joined[account_id] = replace(own[-1], first_at=first_at, newest=recent)
        return joined

    @override
    def longest_gap(self, account_id: AccountId) -> timedelta | None:
        if len(self._members_of(account_id)) == 1:
            return super().longest_gap(account_id)
        instants = (one.captured_at for one in self.stream(account_id))
        return max((after - before for before, after in pairwise(instants)), default=None)

    @override
    def balances(
        self, account: Account, since: datetime, until: datetime | None
    ) -> Iterator[tuple[datetime, Precision, Decimal]]:
        accounts, read = self._accounts_of(account), super().balances
        if len(accounts) == 1:
            yield from read(account, since, until)
            return
        merged = merge(*(read(one, since, until) for one in accounts), key=itemgetter(0))
        before: tuple[datetime, Precision, Decimal] | None = None
        for found in merged:
            if found[0] < since:
                before = found
                continue
            if before is not None:
                yield before
                before = None
            yield found
        if before is not None:
            yield before

    @override
    def balances_at(
        self, account: Account, instants: Sequence[datetime]
    ) -> Iterator[tuple[datetime, Decimal]]:
        accounts, read = self._accounts_of(account), super().balances_at
        yield from merge(*(read(one, instants) for one in accounts), key=itemgetter(0))

    @override
    def find(self, account_id: AccountId, snapshot_id: SnapshotId) -> StoredSnapshot | None:
        found = map(super().find, self._members_of(account_id), repeat(snapshot_id))
        return next((one for one in found if one is not None), None)

    @override
    def find_sync_id(self, account_id: AccountId, snapshot_id: SnapshotId) -> SyncId | None:
        found = map(super().find_sync_id, self._members_of(account_id), repeat(snapshot_id))
        return next((one for one in found if one is not None), None)

    def _members_of(self, account_id: AccountId) -> Sequence[AccountId]:
        return self._joins.around([account_id]).members_of(account_id)

    def _accounts_of(self, account: Account) -> Sequence[Account]:
        members = self._joins.of_user(account.user_id).members_of(account.id)
        return [account] if len(members) == 1 else self._joins.load(members)


def _join_latest(
    root: LatestBalance, joins: Joins, by_id: Mapping[AccountId, LatestBalance]
) -> LatestBalance:
    """Return the newest two snapshots of all accounts of a history."""
    members = [by_id[one] for one in joins.members_of(root.account.id) if one in by_id]
    if len(members) == 1:
        return root
    found = [
        replace(one, account_id=root.account.id)
        for member in members
        for one in (member.previous, member.newest)
        if one is not None
    ]
    previous, newest = [None, None, *sorted(found, key=_CAPTURED_AT)][-2:]
    return LatestBalance(root.account, newest, previous)
