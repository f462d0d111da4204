"""The statements on balance snapshots."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    DateTime,
    ScalarSelect,
    Select,
    TableValuedAlias,
    and_,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from dashtam.database.column_types import Instant
from dashtam.database.history.account_events import discounts
from dashtam.database.history.accounts import ACCOUNTS, account_from_row
from dashtam.database.history.bulk_insert import insert_links
from dashtam.database.history.past_settings import PastSettings
from dashtam.database.repository import AnyRow, Repository
from dashtam.database.tables import (
    account_events,
    account_heads,
    accounts,
    balance_snapshots,
    connections,
    retractions,
    syncs,
    unfinished_imports,
)
from dashtam.domain.account import Account, AccountId
from dashtam.domain.connection import ProviderKind
from dashtam.domain.history.account_event import EventKind, parse_content
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.history.coverage import RECENT_INTERVALS, RecentObservations
from dashtam.domain.history.evidence import Exclusion, PlacedSnapshot
from dashtam.domain.history.hash_chain import Link, Record
from dashtam.domain.history.hold import DECISIONS, Hold, HoldRule
from dashtam.domain.money import Currency, Money, apply_sign
from dashtam.domain.period import ALL_TIME, MIN_INSTANT, Period, Precision
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, SyncId
from dashtam.domain.user import UserId

_s = balance_snapshots.c

_OLDEST_FIRST = (_s.captured_at, _s.sequence)
_NEWEST_FIRST = (_s.captured_at.desc(), _s.sequence.desc())

_AMOUNTS = (_s.balance, _s.available_balance, _s.holdings_value, _s.cash_value)
_READING = (_s.captured_at, _s.precision, _s.basis, *_AMOUNTS, _s.as_of)

# The sign belongs to the account: ``Account`` says how it applies.
_SNAPSHOT = (
    accounts.c.balance_sign,
    *(_s.id, _s.account_id, *_AMOUNTS, _s.currency, _s.source, _s.captured_at, _s.created_at),
    *(_s.sync_id, _s.basis, _s.precision, _s.as_of),
)

_event = account_events.c
_later = account_events.alias("later").c

_IS_EVENT_OF = and_(_event.account_id == _s.account_id, _event.sequence == _s.sequence)


def _is_known(known_at: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition of the snapshots that are recorded, or were at an instant.

    The snapshots of an import in pieces are so from its end on.
    """
    if known_at is None:
        return ~exists().where(unfinished_imports.c.sync_id == _s.sync_id)
    has_ended = exists().where(syncs.c.id == _s.sync_id, syncs.c.finished_at <= known_at)
    return and_(_s.created_at <= known_at, has_ended)


