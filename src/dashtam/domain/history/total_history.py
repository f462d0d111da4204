"""Balances at the end of each interval, of one account and of several together."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple, TypeVar

from dashtam.domain.account import AccountId
from dashtam.domain.history.range_change import (
    AccountRange,
    CoverageEvent,
    RangeChange,
    change_over_range,
    coverage_events,
)
from dashtam.domain.history.thinning import thin
from dashtam.domain.money import EXACT, Currency, Money
from dashtam.domain.period import MAX_INSTANT, MIN_INSTANT


@dataclass(frozen=True, slots=True)
class TotalPoint:
    """The total of several accounts at an instant.

    ``accounts`` is the number of accounts in the total. ``carried`` of them have no snapshot in
    the interval and count with their last balance before it. ``missing`` accounts were first
    observed later.
    """

    at: datetime
    balance: Money
    accounts: int
    carried: int
    missing: int


@dataclass(frozen=True, slots=True)
class TotalSeries:
    """The totals of one currency, oldest first, and their change over the range."""

    currency: Currency
    points: Sequence[TotalPoint]
    change: RangeChange
    coverage_events: Sequence[CoverageEvent]


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """The balance of one account at an instant."""

    at: datetime
    balance: Money


@dataclass(frozen=True, slots=True)
class AccountSeries:
    """The balances of one account, oldest first, and their change over the range."""

    account_id: AccountId
    currency: Currency
    points: Sequence[BalancePoint]
    change: RangeChange
    coverage_events: Sequence[CoverageEvent]


P = TypeVar("P", TotalPoint, BalancePoint)


@dataclass(frozen=True, slots=True)
class BalanceSeries:
    """The recorded balances of one account, in its own currency.

    ``balances`` are the instants at which they count (see ``Calendar.place``) and the amounts, in
    the order of the account's history, from the balance on that is carried into the range. The
    account does not count from ``closed_at`` on; None while it is open.
    """

    account_id: AccountId
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


class _Change(NamedTuple):
    """An account's balance from an interval on, None where it counts no more.

    Intervals are counted from 0.
    """

    interval: int
    amount: Decimal | None
    is_carried: bool


@dataclass(frozen=True, slots=True)
class _Sample:
    """The balances of an account by interval, and at the ends of the range.

    ``observed_from`` is the first interval that it is observed in: 0 where it was before the range,
    their number where it is after it.
    """

    changes: Sequence[_Change]
    range: AccountRange | None
    observed_from: int


class _Total:
    """A total while accounts are added: how it differs from that of the interval before.

    ``counts`` are those of the accounts. ``exponents`` are those of the amounts that begin to count
    in an interval, less of those that end: a total has as many digits as the finest amount in it.
    """

    def __init__(self, intervals: int) -> None:
        self._amounts = [Decimal(0)] * (intervals + 1)
        self._counts = [0] * (intervals + 1)
        self._recorded = [0] * (intervals + 1)
        self._observed = [0] * (intervals + 1)
        self._exponents: defaultdict[int, Counter[int]] = defaultdict(Counter)

    def add(self, sample: _Sample) -> None:
        """Add an account's balances."""
        self._observed[sample.observed_from] += 1
        before: Decimal | None = None
        for index, amount, is_carried in sample.changes:
            change = self._amounts[index]
            if before is not None:
                change = EXACT.subtract(change, before)
            if amount is not None:
                change = EXACT.add(change, amount)
                self._recorded[index] += not is_carried
            self._amounts[index] = change
            if before is None or amount is None or not before.same_quantum(amount):
                for one, count in ((before, -1), (amount, 1)):
                    if one is not None:
                        self._counts[index] += count
                        self._exponents[index][_exponent(one)] += count
            before = amount

    def points(self, ends: Sequence[datetime], currency: Currency) -> Iterator[TotalPoint]:
        """Yield the total of each interval in which an account counts."""
        balance, accounts, exponents, digits = Decimal(0), 0, Counter[int](), Decimal(1)
        missing = sum(self._observed)
        for index, at in enumerate(ends):
            accounts += self._counts[index]
            missing -= self._observed[index]
            if index in self._exponents:
                exponents.update(self._exponents[index])
                finest = min((one for one, count in exponents.items() if count), default=0)
                digits = Decimal((0, (1,), finest))
            balance = EXACT.add(balance, self._amounts[index])
            if accounts:
                balance = EXACT.quantize(balance, digits)
                carried = accounts - self._recorded[index]
                yield TotalPoint(at, Money(balance, currency), accounts, carried, missing)


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), "a balance is finite"
    return exponent


