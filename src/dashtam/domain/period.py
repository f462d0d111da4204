"""Periods, and calendars that divide time into days, ISO weeks or months of a time zone."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from dashtam.domain.errors import Invalid, InvalidDateRange

MIN_INSTANT = datetime.min.replace(tzinfo=UTC)
MAX_INSTANT = datetime.max.replace(tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Time zones have no dates near the ends of Python's calendar. Instants beyond these belong to the
# first and to the last interval.
_HALF_DAY = timedelta(hours=12)
_EARLIEST = datetime(1, 3, 1, tzinfo=UTC)
_LATEST = datetime(9999, 11, 1, tzinfo=UTC)


def to_microseconds(instant: datetime) -> int:
    """Return the whole microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def to_instant(microseconds: int) -> datetime:
    """Return the instant with these microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


class UnknownTimeZone(Invalid):
    """The name is none of a time zone."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:64]!r} is no time zone. Write the name of one, like Europe/Berlin."
        )


@cache
def _zone_names() -> AbstractSet[str]:
    # These two mean another zone on every machine.
    return available_timezones() - {"localtime", "Factory"}


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone with this IANA name.

    Raises:
        UnknownTimeZone: there is none.
    """
    if name not in _zone_names():
        raise UnknownTimeZone(name)
    return ZoneInfo(name)


class Precision(StrEnum):
    """Whether a balance was told for an instant, or for a day without a time of day."""

    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a balance: an instant, or a day as its noon (UTC)."""

    at: datetime
    precision: Precision = Precision.INSTANT

    @classmethod
    def of_day(cls, day: date) -> "Moment":
        """Return the moment of a balance without a time."""
        return cls(datetime.combine(day, time(12), UTC), Precision.DAY)


@dataclass(frozen=True, slots=True)
class Period:
    """Two aware instants, both included, the first before the second."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a period that does not end after it starts."""
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
    """The intervals of a time zone, without gaps between them.

    An interval begins at midnight of its first day: at the first midnight if clocks go back over
    it, and when clocks go forward if they skip it.
    """

    interval: Interval
    zone: ZoneInfo

    def last_instant(self, at: datetime) -> datetime:
        """Return the last microsecond, in UTC, of the interval that contains an instant."""
        at = max(at, _EARLIEST)
        if at >= _LATEST:
            return MAX_INSTANT
        first_day = at.astimezone(self.zone).date()
        if self.interval is Interval.WEEK:
            first_day -= timedelta(days=first_day.weekday())
        elif self.interval is Interval.MONTH:
            first_day = first_day.replace(day=1)
        # The first start after the instant is that of the next interval.
        while (start := datetime.combine(first_day, time(), self.zone).astimezone(UTC)) <= at:
            if self.interval is Interval.MONTH:
                first_day = (first_day + timedelta(days=31)).replace(day=1)
            else:
                first_day += timedelta(days=1 if self.interval is Interval.DAY else 7)
        return start - _MICROSECOND if start < _LATEST else MAX_INSTANT

    def place(self, at: datetime, precision: Precision) -> datetime:
        """Return the instant at which a balance counts; a day's counts on its own day.

        Noon in UTC is the next day where clocks are twelve hours or more ahead: there a day's
        balance counts a second before the end of its day, so that a range up to 23:59:59 has it.
        Everything else counts when it was captured.
        """
        if precision is Precision.INSTANT or not _EARLIEST <= at < _LATEST:
            return at
        local_day = at.astimezone(self.zone).date()
        if local_day <= at.date():
            return at
        return datetime.combine(local_day, time(), self.zone).astimezone(UTC) - timedelta(seconds=1)

    def moves_days(self, start: datetime, end: datetime) -> bool:
        """Tell whether noon in UTC is ever the next day between these instants: see ``place``."""
        return any(
            (datetime(year, month, 1, tzinfo=self.zone).utcoffset() or timedelta()) >= _HALF_DAY
            for year in range(start.year, end.year + 1)
            for month in (1, 7)
        )

    def ends(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the last instant of each interval from ``start`` on; the last one is ``end``."""
        at = self.last_instant(start)
        while at < end:
            yield at
            at = self.last_instant(at + _MICROSECOND)
        yield end
