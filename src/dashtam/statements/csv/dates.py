"""Days: how a column of a balance file writes its dates.

An ambiguous order (03/04/2025) is never guessed: another row of the column settles it, or a mapping
says it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.parsing import invalid_date, noon

_TIME = (
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.][0-9]+)?)?"
    r"\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ISO = re.compile(r"(?P<year>[0-9]{4})([-/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})" + _TIME)
# What most files hold, which the standard library reads ten times as fast.
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?")
_COMPACT = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_DAY_FIRST, _MONTH_FIRST = (
    re.compile(rf"(?P<{a}>[0-9]{{1,2}})([-/.])(?P<{b}>[0-9]{{1,2}})\2(?P<year>[0-9]{{4}}){_TIME}")
    for a, b in (("day", "month"), ("month", "day"))
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
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

Reader = Callable[[str], datetime]


class DayEvidence:
    """What the dates of a column, seen one after the other, prove of their layout."""

    def __init__(self) -> None:
        self._year_first: re.Pattern[str] | None = None
        self._is_day_first = False
        self._is_month_first = False

    @property
    def is_settled(self) -> bool:
        """Tell whether no further row can change the answer."""
        return self._year_first is not None

    def see(self, text: str) -> None:
        """Take one cell into account; one that is no date proves nothing."""
        text = text.strip()
        for pattern in (_ISO, _COMPACT):
            if pattern.fullmatch(text):
                self._year_first = pattern
        match = _DAY_FIRST.fullmatch(text)
        if match:
            first, second = int(match["day"]), int(match["month"])
            self._is_day_first |= second <= _LAST_MONTH < first
            self._is_month_first |= first <= _LAST_MONTH < second

    def reader(self) -> Reader:
        """Return what reads the column.

        Raises:
            MappingNeeded: it is ambiguous, or nothing in it is a date of a common layout.
        """
        pattern = self._year_first
        if pattern is None and self._is_day_first != self._is_month_first:
            pattern = _DAY_FIRST if self._is_day_first else _MONTH_FIRST
        if pattern is None:
            detail = (
                "The order of day and month in the dates is not certain:"
                " a mapping must say date_format, like DD/MM/YYYY."
            )
            raise MappingNeeded(
                detail, (FieldError("/mapping/date_format", "ambiguous_date", detail),)
            )
        return _reader(pattern)


def reader_of(layout: str) -> Reader:
    """Return what reads dates of this layout: ``DD.MM.YYYY`` or ``%d.%m.%Y``, an hour or none.

    Raises:
        MappingNeeded: the layout lacks a year, a month or a day, or names something twice.
    """
    if "%" not in layout:
        layout = _WORD.sub(lambda match: _WORDS[match[0]], layout)
    source = re.escape(layout).replace(r"\ ", " ")
    for directive, pattern in _DIRECTIVES.items():
        source = source.replace(directive, pattern)
    groups: set[str] = set()
    try:
        compiled = re.compile(source)
        groups = set(compiled.groupindex)
    except re.error:
        compiled = _ISO
    if "%" in source or not (
        groups & {"year", "short"} and groups & {"month", "name"} and "day" in groups
    ):
        detail = "date_format needs a year, a month and a day, like DD/MM/YYYY or %d/%m/%Y."
        raise MappingNeeded(detail, (FieldError("/mapping/date_format", "invalid_format", detail),))
    return _reader(compiled)


def _reader(pattern: re.Pattern[str]) -> Reader:
    def read(text: str) -> datetime:
        if pattern is _ISO and _PLAIN.fullmatch(text):
            return _plain(text)
        match = pattern.fullmatch(text.strip())
        if match is None:
            raise invalid_date(field="Date")
        try:
            return _instant(match.groupdict())
        except (ValueError, KeyError, OverflowError):
            raise invalid_date(field="Date") from None

    return read


def _plain(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_date(field="Date") from None
    return noon(instant) if len(text) == len("YYYY-MM-DD") else instant.replace(tzinfo=UTC)


def _instant(parts: dict[str, str | None]) -> datetime:
    """Return the instant; without an hour it is noon, and without a zone UTC."""
    short = int(parts.get("short") or 0)
    year = int(parts.get("year") or (1900 if short >= _CENTURY_TURNS else 2000) + short)
    month = int(parts.get("month") or _MONTHS[(parts.get("name") or "").lower()])
    day = datetime(year, month, int(parts["day"] or 0), tzinfo=UTC)
    if not parts.get("hour"):
        return noon(day)
    clock = [int(parts.get(name) or 0) for name in ("hour", "minute", "second")]
    local = day.replace(hour=clock[0], minute=clock[1], second=clock[2])
    return (local - _offset(parts.get("zone"))).replace(tzinfo=UTC)


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta()
    digits = zone.replace(":", "")
    ahead = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
    # A zone of a day or more is none; timezone() refuses it.
    return timezone(-ahead if digits[0] == "-" else ahead).utcoffset(None)
