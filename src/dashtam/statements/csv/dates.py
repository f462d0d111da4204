"""Dates of a balance file: the layout of a column, and the instant of a cell.

An ambiguous order (03/04/2025) is never guessed: another row of the column or the mapping settles
it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache, partial

from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.parsing import UnusableField, invalid_date, require_booked
from dashtam.domain.period import Moment

_TIME = (
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.][0-9]+)?)?"
    r"\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ISO = re.compile(r"(?P<year>[0-9]{4})([-/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})" + _TIME)
# The layout of most files, which the standard library reads ten times as fast.
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?")
_COMPACT = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_DAY_FIRST, _MONTH_FIRST = (
    re.compile(rf"(?P<{a}>[0-9]{{1,2}})([-/.])(?P<{b}>[0-9]{{1,2}})\2(?P<year>[0-9]{{4}}){_TIME}")
    for a, b in (("day", "month"), ("month", "day"))
)
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_DIRECTIVES = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%y": r"(?P<short>[0-9]{2})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%b": r"(?P<name>[A-Za-z]{3})[a-z]*\.?",
    "%B": r"(?P<name>[A-Za-z]{3})[a-z]*\.?",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%z": r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_WORDS = {"YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m"}
_WORDS |= {"DD": "%d", "D": "%d", "HH": "%H", "hh": "%H", "mm": "%M", "ss": "%S"}
_WORD = re.compile(r"YYYY|YY|MMMM|MMM|MM|M|DD|D|HH|hh|mm|ss")
_LAST_MONTH = 12
_CENTURY_TURNS = 70
DATES_REMEMBERED = 8_192

DateReader = Callable[[str], Moment]


class DateEvidence:
    """The layouts that a column's dates may have: that of the mapping, or those not ruled out yet.

    ``readers`` parse a cell, each in one layout, or raise UnusableField.
    """

    def __init__(self, date_format: str | None, now: datetime) -> None:
        """Raise MappingNeeded where the format lacks a part of the date, or repeats one."""
        given = (compile_format(date_format),) if date_format else None
        self.readers: dict[re.Pattern[str], DateReader] = {
            layout: lru_cache(DATES_REMEMBERED)(partial(parse_date, layout, now))
            for layout in given or (_ISO, _COMPACT, _DAY_FIRST, _MONTH_FIRST)
        }
        self._is_day_first = False
        self._is_month_first = False

    def see(self, text: str) -> list[tuple[DateReader, Moment]]:
        """Return the moments of a cell by reader, after it ruled out the layouts it disproves."""
        match = _DAY_FIRST.fullmatch(text)
        if match:
            first, second = int(match["day"]), int(match["month"])
            self._is_day_first |= second <= _LAST_MONTH < first
            self._is_month_first |= first <= _LAST_MONTH < second
        for layout in (_ISO, _COMPACT):
            if len(self.readers) > 1 and layout.fullmatch(text):
                self.readers = {layout: self.readers[layout]}
        moments: list[tuple[DateReader, Moment]] = []
        for read_date in self.readers.values():
            with suppress(UnusableField):
                moments.append((read_date, read_date(text)))
        return moments

    def choose(self) -> DateReader:
        """Return the reader of the column.

        Raises:
            MappingNeeded: the layout is ambiguous, or no cell is a date of a common layout.
        """
        if len(self.readers) == 1:
            (reader,) = self.readers.values()
            return reader
        if self._is_day_first == self._is_month_first:
            detail = (
                "The order of day and month in the dates is not certain:"
                " a mapping must say date_format, like DD/MM/YYYY."
            )
            fault = FieldError("/mapping/date_format", "ambiguous_date", detail)
            raise MappingNeeded(detail, (fault,))
        return self.readers[_DAY_FIRST if self._is_day_first else _MONTH_FIRST]


def compile_format(date_format: str) -> re.Pattern[str]:
    """Return the layout of ``DD.MM.YYYY`` or ``%d.%m.%Y``, with or without a time.

    Raises:
        MappingNeeded: the format lacks a year, a month or a day, or repeats one.
    """
    if "%" not in date_format:
        date_format = _WORD.sub(lambda match: _WORDS[match[0]], date_format)
    source = re.escape(date_format).replace(r"\ ", " ")
    for directive, pattern in _DIRECTIVES.items():
        source = source.replace(directive, pattern)
    layout = _ISO
    groups: set[str] = set()
    with suppress(re.error):
        layout = re.compile(source)
        groups = set(layout.groupindex)
    if "%" in source or not (
        groups & {"year", "short"} and groups & {"month", "name"} and "day" in groups
    ):
        detail = "date_format needs a year, a month and a day, like DD/MM/YYYY or %d/%m/%Y."
        raise MappingNeeded(detail, (FieldError("/mapping/date_format", "invalid_format", detail),))
    return layout


def parse_date(layout: re.Pattern[str], now: datetime, text: str) -> Moment:
    """Return the instant, UTC without a zone, or the day where there is no time.

    Raises:
        UnusableField: ``invalid_date`` or ``future_date``.
    """
    text = text.strip()
    try:
        if layout is _ISO and _PLAIN.fullmatch(text):
            instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
            is_day = len(text) == len("YYYY-MM-DD")
            return require_booked(
                "Date", Moment.of_day(instant) if is_day else Moment(instant), now
            )
        match = layout.fullmatch(text)
        if match is None:
            raise invalid_date(field="Date")
        parts = match.groupdict()
        short = int(parts.get("short") or 0)
        year = int(parts.get("year") or (1900 if short >= _CENTURY_TURNS else 2000) + short)
        month = int(parts.get("month") or _MONTHS[(parts.get("name") or "").lower()])
        day = datetime(year, month, int(parts["day"]), tzinfo=UTC)
        if not parts.get("hour"):
            return require_booked("Date", Moment.of_day(day), now)
        hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
        zone = (parts.get("zone") or "Z").replace("Z", "+0000").replace(":", "")
        ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
        # A zone of a day or more does not exist; timezone() refuses it.
        local = timezone(-ahead if zone[0] == "-" else ahead)
        instant = day.replace(hour=hour, minute=minute, second=second, tzinfo=local)
    except (ValueError, KeyError, OverflowError):
        raise invalid_date(field="Date") from None
    return require_booked("Date", Moment(instant), now)
