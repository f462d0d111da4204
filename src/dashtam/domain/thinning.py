"""A few of many values: those that a chart of all of them would show."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from operator import itemgetter
from typing import Generic, TypeVar

from dashtam.domain.interval import Calendar

T = TypeVar("T")

# The first, the last, the smallest and the largest.
_KEPT_OF_EACH = 4
_SHORTEST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Measure(Generic[T]):
    """How values are looked at: when each is of, and how much it is."""

    instant: Callable[[T], datetime]
    amount: Callable[[T], Decimal]


def last_of_each(
    values: Iterable[T], calendar: Calendar, instant: Callable[[T], datetime]
) -> Iterator[T]:
    """Yield the last value of each interval that has any; they are given in order of time."""
    held: tuple[T, datetime] | None = None
    for value in values:
        at = instant(value)
        if held is None:
            held = value, calendar.last_instant(at)
        elif at <= held[1]:
            held = value, held[1]
        else:
            yield held[0]
            held = value, calendar.last_instant(at)
    if held is not None:
        yield held[0]


def thinned(values: Iterable[T], most: int, end: datetime, measure: Measure[T]) -> list[T]:
    """Return at most ``most`` of the values, which are given in order of time.

    Where they are more, the time from the first one to ``end``, the instant of the last, is cut
    into stretches of equal length, and the first, the last, the smallest and the largest of each
    stay. Where there is no room for four, the first and the last of all.
    """
    values = iter(values)
    shown = list(islice(values, most + 1))
    if len(shown) <= most:
        return shown
    kept: dict[int, _Stretch[T]] = {}
    start = measure.instant(shown[0])
    count = max(1, most // _KEPT_OF_EACH)
    length = max((end - start) / count, _SHORTEST)
    for numbered in enumerate(chain(shown, values)):
        index = min((measure.instant(numbered[1]) - start) // length, count - 1)
        amount = measure.amount(numbered[1])
        stretch = kept.get(index)
        if stretch is None:
            kept[index] = _Stretch(numbered, amount)
        else:
            stretch.add(numbered, amount)
    every = most >= _KEPT_OF_EACH
    return [value for stretch in kept.values() for value in stretch.kept(every=every)]


class _Stretch(Generic[T]):
    """What stays of one stretch, each value with its number among all."""

    def __init__(self, first: tuple[int, T], amount: Decimal) -> None:
        self._first = self._last = self._smallest = self._largest = first
        self._least = self._most = amount

    def add(self, numbered: tuple[int, T], amount: Decimal) -> None:
        """Take in the next value."""
        self._last = numbered
        if amount < self._least:
            self._smallest, self._least = numbered, amount
        elif amount > self._most:
            self._largest, self._most = numbered, amount

    def kept(self, *, every: bool) -> list[T]:
        """Return what stays, in order: all four, or the first and the last alone."""
        extremes = (self._smallest, self._largest) if every else ()
        kept = dict([self._first, self._last, *extremes])
        return [value for _, value in sorted(kept.items(), key=itemgetter(0))]
