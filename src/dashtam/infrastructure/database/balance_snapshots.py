"""The statements on balance snapshots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, insert, select

from dashtam.application.records import LatestBalance, OwnedSnapshots, Standing
from dashtam.domain.account import AccountId
from dashtam.domain.balance_snapshot import BalanceSnapshot, SnapshotSource
from dashtam.domain.hash_chain import Link, Record
from dashtam.domain.money import Currency, Money
from dashtam.domain.period import Period
from dashtam.domain.statement import Reading
from dashtam.domain.user import UserId
from dashtam.infrastructure.database.accounts import account_of
from dashtam.infrastructure.database.rows import AnyRow
from dashtam.infrastructure.database.tables import accounts, balance_snapshots, retractions

_s = balance_snapshots.c

_STANDS = ~exists().where(retractions.c.sync_id == _s.sync_id)

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
            account = account_of(row)
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
        second = (
            select(_s.captured_at)
            .where(_s.account_id == accounts.c.id, _STANDS)
            .order_by(*_NEWEST_FIRST)
            .limit(1)
            .offset(1)
            .correlate(accounts)
            .scalar_subquery()
        )
        newest = (
            select(_s.captured_at)
            .where(_s.account_id == accounts.c.id, _STANDS)
            .order_by(*_NEWEST_FIRST)
            .limit(1)
            .correlate(accounts)
            .scalar_subquery()
        )
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

    def standing(
        self, account_id: AccountId, instants: Sequence[datetime]
    ) -> Mapping[datetime, Standing]:
        """Return what stands at those of the instants at which anything was recorded."""
        statement = (
            select(balance_snapshots)
            .where(_s.account_id == account_id, _s.captured_at.in_(instants), _STANDS)
            .order_by(*_OLDEST_FIRST)
        )
        rows = self._connection.execute(statement)
        return {row.captured_at: Standing(_reading_of(row), row.sync_id) for row in rows}

    def any_of(self, account_id: AccountId) -> bool:
        """Tell whether the account has a snapshot that stands."""
        statement = select(_s.sequence).where(_s.account_id == account_id, _STANDS).limit(1)
        return self._connection.scalar(statement) is not None

    def all_of(self, account_id: AccountId) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots, oldest first, without holding them all."""
        statement = (
            select(accounts.c.balance_sign, *_SHOWN)
            .join_from(accounts, balance_snapshots, _s.account_id == accounts.c.id)
            .where(_s.account_id == account_id, _STANDS)
            .order_by(*_OLDEST_FIRST)
        )
        yield from map(_snapshot_of, self._streamed(statement))

    def links(self, account_id: AccountId) -> Iterator[Link]:
        """Yield the account's records in order of recording, the retracted too."""
        statement = (
            select(balance_snapshots).where(_s.account_id == account_id).order_by(_s.sequence)
        )
        yield from map(_link_of, self._streamed(statement))

    def _streamed(self, statement: Select[Any]) -> Iterator[AnyRow]:
        options = {"yield_per": _BATCH}
        with self._connection.execute(statement, execution_options=options) as rows:
            yield from rows

    def add(self, links: Iterable[Link]) -> None:
        """Record the snapshots."""
        rows = [_row_of(link) for link in links]
        if rows:
            self._connection.execute(insert(balance_snapshots), rows)


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


def _reading_of(row: AnyRow) -> Reading:
    return Reading(
        captured_at=row.captured_at,
        balance=row.balance,
        available_balance=row.available_balance,
        holdings_value=row.holdings_value,
        cash_value=row.cash_value,
        as_of=row.as_of,
    )


def _link_of(row: AnyRow) -> Link:
    record = Record(
        id=row.id,
        account_id=row.account_id,
        sequence=row.sequence,
        sync_id=row.sync_id,
        source=row.source,
        currency=Currency.of(row.currency),
        reading=_reading_of(row),
        created_at=row.created_at,
    )
    return Link(record, row.link)


def _row_of(link: Link) -> dict[str, object]:
    record, reading = link.record, link.record.reading
    return {
        "account_id": record.account_id,
        "captured_at": reading.captured_at,
        "sequence": record.sequence,
        "id": record.id,
        "sync_id": record.sync_id,
        "source": record.source,
        "currency": record.currency.code,
        "balance": reading.balance,
        "available_balance": reading.available_balance,
        "holdings_value": reading.holdings_value,
        "cash_value": reading.cash_value,
        "as_of": reading.as_of,
        "created_at": record.created_at,
        "link": link.digest,
    }
