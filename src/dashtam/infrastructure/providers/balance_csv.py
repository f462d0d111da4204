"""Balance files: dates and balances in columns, as Monarch and many others export them.

Monarch's file (``Date,Balance,Account``) names no currency: it is taken to be in US dollars unless
a mapping says otherwise. Any other file must name its currency, in a column or in the mapping. Rows
are read one by one, so that a file of a million rows takes no more memory than one of a thousand.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO

from dashtam.domain.errors import Fault, InvalidAmount, MappingNeeded, UnreadableFile
from dashtam.domain.money import parse_amount
from dashtam.domain.statement import Identity, Problem, Reading, Statement
from dashtam.infrastructure.providers import fields
from dashtam.infrastructure.providers.columns import ColumnMapping, Layout, layout_of, mapping_of
from dashtam.infrastructure.providers.days import DayEvidence, Reader, reader_of
from dashtam.infrastructure.providers.documents import encoding_of, head_of
from dashtam.infrastructure.providers.fields import NO_CURRENCY, Separator, Unusable

MAX_ACCOUNTS = 1_000
MAX_PROBLEMS = 10_000

_MAX_LINE = 64 * 1024
_MAX_PENDING = 20_000
_DAYS_REMEMBERED = 8_192
_SIGNS = "$€£¥"
_MONEY = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+\-\u2212]?)\s*[{_SIGNS}]?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<number>[0-9.,'\u2019 \u00a0\u202f]*[0-9.,])\s*[{_SIGNS}]?(?P<trail>-?)\s*(?P<close>\))?"
)


@dataclass(slots=True)
class _Book:
    """One account's rows that have not been handed on yet."""

    identity: Identity
    readings: list[Reading] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self) -> Statement:
        """Return what has come together, and start anew."""
        statement = Statement(self.identity, self.readings, None, self.problems)
        self.readings, self.problems = [], []
        return statement


def read(
    file: BinaryIO, now: datetime, mapping: Mapping[str, object] | None = None
) -> Iterator[Statement]:
    """Yield the accounts' readings, at most 1,000 at a time, in the order of the file.

    Raises:
        MappingNeeded: the columns, the dates, the amounts, the accounts or the currency are not
            certain without a mapping.
        UnreadableFile: a line or a quoted field does not end, or the mapping fits hardly any row.
    """
    columns = mapping_of(mapping)
    encoding = columns.encoding or encoding_of(file)
    head = head_of(file).decode(encoding, errors="replace")
    layout = layout_of(head, columns)
    if layout is None:
        detail = "No columns of dates and balances are found: a mapping must name them."
        faults = [Fault(f"/mapping/{name}", "required", detail) for name in ("date", "balance")]
        raise MappingNeeded(detail, tuple(faults))
    _require_context(layout, columns)
    source = _Source(file, encoding, layout)
    yield from _Table(source, columns, now).statements()


def _require_context(layout: Layout, columns: ColumnMapping) -> None:
    if layout.account is None and not columns.account_name:
        detail = "No column names the account: a mapping must say account or account_name."
        raise MappingNeeded(detail, (Fault("/mapping/account_name", "required", detail),))
    if layout.currency is None and not columns.currency_code and not layout.is_monarch:
        detail = "No column names the currency: a mapping must say currency or currency_code."
        raise MappingNeeded(detail, (Fault("/mapping/currency_code", "required", detail),))
    if columns.currency_code:
        try:
            fields.currency("currency_code", columns.currency_code)
        except Unusable as unusable:
            fault = Fault("/mapping/currency_code", unusable.code, str(unusable))
            raise MappingNeeded(str(unusable), (fault,)) from None


@dataclass(frozen=True, slots=True)
class _Source:
    """The rows of values of a file; each iteration starts again from its beginning."""

    file: BinaryIO
    encoding: str
    layout: Layout

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the number of its last line."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, errors="replace", newline="")
        reader = csv.reader(_lines(text), delimiter=self.layout.delimiter)
        try:
            for index, row in enumerate(reader):
                if index >= self.layout.rows_above and any(row):
                    yield reader.line_num, row
        except csv.Error:
            raise UnreadableFile(detail="A quoted field of this file does not end.") from None
        finally:
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    # The file's length is its sender's choice; a line's is not.
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            raise UnreadableFile(detail="A line of this file is longer than 64 KiB.")
        yield line


