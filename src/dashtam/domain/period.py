"""Periods, and time cut into days, ISO weeks or months of a zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dashtam.domain.errors import InvalidDateRange

MIN_INSTANT = datetime.min.replace(tzinfo=UTC)
MAX_INSTANT = datetime.max.replace(tzinfo=UTC)

_MICROSECOND = timedelta(microseconds=1)

# Near the ends of the calendar a zone's own dates cannot be told any more: what lies beyond these
# belongs to the first and to the last interval.
_EARLIEST = datetime(1, 3, 1, tzinfo=UTC)
_LATEST = datetime(9999, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Two aware instants, both included, the first before the second."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a period that does not run forward."""
        if self.start >= self.end:
            raise InvalidDateRange


ALL_TIME = Period(MIN_INSTANT, MAX_INSTANT)


class Interval(StrEnum):
    """How long an interval is; a week begins on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The intervals of a zone: they follow each other without a gap, whatever its clocks do.

    An interval begins when its first day does: at midnight, the first one where clocks are put
    back over it; where they are put forward over it, when they are.
    """

    interval: Interval
    zone: ZoneInfo

    def last_instant(self, at: datetime) -> datetime:
        """Return the last microsecond, in UTC, of the interval in which an instant lies."""
        moment = max(at, _EARLIEST)
        if moment >= _LATEST:
            return MAX_INSTANT
        day = self._first_day(moment.astimezone(self.zone).date())
        while (start := self._start(day)) <= moment:
            day = self._next(day)
        return start - _MICROSECOND if start < _LATEST else MAX_INSTANT

    def ends(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the last instant of each interval from ``start`` on; the last is ``end``."""
        at = self.last_instant(start)
        while at < end:
            yield at
            at = self.last_instant(at + _MICROSECOND)
        yield end

    def _first_day(self, day: date) -> date:
        if self.interval is Interval.WEEK:
            return day - timedelta(days=day.weekday())
        return day if self.interval is Interval.DAY else day.replace(day=1)

    def _next(self, first_day: date) -> date:
        if self.interval is Interval.MONTH:
            return (first_day + timedelta(days=31)).replace(day=1)
        return first_day + timedelta(days=1 if self.interval is Interval.DAY else 7)

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)
