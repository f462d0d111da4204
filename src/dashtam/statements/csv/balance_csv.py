"""Balance files: dates and balances in columns, as Monarch and many others export them.

Monarch's file (``Date,Balance,Account``) names no currency: it is US dollars unless a mapping says
otherwise. Any other file must name its currency, in a column or in the mapping.

Of several rows of an account at one instant the last in time counts, where the order of the
account's dates shows which that is (see ``order``). The file is read twice, row by row: once for
the layouts and the orders, once for the balances, so that a file of a million rows takes no more
memory than one of a thousand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import BinaryIO

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import FieldError, MappingNeeded, UnreadableFile
from dashtam.domain.parsing import NO_CURRENCY, Separator, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import MAX_READINGS, split_statement
from dashtam.statements.csv.dates import DATES_REMEMBERED, DateEvidence, DateReader
from dashtam.statements.csv.mapping import (
    ColumnMapping,
    Layout,
    complete_mapping,
    find_layout,
    parse_mapping,
)
from dashtam.statements.csv.numbers import AmountEvidence, parse_amount_cell
from dashtam.statements.csv.order import RowOrder
from dashtam.statements.csv.rows import CsvRows, get_cell
from dashtam.statements.encodings import iter_text

MAX_ACCOUNTS = 1_000
MAX_PROBLEMS = 10_000

_MAX_PENDING = 20_000


def read(
    file: BinaryIO, now: datetime, mapping: Mapping[str, object] | None = None
) -> Iterator[Statement]:
    """Yield the accounts' readings, at most 1,000 at a time, in the order of the file.

    Raises:
        MappingNeeded: the columns, the dates, the amounts, the accounts or the currency are not
            certain without a mapping.
        UnreadableFile: a line or a quoted field does not end, or the mapping fits hardly any row.
    """
    columns = parse_mapping(mapping)
    layout = find_layout(next(iter_text(file, columns.encoding)), columns)
    if layout is None:
        detail = "No columns of dates and balances are found: a mapping must name them."
        field_errors = [
            FieldError(f"/mapping/{name}", "required", detail) for name in ("date", "balance")
        ]
        raise MappingNeeded(detail, tuple(field_errors))
    rows = CsvRows(file, columns.encoding, layout)
    yield from _BalanceFile(rows, complete_mapping(columns, layout), now).statements()


@dataclass(slots=True)
class _AccountRows:
    """One account's rows; ``readings`` and ``problems`` are those that were not yielded yet."""

    identity: Identity
    orders: dict[DateReader, RowOrder] = field(default_factory=lambda: defaultdict(RowOrder))
    readings: list[Reading] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)

    def take(self) -> Iterator[Statement]:
        """Yield the readings and problems, at most 1,000 at a time, and forget them."""
        if self.readings or self.problems:
            yield from split_statement(self.identity, self.readings, self.problems)
        self.readings, self.problems = [], []


@dataclass(frozen=True, slots=True)
class _RowParser:
    """Parses rows in the layouts of their file."""

    layout: Layout
    mapping: ColumnMapping
    separator: Separator
    read_date: DateReader

    def parse_reading(self, row: list[str], moment: Moment) -> Reading:
        """Return the reading of a row, or raise UnusableField."""
        layout = self.layout
        balance = self._parse_amount("Balance", row[layout.balance])
        if balance is None:
            raise parsing.missing_balance(field="Balance")
        if self.mapping.sign < 0 and balance:
            balance = -balance
        if layout.available is layout.holdings is layout.cash is None:
            return Reading(moment.at, balance, precision=moment.precision)
        return Reading(
            moment.at,
            balance,
            self._parse_amount("Available", get_cell(row, layout.available)),
            self._parse_amount("Holdings", get_cell(row, layout.holdings)),
            self._parse_amount("Cash", get_cell(row, layout.cash)),
            precision=moment.precision,
        )

    def _parse_amount(self, field: str, text: str | None) -> Decimal | None:
        if not text:
            return None
        return parse_amount_cell(field, text, self.separator, self.mapping.thousands)


