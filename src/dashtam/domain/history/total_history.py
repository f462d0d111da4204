"""Balances at the end of each interval, of one account and of several together."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TypeVar

from dashtam.domain.account import AccountId
from dashtam.domain.history.thinning import thin
from dashtam.domain.money import EXACT, Currency, Money
from dashtam.domain.period import MIN_INSTANT


@dataclass(frozen=True, slots=True)
class TotalPoint:
    """The total of several accounts at an instant.

    ``accounts`` is the number of accounts in the total. ``carried`` of them have no snapshot in
    the interval and count with their last balance before it.
    """

    at: datetime
    balance: Money
    accounts: int
    carried: int


@dataclass(frozen=True, slots=True)
class TotalSeries:
    """The totals of one currency, oldest first."""

    currency: Currency
    points: Sequence[TotalPoint]


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """The balance of one account at an instant."""

    at: datetime
    balance: Money


@dataclass(frozen=True, slots=True)
class AccountSeries:
    """The balances of one account, oldest first."""

    account_id: AccountId
    currency: Currency
    points: Sequence[BalancePoint]


P = TypeVar("P", TotalPoint, BalancePoint)


@dataclass(frozen=True, slots=True)
class BalanceSeries:
    """The recorded balances of one account, in its own currency.

    ``balances`` are the instants at which they count (see ``Calendar.place``) and the amounts, in
    the order of the account's history, from the balance on that is carried into the range. The
    account does not count from ``closed_at`` on; None while it is open.
    """

    balances: Iterable[tuple[datetime, Decimal]]
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """The instants at which balances are sampled: the last instant of each interval, in order.

    A balance that counts before ``start`` is a carried one, even in the first interval. The last
    interval takes every later balance.
    """

    start: datetime
    ends: Sequence[datetime]


@dataclass(slots=True)
class _Total:
    amount: Decimal = Decimal(0)
    accounts: int = 0
    carried: int = 0


def sample_balances(
    series: BalanceSeries, grid: TimeGrid, currency: Currency, limit: int | None = None
) -> list[BalancePoint]:
    """Return the account's balance at the end of each interval, thinned to ``limit`` points."""
    points = [
        BalancePoint(grid.ends[index], Money(amount, currency))
        for index, amount, _ in _sample(series, grid)
    ]
    return _thin(points, limit)


def sum_balances(
    series: Iterable[BalanceSeries], grid: TimeGrid, currency: Currency, limit: int | None = None
) -> list[TotalPoint]:
    """Return the total of accounts of one currency at the end of each interval.

    An account counts with its last balance from its first snapshot to its closing. An interval in
    which no account counts has no point. The series are read one after the other, so that only the
    sums are in memory. The points are thinned to ``limit``.
    """
    totals: defaultdict[int, _Total] = defaultdict(_Total)
    for one in series:
        for index, amount, is_carried in _sample(one, grid):
            total = totals[index]
            total.amount = EXACT.add(total.amount, amount)
            total.accounts += 1
            total.carried += is_carried
    points = [
        TotalPoint(grid.ends[index], Money(total.amount, currency), total.accounts, total.carried)
        for index, total in sorted(totals.items())
    ]
    return _thin(points, limit)


def _thin(points: list[P], limit: int | None) -> list[P]:
    if limit is None or not points:
        return points
    amount = attrgetter("balance.amount")
    return thin(points, limit, points[-1].at, instant=attrgetter("at"), amount=amount)


def _sample(series: BalanceSeries, grid: TimeGrid) -> Iterator[tuple[int, Decimal, bool]]:
    """Yield the index of each interval, the balance at its end, and if the balance is carried."""
    last_index = len(grid.ends) - 1
    # The place in the history and the amount of the last balance of each interval; of those before
    # the first interval at -1. A day's balance can follow balances of the next interval.
    last: dict[int, tuple[int, Decimal]] = {}
    index, begin, end = -1, MIN_INSTANT, grid.start
    for place, (at, amount) in enumerate(series.balances):
        if not begin <= at < end:
            index = -1 if at < grid.start else min(bisect_left(grid.ends, at), last_index)
            begin, end = at, at if index < 0 else grid.ends[index]
        last[index] = place, amount
    newest = last.get(-1)
    for index, end in enumerate(grid.ends):
        if series.closed_at is not None and end >= series.closed_at:
            return
        own = last.get(index)
        newest = own if newest is None else max(newest, own or newest)
        if newest is not None:
            yield index, newest[1], own is None
