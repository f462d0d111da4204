"""Fields of statements: amounts, instants, currencies, and the error of an unusable one."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from dashtam.domain.errors import InvalidAmount, UnknownCurrency
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.period import Moment
from dashtam.domain.statement import RowError

# ISO 4217's own code for "no currency". A statement with this currency has problems and no
# readings.
NO_CURRENCY = Currency("XXX", 0)

Separator = Literal[".", ","]

_EARLIEST_YEAR = 1900
_GROUPS = " '\u2019\u00a0\u202f"
_STYLES: dict[str, re.Pattern[str]] = {
    decimal: re.compile(
        rf"(?P<sign>[+-]?)"
        rf"(?P<whole>[0-9]*|[0-9]{{1,3}}(?P<group>[{group}{_GROUPS}])[0-9]{{3}}"
        rf"(?:(?P=group)[0-9]{{3}})*|{lakhs})"
        rf"(?:{re.escape(decimal)}(?P<fraction>[0-9]*))?"
    )
    # India groups by two digits above the thousands: 1,23,456.78.
    for decimal, group, lakhs in (
        (".", ",", "[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}"),
        (",", ".", "(?!)"),
    )
}
_SEPARATORS = re.compile(r"[.,]")
_THOUSAND = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")


class UnusableField(Exception):
    """A field that cannot be used: its name and the reason, never its content."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def to_row_error(self, line: int | None = None) -> RowError:
        """Return the error for the user; ``line`` counts from 1."""
        return RowError(line, self.code, str(self))


def find_decimal_separator(text: str) -> Separator | None:
    """Return the decimal separator that the number itself proves, None where it proves none.

    ``1,234`` and ``1.234`` prove nothing; ``1,23``, ``1.234,56`` and ``1,234,567`` do.
    """
    found = _SEPARATORS.findall(text)
    if not found:
        return None
    last: Separator = "." if found[-1] == "." else ","
    other: Separator = "," if last == "." else "."
    if len(set(found)) > 1:
        return last
    if len(found) > 1:
        return other
    return None if _THOUSAND.fullmatch(text) else last


def parse_amount_field(field: str, text: str, separator: Separator = ".") -> Decimal:
    """Return the amount written with this decimal separator, with or without grouped thousands.

    A leading ``+`` and a missing digit on one side of the separator (``.50``, ``100,``) are valid.

    Raises:
        UnusableField: ``invalid_amount``.
    """
    match = _STYLES[separator].fullmatch(text.strip())
    if match and (match["whole"] or match["fraction"]):
        whole = re.sub(r"[^0-9]", "", match["whole"]) or "0"
        fraction = f".{match['fraction']}" if match["fraction"] else ""
        sign = "-" if match["sign"] == "-" else ""
        try:
            return parse_amount(f"{sign}{whole}{fraction}")
        except InvalidAmount:
            pass
    raise UnusableField(code="invalid_amount", detail=f"{field} is not an amount of money.")


def find_currency(code: str) -> Currency:
    """Return the currency with this code, ``NO_CURRENCY`` where ISO 4217 has none."""
    try:
        return Currency.of(code.strip().upper())
    except UnknownCurrency:
        return NO_CURRENCY


def parse_currency_field(field: str, code: str, default: Currency = NO_CURRENCY) -> Currency:
    """Return the currency with this code, the default without a code.

    Raises:
        UnusableField: ``unknown_currency``.
    """
    currency = find_currency(code) if code.strip() else default
    if currency is NO_CURRENCY:
        reason = "is not a three-letter currency code of ISO 4217."
        if not code.strip():
            reason = "is missing: no currency is given."
        raise UnusableField(code="unknown_currency", detail=f"{field} {reason}")
    return currency


def require_account(field: str, identifier: str) -> None:
    """Return if the field names an account.

    Raises:
        UnusableField: ``missing_account``.
    """
    if not identifier:
        detail = f"{field} is missing: no account is named."
        raise UnusableField(code="missing_account", detail=detail)


def require_past(field: str, moment: Moment, now: datetime) -> Moment:
    """Return the moment in UTC.

    Raises:
        UnusableField: ``invalid_date`` before 1900, ``future_date`` after the end of today (UTC).
    """
    try:
        at = moment.at.astimezone(UTC)
    except OverflowError:
        raise invalid_date(field) from None
    if at.year < _EARLIEST_YEAR:
        raise UnusableField(code="invalid_date", detail=f"{field} lies before 1900.")
    if at.date() > now.astimezone(UTC).date():
        raise UnusableField(code="future_date", detail=f"{field} lies in the future.")
    return Moment(at, moment.precision)


def require_booked(field: str, moment: Moment, now: datetime) -> Moment:
    """Return the moment of a statement in UTC; one after today (UTC) as its day.

    Banks date a statement by its booking day, which can be tomorrow. Nobody observed a balance of
    the future, so that its time means nothing. ``now`` is in the time zone of the owner.

    Raises:
        UnusableField: ``invalid_date`` before 1900, ``future_date`` after the day behind today,
            in UTC or in the owner's time zone.
    """
    today = now.astimezone(UTC)
    try:
        is_booked_ahead = moment.at.astimezone(UTC).date() > today.date()
    except OverflowError:
        raise invalid_date(field) from None
    if not is_booked_ahead:
        return require_past(field, moment, now)
    day = moment.at.date()
    if day > max(now.date(), today.date()) + timedelta(days=1):
        raise UnusableField(code="future_date", detail=f"{field} lies in the future.")
    return Moment.of_day(day)


def invalid_date(field: str) -> UnusableField:
    """Return the error of a date that the calendar does not have."""
    return UnusableField(code="invalid_date", detail=f"{field} is not a date of the calendar.")


def missing_balance(field: str) -> UnusableField:
    """Return the error of a statement without a balance."""
    return UnusableField("missing_balance", f"{field} is missing: no balance is reported.")


def clean(text: str, length: int = 200) -> str:
    """Return the printable characters on one line, cut to the length."""
    line = " ".join(text.split())
    return "".join(filter(str.isprintable, line))[:length]