class _Table:
    """The rows of a file, and what has been understood of its columns."""

    def __init__(self, source: _Source, columns: ColumnMapping, now: datetime) -> None:
        self._source = source
        self._layout = source.layout
        self._columns = columns
        self._books: dict[tuple[str, str], _Book] = {}
        self._pending = 0
        self._problems = 0
        day, self._separator = _styles(source, columns)
        self._day = lru_cache(_DAYS_REMEMBERED)(lambda text: fields.past("Date", day(text), now))
        self._width = 1 + max(
            index
            for index in (self._layout.date, self._layout.balance, self._layout.account)
            if index is not None
        )

    def statements(self) -> Iterator[Statement]:
        """Yield the accounts' readings and problems."""
        for line, row in self._source:
            book = self._book(row)
            try:
                book.readings.append(self._reading(row, book.identity))
            except Unusable as unusable:
                book.problems.append(unusable.problem(line))
                self._count_problem()
            self._pending += 1
            if len(book.readings) + len(book.problems) >= fields.MAX_READINGS:
                self._pending -= len(book.readings) + len(book.problems)
                yield book.take()
            if self._pending >= _MAX_PENDING:
                yield from self._rest()
        yield from self._rest()

    def _rest(self) -> Iterator[Statement]:
        self._pending = 0
        for book in self._books.values():
            if book.readings or book.problems:
                yield book.take()

    def _count_problem(self) -> None:
        self._problems += 1
        if self._problems > MAX_PROBLEMS:
            raise UnreadableFile(
                detail="More than 10,000 rows cannot be used: the mapping does not fit this file."
            )

    def _book(self, row: Sequence[str]) -> _Book:
        account = _cell(row, self._layout.account)
        if account is None:
            account = self._columns.account_name or ""
        code = _cell(row, self._layout.currency)
        if code is None:
            code = self._columns.currency_code or "USD"
        key = (account, code.upper())
        book = self._books.get(key)
        if book is None:
            if len(self._books) >= MAX_ACCOUNTS:
                raise UnreadableFile(
                    detail="More than 1,000 accounts: is the account's column the right one?"
                )
            book = self._books[key] = _Book(self._identity(account, code))
        return book

    def _identity(self, account: str, code: str) -> Identity:
        try:
            currency = fields.currency("Currency", code)
        except Unusable:
            currency = NO_CURRENCY
        name = fields.clean(account)
        own = self._columns.institution
        institution = own or ("Monarch" if self._layout.is_monarch else "Balance file")
        return Identity(
            institution_key=f"balance_csv/{fields.clean(own)}" if own else "balance_csv",
            institution=fields.clean(institution),
            external_id=name,
            name=name or "No account",
            account_type=None,
            number_masked=None,
            currency=currency,
        )

    def _reading(self, row: Sequence[str], identity: Identity) -> Reading:
        if len(row) < self._width:
            raise Unusable(code="missing_column", detail="The row has too few columns.")
        if not identity.external_id:
            raise Unusable(code="missing_account", detail="Account is missing.")
        if identity.currency == NO_CURRENCY:
            fields.currency("Currency", _cell(row, self._layout.currency) or "")
        captured_at = self._day(row[self._layout.date])
        balance = self._amount("Balance", row[self._layout.balance])
        if balance is None:
            raise fields.missing_balance(field="Balance")
        return Reading(
            captured_at,
            -balance if self._columns.sign < 0 and balance else balance,
            self._amount("Available", _cell(row, self._layout.available)),
            self._amount("Holdings", _cell(row, self._layout.holdings)),
            self._amount("Cash", _cell(row, self._layout.cash)),
        )

    def _amount(self, name: str, text: str | None) -> Decimal | None:
        if not text:
            return None
        if self._separator == ".":
            try:
                return parse_amount(text)
            except InvalidAmount:
                pass
        if not text.strip():
            return None
        return _amount(name, text, self._separator, self._columns.thousands)


def _cell(row: Sequence[str], index: int | None) -> str | None:
    """Return the cell without spaces around it, empty where the row is too short."""
    if index is None:
        return None
    return row[index].strip() if index < len(row) else ""


def _styles(source: _Source, columns: ColumnMapping) -> tuple[Reader, Separator]:
    """Return how dates and amounts are written: as the mapping says, else as the rows prove.

    Raises:
        MappingNeeded: neither does.
    """
    days = DayEvidence()
    separator: Separator | None = columns.decimal
    is_ambiguous = False
    for _, row in source:
        is_day_settled = bool(columns.date_format) or days.is_settled
        if is_day_settled and separator:
            break
        if not is_day_settled:
            days.see(_cell(row, source.layout.date) or "")
        if separator is None:
            text = _bare(_cell(row, source.layout.balance) or "")
            separator = _proven(text, columns.thousands)
            is_ambiguous = is_ambiguous or "," in text or "." in text
    if separator is None and is_ambiguous:
        detail = (
            "Whether 1,234 has thousands or a fraction is not certain in this file:"
            " a mapping must say decimal."
        )
        raise MappingNeeded(detail, (Fault("/mapping/decimal", "ambiguous_amount", detail),))
    day = reader_of(columns.date_format) if columns.date_format else days.reader()
    return day, separator or "."


def _proven(text: str, thousands: str | None) -> Separator | None:
    if thousands in {",", "."}:
        return "." if thousands == "," else ","
    separator = fields.separator_of(text)
    try:
        fields.amount("Balance", text, separator or ".")
    except Unusable:
        return None
    return separator


def _bare(text: str) -> str:
    """Return the number without signs of currency, a minus before it where it is negative."""
    match = _MONEY.fullmatch(text.strip())
    if match is None or bool(match["open"]) != bool(match["close"]):
        return text
    signs = match["sign"] + match["inner"] + match["trail"] + (match["open"] or "")
    if len(signs) > 1:
        return text
    return ("-" if signs in {"-", "\u2212", "("} else "") + match["number"]


def _amount(name: str, text: str, separator: Separator, thousands: str | None) -> Decimal:
    bare = _bare(text)
    group = re.search(r"[0-9]([^0-9])[0-9]{3}", bare)
    if thousands is not None and group and group[1] not in {separator, thousands}:
        raise Unusable(code="invalid_amount", detail=f"{name} groups its digits in another way.")
    return fields.amount(name, bare, separator)
