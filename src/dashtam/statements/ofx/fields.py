"""Fields of OFX: amounts and instants, as sections 3.2.8 and 3.2.9 of OFX 2.3 define them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.money import Currency
from dashtam.domain.parsing import UnusableField
from dashtam.domain.period import Moment
from dashtam.statements.written_amounts import read_notation

_INSTANT = re.compile(
    r"(?P<day>[0-9]{8})(?:(?P<time>[0-9]{4}(?:[0-9]{2})?)(?:[.:](?P<fraction>[0-9]*))?)?"
    r"\s*(?:\[(?P<hours>[+-]?[0-9]{0,2})(?:[.:](?P<part>[0-9]{1,2}))?[+-]?(?::(?P<zone>[A-Za-z]*))?\]"
    r"|(?P<word>[A-Za-z]{1,3}))?"
)
# The forms of ISO 8601 and of Brazil, which some banks write instead.
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2}):([0-9]{2}))?(.*)")
_DAY_FIRST = re.compile(r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})")
_MONTHS_OF_A_YEAR = 12
# The offset decides; a zone's name counts only where the offset was left out (``[-:EST]``).
_ZONES = {"GMT": 0, "UTC": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7}
_ZONES |= {"MDT": -6, "PST": -8, "PDT": -7}
# OFX writes parts of an hour as decimals; some banks write minutes.
_MINUTES = {"": 0, "0": 0, "00": 0, "5": 30, "50": 30, "30": 30, "25": 15, "75": 45, "45": 45}


def parse_amount(field: str, text: str, currency: Currency) -> Decimal:
    """Return the amount, with a point or a comma before its fraction.

    Some banks write the sign or the name of the currency beside it.

    Raises:
        UnusableField: ``invalid_amount``, or ``other_currency`` where it names another one.
    """
    text = read_notation(field, text, currency)
    separator = parsing.find_decimal_separator(text)
    if separator is None and "," in text and currency.digits != 3:  # noqa: PLR2004
        # To OFX 1,234 is a little more than one; most writers of it mean thousands.
        raise UnusableField(code="invalid_amount", detail=f"{field} can be read in two ways.")
    return parsing.parse_amount_field(field, text, separator or ("," if "," in text else "."))


def parse_moment(field: str, text: str) -> Moment:
    """Return the instant, UTC without a zone, or the day where there is no time.

    A day with an impossible time of day is that day.

    Raises:
        UnusableField: ``invalid_date``.
    """
    match = _INSTANT.fullmatch(_to_ofx(text.strip()))
    if match is None:
        raise parsing.invalid_date(field)
    try:
        day = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC)
        if match["time"] is None:
            return Moment.of_day(day)
        layout = "%H%M%S"[: len(match["time"])]
        try:
            clock = datetime.strptime(match["time"], layout).replace(tzinfo=UTC)
        except ValueError:
            return Moment.of_day(day)
        hours = match["hours"]
        if hours in {None, "", "+", "-"}:
            zone = match["zone"] or match["word"] or "GMT"
            offset = timedelta(hours=_ZONES[zone.upper()])
        else:
            offset = timedelta(minutes=60 * abs(int(hours)) + _MINUTES[match["part"] or ""])
            offset = -offset if hours.startswith("-") else offset
        instant = datetime.combine(day, clock.time(), timezone(offset)).astimezone(UTC)
        return Moment(instant.replace(microsecond=int((match["fraction"] or "").ljust(6, "0")[:6])))
    except (ValueError, KeyError, OverflowError):
        raise parsing.invalid_date(field) from None


def _to_ofx(text: str) -> str:
    """Return the instant of another notation in that of OFX; any other text as it is."""
    if match := _ISO.fullmatch(text):
        zone = match[7].strip()
        offset = re.fullmatch(r"(?:\.[0-9]+)?([+-][0-9]{2}):?([0-9]{2})", zone)
        rest = f"[{offset[1]}.{offset[2]}]" if offset else zone
        return "".join(part or "" for part in match.groups()[:6]) + rest
    match = _DAY_FIRST.fullmatch(text)
    if match and int(match["day"]) > _MONTHS_OF_A_YEAR:
        return match["year"] + match["month"] + match["day"]
    return text


def require_booked_moment(field: str, text: str, now: datetime) -> Moment:
    """Return the moment in UTC, at most the booking day after today.

    Raises:
        UnusableField: ``missing_date``, ``invalid_date`` or ``future_date``.
    """
    if not text:
        raise UnusableField(code="missing_date", detail=f"{field} is missing: no day is given.")
    return parsing.require_booked(field, parse_moment(field, text), now)
