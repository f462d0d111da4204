"""Dates of a table: the layout of a column, and the instant of a cell.

An ambiguous order (03/04/2025) is never guessed: another row of the column or the mapping settles
it. Days with dots between their parts have the day first, as everywhere where dots are written.
"""

# ruff: noqa: RUF001 - letters of other scripts in the names of days

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache, partial

from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.parsing import UnusableField, invalid_date, require_booked
from dashtam.domain.period import Moment

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_TIME = rf"\.?(?:(?:T|,?\s+){_CLOCK}\s*(?P<zone>Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
_DAY, _MONTH, _YEAR = r"(?P<day>[0-9]{1,2})", r"(?P<month>[0-9]{1,2})", r"(?P<year>[0-9]{4})"
_SHORT, _NAME = r"(?P<short>[0-9]{2})", r"(?P<name>[^\W\d_]{3,})\.?"
_ORDINAL, _OF = r"(?:st|nd|rd|th|er|º|\.)?", r"(?:[-/, ]?\s?|\s(?:de|del|of)\s)"
_ISO = re.compile(rf"{_YEAR}([-/.])\s?{_MONTH}\2\s?{_DAY}{_TIME}")
# The layout of most files, which the standard library reads ten times as fast.
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?")
_COMPACT = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_CHINESE = re.compile(rf"{_YEAR}年\s?{_MONTH}月\s?{_DAY}日{_TIME}")
_DOTTED = re.compile(rf"{_DAY}\.\s?{_MONTH}\.\s?{_YEAR}{_TIME}")
_DAY_FIRST = re.compile(rf"{_DAY}([-/])\s?{_MONTH}\2\s?{_YEAR}{_TIME}")
_MONTH_FIRST = re.compile(rf"{_MONTH}([-/])\s?{_DAY}\2\s?{_YEAR}{_TIME}")
_SHORT_DOTTED = re.compile(rf"{_DAY}\.{_MONTH}\.{_SHORT}{_TIME}")
_SHORT_DAY_FIRST = re.compile(rf"{_DAY}([-/]){_MONTH}\2{_SHORT}{_TIME}")
_SHORT_MONTH_FIRST = re.compile(rf"{_MONTH}([-/]){_DAY}\2{_SHORT}{_TIME}")
_SHORT_YEAR_FIRST = re.compile(rf"{_SHORT}([-/.]){_MONTH}\2{_DAY}{_TIME}")
_NAMED = re.compile(rf"{_DAY}{_ORDINAL}{_OF}{_NAME}{_OF}(?:{_YEAR}|{_SHORT}){_TIME}")
_NAMED_MONTH_FIRST = re.compile(rf"{_NAME}\s?{_DAY}{_ORDINAL},?\s{_YEAR}{_TIME}")
# The beginnings of weekdays, which some banks write before the day.
_WEEKDAY = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|mie|jue|vie"
    r"|sáb|sab|dom|gio|ma|wo|vr|za|zo|seg|ter|qua|qui|sex|pon|wto|wt|śro|śr|czw|pią|pt|sob|nie|út|st"
    r"|čt|pá|ne|po|so|пн|вт|ср|чт|пт|сб|вс|pzt|sal|çar|per|cum|cmt|paz)[^\W\d_]*\.?,?\s+(?=[0-9])",
    re.IGNORECASE,
)
# Each layout as a mapping writes it; of several that fit all cells alike the first counts.
_LAYOUTS = {
    _ISO: "YYYY-MM-DD",
    _COMPACT: "YYYYMMDD",
    _CHINESE: "YYYY年MM月DD日",
    _DOTTED: "DD.MM.YYYY",
    _DAY_FIRST: "DD/MM/YYYY",
    _MONTH_FIRST: "MM/DD/YYYY",
    _SHORT_DOTTED: "DD.MM.YY",
    _SHORT_DAY_FIRST: "DD/MM/YY",
    _SHORT_MONTH_FIRST: "MM/DD/YY",
    _SHORT_YEAR_FIRST: "YY/MM/DD",
    _NAMED: "DD MMM YYYY",
    _NAMED_MONTH_FIRST: "MMM DD, YYYY",
}

LAYOUT_NAMES = [*_LAYOUTS.values(), "excel"]
"""Every layout of dates that is recognised, as a mapping writes it, and that of day numbers."""

