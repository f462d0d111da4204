"""Reduces a series to the values that a chart of the whole series would show."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from operator import itemgetter
from typing import Generic, TypeVar

from dashtam.domain.period import MAX_INSTANT, MIN_INSTANT, Calendar, Precision

T = TypeVar("T")

# The first, the last, the smallest and the largest.
_KEPT_PER_BUCKET = 4
_MICROSECOND = timedelta(microseconds=1)


def last_per_interval(
    values: Iterable[T],
    calendar: Calendar,
    instant: Callable[[T], datetime],
    precision: Callable[[T], Precision],
) -> list[T]:
    """Return the last value of each interval that has any, in the order of the values.

    The values are in order of time. A day's value belongs to the interval of its day, so that it
    can follow values of the next interval.
    """
    last: dict[datetime, tuple[int, T]] = {}
    begin, end = MAX_INSTANT, MIN_INSTANT
    for index, value in enumerate(values):
        at = calendar.place(instant(value), precision(value))
        if not begin <= at <= end:
            begin, end = at, calendar.last_instant(at)
        last[end] = index, value
    return [value for _, value in sorted(last.values(), key=itemgetter(0))]


def thin(
    values: Iterable[T],
    limit: int,
    end: datetime,
    *,
    instant: Callable[[T], datetime],
    amount: Callable[[T], Decimal],
) -> list[T]:
    """Return at most ``limit`` of the values, which are in order of time and end at ``end``.

    Where there are more, the time from the first value to ``end`` is divided into buckets of equal
    length, and each bucket keeps its first, last, smallest and largest value. A limit below four
    keeps the first and the last value of all.
    """
    values = iter(values)
    head = list(islice(values, limit + 1))
    if len(head) <= limit:
        return head
    start = instant(head[0])
    count = max(1, limit // _KEPT_PER_BUCKET)
    length = max((end - start) / count, _MICROSECOND)
    buckets: list[_Bucket[T]] = []
    for value in chain(head, values):
        at = instant(value)
        if buckets and at <= buckets[-1].end:
            buckets[-1].add(value, amount(value))
        else:
            following = (at - start) // length + 1
            is_last = following >= count
            bucket_end = MAX_INSTANT if is_last else start + following * length - _MICROSECOND
            buckets.append(_Bucket(value, amount(value), bucket_end))
    if limit < _KEPT_PER_BUCKET:
        return [buckets[0].first, buckets[-1].last]
    return [value for bucket in buckets for value in bucket.kept()]


class _Bucket(Generic[T]):
    """The values up to an instant, reduced to four; each has its index in the bucket."""

    def __init__(self, first: T, amount: Decimal, end: datetime) -> None:
        self.first = self.last = first
        self.end = end
        self._count = 1
        self._smallest = self._largest = (0, first)
        self._min = self._max = amount

    def add(self, value: T, amount: Decimal) -> None:
        """Add the next value."""
        self.last = value
        if amount < self._min:
            self._smallest, self._min = (self._count, value), amount
        elif amount > self._max:
            self._largest, self._max = (self._count, value), amount
        self._count += 1

    def kept(self) -> list[T]:
        """Return the first, the last, the smallest and the largest, each once, in order."""
        last = self._count - 1, self.last
        by_index = dict([(0, self.first), last, self._smallest, self._largest])
        return [by_index[index] for index in sorted(by_index)]