def sample_balances(
    series: BalanceSeries, grid: TimeGrid, currency: Currency, limit: int | None = None
) -> AccountSeries:
    """Return the account's balance at the end of each interval, thinned to ``limit`` points."""
    sample = _sample(series, grid)
    changes = [*sample.changes, _Change(len(grid.ends), None, is_carried=True)]
    points = [
        BalancePoint(grid.ends[index], Money(change.amount, currency))
        for change, following in pairwise(changes)
        if change.amount is not None
        for index in range(change.interval, following.interval)
    ]
    ranges = [sample.range] if sample.range else []
    return AccountSeries(
        series.account_id,
        currency,
        _thin(points, limit),
        change_over_range(ranges, currency),
        coverage_events(ranges, currency),
    )


def sum_balances(
    series: Iterable[BalanceSeries], grid: TimeGrid, currency: Currency, limit: int | None = None
) -> TotalSeries:
    """Return the total of accounts of one currency at the end of each interval.

    An account counts with its last balance from its first snapshot to its closing. An interval in
    which no account counts has no point. The series are read one after the other, so that only the
    changes of the total are in memory. The points are thinned to ``limit``.
    """
    total, ranges = _Total(len(grid.ends)), list[AccountRange]()
    for one in series:
        sample = _sample(one, grid)
        total.add(sample)
        if sample.range:
            ranges.append(sample.range)
    return TotalSeries(
        currency,
        _thin(list(total.points(grid.ends, currency)), limit),
        change_over_range(ranges, currency),
        coverage_events(ranges, currency),
    )


def _thin(points: list[P], limit: int | None) -> list[P]:
    if limit is None or not points:
        return points
    amount = attrgetter("balance.amount")
    return thin(points, limit, points[-1].at, instant=attrgetter("at"), amount=amount)


def _sample(series: BalanceSeries, grid: TimeGrid) -> _Sample:
    ends, closed_at = grid.ends, series.closed_at
    stop = len(ends) if closed_at is None else bisect_left(ends, closed_at)
    if closed_at is not None and closed_at <= grid.start:
        return _Sample([], None, 0)
    # The place in the history and the amount of the last balance of each interval; of those before
    # the first interval at -1. A day's balance can follow balances of the next interval.
    last: dict[int, tuple[int, Decimal]] = {}
    index, begin, end = -1, MIN_INSTANT, grid.start
    first_at, first = MAX_INSTANT, Decimal(0)
    for place, (at, amount) in enumerate(series.balances):
        if closed_at is not None and at >= closed_at:
            continue
        if at <= first_at:
            first_at, first = at, amount
        if not begin <= at < end:
            # The last interval takes every later balance.
            index = -1 if at < grid.start else min(bisect_left(ends, at), len(ends) - 1)
            begin, end = at, at if index < 0 else ends[index]
        last[index] = place, amount
    if not last:
        return _Sample([], None, 0 if stop < len(ends) else len(ends))
    observed_from = max(0, min(last))
    _, newest = max(last.values())
    opening = last[-1][1] if -1 in last else None
    closed_within = closed_at if stop < len(ends) else None
    ends_of_range = AccountRange(
        series.account_id, opening, (first_at, first), newest, closed_within
    )
    return _Sample(list(_iter_changes(last, stop, len(ends))), ends_of_range, observed_from)


def _iter_changes(
    last: dict[int, tuple[int, Decimal]], stop: int, intervals: int
) -> Iterator[_Change]:
    """Yield the balance of each interval in which it changes, and the closing before ``stop``.

    ``last`` has the place in the history and the amount of each interval's last balance.
    """
    newest = last.get(-1)
    if newest is not None and stop and 0 not in last:
        yield _Change(0, newest[1], is_carried=True)
    for index in sorted(last):
        if index >= stop:
            break
        newest = last[index] if newest is None else max(newest, last[index])
        if index >= 0:
            yield _Change(index, newest[1], is_carried=False)
    if stop < intervals:
        yield _Change(stop, None, is_carried=True)