# The beginnings of the months' names in twelve languages; the longest that fits counts.
_MONTH_NAMES = (
    "jan sty led oca ene gen янв",
    "feb fev fév úno lut şub фев",
    "mar mär mrt bře мар",
    "apr avr abr kwi dub nis апр",
    "may mai maj mei mag mayo kvě май мая",
    "jun juin giu cze červen června haz июн",
    "jul juil lug lip červenec července tem июл",
    "aug aoû ago sie srp ağu авг",
    "sep set wrz zář eyl сен",
    "oct okt out ott paź říj eki окт",
    "nov lis kas ноя",
    "dec déc dez dic gru pro ara дек",
)
_MONTHS = {
    name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()
}
_SHORTEST_NAME = 3
_DIRECTIVES = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%y": r"(?P<short>[0-9]{2})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%b": rf"{_NAME}",
    "%B": rf"{_NAME}",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%I": r"(?P<hour>[0-9]{1,2})",
    "%p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?",
    "%z": r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_WORDS = {"YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m"}
_WORDS |= {"DD": "%d", "D": "%d", "HH": "%H", "hh": "%H", "mm": "%M", "ss": "%S"}
_WORD = re.compile(r"YYYY|YY|MMMM|MMM|MM|M|DD|D|HH|hh|mm|ss")
_CENTURY_TURNS = 70
_NOON = 12
_ENOUGH_CELLS = 1_000
_SERIAL = re.compile(r"(?P<days>[0-9]{1,6})(?:[.,](?P<part>[0-9]{1,12}))?")
_SERIAL_FORMAT = "excel"
_SERIAL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_DAY_S = 86_400
_CLOCK_CELL = re.compile(rf"{_CLOCK}|(?P<compact>[0-9]{{6}})")
DATES_REMEMBERED = 8_192

DateReader = Callable[[str], Moment]


class DateEvidence:
    """The layouts that a column's dates may have: that of the mapping, or those not ruled out yet.

    ``readers`` parse a cell, each in one layout, or raise UnusableField.
    """

    def __init__(self, date_format: str | None, now: datetime) -> None:
        """Raise MappingNeeded where the format lacks a part of the date, or repeats one."""
        self.readers: dict[str, DateReader] = {}
        self._is_given = bool(date_format)
        if date_format == _SERIAL_FORMAT:
            readers = {_SERIAL_FORMAT: partial(parse_serial, now)}
        elif date_format:
            readers = {date_format: partial(parse_date, compile_format(date_format), now)}
        else:
            readers = {name: partial(parse_date, one, now) for one, name in _LAYOUTS.items()}
        self.readers = {name: lru_cache(DATES_REMEMBERED)(one) for name, one in readers.items()}
        self._tried = dict(self.readers)
        self._fitting: Counter[frozenset[str]] = Counter()
        self._cells = 0
        self._are_serials = True
        self.first_line: int | None = None

    def see(self, text: str, line: int | None = None) -> list[tuple[DateReader, Moment]]:
        """Return the moments of a cell by reader, after it ruled out the layouts it disproves."""
        if not text:
            return []
        self._cells += 1
        self.first_line = self.first_line or line
        self._are_serials = self._are_serials and bool(_SERIAL.fullmatch(text))
        moments: list[tuple[DateReader, Moment]] = []
        fitting: list[str] = []
        for name, read_date in self._tried.items():
            try:
                moments.append((read_date, read_date(text)))
            except UnusableField as error:
                if error.code != "future_date" or name == _LAYOUTS[_SHORT_YEAR_FIRST]:
                    continue
            fitting.append(name)
        if fitting:
            self._fitting[frozenset(fitting)] += 1
            left = {name: one for name, one in self.readers.items() if name in fitting}
            self.readers = left or self.readers
        if self._cells > _ENOUGH_CELLS:
            self._tried = self.readers
        return [one for one in moments if one[0] in self.readers.values()]

    def candidates(self) -> list[str]:
        """Return the layouts that the column may have, as a mapping writes them."""
        if self._fitting or self._is_given:
            return list(self.readers)
        return [_SERIAL_FORMAT if self._are_serials else "DD/MM/YYYY"]

    def question(self) -> FieldError | None:
        """Return the question that the column leaves open, None where its layout is certain."""
        if self._is_given or not self._cells:
            return None
        if not self._fitting:
            line = f": line {self.first_line}, the first, is none" if self.first_line else ""
            detail = f"No cell in the column of dates is a date{line}."
            if self._are_serials:
                detail += " Its numbers may be the day numbers of a spreadsheet: then say excel."
            return FieldError("/mapping/date_format", "invalid_date", detail)
        left = set(self.readers)
        others = [names for names in self._fitting if left.isdisjoint(names)]
        pairs = ({"DD/MM/YYYY", "MM/DD/YYYY"}, {"DD/MM/YY", "MM/DD/YY"})
        contradict = any(pair & left and pair & names for names in others for pair in pairs)
        count = sum(self._fitting[names] for names in others)
        if len(left) == 1 and not contradict and 2 * count < self._fitting.total():
            return None
        detail = (
            "The order of day and month in the dates is not certain:"
            " a mapping must say date_format, like DD/MM/YYYY."
        )
        return FieldError("/mapping/date_format", "ambiguous_date", detail)

    def reader(self) -> DateReader:
        """Return the reader of the column, once ``question`` is settled."""
        return next(iter(self.readers.values()))