class _BalanceFile:
    """The rows of a file, and the accounts in them."""

    def __init__(self, rows: CsvRows, mapping: ColumnMapping, now: datetime) -> None:
        self._rows = rows
        self._layout = layout = rows.layout
        self._mapping = mapping
        self._now = now
        self._accounts: dict[tuple[str, str], _AccountRows] = {}
        self._accounts_by_cells: dict[object, _AccountRows] = {}
        self._problem_count = 0
        self._width = 1 + max(layout.date, layout.balance, layout.account or 0)
        named = [index for index in (layout.account, layout.currency) if index is not None]
        self._account_cells: Callable[[list[str]], object] = (
            itemgetter(*named) if named else lambda _row: None
        )

    def statements(self) -> Iterator[Statement]:
        """Yield the accounts' readings and problems."""
        parser = self._read_evidence()
        for count, (line, row) in enumerate(self._rows, start=1):
            account = self._find_account(row)
            moment: Moment | None = None
            reading: Reading | None = None
            try:
                self._require_usable(row, account)
                moment = parser.read_date(row[self._layout.date])
                reading = parser.parse_reading(row, moment)
            except UnusableField as error:
                self._add_problems(account, [error.to_row_error(line)])
                # An empty cell is no balance; any other may have been the closing balance.
                if error.code == "missing_balance":
                    moment = None
            if moment is not None:
                reading = account.orders[parser.read_date].add(line, moment.at, reading)
                account.readings += [] if reading is None else [reading]
            if len(account.readings) + len(account.problems) >= MAX_READINGS:
                yield from account.take()
            if count % _MAX_PENDING == 0:
                for pending in self._accounts.values():
                    yield from pending.take()
        for account in self._accounts.values():
            readings, conflicts = account.orders[parser.read_date].finish()
            account.readings += readings
            self._add_problems(account, conflicts)
            account.problems.sort(key=attrgetter("line"))
            yield from account.take()

    def _read_evidence(self) -> _RowParser:
        """Return the parser for the layouts that the rows prove, or raise MappingNeeded."""
        dates = DateEvidence(self._mapping.date_format, self._now)
        amounts = AmountEvidence(self._mapping.decimal, self._mapping.thousands)
        see_date = lru_cache(DATES_REMEMBERED)(dates.see)
        for _, row in self._rows:
            moments = see_date(get_cell(row, self._layout.date) or "")
            amounts.see(get_cell(row, self._layout.balance) or "")
            account = self._find_account(row)
            with suppress(UnusableField):
                self._require_usable(row, account)
                # Until a cell settles the layout of the dates, each layout has its own order.
                for read_date, moment in moments:
                    account.orders[read_date].see(moment.at)
        return _RowParser(self._layout, self._mapping, amounts.choose(), dates.choose())

    def _find_account(self, row: list[str]) -> _AccountRows:
        # Most rows name their account in the same letters as one before.
        try:
            return self._accounts_by_cells[self._account_cells(row)]
        except (KeyError, IndexError):
            pass
        name = get_cell(row, self._layout.account)
        if name is None:
            name = self._mapping.account_name or ""
        code = get_cell(row, self._layout.currency)
        if code is None:
            code = self._mapping.currency_code or "USD"
        key = (name, code.upper())
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MAX_ACCOUNTS:
                raise UnreadableFile(
                    detail="More than 1,000 accounts: is the account's column the right one?"
                )
            institution = self._mapping.institution
            identity = Identity(
                institution_key=f"balance_csv/{parsing.clean(institution)}"
                if institution
                else "balance_csv",
                institution=parsing.clean(institution or "Balance file"),
                external_id=parsing.clean(name),
                name=parsing.clean(name) or "No account",
                currency=parsing.find_currency(code),
                # The mapping gave the balances their signs, so nothing is left to find out.
                balance_sign=1 if self._mapping.sign < 0 else None,
            )
            account = self._accounts[key] = _AccountRows(identity)
            with suppress(IndexError):
                self._accounts_by_cells[self._account_cells(row)] = account
        return account

    def _require_usable(self, row: list[str], account: _AccountRows) -> None:
        if len(row) < self._width:
            raise UnusableField(code="missing_column", detail="The row has too few columns.")
        if not account.identity.external_id:
            raise UnusableField(code="missing_account", detail="Account is missing.")
        if account.identity.currency is NO_CURRENCY:
            parsing.parse_currency_field("Currency", get_cell(row, self._layout.currency) or "")

    def _add_problems(self, account: _AccountRows, problems: Sequence[RowError]) -> None:
        account.problems += problems
        self._problem_count += len(problems)
        if self._problem_count > MAX_PROBLEMS:
            raise UnreadableFile(
                detail="More than 10,000 rows cannot be used: the mapping does not fit this file."
            )
