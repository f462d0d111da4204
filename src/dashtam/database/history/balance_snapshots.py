"""The statements on balance snapshots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    func,
    literal,
    select,
    tuple_,
)

from dashtam.database.column_types import Instant
from dashtam.database.history.accounts import account_from_row
from dashtam.database.history.bulk_insert import insert_links
from dashtam.database.history.chain_rows import link_of
from dashtam.database.history.not_retracted import NOT_RETRACTED as _STANDS
from dashtam.database.history.not_retracted import RecordedReading, readings_at
from dashtam.database.pagination import AnyRow
from dashtam.database.tables import accounts, balance_snapshots
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, SnapshotId
from dashtam.domain.history.hash_chain import Link
from dashtam.domain.money import Currency, Money
from dashtam.domain.period import Period
from dashtam.domain.sync import SnapshotSource, SyncId
from dashtam.domain.user import UserId

_s = balance_snapshots.c

_OLDEST_FIRST = (_s.captured_at, _s.sequence)
_NEWEST_FIRST = (_s.captured_at.desc(), _s.sequence.desc())

_SHOWN = (
    _s.id,
    _s.account_id,
    _s.balance,
    _s.available_balance,
    _s.holdings_value,
    _s.cash_value,
    _s.currency,
    _s.source,
    _s.captured_at,
    _s.created_at,
)

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class OwnedSnapshots:
    """Snapshots of one account, oldest first, with whose it is and in what currency."""

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
    """An account, and when the first and the last of its snapshots were captured."""

    account: Account
    first_at: datetime
    last_at: datetime


class BalanceSnapshots:
    """Every statement on ``balance_snapshots``; what was retracted stands in ``links`` alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, user_id: UserId) -> Sequence[LatestBalance]:
        """Return each of the user's accounts with its newest two snapshots, in no order."""
        owned = select(accounts).where(accounts.c.user_id == user_id)
        newest = self._newest_two(accounts.c.user_id == user_id)
        found = []
        for row in self._connection.execute(owned):
            account = account_from_row(row)
            pair = newest.get(account.id, [])
            found.append(
                LatestBalance(
                    account,
                    newest=pair[-1] if pair else None,
                    previous=pair[-2] if pair[1:] else None,
                )
            )
        return found

    def latest_of(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, BalanceSnapshot]:
        """Return the newest snapshot of each account that has any."""
        newest = self._newest_two(accounts.c.id.in_(account_ids))
        return {account_id: pair[-1] for account_id, pair in newest.items()}

    def _newest_two(self, which: ColumnElement[bool]) -> dict[AccountId, list[BalanceSnapshot]]:
        # Where the second newest was captured: read from there on, an account gives two rows, or
        # a few more where several share that instant.
        second = _captured(accounts.c.id, _NEWEST_FIRST, place=1)
        newest = _captured(accounts.c.id, _NEWEST_FIRST)
        statement = (
            select(accounts.c.balance_sign, *_SHOWN)
            .join_from(accounts, balance_snapshots, _s.account_id == accounts.c.id)
            .where(which, _STANDS, _s.captured_at >= func.coalesce(second, newest))
            .order_by(_s.account_id, *_OLDEST_FIRST)
        )
        found: dict[AccountId, list[BalanceSnapshot]] = {}
        for row in self._connection.execute(statement):
            found.setdefault(AccountId(row.account_id), []).append(_snapshot_of(row))
        return found

    def within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None, limit: int
    ) -> OwnedSnapshots | None:
        """Return the first ``limit`` snapshots of the period, None if there is no such account."""
        statement = _owned(account_id, source, _s.captured_at.between(period.start, period.end))
        return self._owned_snapshots(statement.order_by(*_OLDEST_FIRST).limit(limit))

    def count_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> int:
        """Return how many snapshots of the account lie in the period."""
        statement = (
            select(func.count())
            .select_from(balance_snapshots)
            .where(
                _s.account_id == account_id,
                _STANDS,
                _s.captured_at.between(period.start, period.end),
            )
        )
        if source is not None:
            statement = statement.where(_s.source == source)
        return self._connection.scalar(statement) or 0

    def stream_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots of the period, oldest first, without holding them all."""
        within: ColumnElement[bool] = _s.captured_at.between(period.start, period.end)
        if source is not None:
            within &= _s.source == source
        yield from self._each(account_id, within)

    def newest(
        self,
        account_id: AccountId,
        source: SnapshotSource | None,
        limit: int,
        until: datetime | None = None,
    ) -> OwnedSnapshots | None:
        """Return the newest ``limit`` snapshots up to an instant, None if there is no account."""
        conditions = [] if until is None else [_s.captured_at <= until]
        statement = _owned(account_id, source, *conditions)
        found = self._owned_snapshots(statement.order_by(*_NEWEST_FIRST).limit(limit))
        if found is None:
            return None
        return OwnedSnapshots(found.owner, found.currency, found.snapshots[::-1])

    def _owned_snapshots(self, statement: Select[Any]) -> OwnedSnapshots | None:
        rows = self._connection.execute(statement).all()
        if not rows:
            return None
        return OwnedSnapshots(
            owner=rows[0].user_id,
            currency=Currency.of(rows[0].account_currency),
            # An account without a snapshot is one row that names none.
            snapshots=[_snapshot_of(row) for row in rows if row.id is not None],
        )

    def readings_at(
        self, account_id: AccountId, instants: Sequence[datetime]
    ) -> Mapping[datetime, RecordedReading]:
        """Return what stands at those of the instants at which anything was recorded.

        Perhaps also what stands between them.
        """
        return readings_at(self._connection, account_id, instants)

    def has_any(self, account_id: AccountId) -> bool:
        """Tell whether the account has a snapshot that stands."""
        statement = select(_s.sequence).where(_s.account_id == account_id, _STANDS).limit(1)
        return self._connection.scalar(statement) is not None

    def of_account(self, account_id: AccountId) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots, oldest first, without holding them all."""
        yield from self._each(account_id)

    def since(self, account_id: AccountId, at: datetime) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots from an instant on, oldest first, some at a time.

        Others may be written meanwhile, by the same work: no cursor is left open.
        """
        statement = (
            select(accounts.c.balance_sign, _s.sequence, *_SHOWN)
            .join_from(accounts, balance_snapshots, _s.account_id == accounts.c.id)
            .where(_s.account_id == account_id, _STANDS)
            .order_by(*_OLDEST_FIRST)
            .limit(_BATCH)
        )
        rows = self._connection.execute(statement.where(_s.captured_at >= at)).all()
        yield from map(_snapshot_of, rows)
        while len(rows) == _BATCH:
            place = rows[-1].captured_at, rows[-1].sequence
            rows = self._connection.execute(statement.where(tuple_(*_OLDEST_FIRST) > place)).all()
            yield from map(_snapshot_of, rows)

    def _each(
        self, account_id: AccountId, *conditions: ColumnElement[bool]
    ) -> Iterator[BalanceSnapshot]:
        statement = (
            select(accounts.c.balance_sign, *_SHOWN)
            .join_from(accounts, balance_snapshots, _s.account_id == accounts.c.id)
            .where(_s.account_id == account_id, _STANDS, *conditions)
            .order_by(*_OLDEST_FIRST)
        )
        yield from map(_snapshot_of, self._streamed(statement))

    def spans(self, user_id: UserId) -> Sequence[RecordedSpan]:
        """Return each of the user's accounts that has a snapshot, in no order."""
        first = _captured(accounts.c.id, _OLDEST_FIRST).label("first_at")
        last = _captured(accounts.c.id, _NEWEST_FIRST).label("last_at")
        statement = select(accounts, first, last).where(accounts.c.user_id == user_id)
        return [
            RecordedSpan(account_from_row(row), row.first_at, row.last_at)
            for row in self._connection.execute(statement)
            if row.first_at is not None
        ]

    def balances(
        self, account: Account, since: datetime, until: datetime | None
    ) -> Iterator[tuple[datetime, Decimal]]:
        """Yield when each balance was captured and how much it was, from the last before ``since``.

        They are oldest first; ``until`` is included, and None means all that follow.
        """
        before = _captured(account.id, _NEWEST_FIRST, _s.captured_at < since)
        from_then_on = _s.captured_at >= func.coalesce(before, literal(since, Instant))
        statement = (
            select(_s.captured_at, _s.balance)
            .where(_s.account_id == account.id, _STANDS, from_then_on)
            .order_by(*_OLDEST_FIRST)
        )
        if until is not None:
            statement = statement.where(_s.captured_at <= until)
        for captured_at, balance in self._streamed(statement):
            yield captured_at, balance if account.balance_sign == 1 else balance.copy_negate()

    def find_sync_id(self, account_id: AccountId, snapshot_id: SnapshotId) -> SyncId | None:
        """Return the run that recorded a snapshot of the account, be it retracted.

        Snapshots are found by account and instant, never by id: this looks through those of the
        one account.
        """
        statement = select(_s.sync_id).where(_s.account_id == account_id, _s.id == snapshot_id)
        return self._connection.scalar(statement.limit(1))

    def links(self, account_id: AccountId) -> Iterator[Link]:
        """Yield the account's records in order of recording, the retracted too."""
        statement = (
            select(balance_snapshots).where(_s.account_id == account_id).order_by(_s.sequence)
        )
        yield from map(link_of, self._streamed(statement))

    def _streamed(self, statement: Select[Any]) -> Iterator[AnyRow]:
        options = {"yield_per": _BATCH}
        with self._connection.execute(statement, execution_options=options) as rows:
            yield from rows

    def add(self, links: Iterable[Link]) -> None:
        """Record the snapshots."""
        insert_links(self._connection, links)