def is_date(text: str) -> bool:
    """Tell whether a cell has one of the layouts of dates, whether or not the calendar has it."""
    bare = _WEEKDAY.sub("", text, count=1) if text[:1].isalpha() else text
    return any(layout.fullmatch(bare) for layout in _LAYOUTS)


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
        detail = (
            "date_format needs a year, a month and a day, like DD/MM/YYYY or %d/%m/%Y;"
            " for the day numbers of a spreadsheet say excel."
        )
        raise MappingNeeded(detail, (FieldError("/mapping/date_format", "invalid_format", detail),))
    if "hour" not in groups:
        # Where a day is described, a time behind it is read all the same.
        layout = re.compile(source + _TIME)
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
        if match is None and text[:1].isalpha():
            match = layout.fullmatch(_WEEKDAY.sub("", text, count=1))
        if match is None:
            raise invalid_date(field="Date")
        parts = match.groupdict()
        short = int(parts.get("short") or 0)
        year = int(parts.get("year") or (1900 if short >= _CENTURY_TURNS else 2000) + short)
        month = int(parts.get("month") or 0) or _find_month(parts["name"])
        day = datetime(year, month, int(parts["day"]), tzinfo=UTC)
        if not parts.get("hour"):
            return require_booked("Date", Moment.of_day(day), now)
        zone = (parts.get("zone") or "Z").replace("UTC", "Z").replace("Z", "+0000").replace(":", "")
        ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
        # A zone of a day or more does not exist; timezone() refuses it.
        local = timezone(-ahead if zone[0] == "-" else ahead)
        instant = datetime.combine(day, _to_clock(parts), local)
    except (ValueError, KeyError, OverflowError):
        raise invalid_date(field="Date") from None
    return require_booked("Date", Moment(instant), now)


def parse_serial(now: datetime, text: str) -> Moment:
    """Return the day, or the instant, with this number in a spreadsheet (1 January 1900 is 1).

    Raises:
        UnusableField: ``invalid_date`` or ``future_date``.
    """
    match = _SERIAL.fullmatch(text.strip())
    if match is None:
        raise invalid_date(field="Date")
    day = _SERIAL_ZERO + timedelta(days=int(match["days"]))
    if not (match["part"] or "").strip("0"):
        return require_booked("Date", Moment.of_day(day), now)
    seconds = round(float(f"0.{match['part']}") * _DAY_S)
    return require_booked("Date", Moment(day + timedelta(seconds=seconds)), now)


def parse_clock(text: str) -> time | None:
    """Return the time of day in a cell, None where it holds none."""
    match = _CLOCK_CELL.fullmatch(text.strip())
    if match is None:
        return None
    try:
        compact = match["compact"]
        if compact:
            return time(int(compact[:2]), int(compact[2:4]), int(compact[4:]))
        return _to_clock(match.groupdict())
    except ValueError:
        return None


def find_day(text: str, now: datetime) -> date | None:
    """Return the one day in a text, None where there is none or it can be read in two ways."""
    days: set[date] = set()
    for layout in (_ISO, _DOTTED, _CHINESE, _DAY_FIRST, _MONTH_FIRST):
        found = re.search(layout.pattern.removesuffix(_TIME), text)
        if found:
            with suppress(UnusableField):
                days.add(parse_date(layout, now, found[0]).at.date())
    return days.pop() if len(days) == 1 else None


def _find_month(name: str) -> int:
    lowered = name.casefold()
    for length in range(len(lowered), _SHORTEST_NAME - 1, -1):
        if lowered[:length] in _MONTHS:
            return _MONTHS[lowered[:length]]
    raise KeyError(name)


def _to_clock(parts: dict[str, str | None]) -> time:
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (parts.get("half") or "").casefold()
    if half:
        if not 1 <= hour <= _NOON:
            raise ValueError
        hour = hour % _NOON + (_NOON if half.startswith("p") else 0)
    return time(hour, minute, second, int((parts.get("fraction") or "").ljust(6, "0")[:6]))
