"""A few of many values: those that a chart of all of them would show."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Generic, TypeVar

from dashtam.domain.period import Calendar

T = TypeVar("T")

# The first, the last, the smallest and the largest.
_KEPT_OF_EACH = 4
_SHORTEST = timedelta(microseconds=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measure(Generic[T]):
    """How values are looked at: when each is of, and how much it is."""

    instant: Callable[[T], datetime]
    amount: Callable[[T], Decimal]


def last_per_interval(
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


def thin(values: Iterable[T], most: int, end: datetime, measure: Measure[T]) -> list[T]:
    """Return at most ``most`` of the values, which are given in order of time.

    Where they are more, the time from the first one to ``end``, the instant of the last, is cut
    into stretches of equal length, and the first, the last, the smallest and the largest of each
    stay. Where there is no room for four, the first and the last of all.
    """
    values = iter(values)
    shown = list(islice(values, most + 1))
    if len(shown) <= most:
        return shown
    start = measure.instant(shown[0])
    count = max(1, most // _KEPT_OF_EACH)
    length = max((end - start) / count, _SHORTEST)
    stretches: list[_Stretch[T]] = []
    for value in chain(shown, values):
        at, amount = measure.instant(value), measure.amount(value)
        if stretches and at <= stretches[-1].end:
            stretches[-1].add(value, amount)
        else:
            following = (at - start) // length + 1
            is_last = following >= count
            last_instant = _END_OF_TIME if is_last else start + following * length - _SHORTEST
            stretches.append(_Stretch(value, amount, last_instant))
    if most < _KEPT_OF_EACH:
        return [stretches[0].first, stretches[-1].last]
    return [value for stretch in stretches for value in stretch.kept()]


class _Stretch(Generic[T]):
    """What stays of the values up to an instant, each with its place among them."""

    def __init__(self, first: T, amount: Decimal, end: datetime) -> None:
        self.first = self.last = first
        self.end = end
        self._count = 1
        self._smallest = self._largest = (0, first)
        self._least = self._most = amount

    def add(self, value: T, amount: Decimal) -> None:
        """Take in the next value."""
        self.last = value
        if amount < self._least:
            self._smallest, self._least = (self._count, value), amount
        elif amount > self._most:
            self._largest, self._most = (self._count, value), amount
        self._count += 1

    def kept(self) -> list[T]:
        """Return the first, the last, the smallest and the largest, each once, in order."""
        ends = (0, self.first), (self._count - 1, self.last)
        kept = dict([*ends, self._smallest, self._largest])
        return [kept[place] for place in sorted(kept)]