def _counts(known_at: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition of the snapshots that count, or that counted at an instant.

    The condition is written so that PostgreSQL reads the events once for many snapshots, and SQLite
    probes their index once for each.
    """
    retracted = [] if known_at is None else [retractions.c.retracted_at <= known_at]
    return and_(
        ~exists().where(retractions.c.sync_id == _s.sync_id, *retracted),
        _is_known(known_at),
        ~exists().where(_IS_EVENT_OF, *discounts(known_at)),
    )


def _is_excluded(why: Exclusion, known_at: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition of the snapshots that do not count for this reason."""
    if why is Exclusion.HELD:
        later = [] if known_at is None else [_later.recorded_at <= known_at]
        is_last = ~exists().where(
            _later.account_id == _event.account_id,
            _later.sequence == _event.sequence,
            _later.number > _event.number,
            *later,
        )
        decisive = [_event.kind.in_((EventKind.HOLD, EventKind.REJECTION)), is_last]
    elif why is Exclusion.SUPERSEDED:
        decisive = [_event.kind == EventKind.CORRECTION]
    else:
        decisive = [_event.kind == EventKind.RETRACTION]
    if known_at is not None:
        decisive.append(_event.recorded_at <= known_at)
    has_event = exists().where(_IS_EVENT_OF, *decisive)
    if why is Exclusion.RETRACTED:
        return or_(has_event, _retracted_at(known_at).is_not(None))
    return has_event


def _retracted_at(known_at: datetime | None) -> ScalarSelect[datetime]:
    """Select the time at which a snapshot's run was retracted."""
    statement = select(retractions.c.retracted_at).where(retractions.c.sync_id == _s.sync_id)
    if known_at is not None:
        statement = statement.where(retractions.c.retracted_at <= known_at)
    return statement.correlate(balance_snapshots).scalar_subquery()


_COUNTS = _counts()
# A balance that is held was reported already: whether it counts is decided by its hold alone.
_IS_REFUSED = exists().where(
    _IS_EVENT_OF,
    _event.kind.in_((EventKind.CORRECTION, EventKind.RETRACTION, EventKind.HOLD)),
)

_BATCH = 1_000
_RANGES = 100


@dataclass(frozen=True, slots=True)
class OwnedSnapshots:
    """Snapshots of one account, oldest first, with the account's owner and currency."""

    owner: UserId
    currency: Currency
    snapshots: Sequence[BalanceSnapshot]


@dataclass(frozen=True, slots=True)
class LatestBalance:
    """An account with its newest snapshot and the one before; None where there is none."""

    account: Account
    newest: BalanceSnapshot | None
    previous: BalanceSnapshot | None


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """An account, and when the first and the last of its snapshots were captured.

    ``recorded`` is the number of its snapshots, with the retracted ones.
    """

    account: Account
    first_at: datetime
    last_at: datetime
    recorded: int


@dataclass(frozen=True, slots=True)
class SnapshotRange:
    """The snapshots of an account from one instant (None: the first one) to another, included."""

    account_id: AccountId
    after_at: datetime | None
    last_at: datetime

    def contains(self, at: datetime) -> bool:
        """Tell whether a snapshot of the account at this instant is in the range."""
        return (self.after_at is None or at >= self.after_at) and at <= self.last_at


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """The newest reading of an instant, and the sync that recorded it; both None without one.

    ``refused`` are the readings of that instant that its owner corrected or took back.
    """

    reading: Reading | None
    sync_id: SyncId | None
    refused: Sequence[Reading] = ()


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as it is stored, and whether it counts."""

    record: Record
    counts: bool


class BalanceSnapshots(Repository):
    """The statements on ``balance_snapshots``.

    Only ``with_excluded``, ``links``, ``find`` and ``find_sync_id`` find snapshots that do not
    count: retracted, superseded and held ones; and the last three those of an import that is not
    complete.

    With ``known_at`` the others find the snapshots that counted at that instant, with the settings
    of then of their accounts.
    """

    def __init__(self, connection: Connection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._known_at = known_at
        self._past = None if known_at is None else PastSettings(connection, known_at)
        self._counts = _COUNTS if known_at is None else _counts(known_at)

    def latest(self, user_id: UserId) -> Sequence[LatestBalance]:
        """Return each of the user's accounts with its newest two snapshots, in no order."""
        is_owned = accounts.c.user_id == user_id
        newest = self._newest_two(is_owned)
        found = []
        rows = self._connection.execute(ACCOUNTS.where(is_owned))
        for account in self._as_known([account_from_row(row) for row in rows]):
            previous, last = [None, None, *newest.get(account.id, [])][-2:]
            found.append(LatestBalance(account, last, previous))
        return found

    def latest_of(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, BalanceSnapshot]:
        """Return the newest snapshot of each account that has any."""
        newest = self._newest_two(accounts.c.id.in_(account_ids))
        return {account_id: snapshots[-1] for account_id, snapshots in newest.items()}

    def _newest_two(self, condition: ColumnElement[bool]) -> dict[AccountId, list[BalanceSnapshot]]:
        # From its second newest instant on an account has two rows, or a few more if several share
        # that instant. Without statistics, as in its first minutes, PostgreSQL would search for
        # that instant once for each snapshot.
        second = self._captured_at(accounts.c.id, _NEWEST_FIRST, offset=1)
        first = self._captured_at(accounts.c.id, _NEWEST_FIRST)
        since = func.coalesce(second, first).label("since")
        starts = select(accounts.c.id, since).where(condition).cte("starts")
        starts = starts.prefix_with("MATERIALIZED", dialect="postgresql")
        statement = (
            _select_snapshots(self._counts, _s.captured_at >= starts.c.since)
            .join(starts, starts.c.id == accounts.c.id)
            .order_by(_s.account_id, *_OLDEST_FIRST)
        )
        found: dict[AccountId, list[BalanceSnapshot]] = {}
        for row in self._connection.execute(statement):
            found.setdefault(AccountId(row.account_id), []).append(self._build(row))
        return found

    def within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None, limit: int
    ) -> OwnedSnapshots | None:
        """Return the first ``limit`` snapshots of the period, None if there is no such account."""
        return self._load_owned(account_id, self._conditions(source, period), _OLDEST_FIRST, limit)

    def newest(
        self,
        account_id: AccountId,
        source: SnapshotSource | None,
        limit: int,
        until: datetime | None = None,
    ) -> OwnedSnapshots | None:
        """Return the newest ``limit`` snapshots up to an instant, None if there is no account."""
        conditions = self._conditions(source)
        if until is not None:
            conditions.append(_s.captured_at <= until)
        found = self._load_owned(account_id, conditions, _NEWEST_FIRST, limit)
        return None if found is None else replace(found, snapshots=found.snapshots[::-1])

    def with_excluded(
        self,
        account_id: AccountId,
        excluded: Iterable[Exclusion],
        source: SnapshotSource | None,
        limit: int,
        period: Period | None = None,
    ) -> Sequence[PlacedSnapshot]:
        """Return the account's snapshots with those that do not count for one of these reasons.

        They are the first ``limit`` of the period, oldest first; without one the newest, newest
        first.
        """
        is_excluded = or_(*(_is_excluded(why, self._known_at) for why in excluded))
        shown = or_(self._counts, and_(_is_known(self._known_at), is_excluded))
        retracted_at = _retracted_at(self._known_at).label("retracted_at")
        statement = (
            _select_snapshots(_s.account_id == account_id, shown, *_filters(source, period))
            .add_columns(self._counts.label("counts"), retracted_at)
            .order_by(*(_NEWEST_FIRST if period is None else _OLDEST_FIRST))
            .limit(limit)
        )
        return [
            PlacedSnapshot(self._build(row), row.counts, row.retracted_at)
            for row in self._connection.execute(statement)
        ]

    def _load_owned(
        self,
        account_id: AccountId,
        conditions: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[Any]],
        limit: int,
    ) -> OwnedSnapshots | None:
        statement = (
            select(
                accounts.c.user_id,
                accounts.c.currency.label("account_currency"),
                accounts.c.created_at.label("account_created_at"),
                *_SNAPSHOT,
            )
            .select_from(accounts)
            .outerjoin(balance_snapshots, and_(_s.account_id == accounts.c.id, *conditions))
            .where(accounts.c.id == account_id)
            .order_by(*order)
            .limit(limit)
        )
        if self._past is None:
            statement = statement.where(accounts.c.removed_at.is_(None))
        rows = self._connection.execute(statement).all()
        if not rows:
            return None
        if self._past is not None and rows[0].account_created_at > self._past.known_at:
            return None
        return OwnedSnapshots(
            owner=rows[0].user_id,
            currency=Currency.of(rows[0].account_currency),
            # An account without a snapshot gives one row of the account's columns alone.
            snapshots=[self._build(row) for row in rows if row.id is not None],
        )

    def count_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> int:
        """Return the number of the account's snapshots in the period."""
        statement = select(func.count()).where(
            _s.account_id == account_id, *self._conditions(source, period)
        )
        return self._connection.scalar(statement) or 0

    def stream(
        self, account_id: AccountId, period: Period = ALL_TIME, source: SnapshotSource | None = None
    ) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots of the period, oldest first."""
        statement = _select_snapshots(
            _s.account_id == account_id, *self._conditions(source, period)
        )
        yield from map(self._build, self._stream_rows(statement.order_by(*_OLDEST_FIRST)))

    def since(self, account_id: AccountId, start: datetime) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots from an instant on, oldest first.

        Unlike ``stream`` this keeps no cursor open: the same transaction writes between batches.
        """
        statement = (
            _select_snapshots(_s.account_id == account_id, self._counts)
            .add_columns(_s.sequence)
            .order_by(*_OLDEST_FIRST)
            .limit(_BATCH)
        )
        rows = self._connection.execute(statement.where(_s.captured_at >= start)).all()
        yield from map(self._build, rows)
        while len(rows) == _BATCH:
            last = rows[-1].captured_at, rows[-1].sequence
            rows = self._connection.execute(statement.where(tuple_(*_OLDEST_FIRST) > last)).all()
            yield from map(self._build, rows)

    def in_ranges(self, ranges: Sequence[SnapshotRange]) -> Sequence[Sequence[BalanceSnapshot]]:
        """Return the snapshots of each range, oldest first; no two ranges overlap."""
        found: list[list[BalanceSnapshot]] = [[] for _ in ranges]
        for first in range(0, len(ranges), _RANGES):
            batch = range(first, min(first + _RANGES, len(ranges)))
            of_account: dict[AccountId, list[int]] = {}
            for at in batch:
                of_account.setdefault(ranges[at].account_id, []).append(at)
            rows = self._connection.execute(
                _select_snapshots(or_(*(_is_in(ranges[at]) for at in batch)), self._counts)
                .add_columns(_s.sequence)
                .order_by(_s.account_id, *_OLDEST_FIRST)
            )
            for row in rows:
                places = of_account[row.account_id]
                place = next(at for at in places if ranges[at].contains(row.captured_at))
                found[place].append(self._build(row))
        return found

    def readings_at(
        self, places: Collection[tuple[AccountId, datetime]], sync_id: SyncId
    ) -> dict[tuple[AccountId, datetime], RecordedReading]:
        """Return the newest reading of each account and instant that has any; maybe of others.

        Those of this sync are among them, even if they do not count yet.
        """
        if not places:
            return {}
        account_ids, instants = ({place[at] for place in places} for at in (0, 1))
        is_relevant = or_(_s.sync_id == sync_id, self._counts, _IS_REFUSED)
        statement = (
            select(*_READING, _s.account_id, _s.sync_id, _IS_REFUSED.label("is_refused"))
            .where(_s.account_id.in_(account_ids), is_relevant)
            .order_by(_s.account_id, *_OLDEST_FIRST)
        )
        # Most files are in order of time, so that their range has about as many readings as
        # instants. If the range has far more, each instant is looked up.
        limit = 2 * len(places)
        in_range = _s.captured_at.between(min(instants), max(instants))
        rows = self._connection.execute(statement.where(in_range).limit(limit + 1)).all()
        if len(rows) > limit:
            at_instants = _s.captured_at.in_(instants)
            rows = self._connection.execute(statement.where(at_instants)).all()
        found: dict[tuple[AccountId, datetime], RecordedReading] = {}
        for row in rows:
            place, reading = (row.account_id, row.captured_at), _reading_from_row(row)
            known = found.get(place, RecordedReading(None, None))
            if row.is_refused:
                found[place] = replace(known, refused=[*known.refused, reading])
            else:
                found[place] = replace(known, reading=reading, sync_id=row.sync_id)
        return found

    def newest_reported(self, account_ids: Collection[AccountId]) -> Mapping[AccountId, datetime]:
        """Return the instant of each account's newest reading of a past day or a file.

        Those that do not count are among them.
        """
        newest = (
            select(_s.captured_at)
            .where(_s.account_id == accounts.c.id, _s.basis.in_([Basis.REPORTED, Basis.INTERIM]))
            .order_by(*_NEWEST_FIRST)
            .limit(1)
            .correlate(accounts)
            .scalar_subquery()
        )
        statement = select(accounts.c.id, newest).where(accounts.c.id.in_(account_ids))
        rows = self._connection.execute(statement) if account_ids else ()
        return {AccountId(id_): at for id_, at in rows if at is not None}

    def with_any(self, account_ids: Collection[AccountId]) -> set[AccountId]:
        """Return those of the accounts that have a snapshot."""
        is_any = exists().where(_s.account_id == accounts.c.id, self._counts)
        statement = select(accounts.c.id).where(accounts.c.id.in_(account_ids), is_any)
        return set(self._connection.scalars(statement))

    def spans(self, user_id: UserId) -> Sequence[RecordedSpan]:
        """Return each of the user's accounts that has a snapshot, in no order."""
        first = self._captured_at(accounts.c.id, _OLDEST_FIRST).label("first_at")
        last = self._captured_at(accounts.c.id, _NEWEST_FIRST).label("last_at")
        statement = ACCOUNTS.add_columns(first, last, account_heads.c.chain_length)
        statement = statement.where(accounts.c.user_id == user_id)
        rows = [row for row in self._connection.execute(statement) if row.first_at is not None]
        of_account = {row.id: row for row in rows}
        return [
            RecordedSpan(account, row.first_at, row.last_at, row.chain_length)
            for account in self._as_known([account_from_row(row) for row in rows])
            if (row := of_account[account.id])
        ]

    def recent_observations(
        self, account_ids: Collection[AccountId]
    ) -> Mapping[AccountId, RecentObservations]:
        """Return the newest observations of each account that has any."""
        first = self._captured_at(accounts.c.id, _OLDEST_FIRST)
        recent = self._captured_at(accounts.c.id, _NEWEST_FIRST, offset=RECENT_INTERVALS)
        # PostgreSQL would otherwise look both instants up for each snapshot.
        bounds = (
            select(accounts.c.id, connections.c.kind, first.label("first_at"))
            .add_columns(func.coalesce(recent, first).label("recent_at"))
            .join_from(accounts, connections, connections.c.id == accounts.c.connection_id)
            .where(accounts.c.id.in_(account_ids))
            .cte()
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        statement = (
            select(_s.account_id, _s.captured_at, bounds.c.kind, bounds.c.first_at)
            .join_from(bounds, balance_snapshots, _s.account_id == bounds.c.id)
            .where(_s.captured_at >= bounds.c.recent_at, self._counts)
            .order_by(_s.account_id, *_OLDEST_FIRST)
        )
        found: dict[AccountId, RecentObservations] = {}
        rows = self._connection.execute(statement)
        for account_id, group in groupby(rows, key=attrgetter("account_id")):
            own = list(group)
            instants = [row.captured_at for row in own]
            is_manual = own[0].kind == ProviderKind.MANUAL
            found[account_id] = RecentObservations(own[0].first_at, instants, is_manual)
        return found

    def longest_gap(self, account_id: AccountId) -> timedelta | None:
        """Return the longest time between two snapshots of the account, None without two.

        This reads all of the account's snapshots.
        """
        before = func.lag(_s.captured_at, type_=Instant).over(order_by=_OLDEST_FIRST)
        instants = (
            select(_s.captured_at, before.label("before"))
            .where(_s.account_id == account_id, self._counts)
            .subquery()
        )
        row = self._connection.execute(
            select(instants.c.before, instants.c.captured_at)
            .where(instants.c.before.is_not(None))
            .order_by((instants.c.captured_at - instants.c.before).desc(), instants.c.captured_at)
            .limit(1)
        ).one_or_none()
        return None if row is None else row.captured_at - row.before

    def balances(
        self, account: Account, since: datetime, until: datetime | None
    ) -> Iterator[tuple[datetime, Precision, Decimal]]:
        """Yield instants and balances, oldest first, from the last balance before ``since`` on.

        ``until`` is included; None reads to the last balance.
        """
        before = self._captured_at(account.id, _NEWEST_FIRST, _s.captured_at < since)
        start = func.coalesce(before, literal(since, Instant))
        statement = (
            select(_s.captured_at, _s.precision, _s.balance)
            .where(_s.account_id == account.id, self._counts, _s.captured_at >= start)
            .order_by(*_OLDEST_FIRST)
        )
        if until is not None:
            statement = statement.where(_s.captured_at <= until)
        for captured_at, precision, balance in self._stream_rows(statement):
            yield captured_at, precision, apply_sign(balance, account.balance_sign)

    def balances_of(self, of: Collection[Account]) -> Iterator[tuple[Account, Sequence[Decimal]]]:
        """Yield each account that has balances with all of them, oldest first."""
        by_id = {account.id: account for account in of}
        statement = (
            select(_s.account_id, _s.balance)
            .where(_s.account_id.in_(by_id), self._counts)
            .order_by(_s.account_id, *_OLDEST_FIRST)
        )
        rows = self._stream_rows(statement)
        for account_id, of_account in groupby(rows, attrgetter("account_id")):
            account = by_id[AccountId(account_id)]
            yield account, [apply_sign(row.balance, account.balance_sign) for row in of_account]

    def balances_at(
        self, account: Account, instants: Sequence[datetime]
    ) -> Iterator[tuple[datetime, Decimal]]:
        """Yield the last balance between each two instants, with its own; the first from ever.

        Each row is looked at once at most, also those that do not count.
        """
        given = self._each(instants).c.value
        before = func.lag(given, type_=Instant).over(order_by=given).label("before")
        points = select(given.label("at"), before).subquery()
        at = points.c.at
        is_new = or_(points.c.before.is_(None), _s.captured_at > points.c.before)
        captured_at, balance = (
            select(column)
            .where(_s.account_id == account.id, self._counts, _s.captured_at <= at, is_new)
            .order_by(*_NEWEST_FIRST)
            .limit(1)
            .correlate(points)
            .scalar_subquery()
            for column in (_s.captured_at, _s.balance)
        )
        statement = select(captured_at, balance).select_from(points).order_by(at)
        for instant, amount in self._stream_rows(statement):
            if instant is not None:
                yield instant, apply_sign(amount, account.balance_sign)

    def _each(self, instants: Sequence[datetime]) -> TableValuedAlias:
        """Return a table of these instants, in its column ``value``."""
        if self._connection.dialect.name == "sqlite":
            to_stored, _ = Instant.conversions(self._connection.dialect)
            stored = json.dumps([to_stored(instant) for instant in instants])
            return func.json_each(stored).table_valued(column("value", Instant))
        array = cast(list(instants), ARRAY(DateTime(timezone=True)))
        return func.unnest(array).table_valued(column("value", Instant)).render_derived()

    def find(self, account_id: AccountId, snapshot_id: SnapshotId) -> StoredSnapshot | None:
        """Return a snapshot of the account, also one that does not count.

        No index finds a snapshot by its id: this reads the snapshots of the one account.
        """
        statement = select(balance_snapshots, self._counts.label("counts")).where(
            _s.account_id == account_id, _s.id == snapshot_id
        )
        row = self._connection.execute(statement.limit(1)).one_or_none()
        return None if row is None else StoredSnapshot(_record_from_row(row), row.counts)

    def find_sync_id(self, account_id: AccountId, snapshot_id: SnapshotId) -> SyncId | None:
        """Return the sync that recorded a snapshot of the account, also a retracted one.

        No index finds a snapshot by its id: this reads the snapshots of the one account.
        """
        statement = select(_s.sync_id).where(_s.account_id == account_id, _s.id == snapshot_id)
        return self._connection.scalar(statement.limit(1))

    def links(self, account_id: AccountId) -> Iterator[Link]:
        """Yield the account's chain in order of recording, with the retracted snapshots."""
        statement = select(balance_snapshots).where(_s.account_id == account_id)
        for row in self._stream_rows(statement.order_by(_s.sequence)):
            yield Link(_record_from_row(row), row.link)

    def holds(self, user_id: UserId) -> Sequence[Hold]:
        """Return every hold of the user's accounts, the newest first.

        Those of retracted and corrected snapshots are left out: nothing is to be decided there.
        """
        return self._holds(accounts.c.user_id == user_id)

    def holds_of(self, account_ids: Collection[AccountId]) -> Mapping[AccountId, Sequence[Hold]]:
        """Return the holds of each account, the newest first, as ``holds`` does."""
        found: dict[AccountId, list[Hold]] = {account_id: [] for account_id in account_ids}
        for hold in self._holds(accounts.c.id.in_(account_ids)):
            found[hold.snapshot.account_id].append(hold)
        return found

    def _holds(self, condition: ColumnElement[bool]) -> Sequence[Hold]:
        events = (_event.kind, _event.recorded_at, _event.content)
        statement = (
            _select_snapshots(
                condition,
                _event.sequence.is_not(None),
                ~exists().where(retractions.c.sync_id == _s.sync_id),
            )
            .add_columns(_s.sequence, *events)
            .join(account_events, _IS_EVENT_OF)
            .order_by(_event.account_id, _event.number)
        )
        found: dict[tuple[AccountId, int], Hold] = {}
        for row in self._connection.execute(statement):
            key, kind = (row.account_id, row.sequence), EventKind(row.kind)
            if kind is EventKind.HOLD:
                content = parse_content(row.content)
                found[key] = Hold(
                    snapshot=self._build(row),
                    sequence=row.sequence,
                    rule=HoldRule(content["rule"]),
                    held_at=row.recorded_at,
                    previous=content["previous"],
                )
            elif kind not in DECISIONS:
                found.pop(key, None)
            elif key in found:
                found[key] = replace(
                    found[key],
                    decision=DECISIONS[kind],
                    decided_at=row.recorded_at,
                )
        return sorted(found.values(), key=attrgetter("held_at", "snapshot.id.int"), reverse=True)

    def add(self, links: Iterable[Link]) -> None:
        """Record the snapshots."""
        insert_links(self._connection, links)

    def _conditions(
        self, source: SnapshotSource | None, period: Period | None = None
    ) -> list[ColumnElement[bool]]:
        return [self._counts, *_filters(source, period)]

    def _captured_at(
        self,
        account_id: AccountId | ColumnElement[UUID],
        order: Sequence[ColumnElement[Any]],
        *conditions: ColumnElement[bool],
        offset: int = 0,
    ) -> ScalarSelect[datetime]:
        """Select the instant of the snapshot at this offset of the account's, in this order."""
        return (
            select(_s.captured_at)
            .where(_s.account_id == account_id, self._counts, *conditions)
            .order_by(*order)
            .limit(1)
            .offset(offset)
            .correlate(accounts)
            .scalar_subquery()
        )

    def _build(self, row: AnyRow) -> BalanceSnapshot:
        sign = row.balance_sign
        if self._past is not None:
            sign = self._past.of(row.account_id).balance_sign
        return _snapshot_from_row(row, sign)

    def _as_known(self, present: Sequence[Account]) -> Sequence[Account]:
        return present if self._past is None else self._past.apply(present)


def _filters(source: SnapshotSource | None, period: Period | None) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if period is not None:
        filters.append(_s.captured_at.between(period.start, period.end))
    if source is not None:
        filters.append(_s.source == source)
    return filters


def _is_in(bounds: SnapshotRange) -> ColumnElement[bool]:
    start = MIN_INSTANT if bounds.after_at is None else bounds.after_at
    in_range = _s.captured_at.between(start, bounds.last_at)
    return and_(_s.account_id == bounds.account_id, in_range)


def _select_snapshots(*conditions: ColumnElement[bool]) -> Select[Any]:
    joined = accounts.join(balance_snapshots, _s.account_id == accounts.c.id)
    return select(*_SNAPSHOT).select_from(joined).where(*conditions)


def _record_from_row(row: AnyRow) -> Record:
    return Record(
        id=row.id,
        account_id=row.account_id,
        sequence=row.sequence,
        sync_id=row.sync_id,
        source=row.source,
        basis=row.basis,
        currency=Currency.of(row.currency),
        reading=_reading_from_row(row),
        created_at=row.created_at,
    )


def _reading_from_row(row: AnyRow) -> Reading:
    """Return the reading as reported: no sign applied."""
    return Reading(
        captured_at=row.captured_at,
        balance=row.balance,
        available_balance=row.available_balance,
        holdings_value=row.holdings_value,
        cash_value=row.cash_value,
        as_of=row.as_of,
        precision=row.precision,
        is_interim=row.basis is Basis.INTERIM,
    )


def _snapshot_from_row(row: AnyRow, balance_sign: int) -> BalanceSnapshot:
    currency = Currency.of(row.currency)
    balance = Money(row.balance, currency)
    return BalanceSnapshot(
        id=row.id,
        account_id=row.account_id,
        balance=balance if balance_sign == 1 else -balance,
        available_balance=_money(row.available_balance, currency),
        holdings_value=_money(row.holdings_value, currency),
        cash_value=_money(row.cash_value, currency),
        source=row.source,
        captured_at=row.captured_at,
        created_at=row.created_at,
        sync_id=row.sync_id,
        basis=row.basis,
        precision=row.precision,
        as_of=row.as_of,
    )


def _money(amount: Decimal | None, currency: Currency) -> Money | None:
    return None if amount is None else Money(amount, currency)