def _captured(
    of: AccountId | ColumnElement[UUID],
    order: Sequence[ColumnElement[Any]],
    *conditions: ColumnElement[bool],
    place: int = 0,
) -> ScalarSelect[datetime]:
    """Return when the snapshot at this place of an order of the account's was captured."""
    return (
        select(_s.captured_at)
        .where(_s.account_id == of, _STANDS, *conditions)
        .order_by(*order)
        .limit(1)
        .offset(place)
        .correlate(accounts)
        .scalar_subquery()
    )


def _owned(
    account_id: AccountId, source: SnapshotSource | None, *conditions: ColumnElement[bool]
) -> Select[Any]:
    joined = [_s.account_id == accounts.c.id, _STANDS, *conditions]
    if source is not None:
        joined.append(_s.source == source)
    return (
        select(
            accounts.c.user_id,
            accounts.c.currency.label("account_currency"),
            accounts.c.balance_sign,
            *_SHOWN,
        )
        .select_from(accounts)
        .outerjoin(balance_snapshots, and_(*joined))
        .where(accounts.c.id == account_id)
    )


def _snapshot_of(row: AnyRow) -> BalanceSnapshot:
    currency = Currency.of(row.currency)
    balance = Money(row.balance, currency)
    return BalanceSnapshot(
        id=row.id,
        account_id=row.account_id,
        balance=balance if row.balance_sign == 1 else -balance,
        available_balance=_money(row.available_balance, currency),
        holdings_value=_money(row.holdings_value, currency),
        cash_value=_money(row.cash_value, currency),
        source=row.source,
        captured_at=row.captured_at,
        created_at=row.created_at,
    )


def _money(amount: Decimal | None, currency: Currency) -> Money | None:
    return None if amount is None else Money(amount, currency)
