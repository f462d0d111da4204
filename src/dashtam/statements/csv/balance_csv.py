"""Balance files: dates and balances in columns, as Monarch and many others export them.

Monarch's file (``Date,Balance,Account``) names no currency: it is taken to be in US dollars unless
a mapping says otherwise. Any other file must name its currency, in a column or in the mapping.

Of several rows of an account at one instant the last in time counts, where the order of the
account's dates tells which that is (see ``row_order``). Rows are read one by one, once for the
order and once for the balances, so that a file of a million rows takes no more memory than one of a
thousand.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import BinaryIO

from msgspec.structs import replace

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, MappingNeeded, UnreadableFile
from dashtam.domain.parsing import NO_CURRENCY, Separator, Unusable
from dashtam.domain.statement import Identity, Reading, RowError, Statement
from dashtam.statements.csv import numbers
from dashtam.statements.csv.dates import DayEvidence, Reader, reader_of
from dashtam.statements.csv.mapping import ColumnMapping, Layout, layout_of, mapping_of
from dashtam.statements.csv.numbers import AmountEvidence
from dashtam.statements.csv.order import OrderEvidence, Rows, UnorderedRows
from dashtam.statements.csv.rows import SourceFile, cell
from dashtam.statements.encodings import encoding_of, head_of

MAX_ACCOUNTS = 1_000
MAX_PROBLEMS = 10_000

_MAX_PENDING = 20_000
_DAYS_REMEMBERED = 8_192


@dataclass(slots=True)
class _Book:
    """One account's rows that have not been handed on yet."""

    identity: Identity
    is_certain: bool
    order: OrderEvidence = field(default_factory=OrderEvidence)
    rows: Rows = field(default_factory=UnorderedRows)
    readings: list[Reading] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)

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
        field_errors = [
            FieldError(f"/mapping/{name}", "required", detail) for name in ("date", "balance")
        ]
        raise MappingNeeded(detail, tuple(field_errors))
    columns = _completed(columns, layout)
    _require_context(layout, columns)
    source = SourceFile(file, encoding, layout)
    yield from _Table(source, columns, now).statements()


def _completed(columns: ColumnMapping, layout: Layout) -> ColumnMapping:
    """Return the mapping with what it says of a file that names no account, or no currency."""
    if layout.account is None and not columns.account_name:
        columns = replace(columns, account_name=columns.default_account_name)
    if layout.currency is None and not columns.currency_code and not layout.is_monarch:
        columns = replace(columns, currency_code=columns.default_currency_code)
    return columns


def _require_context(layout: Layout, columns: ColumnMapping) -> None:
    if layout.account is None and not columns.account_name:
        detail = "No column names the account: a mapping must say account or account_name."
        raise MappingNeeded(detail, (FieldError("/mapping/account_name", "required", detail),))
    if layout.currency is None and not columns.currency_code and not layout.is_monarch:
        detail = "No column names the currency: a mapping must say currency or currency_code."
        raise MappingNeeded(detail, (FieldError("/mapping/currency_code", "required", detail),))
    if columns.currency_code:
        try:
            parsing.currency("currency_code", columns.currency_code)
        except Unusable as unusable:
            fault = FieldError("/mapping/currency_code", unusable.code, str(unusable))
            raise MappingNeeded(str(unusable), (fault,)) from None


