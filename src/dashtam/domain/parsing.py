"""Parsing of the fields of statements: amounts, instants and currencies."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

from dashtam.domain.errors import InvalidAmount, UnknownCurrency
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.statement import Identity, Position, Reading, RowError, Statement

# The code of ISO 4217 for "no currency", used where a statement's currency is unknown. Such a
# statement has problems and no readings.
NO_CURRENCY = Currency("XXX", 0)

MAX_READINGS = 1_000

Separator = Literal[".", ","]

_EARLIEST_YEAR = 1900
_GROUPS = " '\u2019\u00a0\u202f"
_STYLES: dict[str, re.Pattern[str]] = {
    decimal: re.compile(
        rf"(?P<sign>[+-]?)"
        rf"(?P<whole>[0-9]*|[0-9]{{1,3}}(?P<group>[{group}{_GROUPS}])[0-9]{{3}}"
        rf"(?:(?P=group)[0-9]{{3}})*)"
        rf"(?:{re.escape(decimal)}(?P<fraction>[0-9]*))?"
    )
    for decimal, group in ((".", ","), (",", "."))
}
_SEPARATORS = re.compile(r"[.,]")
_THOUSAND = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")


class Unusable(Exception):
    """A field that cannot be used: its name and the reason, never its content."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def problem(self, line: int | None = None) -> RowError:
        """Return the error of the field's row for the user."""
        return RowError(line, self.code, str(self))


def separator_of(text: str) -> Separator | None:
    """Return the number's decimal separator, None where the number is ambiguous.

    ``1,234`` and ``1.234`` are ambiguous; ``1,23``, ``1.234,56`` and ``1,234,567`` are not.
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


def amount(field: str, text: str, separator: Separator = ".") -> Decimal:
    """Return the amount with this decimal separator, with or without groups of thousands.

    A leading ``+`` and a missing digit on one side of the separator (``.50``, ``100,``) are valid.

    Raises:
        Unusable: ``invalid_amount``.
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
    raise Unusable(code="invalid_amount", detail=f"{field} is not an amount of money.")


def currency(field: str, text: str) -> Currency:
    """Return the currency with this code.

    Raises:
        Unusable: ``unknown_currency``.
    """
    try:
        return Currency.of(text.strip().upper())
    except UnknownCurrency:
        if text.strip():
            detail = f"{field} is not a three-letter currency code of ISO 4217."
        else:
            detail = f"{field} is missing: the currency is unknown."
        raise Unusable(code="unknown_currency", detail=detail) from None


def noon(day: date) -> datetime:
    """Return 12:00:00Z of the day: the instant of every balance without a time."""
    return datetime.combine(day, time(12), UTC)


def check_instant(field: str, instant: datetime, now: datetime) -> datetime:
    """Return the instant in UTC.

    Raises:
        Unusable: ``invalid_date`` before 1900, ``future_date`` after the end of today (UTC).
    """
    try:
        instant = instant.astimezone(UTC)
    except OverflowError:
        raise invalid_date(field) from None
    if instant.year < _EARLIEST_YEAR:
        raise Unusable(code="invalid_date", detail=f"{field} lies before 1900.")
    if instant.date() > now.astimezone(UTC).date():
        raise Unusable(code="future_date", detail=f"{field} lies in the future.")
    return instant


def invalid_date(field: str) -> Unusable:
    """Return the error of an invalid date."""
    return Unusable(code="invalid_date", detail=f"{field} is not a date of the calendar.")


def missing_balance(field: str) -> Unusable:
    """Return the error of a statement without a balance."""
    return Unusable(code="missing_balance", detail=f"{field} is missing: no balance is reported.")


def clean(text: str, length: int = 200) -> str:
    """Return the printable characters on one line, truncated to the length."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:length]


def last_per_instant(ranked: Iterable[tuple[tuple[int, ...], Reading]]) -> list[Reading]:
    """Return each instant's reading of the highest rank, and of equal ranks the last."""
    ranked = list(ranked)
    last: dict[datetime, tuple[tuple[int, ...], Reading]] = {}
    for rank, reading in ranked:
        best = last.get(reading.captured_at)
        if best is None or rank >= best[0]:
            last[reading.captured_at] = rank, reading
    return [reading for rank, reading in ranked if last[reading.captured_at][1] is reading]


def split_statement(
    identity: Identity,
    readings: Sequence[Reading],
    problems: Sequence[RowError],
    positions: Sequence[Position] | None = None,
) -> Iterator[Statement]:
    """Yield one account's statement in pieces of at most 1,000 readings and problems."""
    yield Statement(identity, readings[:MAX_READINGS], positions, problems[:MAX_READINGS])
    for start in range(MAX_READINGS, max(len(readings), len(problems)), MAX_READINGS):
        end = start + MAX_READINGS
        yield Statement(identity, readings[start:end], None, problems[start:end])
