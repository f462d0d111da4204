"""Fields: how statement files write amounts, instants and currencies, and how one is refused."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

from dashtam.domain.errors import InvalidAmount, UnknownCurrency
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.statement import Identity, Position, Reading, RowError, Statement

# ISO 4217's own code for "no currency": stands where a statement's currency cannot be told. Such
# a statement has problems and no readings.
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
    """A field that cannot be used: its name and the reason, never what stood in it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def problem(self, line: int | None = None) -> RowError:
        """Return what the user is told."""
        return RowError(line, self.code, str(self))


def separator_of(text: str) -> Separator | None:
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


def amount(field: str, text: str, separator: Separator = ".") -> Decimal:
    """Return the amount written with this decimal separator, thousands grouped or not.

    A leading ``+`` and a missing digit on one side of the separator (``.50``, ``100,``) are read.

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
            detail = f"{field} is missing: the currency is not told."
        raise Unusable(code="unknown_currency", detail=detail) from None


def noon(day: date) -> datetime:
    """Return 12:00:00Z of the day: the instant of every balance whose time is not told."""
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
    """Return the refusal of a date that is none."""
    return Unusable(code="invalid_date", detail=f"{field} is not a date of the calendar.")


def missing_balance(field: str) -> Unusable:
    """Return the refusal of a statement that reports no balance."""
    return Unusable(code="missing_balance", detail=f"{field} is missing: no balance is reported.")


def clean(text: str, length: int = 200) -> str:
    """Return the printable characters on one line, cut to the length."""
    line = " ".join(text.split())
    return "".join(filter(str.isprintable, line))[:length]


def last_per_instant(told: Iterable[tuple[tuple[int, ...], Reading]]) -> list[Reading]:
    """Return for each instant the reading of the highest rank, of equal ranks the last."""
    told = list(told)
    last: dict[datetime, tuple[tuple[int, ...], Reading]] = {}
    for rank, reading in told:
        best = last.get(reading.captured_at)
        if best is None or rank >= best[0]:
            last[reading.captured_at] = rank, reading
    return [reading for rank, reading in told if last[reading.captured_at][1] is reading]


def split_statement(
    identity: Identity,
    readings: Sequence[Reading],
    problems: Sequence[RowError],
    positions: Sequence[Position] | None = None,
) -> Iterator[Statement]:
    """Yield one account's statement, at most 1,000 readings and problems at a time."""
    yield Statement(identity, readings[:MAX_READINGS], positions, problems[:MAX_READINGS])
    for start in range(MAX_READINGS, max(len(readings), len(problems)), MAX_READINGS):
        end = start + MAX_READINGS
        yield Statement(identity, readings[start:end], None, problems[start:end])