class _Table:
    """The rows of a file, and what has been understood of its columns."""

    def __init__(self, source: SourceFile, columns: ColumnMapping, now: datetime) -> None:
        self._source = source
        self._layout = source.layout
        self._columns = columns
        self._books: dict[tuple[str, str], _Book] = {}
        self._by_cells: dict[object, _Book] = {}
        self._problems = 0
        day, self._separator = _styles(source, columns)
        self._day = lru_cache(_DAYS_REMEMBERED)(
            lambda text: parsing.check_instant("Date", day(text), now)
        )
        layout = source.layout
        self._width = 1 + max(layout.date, layout.balance, layout.account or 0)
        named = [index for index in (layout.account, layout.currency) if index is not None]
        self._cells: Callable[[list[str]], object] = itemgetter(*named) if named else _no_cells
        self._more = (layout.available, layout.holdings, layout.cash)
        self._is_plain = set(self._more) == {None} and columns.sign > 0

    def statements(self) -> Iterator[Statement]:
        """Yield the accounts' readings and problems."""
        self._see_orders()
        for count, (line, row) in enumerate(self._source, start=1):
            book = self._book(row)
            self._take(line, row, book)
            if len(book.readings) + len(book.problems) >= parsing.MAX_READINGS:
                yield book.take()
            if count % _MAX_PENDING == 0:
                yield from self._rest()
        for book in self._books.values():
            book.readings += book.rows.rest()
        yield from self._rest()

    def _rest(self) -> Iterator[Statement]:
        for book in self._books.values():
            if book.readings or book.problems:
                yield book.take()

    def _see_orders(self) -> None:
        for _, row in self._source:
            book = self._book(row)
            try:
                book.order.see(self._instant(row, book))
            except Unusable:
                continue
        unordered: dict[int, UnorderedRows] = {}
        for book in self._books.values():
            book.rows = book.order.rows()
            if isinstance(book.rows, UnorderedRows):
                unordered[id(book)] = book.rows
        if unordered:
            self._see_unordered(unordered)

    def _see_unordered(self, unordered: Mapping[int, UnorderedRows]) -> None:
        for _, row in self._source:
            book = self._book(row)
            rows = unordered.get(id(book))
            if rows is None:
                continue
            try:
                instant = self._instant(row, book)
            except Unusable:
                continue
            try:
                rows.see(instant, self._reading(row, instant))
            except Unusable as unusable:
                if unusable.code != "missing_balance":
                    rows.see(instant, None)

    def _take(self, line: int, row: list[str], book: _Book) -> None:
        instant: datetime | None = None
        reading: Reading | None = None
        try:
            instant = self._instant(row, book)
            reading = self._reading(row, instant)
        except Unusable as unusable:
            self._refuse(line, book, unusable)
            # An empty cell says nothing of the balance; any other may have been the closing one.
            if instant is None or unusable.code == "missing_balance":
                return
        try:
            standing = book.rows.told(instant, reading)
        except Unusable as unusable:
            self._refuse(line, book, unusable)
            return
        if standing is not None:
            book.readings.append(standing)

    def _refuse(self, line: int, book: _Book, unusable: Unusable) -> None:
        book.problems.append(unusable.problem(line))
        self._problems += 1
        if self._problems > MAX_PROBLEMS:
            raise UnreadableFile(
                detail="More than 10,000 rows cannot be used: the mapping does not fit this file."
            )

    def _book(self, row: list[str]) -> _Book:
        # Most rows say who they are of in the same letters as one before.
        try:
            return self._by_cells[self._cells(row)]
        except (KeyError, IndexError):
            return self._book_of(row)

    def _book_of(self, row: list[str]) -> _Book:
        account = cell(row, self._layout.account)
        if account is None:
            account = self._columns.account_name or ""
        code = cell(row, self._layout.currency)
        if code is None:
            code = self._columns.currency_code or "USD"
        key = (account, code.upper())
        book = self._books.get(key)
        if book is None:
            if len(self._books) >= MAX_ACCOUNTS:
                raise UnreadableFile(
                    detail="More than 1,000 accounts: is the account's column the right one?"
                )
            identity = self._identity(account, code)
            is_certain = bool(identity.external_id) and identity.currency is not NO_CURRENCY
            book = self._books[key] = _Book(identity, is_certain)
            with suppress(IndexError):
                self._by_cells[self._cells(row)] = book
        return book

    def _identity(self, account: str, code: str) -> Identity:
        try:
            currency = parsing.currency("Currency", code)
        except Unusable:
            currency = NO_CURRENCY
        name = parsing.clean(account)
        own = self._columns.institution
        institution = own or ("Monarch" if self._layout.is_monarch else "Balance file")
        return Identity(
            institution_key=f"balance_csv/{parsing.clean(own)}" if own else "balance_csv",
            institution=parsing.clean(institution),
            external_id=name,
            name=name or "No account",
            account_type=None,
            number_masked=None,
            currency=currency,
            # The mapping turned the balances, so they are known to be as they count.
            balance_sign=1 if self._columns.sign < 0 else None,
        )

    def _instant(self, row: list[str], book: _Book) -> datetime:
        if len(row) < self._width:
            raise Unusable(code="missing_column", detail="The row has too few columns.")
        if not book.is_certain:
            if not book.identity.external_id:
                raise Unusable(code="missing_account", detail="Account is missing.")
            parsing.currency("Currency", cell(row, self._layout.currency) or "")
        return self._day(row[self._layout.date])

    def _reading(self, row: list[str], instant: datetime) -> Reading:
        balance = self._amount("Balance", row[self._layout.balance])
        if balance is None:
            raise parsing.missing_balance(field="Balance")
        if self._is_plain:
            return Reading(instant, balance)
        available, holdings, cash = self._more
        return Reading(
            instant,
            -balance if self._columns.sign < 0 and balance else balance,
            self._amount("Available", cell(row, available)),
            self._amount("Holdings", cell(row, holdings)),
            self._amount("Cash", cell(row, cash)),
        )

    def _amount(self, name: str, text: str | None) -> Decimal | None:
        if not text:
            return None
        return numbers.amount(name, text, self._separator, self._columns.thousands)


def _no_cells(_row: list[str]) -> None:
    """Return what all rows have in common where none says who it is of."""


def _styles(source: SourceFile, columns: ColumnMapping) -> tuple[Reader, Separator]:
    """Return how dates and amounts are written: as the mapping says, else as the rows prove.

    Raises:
        MappingNeeded: neither does.
    """
    days = DayEvidence()
    balances = AmountEvidence(columns.decimal, columns.thousands)
    for _, row in source:
        is_day_settled = bool(columns.date_format) or days.is_settled
        if is_day_settled and balances.is_settled:
            break
        if not is_day_settled:
            days.see(cell(row, source.layout.date) or "")
        if not balances.is_settled:
            balances.see(cell(row, source.layout.balance) or "")
    separator = balances.separator()
    day = reader_of(columns.date_format) if columns.date_format else days.reader()
    return day, separator
